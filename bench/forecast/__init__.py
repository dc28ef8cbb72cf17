"""Back-test of the forecasts: `python -m bench.forecast` (or `make forecast`)."""
