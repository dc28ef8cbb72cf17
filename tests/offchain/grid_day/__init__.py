"""Grid days without a chain."""
