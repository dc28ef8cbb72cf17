"""The market day: one simulated day of a real grid, traded and settled on a local chain."""
