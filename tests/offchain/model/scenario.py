"""A small neighbourhood for the tests of the reference model: who is there, and what they do."""

from __future__ import annotations

from dataclasses import dataclass, field

from energy_grid.curves import Curve, Step
from energy_grid.eip712 import MeterKind, MeterReading
from energy_grid.ids import Side
from energy_grid.model.auction_record import AuctionResult
from energy_grid.model.call_auction import clearing_interval
from energy_grid.model.market import Market
from energy_grid.model.metering import Outcome
from energy_grid.model.meters import Meter, Registration
from energy_grid.model.tariffs import TariffBounds
from energy_grid.model.terms import MarketTerms, Tariff
from energy_grid.model.trading import Quote
from energy_grid.products import Period, Product
from energy_grid.slots import slot_of, slot_start
from energy_grid.units import MeterId, UnixSeconds, Wh

DAY = 20_000 * 86_400
"""Some UTC midnight."""
SLOT = DAY // 900
ZONE = 1
CAP = 400_000
OPERATOR = "operator"
SECURITY = 1_000_000
BOND = 50_000_000


@dataclass
class Neighbourhood:
    """A market with an operator and tariffs of 0.320 (short) and 0.080 (long) per kWh."""

    network_fee: int = 0
    trading_fee_bps: int = 0
    market: Market = field(init=False)
    registers: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bounds = TariffBounds(0, CAP, 0, CAP)
        # Two days before the day of delivery.
        self.market = Market(DAY - 2 * 86_400, SECURITY, BOND, bounds)
        self.open_zone(ZONE, OPERATOR)

    def open_zone(self, zone: int, operator: str) -> None:
        """Give a zone its terms, operator and tariffs."""
        terms = MarketTerms(CAP, self.network_fee, self.trading_fee_bps)
        self.market.trading.zone(zone).set_terms(0, terms, self.market.now)
        self.market.appoint_operator(zone, operator)
        self.market.ledger.deposit(operator, 10 * BOND)
        self.market.post_bond(operator, BOND)
        self.market.set_tariff(
            operator, zone, slot_of(self.market.now) + 1, Tariff(320_000, 80_000)
        )

    def member(
        self,
        name: str,
        *,
        money: int = 100_000_000,
        kind: MeterKind = MeterKind.CONNECTION,
        rated_w: int = 10_000,
        zone: int = ZONE,
    ) -> Meter:
        """Register a connection that begins with the day, enrol its owner, give it money."""
        meter = self.meter(name, kind=kind, rated_w=rated_w, zone=zone)
        self.market.enrol(name)
        self.market.ledger.deposit(name, money + SECURITY)
        self.market.ledger.post_security(name, SECURITY)
        return meter

    def meter(
        self, owner: str, *, kind: MeterKind, rated_w: int = 10_000, zone: int = ZONE
    ) -> Meter:
        """Register a meter whose registers stand at 0 when the day begins."""
        device = f"{kind.name} of {owner}"
        registration = Registration(
            device, owner, zone, kind, rated_w, rated_w, 10**9, first_slot=SLOT
        )
        meter = self.market.metering.registry.register(registration, device, self.market.now)
        self.registers[meter.meter_id] = (SLOT, 0, 0)
        return meter

    def trader(self, name: str, *, money: int = 100_000_000, zone: int = ZONE) -> None:
        """Somebody without a meter."""
        self.market.join_as_trader(name, zone)
        self.market.ledger.deposit(name, money)

    def place(
        self,
        name: str,
        side: Side,
        lots: int,
        price: int,
        *,
        period: Period = Period.QUARTER_HOUR,
        slot: int = SLOT,
        expires_at: int = 0,
    ) -> int:
        """Place an order of `lots` per slot at `price` units per kWh."""
        product = Product.continuous(ZONE, period, slot)
        quote = Quote.of(product, side, lots, price // 1_000, expires_at)
        return self.market.trading.place(name, name, [quote], self.market.now)[0]

    def trade(self, seller: str, buyer: str, lots: int, price: int, **where: object) -> None:
        """Let two accounts trade."""
        sell = self.place(seller, Side.SELL, lots, price, **where)  # type: ignore[arg-type]
        buy = self.place(buyer, Side.BUY, lots, price, **where)  # type: ignore[arg-type]
        self.market.trading.match(buy, sell, self.market.now)

    def read(self, meter: Meter, import_wh: int, export_wh: int, *, slots: int = 1) -> Outcome:
        """Submit the reading `slots` after the last, with the registers that much further."""
        slot, imported, exported = self.registers[meter.meter_id]
        slot, imported, exported = slot + slots, imported + import_wh, exported + export_wh
        self.registers[meter.meter_id] = (slot, imported, exported)
        self.market.advance(max(self.market.now, slot_start(slot) + 5))
        reading = MeterReading(
            MeterId(meter.meter_id),
            meter.last.reading.sequence + 1,
            UnixSeconds(slot_start(slot)),
            Wh(imported),
            Wh(exported),
        )
        return self.market.metering.submit(reading, meter.registration.device, self.market.now)

    def curve(self, name: str, product: Product, *steps: Step) -> None:
        """Place a curve on the member's own behalf."""
        self.market.trading.place_curve(name, Curve(product, steps), self.market.now)

    def clear(self, product: Product) -> AuctionResult | None:
        """Clear an auction rightly."""
        trading = self.market.trading
        interval = clearing_interval(trading.curves_in(product))
        return trading.clear(product.id, interval.low, interval.high, self.market.now)

    def locked(self, name: str) -> int:
        """Locked money of an account."""
        return self.market.ledger.account(name).locked

    def wealth(self, name: str) -> int:
        """Free and locked money of an account."""
        account = self.market.ledger.account(name)
        return account.free + account.locked
