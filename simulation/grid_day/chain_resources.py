"""Resources of the day: registered by their owners, their curves and set-points read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from eth_account.signers.local import LocalAccount

from energy_grid.feeds import FeedStatus
from simulation.grid_day.chain_zones import ChainZone
from simulation.grid_day.control import (
    Connection,
    Curve,
    DeviceClass,
    DeviceSpec,
    GridLayout,
    ResponseCurves,
)
from simulation.market_day.chain import Call, Chain

_GAS_REGISTER: Final = 400_000
_GAS_CURVE: Final = 300_000
_UNCOMMANDED: Final = frozenset({DeviceClass.LOAD, DeviceClass.GENERATOR})
"""Nobody commands a household's consumption, nor what forms an island's grid."""
ALWAYS: Final = (0, 0)
"""Availability from and to the same quarter hour: the whole day."""


class CurveKind(IntEnum):
    """Kinds of curves, numbered as on the chain."""

    VOLT_VAR = 0
    VOLT_WATT = 1
    DROOP = 2


@dataclass(frozen=True, slots=True)
class SetPoint:
    """What the chain says a device is to keep to.

    Attributes:
        lowest_w: lowest active power allowed.
        highest_w: highest active power allowed.
        droop_w: to be added to the planned power.
        reactive_var: reactive power to hold.
        status: how far its inputs may be trusted.
    """

    lowest_w: int
    highest_w: int
    droop_w: int
    reactive_var: int
    status: FeedStatus


def rated_import_w(connection: Connection, devices: Sequence[DeviceSpec]) -> int:
    """What a connection is registered to draw: its fuses, or all its devices at once if more."""
    together = sum(devices[number - 1].rated_import_w for number in connection.device_ids)
    return max(connection.rated_import_w, together)


def rated_export_w(connection: Connection, devices: Sequence[DeviceSpec]) -> int:
    """What a connection is registered to feed in, likewise."""
    together = sum(devices[number - 1].rated_export_w for number in connection.device_ids)
    return max(connection.rated_export_w, together)


class ResourceBook:
    """The devices of members on the register.

    Args:
        chain: where the register is.
        layout: all devices.
        meter_ids: meter of each member's connection.
    """

    def __init__(self, chain: Chain, layout: GridLayout, meter_ids: Mapping[int, int]) -> None:
        self._chain = chain
        self._grid = chain.contracts["GridManagement"]
        self._meter_ids = dict(meter_ids)
        self.devices = tuple(
            device
            for device in layout.devices
            if device.connection_id in self._meter_ids and device.device_class not in _UNCOMMANDED
        )
        self.resource_ids: dict[int, int] = {}

    def register(self, owners: Mapping[int, LocalAccount]) -> None:
        """Let every owner register its devices; the register says which ids they got.

        Args:
            owners: by connection id.
        """
        receipts = self._chain.send(
            [
                Call(
                    owners[device.connection_id],
                    self._grid,
                    "registerResource",
                    (self._new_resource(device),),
                    _GAS_REGISTER,
                    f"device {device.device_id}",
                )
                for device in self.devices
            ]
        )
        for device, receipt in zip(self.devices, receipts, strict=True):
            (event,) = [
                event
                for event in self._grid.decode_logs(receipt)
                if event.name == "ResourceRegistered"
            ]
            self.resource_ids[device.device_id] = int(event.resourceId)

    def set_curves(
        self, governor: LocalAccount, zones: Sequence[ChainZone], curves: ResponseCurves
    ) -> None:
        """Let governance give every zone the curves of a managed grid."""
        by_kind = {
            CurveKind.VOLT_VAR: curves.volt_var,
            CurveKind.VOLT_WATT: curves.volt_watt,
            CurveKind.DROOP: curves.droop,
        }
        self._chain.send(
            [
                Call(
                    governor,
                    self._grid,
                    "setCurve",
                    (zone.zone, int(device_class), int(kind), curve.points),
                    _GAS_CURVE,
                    f"{kind.name} of {device_class.name} in zone {zone.zone}",
                )
                for zone in zones
                for kind, of_class in by_kind.items()
                for device_class, curve in of_class.items()
            ]
        )

    def set_points(self) -> dict[int, SetPoint]:
        """Set-points of all devices now, by device id."""
        requests = [
            (self._grid, "setpoint", (self.resource_ids[device.device_id],))
            for device in self.devices
        ]
        answers = self._chain.read(requests)
        return {
            device.device_id: _set_point(answer)
            for device, answer in zip(self.devices, answers, strict=True)
        }

    def curves(self, zone: ChainZone) -> ResponseCurves:
        """Curves in force in a zone, by class, as devices apply them to their own terminals."""
        wanted = [(kind, device_class) for kind in CurveKind for device_class in DeviceClass]
        answers = self._chain.read(
            [
                (self._grid, "curveOf", (zone.zone, int(device_class), int(kind)))
                for kind, device_class in wanted
            ]
        )
        found: dict[CurveKind, dict[DeviceClass, Curve]] = {kind: {} for kind in CurveKind}
        for (kind, device_class), answer in zip(wanted, answers, strict=True):
            points = tuple((int(point.x), int(point.y)) for point in answer.points)
            if points:
                found[kind][device_class] = Curve(points)
        return ResponseCurves(
            volt_var=found[CurveKind.VOLT_VAR],
            volt_watt=found[CurveKind.VOLT_WATT],
            droop=found[CurveKind.DROOP],
        )

    def _new_resource(self, device: DeviceSpec) -> tuple[Any, ...]:
        ratings = (
            device.rated_import_w,
            device.rated_export_w,
            device.rated_va and max(device.rated_va, device.rated_import_w, device.rated_export_w),
            device.energy_wh,
            device.ramp_w_per_second,
            *ALWAYS,
        )
        return (int(device.device_class), self._meter_ids[device.connection_id], 0, ratings)


def _set_point(answer: Any) -> SetPoint:
    return SetPoint(
        lowest_w=int(answer.lowestW),
        highest_w=int(answer.highestW),
        droop_w=int(answer.droopW),
        reactive_var=int(answer.reactiveVar),
        status=FeedStatus(answer.status),
    )
