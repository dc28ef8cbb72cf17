"""The real register of meters and the real clearing house, beside a market as tests write it."""

from __future__ import annotations

from typing import Any, Final

from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import abi_of
from energy_grid.deployment.roles import FUNCTION_ROLES, Role
from energy_grid.eip712 import MeterKind, MeterReading, MeterRegistration, domain, sign
from energy_grid.successions import terms_of
from energy_grid.units import (
    MeterId,
    Slot,
    UnixSeconds,
    Watt,
    Wh,
    Zone,
)
from tests.utils.revm import Contract, Revm
from tests.utils.settlement import deploy_settlement

COIN: Final = 1_000_000
DAY_SECONDS: Final = 86_400
SLOT_SECONDS: Final = 900
START: Final = 20_605 * DAY_SECONDS
"""2026-06-01."""
FIRST_SLOT: Final = START // SLOT_SECONDS
ZONE, OTHER_ZONE = 1, 2
RETAIL, FEED_IN = 320_000, 80_000
BOUNDS: Final = (100_000, 900_000, 0, 500_000)
SECURITY: Final = 20 * COIN
BOND: Final = 60 * COIN
MONEY: Final = 100 * COIN
CHAIN_ID: Final = 1


def address_of(name: str) -> str:
    """Address of an actor or a device."""
    return str(PrivateKey(keccak(text=name)).public_key.to_checksum_address())


