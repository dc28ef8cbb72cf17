"""Those who take part: members with a meter, and traders without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from bench.gas.world import DEPOSIT_UNITS, ZONE, Call, World
from energy_grid import eip712
from energy_grid.eip712 import MeterKind, MeterRegistration
from energy_grid.units import Slot, Watt, Wh

_RATED_W: Final = Watt(20_000)
_REGISTER_WIDTH_WH: Final = Wh(1_000_000_000)
_MOST_METERS: Final = (10_000, 10_000, 10_000)
"""Registrations in a day, of all and of one registrar, and removals: as many as code allows."""
_MOST_TRADERS: Final = (20_000, 20_000)
"""Traders that join in a day, in all and in a zone: as many as code allows."""
_DEVICE_KEYS: Final = 1 << 32
"""Added to an account's key: the key of its meter."""


@dataclass
class Household:
    """A member, its meter's key and what it has signed so far."""

    account: LocalAccount
    device: LocalAccount
    meter_id: int
    sequence: int = 0
    import_wh: int = 0
    export_wh: int = 0

    @property
    def address(self) -> str:
        """The member's account."""
        return str(self.account.address)


def settle_in(
    world: World, first_key: int, count: int, first_slot: int, zone: int = ZONE
) -> list[Household]:
    """Register, enrol and fund `count` members, metered from `first_slot` on.

    Args:
        world: the platform.
        first_key: their private keys are this number and those after it.
        count: how many.
        first_slot: first slot their meters read.
        zone: where they live.
    """
    settlement = world.contracts.settlement
    households = register_meters(world, first_key, count, first_slot, zone)
    addresses = [household.address for household in households]
    world.send_all([Call(one, settlement, "enrol", (one,)) for one in addresses])
    fund(world, addresses)
    security = int(settlement.call("securityDeposit"))
    world.send_all([Call(one, settlement, "postSecurity", (security,)) for one in addresses])
    return households


def register_meters(
    world: World, first_key: int, count: int, first_slot: int, zone: int = ZONE
) -> list[Household]:
    """The meters of `settle_in` alone: their owners are not enrolled."""
    meter = world.contracts.smart_meter
    domain = eip712.domain(world.rpc.chain_id(), meter.address)
    already = int(meter.call("meterCount"))
    households, registrations = [], []
    for index in range(count):
        account, device = (
            Account.from_key((first_key + index + keys).to_bytes(32, "big"))
            for keys in (0, _DEVICE_KEYS)
        )
        registration = MeterRegistration(
            device_key=device.address,
            owner=account.address,
            zone=zone,  # type: ignore[arg-type]
            kind=MeterKind.CONNECTION,
            rated_import_w=_RATED_W,
            rated_export_w=_RATED_W,
            register_width_wh=_REGISTER_WIDTH_WH,
            first_slot=Slot(first_slot),
            import_wh=Wh(0),
            export_wh=Wh(0),
        )
        consent = eip712.sign(registration, domain, bytes(device.key))
        registrations.append((registration.as_tuple(), consent))
        households.append(Household(account, device, meter_id=already + index + 1))
    world.send_all([Call(world.governor, meter, "setMeterLimits", (_MOST_METERS,))])
    world.send_all([Call(world.governor, meter, "registerMeter", one) for one in registrations])
    return households


def trader_addresses(name: str, count: int) -> list[str]:
    """Addresses whose keys nobody needs: the chain is told to trust them."""
    return [
        str(to_checksum_address(keccak(text=f"{name} {index}")[-20:])) for index in range(count)
    ]


def join_traders(world: World, addresses: Sequence[str], zone: int = ZONE) -> None:
    """Enrol and fund accounts without a meter: they buy, and are idle in between."""
    settlement = world.contracts.settlement
    world.send_all([Call(world.governor, settlement, "setJoinLimits", (_MOST_TRADERS,))])
    world.send_all([Call(one, settlement, "joinAsTrader", (zone,)) for one in addresses])
    fund(world, addresses)


def fund(world: World, addresses: Sequence[str]) -> None:
    """Give accounts a deposit."""
    settlement = world.contracts.settlement
    world.send_all(
        [
            Call(world.governor, settlement, "depositFor", (address, DEPOSIT_UNITS))
            for address in addresses
        ]
    )


def day_message(household: Household, day_start: int, energies: Sequence[tuple[int, int]]) -> Any:
    """The next signed day of a household's meter; advances what it has signed."""
    words = eip712.pack_day(
        [eip712.SlotRegisters(Wh(i), Wh(e), eip712.Quality.MEASURED) for i, e in energies],
        eip712.LaneWidth.NARROW,
    )
    message = eip712.MeterDay(
        meter_id=household.meter_id,  # type: ignore[arg-type]
        first_sequence=household.sequence + 1,
        day_start=day_start,  # type: ignore[arg-type]
        import_wh=Wh(household.import_wh),
        export_wh=Wh(household.export_wh),
        words=words,
    )
    household.sequence += len(energies)
    household.import_wh += sum(i for i, _ in energies)
    household.export_wh += sum(e for _, e in energies)
    return message
