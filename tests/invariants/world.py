"""The same neighbourhood twice: on the forked chain and in the reference model.

`World.both` does one thing in both and insists that they agree about it. What exists upstream stays
untouched: the tests open zones of their own and take over the balances that are there as a base.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from energy_grid import eip712
from energy_grid.contracts import Contract
from energy_grid.eip712 import MeterDay, MeterKind, MeterReading, MeterRegistration
from energy_grid.model.ledger import Account
from energy_grid.model.market import Market
from energy_grid.model.metering import snapshot_of_day
from energy_grid.model.meters import Meter, Registration
from energy_grid.model.refused import Refused
from energy_grid.model.tariffs import TariffBounds
from energy_grid.model.terms import MarketTerms, Tariff
from energy_grid.slots import slot_of
from energy_grid.units import SECONDS_PER_DAY, Slot, Watt, Wh, Zone
from tests.invariants.chain import Chain, Receipt
from tests.invariants.fork import COIN, Fork

NO_ADDRESS = "0x" + "0" * 40
FIRST_TEST_ZONE = 501
TERMS = (MarketTerms(400_000, 7_000, 37), MarketTerms(300_000, 0, 0))
TARIFFS = (Tariff(300_000, 80_000), Tariff(260_000, 50_000), Tariff(290_000, 110_000))
TARIFF_SLOTS = 7
"""Tariffs change every seven quarter hours, so that gaps lie across changes."""
TARIFF_CHANGES = 60
LINE_W = (2_400, 800)
"""Capacity of the line between the zones, there and back: full more often than not."""


def address_of(name: str) -> str:
    """Address of an actor: nobody has its key, the fork lets it act all the same."""
    return PrivateKey(keccak(text=f"lock-step {name}")).public_key.to_checksum_address()


def device_key(name: str) -> bytes:
    """Key of a device."""
    return keccak(text=f"device {name}")


@dataclass(frozen=True)
class Home:
    """What a member's connection is like."""

    name: str
    zone_index: int
    money: int
    kind: MeterKind
    rated_import_w: int
    rated_export_w: int
    width_wh: int
    import_wh: int = 0
    export_wh: int = 0


