"""Keepers and reporters: programs that anybody may run, and that nobody has to trust.

`engine` clears auctions, matches the continuous book and relays signed orders.
"""
