"""Calls that leave the contracts, and what comes back through them."""
