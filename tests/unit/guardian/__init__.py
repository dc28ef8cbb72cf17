"""The guardian and its budgets over the real market, grid management and oracles."""
