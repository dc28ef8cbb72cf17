"""Gas of every operation against its ceiling: `python -m bench.gas` (or `make gas`)."""
