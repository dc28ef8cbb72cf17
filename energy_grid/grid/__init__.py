"""Grid management without a chain: what contracts decide, in Python."""
