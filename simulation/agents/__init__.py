"""Trading agents: they forecast from the past, value energy privately and decide what to quote.

Everything here is pure: an agent's view of the world in, orders out. Sending is done elsewhere.
"""
