"""What the chain looks like after a step, and the same things as the model sees them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from energy_grid.ids import Side
from energy_grid.model.book import LOT_WH, TICK_SIZE, Record
from energy_grid.products import Product
from tests.invariants.chain import Request
from tests.invariants.world import World


@dataclass(frozen=True)
class Place:
    """Where an account stands in a product."""

    address: str
    product: Product


@dataclass
class Touched:
    """What a step may have changed beyond accounts and zones."""

    places: set[Place] = field(default_factory=set)
    pools: set[tuple[int, int]] = field(default_factory=set)
    curves: set[Place] = field(default_factory=set)


@dataclass(frozen=True)
class Seen:
    """Everything observed at one moment. Structs are as the chain returns them."""

    now: int
    accounts: dict[str, Any]
    certificates: dict[str, int]
    zones: dict[int, Any]
    sequences: dict[int, int]
    tracked: int
    clearing: int
    held: int
    treasury_free: int
    supply: int
    readings: dict[int, Any]
    meters: dict[int, Any]
    stretches: dict[str, Any]
    books: dict[Product, tuple[int, int, int, int, int]]
    records: dict[Place, list[Any]]
    pools: dict[tuple[int, int], Any]
    curves: dict[Place, Any]
    results: dict[Product, Any]

    def entries(self, world: World) -> int:
        """Sum of all ledgers, those of accounts that the tests do not follow included."""
        return (
            sum(state.free + state.locked + state.security for state in self.accounts.values())
            + sum(zone.bond for zone in self.zones.values())
            + self.treasury_free
            + self.clearing
            + world.model.ledger.others
        )


def observe(world: World, touched: Touched) -> Seen:
    """Ask the chain, in one request."""
    s, market, meters = world.settlement, world.trading, world.meters
    token, certificates = world.token, world.certificates
    addresses = list(world.model.ledger.accounts)
    meter_ids = list(world.model.metering.registry.meters)
    members = [a for a in addresses if not world.model.ledger.accounts[a].is_operator]
    products = list({place.product for place in touched.places})
    places = sorted(touched.places, key=lambda place: (place.address, place.product.id))
    pools = sorted(touched.pools)
    curves = sorted(touched.curves, key=lambda place: (place.address, place.product.id))
    auctions = sorted({place.product for place in curves}, key=lambda product: product.id)
    ids = {address: one.account_id for address, one in world.model.ledger.accounts.items()}
    requests: list[Request] = [
        *((s, "accountState", (a,)) for a in addresses),
        *((certificates, "balanceOf", (a,)) for a in addresses),
        *((s, "zoneState", (z,)) for z in world.zones),
        *((market, "nextSequence", (z,)) for z in world.zones),
        (s, "trackedTotal", ()),
        (s, "clearing", ()),
        (token, "balanceOf", (s.address,)),
        (s, "accountState", (world.model.ledger.treasury.address,)),
        (certificates, "totalSupply", ()),
        *((meters, "latestReading", (m,)) for m in meter_ids),
        *((meters, "meterInfo", (m,)) for m in meter_ids),
        *((s, "defaultedStretch", (a,)) for a in members),
        *((market, "bestBid", (p.id,)) for p in products),
        *((market, "bestAsk", (p.id,)) for p in products),
        *((market, "matchedLots", (p.id,)) for p in products),
        *((market, "recordsOf", (ids[p.address], p.product.id)) for p in places),
        *((s, "certificatePool", pool) for pool in pools),
        *((market, "curveOf", (ids[p.address], p.product.id)) for p in curves),
        *((market, "auctionResult", (p.id,)) for p in auctions),
    ]
    answers = iter(world.chain.ask(requests))

    def take(keys: Iterable[Any]) -> dict[Any, Any]:
        return {key: next(answers) for key in keys}

    return Seen(
        now=world.chain.now,
        accounts=take(addresses),
        certificates=take(addresses),
        zones=take(world.zones),
        sequences=take(world.zones),
        tracked=next(answers),
        clearing=next(answers),
        held=next(answers),
        treasury_free=next(answers).free,
        supply=next(answers),
        readings=take(meter_ids),
        meters=take(meter_ids),
        stretches=take(members),
        books=_books(take(products), take(products), take(products)),
        records=take(places),
        pools=take(pools),
        curves=take(curves),
        results=take(auctions),
    )


def _books(
    bids: dict[Product, Any], asks: dict[Product, Any], matched: dict[Product, int]
) -> dict[Product, tuple[int, int, int, int, int]]:
    return {product: (*bids[product], *asks[product], matched[product]) for product in bids}


def differences(world: World, seen: Seen) -> list[str]:
    """Where chain and model disagree, in words; empty if nowhere."""
    found: list[str] = []

    def compare(what: str, chain: object, model: object) -> None:
        if chain != model:
            found.append(f"{what}: chain {chain}, model {model}")

    model, ledger = world.model, world.model.ledger
    for address, account in ledger.accounts.items():
        name, state = world.name_of(address), seen.accounts[address]
        compare(f"id of {name}", state.accountId, account.account_id)
        compare(f"settledUntil of {name}", state.settledUntil, account.settled_until)
        compare(f"free of {name}", state.free, account.free)
        compare(f"locked of {name}", state.locked, account.locked)
        compare(f"security of {name}", state.security, account.security)
        compare(f"arrears of {name}", state.arrears, account.arrears)
        compare(f"metered of {name}", state.metered, account.metered)
        compare(
            f"metered slots of {name}",
            (state.meteredFrom, state.meteredUntil),
            (account.metered_from, account.metered_until),
        )
        compare(f"capacity of {name}", state.capacityW, account.capacity_w)
        certificates = model.certificates.balances.get(address, 0)
        compare(f"certificates of {name}", seen.certificates[address], certificates)
    for zone, operator in ledger.operators.items():
        state = seen.zones[zone]
        compare(f"bond of zone {zone}", state.bond, operator.bond)
        compare(f"claims of zone {zone}", state.claims, operator.owed)
        compare(f"claim count of zone {zone}", state.claimCount, len(operator.claims))
        accepted = model.trading.zone(zone).orders_accepted
        compare(f"next sequence of zone {zone}", seen.sequences[zone], accepted + 1)
    compare("tracked total", seen.tracked, ledger.tracked_total)
    compare("clearing", seen.clearing, ledger.clearing)
    compare("treasury", seen.treasury_free, ledger.treasury.free)
    compare("total supply", seen.supply, model.certificates.total_supply_wh)
    for meter_id, meter in model.metering.registry.meters.items():
        chain_reading = tuple(seen.readings[meter_id])
        compare(f"latest reading of meter {meter_id}", chain_reading, meter.last.reading.as_tuple())
        info = seen.meters[meter_id]
        compare(f"status of meter {meter_id}", info.status, meter.status.value)
        compare(
            f"skipped numbers of meter {meter_id}", info.skippedSequences, meter.skipped_sequences
        )
        compare(f"release of meter {meter_id}", info.releasedAt, meter.released_at)
    for address, stretch in seen.stretches.items():
        known = model.delivery.defaulted.get(address)
        expected = (
            (
                known.from_slot,
                known.until_slot,
                known.assumed_import_wh,
                known.prices.short_price,
                known.prices.long_price,
            )
            if known
            else (0, 0, 0, 0, 0)
        )
        compare(f"defaulted stretch of {world.name_of(address)}", tuple(stretch), expected)
    for product, book in seen.books.items():
        compare(f"book of {product}", book, _model_book(world, product))
    for place, records in seen.records.items():
        account_id = ledger.accounts[place.address].account_id
        expected_records = model.trading.records_of(account_id, place.product)
        compare(
            f"records of {world.name_of(place.address)} in {place.product}",
            [_plain(record) for record in records],
            [_model_record(world, record) for record in expected_records],
        )
    for place, view in seen.curves.items():
        compare(
            f"curve of {world.name_of(place.address)} in {place.product}",
            _plain_curve(view),
            _model_curve(world, place),
        )
    for product, result in seen.results.items():
        compare(f"result of {product}", _plain_result(result), _model_result(world, product))
    for (zone, slot), pool in seen.pools.items():
        known_pool = model.certificates.pool(zone, slot)
        compare(
            f"pool of zone {zone} and slot {slot}",
            (pool.givenWh, pool.wantedWh, pool.enteredWh, pool.tradedWh, pool.closed),
            (
                known_pool.given_wh,
                known_pool.wanted_wh,
                known_pool.entered_wh,
                model.trading.traded_wh(zone, slot),
                model.delivery.pool_closed(zone, slot, seen.now),
            ),
        )
    return found


def _model_book(world: World, product: Product) -> tuple[int, int, int, int, int]:
    trading = world.model.trading
    bid, ask = trading.best_bid(product) or 0, trading.best_ask(product) or 0
    at_bid, at_ask = (
        sum(
            record.remaining_lots
            for record in trading.open_records(product, side)
            if record.limit_per_kwh == limit
        )
        for side, limit in ((Side.BUY, bid), (Side.SELL, ask))
    )
    matched = sum(trade.lots for trade in trading.trades if trade.product == product)
    return bid, at_bid, ask, at_ask, matched


def _plain(record: Any) -> tuple[int, ...]:
    return (
        record.orderId,
        record.openLots,
        record.filledLots,
        record.filledTicks,
        record.improvementTicks,
        record.limitTick,
        record.expiresAt,
        record.cancelledLots,
        record.lockedPerSlot,
    )


def _model_record(world: World, record: Record) -> tuple[int, ...]:
    terms = world.model.trading.zone(record.product.zone).terms_at(record.product.start_slot)
    tick_value = LOT_WH * TICK_SIZE // 1_000
    return (
        record.order_id,
        record.remaining_lots,
        record.filled_lots,
        record.filled_value // tick_value,
        record.improvement // tick_value,
        record.limit_per_kwh // TICK_SIZE,
        record.expires_at,
        record.cancelled_lots,
        record.lock_per_slot(terms),
    )


def _plain_curve(view: Any) -> tuple[Any, ...]:
    return (
        [(step.sell, step.limitTick, step.lots) for step in view.steps],
        view.signedAt,
        view.state,
        (view.filledSell, view.filledLots, view.filledTick) if view.filledLots else None,
        view.lockedPerSlot,
    )


def _model_curve(world: World, place: Place) -> tuple[Any, ...]:
    trading = world.model.trading
    account_id = world.model.ledger.accounts[place.address].account_id
    record = trading.curve_of(account_id, place.product)
    assert record is not None
    fill = record.fill(trading.results.get(place.product))
    return (
        [(step.side is Side.SELL, step.limit_tick, step.lots) for step in record.steps],
        record.signed_at,
        int(record.state),
        (fill.side is Side.SELL, fill.lots, fill.price_per_kwh // TICK_SIZE) if fill.lots else None,
        trading.lock_of_curve(record) // place.product.slot_count,
    )


def _plain_result(result: Any) -> tuple[Any, ...]:
    return (result.cleared, result.priceTick, result.boughtLots, result.soldLots)


def _model_result(world: World, product: Product) -> tuple[Any, ...]:
    result = world.model.trading.results.get(product)
    if result is None:
        return (False, 0, 0, 0)
    price = result.price_tick if result.publishes_price else 0
    return (True, price, result.bought_lots, result.sold_lots)
