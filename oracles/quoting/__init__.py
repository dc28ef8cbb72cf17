"""Quote keeper: has each zone quoted once a slot, and lets auctions move the base.

Anybody may do that and nobody can choose the outcome: the keeper only sees to it that it happens.
"""