class AccountStage:
    """Two zones with operators; the clock stands at a midnight."""

    def __init__(self, token: tuple[Any, ...] = ("MockSettlementToken",)) -> None:
        artifacts = Artifacts.load()
        self.chain = Revm(artifacts, address_of("governor"))
        self.chain.at(START - 3 * DAY_SECONDS)
        self.manager = self.chain.deploy("GridAccessManager", address_of("governor"))
        self.token = self.chain.deploy(*token)
        certificates = self.chain.deploy("EnergyToken", self.manager.address)
        meters = self.chain.deploy("SmartMeter", self.manager.address)
        self.meters = Contract(self.chain, abi_of("SmartMeter", artifacts), meters.address)
        self.market = self.chain.deploy("MockMarket")
        self.settlement = deploy_settlement(
            self.chain,
            self.manager.address,
            self.token.address,
            certificates.address,
            meters.address,
            self.market.address,
            address_of("treasury"),
            (SECURITY, 50 * COIN, BOUNDS),
        )
        self.market.send(address_of("anybody"), "connect", self.settlement.address)
        for name, contract in (("SmartMeter", self.meters), ("Settlement", self.settlement)):
            for function, role in FUNCTION_ROLES[name].items():
                self._give(contract, function, role)
        self._give(certificates, "mint", Role.MINTER)
        for role, holder in ((Role.REGISTRAR, "registrar"), (Role.MINTER, self.settlement.address)):
            address = holder if holder.startswith("0x") else address_of(holder)
            self.manager.send(address_of("governor"), "grantRole", int(role), address, 0)
        for zone in (ZONE, OTHER_ZONE):
            operator = f"operator {zone}"
            self.settlement.send(
                address_of("governor"), "appointOperator", zone, address_of(operator)
            )
            self.pay_in(operator, BOND + MONEY)
            self.do(operator, "postBond", BOND)
            self.do(operator, "setTariff", zone, self.slot + 1, RETAIL, FEED_IN)
        self.chain.at(START)
        self.devices: dict[str, list[int]] = {}

    def _give(self, contract: Contract, function: str, role: Role) -> None:
        self.manager.send(
            address_of("governor"),
            "setTargetFunctionRole",
            contract.address,
            [contract.abi.selector(function)],
            int(role),
        )

    def remember(self) -> Any:
        """The state to come back to."""
        return self.chain.snapshot(), {name: [*state] for name, state in self.devices.items()}

    def restore(self, origin: Any) -> None:
        """Go back to a state, at the first instant."""
        snapshot, self.devices = origin
        self.chain.revert(snapshot)
        self.chain.at(START)

    # --- acting ---

    @property
    def slot(self) -> int:
        """The slot that has begun."""
        return self.chain.now // SLOT_SECONDS

    def after(self, seconds: int) -> None:
        """Let time pass."""
        self.chain.at(self.chain.now + seconds)

    def do(self, actor: str, function: str, *arguments: Any) -> Any:
        """Call Settlement as an actor."""
        return self.settlement.send(address_of(actor), function, *arguments)

    def ask(self, function: str, *arguments: Any) -> Any:
        """Look at Settlement."""
        return self.settlement.ask(function, *arguments)

    def account(self, name: str) -> Any:
        """State of an account."""
        return self.ask("accountState", address_of(name))

    def pay_in(self, name: str, amount: int) -> None:
        """Give somebody tokens and let him deposit them."""
        self.token.send(address_of(name), "mint", address_of(name), amount)
        self.token.send(address_of(name), "approve", self.settlement.address, amount)
        self.do(name, "deposit", amount)

    def coins(self, name: str) -> int:
        """Tokens of somebody outside of Settlement."""
        held: int = self.token.ask("balanceOf", address_of(name))
        return held

    def member(self, name: str, device: str, zone: int = ZONE) -> None:
        """A member with a meter, money and its security deposit."""
        self.register(device, name, zone)
        self.do("anybody", "enrol", address_of(name))
        self.pay_in(name, MONEY)
        self.do(name, "postSecurity", SECURITY)

    # --- meters ---

    def registration(self, device: str, owner: str, zone: int, slot: int) -> MeterRegistration:
        """What a device signs, its registers at 0; the owner by name or address."""
        account = owner if owner.startswith("0x") else address_of(owner)
        return MeterRegistration(
            address_of(device), account, Zone(zone), MeterKind.CONNECTION, Watt(17_250),
            Watt(17_250), Wh(10**9), Slot(slot), Wh(0), Wh(0),
        )  # fmt: skip

    def signed(self, device: str, message: Any) -> tuple[Any, bytes]:
        """A message and its device's signature."""
        separator = domain(CHAIN_ID, self.meters.address)
        return message.as_tuple(), sign(message, separator, keccak(text=device))

    def register(self, device: str, owner: str, zone: int = ZONE) -> None:
        """Register a first meter, from the present slot on."""
        signed = self.signed(device, self.registration(device, owner, zone, self.slot))
        meter_id = self.meters.send(address_of("registrar"), "registerMeter", *signed)
        self.devices[device] = [meter_id, 0, self.slot, 0, 0]

    def read(self, device: str, import_wh: int, export_wh: int) -> None:
        """The next slot of a meter passes and is read."""
        state = self.devices[device]
        state[1] += 1
        state[2] += 1
        state[3] += import_wh
        state[4] += export_wh
        self.chain.at(max(self.chain.now, state[2] * SLOT_SECONDS))
        reading = MeterReading(
            MeterId(state[0]), state[1], UnixSeconds(state[2] * SLOT_SECONDS), Wh(state[3]),
            Wh(state[4]),
        )  # fmt: skip
        assert self.meters.send(
            address_of("anybody"), "submitSignedReading", *self.signed(device, reading)
        )

    def read_until_now(self, device: str) -> None:
        """One reading at the present slot; nothing was used."""
        self.devices[device][2] = self.slot - 1
        self.read(device, 0, 0)

    def announce(self, old: str, new: str, owner: str, zone: int = ZONE) -> None:
        """The registrar announces which meter follows."""
        terms = terms_of(self.registration(new, owner, zone, 0))
        self.meters.send(
            address_of("registrar"),
            "announceSuccession",
            self.devices[old][0],
            *self.signed(new, terms),
        )

    def open(self, old: str, new: str, owner: str, zone: int = ZONE) -> int:
        """Anybody opens it at the old meter's last reading; the first slot of the new one."""
        slot = self.devices[old][2]
        signed = self.signed(new, self.registration(new, owner, zone, slot))
        meter_id = self.meters.send(
            address_of("anybody"), "openSuccession", self.devices[old][0], *signed
        )
        self.devices[new] = [meter_id, 0, slot, 0, 0]
        return slot

    # --- money ---

    def check_conservation(self) -> None:
        """Every unit is in exactly one ledger."""
        total = self.ask("clearing")
        for index in range(self.ask("accountCount")):
            state = self.ask("accountState", self.ask("accountAt", index))
            total += state.free + state.locked + state.security
        total += sum(self.ask("zoneState", zone).bond for zone in (ZONE, OTHER_ZONE))
        total += self.ask("accountState", address_of("treasury")).free
        assert total == self.ask("trackedTotal")
        assert self.token.ask("balanceOf", self.settlement.address) >= total
