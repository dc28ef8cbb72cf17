"""Token, governor, timelock and guardian."""
