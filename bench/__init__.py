"""Benchmarks: what the platform costs, measured on real receipts."""
