"""Coupled auctions off the chain: solving, proposing, packing, and an independent check.

Rules: `docs/coupled-auction.md`. Everything here is a pure function of its input; energies and
prices are integers in the units of the market (ticks, units of energy).
"""
