"""The physical twin: a real low-voltage grid, its homes and meters, and agents that trade for them.

It talks to the rest only as the world does: telegrams into the bridge's inputs, transactions to the
contracts.
"""
