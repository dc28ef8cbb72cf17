"""Keepers and reporters; they come with the issue 'Oracles and keepers'."""
