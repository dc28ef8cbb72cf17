"""`python -m meter_bridge`."""

from meter_bridge.cli import cli

cli()
