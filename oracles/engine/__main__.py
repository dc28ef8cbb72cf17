"""`python -m oracles.engine`."""

from oracles.engine.cli import cli

cli(prog_name="python -m oracles.engine")
