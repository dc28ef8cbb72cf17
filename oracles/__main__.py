"""`python -m oracles`."""

from oracles.runtime.cli import cli

cli(prog_name="python -m oracles")
