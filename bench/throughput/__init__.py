"""A whole market day at scale: `python -m bench.throughput` (or `make throughput`)."""
