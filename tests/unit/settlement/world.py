"""A Settlement with a market and a meter registry whose answers the tests write down."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, Final

from energy_grid.settled_slots import unpack_figures
from energy_grid.slots import SLOT_SECONDS

SLOTS_PER_DAY: Final = 96
ZONE: Final = 1
OTHER_ZONE: Final = 2
RETAIL: Final = 320_000
FEED_IN: Final = 80_000
CAP: Final = 1_000_000
SECURITY_DEPOSIT: Final = 20_000_000
BOND_FLOOR: Final = 50_000_000
BOND: Final = 60_000_000
OPERATOR_FREE: Final = 100_000_000
MEMBER_FREE: Final = 100_000_000
MAX_TRACKED: Final = 2**80 - 1
BOUNDS: Final = (100_000, 900_000, 0, 500_000)
MINTER_ROLE: Final = 4
ZERO_ADDRESS: Final = "0x" + "0" * 40

FLAG_METERED: Final = 1
FLAG_SECURED: Final = 2
FLAG_ARREARS: Final = 4
FLAG_OPERATOR: Final = 8
FLAG_WAS_METERED: Final = 16

MISSING: Final = 0
MEASURED: Final = 1
ESTIMATED: Final = 2

UNMETERED_BASIS: Final = 0
MEASURED_BASIS: Final = 1
ESTIMATED_BASIS: Final = 2
DEFAULTED_BASIS: Final = 3


def money(energy_wh: int, price_per_kwh: int) -> int:
    """Exact value of energy at a price."""
    value, remainder = divmod(energy_wh * price_per_kwh, 1000)
    assert remainder == 0
    return value


def deploy_settlement(
    deployer: Any, project: Any, *values: Any, predecessor: Any = ZERO_ADDRESS
) -> Any:
    """A Settlement with its rooms, all with the same seven values."""
    rooms = [
        deployer.deploy(room, *values, predecessor)
        for room in (project.SettlementDelivery, project.SettlementExits)
    ]
    return deployer.deploy(project.Settlement, *values, predecessor, *rooms)


@dataclass(frozen=True)
class Position:
    """What one account agreed for one slot, in the order of `SlotPosition`."""

    bought_wh: int = 0
    sold_wh: int = 0
    cost: int = 0
    proceeds: int = 0
    network_fee: int = 0
    trading_fee: int = 0
    unlocked: int = 0


class World:
    """The deployed contracts, the actors, and short ways to bring about what a test needs."""

    def __init__(self, project: Any, chain: Any, accounts: Any, **contracts: Any) -> None:
        self.project = project
        self.chain = chain
        self.governor = accounts[0]
        self.operator = accounts[1]
        self.treasury = accounts[2]
        self.anna = accounts[3]
        self.ben = accounts[4]
        self.cleo = accounts[5]
        self.stranger = accounts[6]
        self.other_operator = accounts[7]
        self.authority = contracts["authority"]
        self.token = contracts["token"]
        self.energy = contracts["energy"]
        self.meter = contracts["meter"]
        self.market = contracts["market"]
        self.settlement = contracts["settlement"]
        self.day_start = contracts["day_start"]
        self.first_slot = self.day_start // SLOT_SECONDS
        self.rent_owners: set[str] = set()

    # time

    def at(self, timestamp: int) -> None:
        """The next transaction and all calls happen at this time or within seconds of it."""
        if int(self.chain.blocks.head.timestamp) < timestamp:
            self.chain.mine(timestamp=timestamp)

    def to_slot(self, slot: int) -> None:
        """Go to the start of a slot: all before it have ended."""
        self.at(slot * SLOT_SECONDS)

    def deadline(self, slot: int) -> int:
        return int(self.meter.readingDeadline(slot))

    @property
    def current_slot(self) -> int:
        return int(self.chain.blocks.head.timestamp) // SLOT_SECONDS

    # people and money

    def fund(self, account: Any, amount: int) -> None:
        """Deposit for an enrolled account."""
        self.token.mint(account, amount, sender=account)
        self.token.approve(self.settlement, amount, sender=account)
        self.settlement.deposit(amount, sender=account)

    def connect(
        self,
        account: Any,
        *,
        meter_id: int = 7,
        zone: int = ZONE,
        rated_export_w: int = 10_000,
        first_slot: int | None = None,
    ) -> None:
        """Register a meter."""
        first_slot = self.first_slot if first_slot is None else first_slot
        self.meter.setConnection(
            account, (meter_id, zone, rated_export_w, first_slot), sender=self.governor
        )

    def member(
        self,
        account: Any,
        *,
        free: int = MEMBER_FREE,
        security: int = SECURITY_DEPOSIT,
        first_slot: int | None = None,
    ) -> int:
        """Enrol a metered member; returns its short id."""
        self.connect(account, first_slot=first_slot)
        self.settlement.enrol(account, sender=self.stranger)
        if free + security:
            self.fund(account, free + security)
        if security:
            self.settlement.postSecurity(security, sender=account)
        return self.account_id(account)

    def trader(self, account: Any, *, free: int = MEMBER_FREE) -> int:
        """Enrol a trader; returns its short id."""
        self.settlement.joinAsTrader(ZONE, sender=account)
        if free:
            self.fund(account, free)
        return self.account_id(account)

    def operator_with(self, *, free: int, bond: int) -> None:
        """Bring the operator of the zone to exactly these balances (bond not above the present)."""
        state = self.state(self.operator)
        if free > state.free:
            self.fund(self.operator, free - state.free)
        elif free < state.free:
            self.settlement.withdraw(state.free - free, sender=self.operator)
        excess = self.zone_state().bond - bond
        if excess > 0:
            self.settlement.withdrawBond(excess, sender=self.operator)
            self.settlement.withdraw(excess, sender=self.operator)

    # trades and readings

    def lock(self, account: Any, amount: int) -> Any:
        return self.market.adjustLock(account, amount, sender=self.stranger)

    def credit_rent(self, owner: Any, amount: int) -> Any:
        """Pay congestion rent to anybody, enrolled or not."""
        self.rent_owners.add(str(owner))
        return self.market.creditRent(owner, amount, sender=self.stranger)

    def position(self, account: Any, slot: int, position: Position) -> None:
        """Write a position down and lock the money that is unlocked with it."""
        self.market.setPositions(
            self.account_id(account), slot, [astuple(position)], sender=self.governor
        )
        if position.unlocked:
            self.lock(account, position.unlocked)

    def trade(
        self,
        buyer: Any,
        seller: Any,
        slot: int,
        energy_wh: int,
        price: int,
        *,
        network_fee: int = 0,
        trading_fee: int = 0,
        improvement: int = 0,
    ) -> None:
        """One trade of two accounts that have no other in the slot."""
        cost = money(energy_wh, price)
        self.position(
            buyer,
            slot,
            Position(
                bought_wh=energy_wh,
                cost=cost,
                network_fee=network_fee,
                trading_fee=trading_fee,
                unlocked=cost + network_fee + trading_fee + improvement,
            ),
        )
        self.position(
            seller,
            slot,
            Position(sold_wh=energy_wh, proceeds=cost, unlocked=money(energy_wh, CAP - price)),
        )
        traded = int(self.market.tradedWh(ZONE, slot))
        self.market.setTraded(ZONE, slot, [traded + energy_wh], sender=self.governor)

    def read(
        self,
        account: Any,
        slot: int,
        import_wh: int = 0,
        export_wh: int = 0,
        *,
        mintable_wh: int | None = None,
        quality: int = MEASURED,
        count: int = 1,
    ) -> None:
        """Write down the energy of `count` slots from `slot` on."""
        if mintable_wh is None:
            mintable_wh = export_wh if quality == MEASURED else 0
        energy = (import_wh, export_wh, mintable_wh, quality)
        self.meter.setEnergies(account, slot, [energy] * count, sender=self.governor)

    def settle(self, account: Any, until_slot: int) -> Any:
        return self.settlement.settle(account, until_slot, sender=self.stranger)

    # state

    def state(self, account: Any) -> Any:
        return self.settlement.accountState(account)

    def free(self, account: Any) -> int:
        return int(self.state(account).free)

    def account_id(self, account: Any) -> int:
        return int(self.state(account).accountId)

    def zone_state(self, zone: int = ZONE) -> Any:
        return self.settlement.zoneState(zone)

    def ledgers(self) -> int:
        """Sum of all ledgers."""
        accounts = {
            str(self.settlement.accountAt(index)) for index in range(self.settlement.accountCount())
        }
        total = int(self.settlement.clearing())
        for account in accounts | self.rent_owners | {self.treasury.address}:
            state = self.state(account)
            total += int(state.free) + int(state.locked) + int(state.security)
        for index in range(self.settlement.zoneCount()):
            total += int(self.zone_state(self.settlement.zoneAt(index)).bond)
        return total

    def check_conservation(self) -> None:
        """Every unit received is in exactly one ledger, and there as a token."""
        tracked = int(self.settlement.trackedTotal())
        assert self.ledgers() == tracked
        assert tracked <= int(self.token.balanceOf(self.settlement))


def flags(word: int) -> int:
    return (word >> 44) & 0xFF


def settled_until(word: int) -> int:
    return (word >> 68) & (2**28 - 1)


def settled(receipt: Any, world: World) -> list[dict[str, Any]]:
    """Figures of all slots settled in a transaction."""
    return [
        {"account": run["account"], "slot": run["firstSlot"] + number} | figures
        for run in events(receipt, world.settlement.SlotsSettled)
        for number, figures in enumerate(unpack_figures(bytes(run["figures"])))
    ]


def settled_slot(receipt: Any, world: World) -> dict[str, Any]:
    """Figures of the one slot settled in a transaction."""
    (figures,) = settled(receipt, world)
    return figures


def events(receipt: Any, event: Any) -> list[dict[str, Any]]:
    """Arguments of all events of one kind in a transaction."""
    return [dict(log.event_arguments) for log in receipt.decode_logs(event)]


def only(receipt: Any, event: Any) -> dict[str, Any]:
    """Arguments of the one event of a kind in a transaction."""
    (arguments,) = events(receipt, event)
    return arguments
