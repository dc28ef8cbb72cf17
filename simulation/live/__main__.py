"""`python -m simulation.live`."""

from simulation.live.cli import cli

cli(prog_name="python -m simulation.live")
