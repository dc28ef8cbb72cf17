"""What all commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from energy_grid.errors import EnergyGridError

if TYPE_CHECKING:
    from meter_bridge.config import BridgeConfig

CONFIG_OPTION = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    envvar="EG_BRIDGE_CONFIG",
    default=Path("bridge.toml"),
    show_default=True,
    help="TOML file; EG_BRIDGE_SECTION__NAME in the environment replaces its values.",
)


def load(path: Path) -> BridgeConfig:
    """The configuration."""
    from meter_bridge.config import BridgeConfig

    return BridgeConfig.load(path)


def fail(error: EnergyGridError) -> NoReturn:
    """Say what is wrong and end with 1."""
    click.echo(f"meter_bridge: {error}", err=True)
    sys.exit(1)
