"""A day of a grid with and without management: the physical twin and what steers it."""
