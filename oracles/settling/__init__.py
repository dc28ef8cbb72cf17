"""Settlement keeper: settles what has been delivered and hands certificates out.

Anybody may settle anybody, so nobody has to trust the keeper: it only spares members the trouble.
"""
