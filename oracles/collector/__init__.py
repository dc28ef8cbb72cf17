"""The signature collector: takes signed observations, reports once 2f + 1 are there.

`server` is HTTP and nothing else, `intake` judges what came in, `shelf` keeps it, `choose` picks
the answers of a report (pure), `service` plans at most one transaction an oracle and cycle. Anyone
may run one: it holds no power but over its own gas money.
"""
