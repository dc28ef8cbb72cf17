"""What every daemon shows of itself: health, readiness and metrics, over HTTP on loopback.

`Health` knows how each part of a daemon fares, `Metrics` counts and times under names that start
with `eg_` and end with their unit, and `OpsServer` answers `/healthz`, `/readyz` and `/metrics`.
"""

from energy_grid.ops.health import Component, Health
from energy_grid.ops.metrics import PREFIX, UNITS, Metrics
from energy_grid.ops.sending import SENDING, SenderScribe
from energy_grid.ops.server import OpsServer
from energy_grid.ops.settings import OpsSettings

__all__ = [
    "PREFIX",
    "SENDING",
    "UNITS",
    "Component",
    "Health",
    "Metrics",
    "OpsServer",
    "OpsSettings",
    "SenderScribe",
]
