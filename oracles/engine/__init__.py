"""The trading engine: what the market needs somebody to send, decided from what the chain says.

`reader` makes a `snapshot` of the market, `decide` makes a list of `actions` from it (pure
functions, tested without a chain), `acting` puts them into the outbox under business keys, so that
nothing is done twice, and `service` repeats this. `inbox` keeps signed orders until they are
relayed.

The contract accepts only the right clearing and only the best prices, so an engine can be late but
not unfair, and several may run side by side. It settles nothing: that is another keeper's work.
"""
