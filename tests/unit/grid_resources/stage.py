"""The register and the set-points alone, among meters, assets and values of a test's making."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from eth_utils.address import to_checksum_address

from energy_grid.artifacts import Artifacts
from energy_grid.eip712 import MeterKind
from energy_grid.feeds.kinds import FeedStatus
from energy_grid.grid.curves import CurveKind
from energy_grid.grid.resources import Resource, ResourceClass, ResourceRatings
from energy_grid.grid.setpoints import Reading, SetPoint
from tests.utils.revm import Contract, Revm

GOVERNOR: Final = to_checksum_address("0x00000000000000000000000000000000000000a1")
REGISTRAR: Final = to_checksum_address("0x00000000000000000000000000000000000000a2")
ALICE: Final = to_checksum_address("0x00000000000000000000000000000000000000b1")
BOB: Final = to_checksum_address("0x00000000000000000000000000000000000000b2")
ZERO: Final = "0x0000000000000000000000000000000000000000"
REGISTRAR_ROLE: Final = 2
REGISTRAR_FUNCTIONS: Final = ("freezeResource", "unfreezeResource", "removeResource")

START: Final = 1_796_000_400
ZONE: Final = 7
ALICES_METER, BOBS_METER, PRODUCTION_METER, PLAIN_METER = 11, 12, 13, 14
ACTIVE, QUARANTINED, DEACTIVATED = 1, 2, 3

BATTERY: Final = ResourceRatings(5_000, 5_000, 5_500, 10_000, 500)
ROOF: Final = ResourceRatings(0, 8_000, 8_800)


class ResourceStage:
    """A register with Alice's and Bob's meters: 17,250 W in, 15,000 W out."""

    def __init__(self, *, with_assets: bool = False) -> None:
        self.chain = Revm(Artifacts.load(), GOVERNOR)
        self.chain.at(START)
        self.manager = self.chain.deploy("GridAccessManager", GOVERNOR)
        self.places = self.chain.deploy("MockGridPlaces")
        self.assets = self.chain.deploy("MockAssetRegister")
        assets = self.assets.address if with_assets else ZERO
        self.grid: Contract = self.chain.deploy(
            "GridResourcesHarness",
            self.manager.address,
            self.places.address,
            self.places.address,
            assets,
        )
        selectors = [self.grid.abi.encode(name, 0)[:4] for name in REGISTRAR_FUNCTIONS]
        self.manager.send(
            GOVERNOR, "setTargetFunctionRole", self.grid.address, selectors, REGISTRAR_ROLE
        )
        self.manager.send(GOVERNOR, "grantRole", REGISTRAR_ROLE, REGISTRAR, 0)
        self.grid.send(GOVERNOR, "setNominals", ZONE, (230_000, 50_000))
        for meter_id, owner in ((ALICES_METER, ALICE), (BOBS_METER, BOB)):
            self.set_meter(meter_id, owner)
        self.set_meter(PRODUCTION_METER, ALICE, kind=MeterKind.PRODUCTION)
        self.set_meter(PLAIN_METER, ALICE, kind=MeterKind.CONNECTION)

    def set_meter(
        self,
        meter_id: int,
        owner: str,
        *,
        zone: int = ZONE,
        kind: MeterKind = MeterKind.CONNECTION_WITH_STORAGE,
        status: int = ACTIVE,
        rated: tuple[int, int] = (17_250, 15_000),
    ) -> None:
        """What the register of meters says of one from now on."""
        self.places.send(GOVERNOR, "setMeter", meter_id, owner, zone, kind, status, *rated)

    def set_grid(self, voltage: Reading, frequency: Reading, zone: int = ZONE) -> None:
        """What the oracle says of a zone from now on."""
        metrics = [(one.value, one.updated_at, int(one.status)) for one in (voltage, frequency)]
        self.places.send(GOVERNOR, "setMetrics", zone, *metrics)

    def register(
        self,
        kind: ResourceClass = ResourceClass.BATTERY,
        ratings: ResourceRatings = BATTERY,
        *,
        sender: str = ALICE,
        meter_id: int = ALICES_METER,
        asset_id: int = 0,
    ) -> int:
        """Register a resource and return its id."""
        resource = (kind, meter_id, asset_id, ratings.as_tuple())
        resource_id: int = self.grid.send(sender, "registerResource", resource)
        return resource_id

    def change(self, resource_id: int, sender: str = ALICE, **changes: Any) -> None:
        """Declare other ratings than `BATTERY`."""
        ratings = replace(BATTERY, **changes)
        self.grid.send(sender, "changeResource", resource_id, ratings.as_tuple())

    def resource(self, resource_id: int) -> Resource:
        """A resource as the register shows it."""
        return Resource.of_answer(tuple(self.grid.ask("resourceOf", resource_id)))

    def of_meter(self, meter_id: int = ALICES_METER) -> list[int]:
        """Ids behind a meter."""
        return list(self.grid.ask("resourcesOfMeter", meter_id))

    def setpoint(self, resource_id: int) -> SetPoint:
        """The set-point that the contract answers."""
        *numbers, status = tuple(self.grid.ask("setpoint", resource_id))
        return SetPoint(*numbers, status=FeedStatus(status))

    def set_curve(
        self,
        kind: CurveKind,
        points: list[tuple[int, int]],
        *,
        sender: str = GOVERNOR,
        zone: int = ZONE,
        resource_class: ResourceClass = ResourceClass.BATTERY,
    ) -> None:
        """Set a curve."""
        self.grid.send(sender, "setCurve", zone, resource_class, kind, points)
