"""Reporters: observe, refuse what cannot be, sign each round once, hand it to collectors.

`decide` says which feed is due (pure), `record` keeps what was signed before it leaves the process,
`keys` holds the key, `posting` brings signatures to the collectors, `service` repeats this.
"""