HOMES = (
    Home("solar", 0, 80 * COIN, MeterKind.CONNECTION, 12_000, 9_000, 10**9),
    Home("poor", 0, COIN // 4, MeterKind.CONNECTION, 12_000, 5_000, 10**9),
    Home("storage", 0, 60 * COIN, MeterKind.CONNECTION_WITH_STORAGE, 20_000, 15_000, 10**9),
    # Registers that are about to roll over; wide lanes.
    Home(
        "works",
        0,
        200 * COIN,
        MeterKind.CONNECTION,
        90_000,
        80_000,
        24_000_000,
        23_900_000,
        23_950_000,
    ),
    # Registers half full: falling back is no rollover.
    Home(
        "island", 1, 30 * COIN, MeterKind.CONNECTION, 10_000, 10_000, 10**9, 10**9 // 2, 10**9 // 2
    ),
)
TRADERS = ("trader", "broker")
OPERATORS = ("operator", "island operator")


@dataclass(frozen=True)
class Judgement:
    """A call as the model foresaw it and as the chain answered it; no error means success.

    Attributes:
        facts: what the model says decided, by name.
        reason: the arguments of the chain's error.
    """

    function: str
    expected: str | None
    found: str | None
    facts: Mapping[str, Any]
    reason: Mapping[str, Any]


@dataclass
class World:
    """Chain and model side by side."""

    chain: Chain
    model: Market
    zones: tuple[int, int]
    domain: bytes
    names: dict[str, str]
    keys: dict[str, bytes] = field(default_factory=dict)
    signed: dict[tuple[int, ...], set[str]] = field(default_factory=dict)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    judged: list[Judgement] = field(default_factory=list)

    # --- acting in both ---

    def both(
        self,
        sender: str,
        contract: Contract,
        function: str,
        *arguments: Any,
        model: Callable[[Market], Any],
    ) -> Receipt:
        """Do one thing in both worlds. Both allow it, or both refuse it for the same reason."""
        data = contract.encode(function, *arguments)
        return self.both_data(sender, contract, data, function, model=model)

    def both_data(
        self,
        sender: str,
        contract: Contract,
        data: bytes,
        function: str,
        *,
        model: Callable[[Market], Any],
    ) -> Receipt:
        """As `both`, with call data made elsewhere."""
        self.model.advance(self.chain.next_block_at)
        refusal: Refused | None = None
        try:
            model(self.model)
        except Refused as error:
            refusal = error
        receipt = self.chain.send_data(sender, contract, data)
        self.outcomes[(function, receipt.error or "done")] += 1
        self.outcomes.update(("event", event.name) for event in receipt.events)
        expected = refusal.error_name if refusal else None
        facts = refusal.facts if refusal else {}
        self.judged.append(Judgement(function, expected, receipt.error, facts, receipt.reason))
        assert receipt.error == expected, (
            f"{contract.name}.{function} by {self.name_of(sender)}: the model says "
            f"{refusal or 'yes'}, the chain says {receipt.detail or 'yes'}"
        )
        return receipt

    def advance_to(self, unix: int) -> None:
        """Let time pass in both."""
        self.chain.advance_to(unix)
        self.model.advance(unix)

    def name_of(self, address: str) -> str:
        """Whose address it is."""
        return next((name for name, known in self.names.items() if known == address), address)

    # --- shorthands ---

    @property
    def trading(self) -> Contract:
        """The market."""
        return self.chain.contracts.energy_trading

    @property
    def settlement(self) -> Contract:
        """The clearing house."""
        return self.chain.contracts.settlement

    @property
    def meters(self) -> Contract:
        """The meter registry."""
        return self.chain.contracts.smart_meter

    @property
    def token(self) -> Contract:
        """The money."""
        return self.chain.contracts.settlement_token

    @property
    def certificates(self) -> Contract:
        """The energy token."""
        return self.chain.contracts.energy_token

    def address(self, name: str) -> str:
        """Address of an actor."""
        return self.names.setdefault(name, address_of(name))

    def role(self, role: str) -> str:
        """Holder of `governor`, `guardian`, `registrar` or `price_feed`."""
        if role == "price_feed":
            return self.chain.contracts.price_oracle.address
        if role == "guardian":  # the contract itself: its budgets have a machine of their own
            return self.chain.contracts.guardian.address
        deployment = self.chain.contracts.deployment
        parameters = self.chain.fork.parameters
        return parameters.holders(role, deployment.deployer, deployment.addresses)[0]

    # --- meters ---

    def register(
        self, device: str, home: Home, kind: MeterKind, first_slot: int, **change: Any
    ) -> Receipt:
        """Register a meter in both worlds, with its device's consent."""
        registration, key = self._registration(device, home, kind, first_slot, **change)
        signature = eip712.sign(registration, self.domain, key)
        return self.both(
            self.role("registrar"),
            self.meters,
            "registerMeter",
            registration,
            signature,
            model=lambda m: m.metering.registry.register(
                as_model(registration), registration.device_key, m.now
            ),
        )

    def announce(self, device: str, home: Home, kind: MeterKind, old: Meter) -> Receipt:
        """Announce in both worlds what follows a meter, with its device's consent."""
        registration, key = self._registration(device, home, kind, 0, import_wh=0, export_wh=0)
        signature = eip712.sign(registration, self.domain, key)
        return self.both(
            self.role("registrar"),
            self.meters,
            "announceSuccession",
            old.meter_id,
            registration,
            signature,
            model=lambda m: m.metering.registry.announce(
                old.meter_id, as_model(registration), registration.device_key, m.now
            ),
        )

    def decide(self, sender: str, function: str, meter: Meter) -> Receipt:
        """Consent, object or withdraw in both worlds."""
        decisions: dict[str, Callable[[Market], None]] = {
            "consentToSuccession": lambda m: m.metering.registry.consent(meter.meter_id, sender),
            "objectToSuccession": lambda m: m.metering.registry.object(
                meter.meter_id, sender, m.now
            ),
            "withdrawSuccession": lambda m: m.metering.registry.withdraw(meter.meter_id),
        }
        return self.both(sender, self.meters, function, meter.meter_id, model=decisions[function])

    def open(self, old: Meter, first_slot: int, import_wh: int) -> Receipt:
        """Open in both worlds what was announced for a meter."""
        assert old.announced is not None
        terms = old.announced.terms
        registration = replace(
            as_message(terms), first_slot=Slot(first_slot), import_wh=Wh(import_wh)
        )
        signature = eip712.sign(registration, self.domain, self.keys[terms.device])
        return self.both(
            self.address("stranger"),
            self.meters,
            "openSuccession",
            old.meter_id,
            registration,
            signature,
            model=lambda m: m.metering.registry.open(
                old.meter_id, as_model(registration), terms.device, m.now
            ),
        )

    def _registration(
        self, device: str, home: Home, kind: MeterKind, first_slot: int, **change: int
    ) -> tuple[MeterRegistration, bytes]:
        """What a device of a home signs, and its key, which is remembered."""
        key = device_key(device)
        registration = MeterRegistration(
            device_key=str(PrivateKey(key).public_key.to_checksum_address()),
            owner=self.address(home.name),
            zone=Zone(self.zones[home.zone_index]),
            kind=kind,
            rated_import_w=Watt(home.rated_import_w),
            rated_export_w=Watt(home.rated_export_w),
            register_width_wh=Wh(home.width_wh),
            first_slot=Slot(first_slot),
            import_wh=Wh(change.get("import_wh", home.import_wh)),
            export_wh=Wh(change.get("export_wh", home.export_wh)),
        )
        self.keys[registration.device_key] = key
        return registration, key

    def meter(self, meter_id: int) -> Meter:
        """A meter of the model."""
        return self.model.metering.registry.meters[meter_id]

    def key_of(self, meter: Meter) -> bytes:
        """The device key of a meter."""
        return self.keys[meter.registration.device]

    def sign(self, message: MeterReading | MeterDay, key: bytes) -> bytes:
        """Sign as a device, and note who signed which snapshot."""
        signature = eip712.sign(message, self.domain, key)
        signer = eip712.recover(message, self.domain, signature)
        if isinstance(message, MeterReading):
            self.note_signed(message, signer)
        else:  # the base of a day may become a reading of its own
            self.note_signed(
                snapshot_of_day(message, 0, message.import_wh, message.export_wh), signer
            )
        return signature

    def note_signed(self, reading: MeterReading, signer: str) -> None:
        """Somebody vouched for a reading."""
        fields = (reading.meter_id, reading.sequence, reading.timestamp)
        registers = (reading.import_wh, reading.export_wh)
        self.signed.setdefault((*fields, *registers), set()).add(signer)

    # --- copies ---

    def remember(self) -> tuple[tuple[str, int], Market]:
        """Both worlds as they are."""
        return self.chain.snapshot(), copy.deepcopy(self.model)

    def restore(self, memory: tuple[tuple[str, int], Market]) -> None:
        """Put both worlds back."""
        self.chain.revert(memory[0])
        self.model = copy.deepcopy(memory[1])


def as_model(registration: MeterRegistration) -> Registration:
    """A registration in the model's words."""
    return Registration(
        device=registration.device_key,
        owner=registration.owner,
        zone=registration.zone,
        kind=registration.kind,
        rated_import_w=registration.rated_import_w,
        rated_export_w=registration.rated_export_w,
        register_width_wh=registration.register_width_wh,
        first_slot=registration.first_slot,
        import_wh=registration.import_wh,
        export_wh=registration.export_wh,
    )


def as_message(registration: Registration) -> MeterRegistration:
    """A registration of the model in a device's words."""
    return MeterRegistration(
        device_key=registration.device,
        owner=registration.owner,
        zone=Zone(registration.zone),
        kind=registration.kind,
        rated_import_w=Watt(registration.rated_import_w),
        rated_export_w=Watt(registration.rated_export_w),
        register_width_wh=Wh(registration.register_width_wh),
        first_slot=Slot(registration.first_slot),
        import_wh=Wh(registration.import_wh),
        export_wh=Wh(registration.export_wh),
    )


def build_world(fork: Fork) -> World:
    """Open two zones with operators, members, meters and money, in both worlds."""
    chain = Chain(fork)
    model = _model_of_the_present(chain)
    contracts = fork.contracts
    domain = eip712.domain(contracts.deployment.chain_id, contracts.smart_meter.address)
    world = World(chain, model, _free_zones(chain), domain, {})
    _join_zones(world)
    for zone, terms, name in zip(world.zones, TERMS, OPERATORS, strict=True):
        _open_zone(world, zone, terms, name)
    # Begin at three in the morning of a UTC day, so that every run sees the same clock, and when
    # the tariffs announced by then are in force.
    midnight = -(-(chain.now + 3 * SECONDS_PER_DAY) // SECONDS_PER_DAY) * SECONDS_PER_DAY
    world.advance_to(midnight + 3 * 3_600 + 1)
    for home in HOMES:
        _move_in(world, home)
    for name in TRADERS:
        address = world.address(name)
        give_money(world, address, 200 * COIN)
        world.both(
            address,
            world.settlement,
            "joinAsTrader",
            world.zones[0],
            model=lambda m, who=address: m.join_as_trader(who, world.zones[0]),
        )
        deposit(world, address, 50 * COIN)
    return world


def _model_of_the_present(chain: Chain) -> Market:
    """A model that takes what is there as given."""
    contracts = chain.contracts
    settlement = contracts.settlement
    bounds, deposit_, floor, accounts, tracked, clearing, treasury = chain.ask(
        [
            (settlement, name, ())
            for name in (
                "tariffBounds",
                "securityDeposit",
                "bondFloor",
                "accountCount",
                "trackedTotal",
                "clearing",
                "treasury",
            )
        ]
    )
    supply, meters, treasury_state = chain.ask(
        [
            (contracts.energy_token, "totalSupply", ()),
            (contracts.smart_meter, "meterCount", ()),
            (settlement, "accountState", (treasury,)),
        ]
    )
    model = Market(chain.now, deposit_, floor, TariffBounds(*bounds))
    model.ledger.ids_given = accounts
    model.ledger.tracked_total = tracked
    model.ledger.clearing = clearing
    model.ledger.treasury = Account(treasury, free=treasury_state.free)
    model.ledger.others = tracked - clearing - treasury_state.free
    model.metering.registry.ids_given = meters
    model.certificates.minted_wh = supply
    model.certificates.balances["others"] = supply
    return model


def _free_zones(chain: Chain) -> tuple[int, int]:
    """Two zones that nobody uses upstream."""
    found: list[int] = []
    zone = FIRST_TEST_ZONE
    while len(found) < 2:
        if chain.contracts.settlement.call("zoneState", zone).operator == NO_ADDRESS:
            found.append(zone)
        zone += 1
    return found[0], found[1]


def _join_zones(world: World) -> None:
    """Both zones in one region, which must be before they open, with one line between them."""
    governor, (head, other) = world.role("governor"), world.zones
    owner = world.address("broker")
    world.both(
        governor,
        world.trading,
        "joinRegion",
        other,
        head,
        model=lambda m: m.trading.join_region(other, head),
    )
    world.both(
        governor,
        world.trading,
        "addInterconnector",
        head,
        other,
        *LINE_W,
        owner,
        model=lambda m: m.trading.add_interconnector(head, other, *LINE_W, owner),
    )


def _open_zone(world: World, zone: int, terms: MarketTerms, operator_name: str) -> None:
    governor, operator = world.role("governor"), world.address(operator_name)
    fields = (terms.short_price_cap, terms.network_fee_per_kwh, terms.trading_fee_bps)
    world.both(
        governor,
        world.trading,
        "setMarketTerms",
        zone,
        0,
        fields,
        model=lambda m: m.trading.zone(zone).set_terms(0, terms, m.now),
    )
    world.both(
        governor,
        world.settlement,
        "appointOperator",
        zone,
        operator,
        model=lambda m: m.appoint_operator(zone, operator),
    )
    give_money(world, operator, 1_000 * COIN)
    deposit(world, operator, world.model.bond_floor + COIN // 2)
    world.both(
        operator,
        world.settlement,
        "postBond",
        world.model.bond_floor,
        model=lambda m: m.post_bond(operator, m.bond_floor),
    )
    first = slot_of(world.chain.next_block_at) + 1
    later = first + 192
    starts = [first, *(later + TARIFF_SLOTS * change for change in range(TARIFF_CHANGES))]
    for number, from_slot in enumerate(starts):
        tariff = TARIFFS[number % len(TARIFFS)]
        world.both(
            operator,
            world.settlement,
            "setTariff",
            zone,
            from_slot,
            tariff.retail_per_kwh,
            tariff.feed_in_per_kwh,
            model=lambda m, at=from_slot, t=tariff: m.set_tariff(operator, zone, at, t),
        )


def _move_in(world: World, home: Home) -> None:
    address = world.address(home.name)
    first_slot = slot_of(world.chain.now) + 1
    world.register(home.name, home, home.kind, first_slot)
    if home.kind is MeterKind.CONNECTION_WITH_STORAGE:
        world.register(f"{home.name} roof", home, MeterKind.PRODUCTION, first_slot)
    world.both(address, world.settlement, "enrol", address, model=lambda m: m.enrol(address))
    give_money(world, address, 1_000 * COIN)
    security = world.model.security_deposit
    deposit(world, address, home.money + security)
    world.both(
        address,
        world.settlement,
        "postSecurity",
        security,
        model=lambda m: m.ledger.post_security(address, security),
    )


def give_money(world: World, address: str, amount: int) -> None:
    """Put settlement tokens into somebody's wallet, whoever issues them, and allow deposits."""
    chain = world.chain
    chain.rpc.call("anvil_dealERC20", address, world.token.address, hex(amount))
    chain.force(address, world.token, "approve", world.settlement.address, 2**256 - 1)
    assert world.token.call("balanceOf", address) == amount


def deposit(world: World, address: str, amount: int) -> Receipt:
    """Pay in, in both worlds."""
    return world.both(
        address,
        world.settlement,
        "deposit",
        amount,
        model=lambda m: m.ledger.deposit(address, amount),
    )
