"""The real market with its rooms over a mock ledger, on a chain in this process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from energy_grid.artifacts import Artifacts
from energy_grid.curves import Curve, Step
from energy_grid.ids import Side
from energy_grid.products import Period, Product, Session
from energy_grid.units import Slot, Zone
from tests.utils.revm import Revm

GOVERNOR: Final = "0x00000000000000000000000000000000000a0001"
ANYBODY: Final = "0x00000000000000000000000000000000000a0002"
GUARDIAN: Final = "0x00000000000000000000000000000000000a0003"
OWNER: Final = "0x00000000000000000000000000000000000a0004"
"""Owner of the interconnectors."""

ZONE: Final = 7
TICK_SIZE: Final = 1_000
LOT_WH: Final = 1
CAP_TICKS: Final = 1_023
NETWORK_FEE_UNITS: Final = 20
TRADING_FEE_BPS: Final = 25
TERMS: Final = (CAP_TICKS * TICK_SIZE, NETWORK_FEE_UNITS * 1_000, TRADING_FEE_BPS)
FIRST_TICK: Final = 1
LAST_TICK: Final = 1_023

MONDAY: Final = 2_688_000 + 384
"""A slot at which a week starts, and with it products of all periods."""
FREE: Final = 10**15
CAPACITY_W: Final = 100_000_000
METERED_AND_SECURED: Final = 3
EXTENSION_SECONDS: Final = 300
COUPLED_SECONDS: Final = 600


@dataclass(frozen=True)
class Account:
    """A member of one zone."""

    address: str
    id: int
    zone: int


@dataclass(frozen=True)
class Fill:
    """What a claim fixed."""

    account_id: int
    side: Side
    lots: int


class AuctionMarket:
    """Deployed contracts and short ways to bring about what a test needs."""

    def __init__(self, zones: Sequence[int] = (ZONE,), lot_wh: int = LOT_WH) -> None:
        self.chain = Revm(Artifacts.load(), GOVERNOR)
        self.chain.at((MONDAY - 96 * 14) * 900)
        self.lot_wh = lot_wh
        deploy = self.chain.deploy
        self.authority = deploy("GridAccessManager", GOVERNOR)
        self.ledger = deploy("MockMarketLedger", self.chain.address_of_next(3))
        units = (self.authority.address, self.ledger.address, TICK_SIZE, lot_wh)
        self.register = deploy("MarketRegister", *units)
        self.room = deploy("AuctionRoom", *units)
        self.market = deploy(
            "EnergyTrading",
            *units,
            self.register.address,
            self.room.address,
            interface="IMarket",
        )
        assert self.ledger.ask("MARKET") == self.market.address
        self.accounts: list[Account] = []
        self.set_terms(*zones)

    # --- setting the stage ---

    def set_terms(self, *zones: int) -> None:
        """First market terms of zones: from here on they trade."""
        for zone in zones:
            self.govern("setMarketTerms", zone, 0, TERMS)

    def govern(self, function: str, *arguments: Any) -> Any:
        """Call a restricted function as who may."""
        return self.market.send(GOVERNOR, function, *arguments)

    def enrol(self, zone: int = ZONE, free: int = FREE, capacity_w: int = CAPACITY_W) -> Account:
        """A new metered member."""
        number = len(self.accounts) + 1
        address = f"0x{0xBEEF_0000 + number:040x}"
        account_id = self.ledger.send(
            GOVERNOR, "enrol", address, zone, capacity_w, METERED_AND_SECURED, free, MONDAY - 600
        )
        account = Account(address, account_id, zone)
        self.accounts.append(account)
        return account

    def product(self, start: int, period: Period = Period.HOUR, zone: int = ZONE) -> Product:
        """An auction product."""
        return Product(Zone(zone), period, Session.AUCTION, Slot(start))

    def at_gate(self, product: Product, seconds: int = 0) -> None:
        """Go to so many seconds after the product's nominal gate."""
        self.chain.at(product.gate_at + seconds)

    def place(self, account: Account, product: Product, *steps: Step) -> None:
        """Make the steps the account's whole order; none cancels."""
        curve = Curve.of(product, steps)
        self.market.send(account.address, "placeCurve", curve.pack())

    # --- acting and looking ---

    def clear(self, product: Product, low: int, high: int) -> None:
        """Propose a clearing interval."""
        self.market.send(ANYBODY, "clear", product.id, low, high)

    def result(self, product: Product) -> Any:
        """`AuctionView` of a product."""
        return self.market.ask("auctionResult", product.id)

    def claim(self, product: Product, accounts: Iterable[Account]) -> list[Fill]:
        """Claim for accounts in this order; the fills that it fixed."""
        addresses = [account.address for account in accounts]
        claimed = self.market.send(ANYBODY, "claim", product.id, addresses)
        events = self.market.events("CurvesClaimed")
        assert len(events) == (1 if claimed else 0)
        fills = [fill for event in events for fill in unpack_claims(event.claims)]
        assert len(fills) == claimed
        return fills

    def balances(self, account: Account) -> tuple[int, int]:
        """Free and locked money."""
        address = account.address
        return self.ledger.ask("freeOf", address), self.ledger.ask("lockedOf", address)

    def position(self, account: Account, slot: int) -> Mapping[str, int]:
        """What the account agreed for one slot."""
        answer = self.market.ask("slotPositions", account.id, account.zone, slot, 1)[0]
        return dict(answer._asdict())


def unpack_claims(claims: bytes) -> list[Fill]:
    """Entries `accountId 24 | side 1 | zero 1 | lots 30`."""
    assert len(claims) % 7 == 0
    words = [int.from_bytes(claims[at : at + 7]) for at in range(0, len(claims), 7)]
    return [Fill(word >> 32, Side(word >> 31 & 1), word & 2**30 - 1) for word in words]


def buy_lock(lots: int, lot_ticks: int) -> int:
    """Lock per slot of buys with limits (or prices) that add up to `lot_ticks`."""
    cost = lot_ticks * LOT_WH * TICK_SIZE // 1_000
    return cost + lots * LOT_WH * NETWORK_FEE_UNITS - (-cost * TRADING_FEE_BPS // 10_000)


def sell_lock(lots: int, lot_ticks: int) -> int:
    """Lock per slot of sells with limits (or prices) that add up to `lot_ticks`."""
    return (lots * CAP_TICKS - lot_ticks) * LOT_WH * TICK_SIZE // 1_000


def steps_lock(steps: Iterable[Step]) -> int:
    """Lock of a curve per slot."""
    steps = tuple(steps)
    buys = [step for step in steps if step.side is Side.BUY]
    sells = [step for step in steps if step.side is Side.SELL]
    lock = 0
    if buys:
        lock += buy_lock(sum(s.lots for s in buys), sum(s.lots * s.limit_tick for s in buys))
    if sells:
        lock += sell_lock(sum(s.lots for s in sells), sum(s.lots * s.limit_tick for s in sells))
    return lock


def fill_lock(side: Side, lots: int, tick: int) -> int:
    """Lock of a fill per slot."""
    if not lots:
        return 0
    return (buy_lock if side is Side.BUY else sell_lock)(lots, lots * tick)
