"""Where orders and answers go at the broker: below the meter's own name, so access is by meter."""

from __future__ import annotations


def order_topic(meter_id: int, resource: int) -> str:
    """Where a device reads its orders."""
    return f"energy-grid/meter-{meter_id}/orders/{resource}"


def answer_topic(meter_id: int, resource: int) -> str:
    """Where it answers."""
    return f"energy-grid/meter-{meter_id}/answers/{resource}"
