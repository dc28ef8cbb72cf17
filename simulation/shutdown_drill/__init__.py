"""The shutdown drill: a market that ends, and everybody gets what is its own."""
