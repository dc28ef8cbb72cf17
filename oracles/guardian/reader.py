"""Reads what the guardian judges: events since the last time, then views, all of one block."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from energy_grid import eip712
from energy_grid.abi import Event
from energy_grid.contracts import Contract, Contracts
from energy_grid.curves import Curve, MarketUnits
from energy_grid.feeds import GRID_DOMAIN, PRICE_DOMAIN, WEATHER_DOMAIN, FeedStatus
from energy_grid.ids import OrderId
from energy_grid.products import Product
from energy_grid.settled_slots import spread
from energy_grid.signed_orders import unpack_placed
from energy_grid.slots import slot_of
from energy_grid.units import SECONDS_PER_DAY, SLOTS_PER_DAY, slot_energy_wh
from oracles.guardian.evidence import equivocations_of
from oracles.guardian.measures import ORACLES
from oracles.guardian.scene import (
    FeedView,
    LineFlow,
    Placements,
    Quarantine,
    RoundSeen,
    Scene,
    SlotQuote,
    ZoneFlow,
)
from oracles.runtime.following import Follower

KEPT_ROUNDS: Final = 16
KEPT_SLOTS: Final = 4 * SLOTS_PER_DAY
_DOMAINS: Final = {
    "PriceOracle": PRICE_DOMAIN,
    "GridOracle": GRID_DOMAIN,
    "WeatherOracle": WEATHER_DOMAIN,
}
_ACTIVE: Final = 2
"""`FeedPhase` of a feed that readers see."""


class SceneReader:
    """Follows market, meters, settlement and oracles.

    Args:
        contracts: the deployment.
        inboxes: files with what collectors found.
    """

    def __init__(self, contracts: Contracts, inboxes: Sequence[Path] = ()) -> None:
        self._market = contracts.energy_trading
        self._meter = contracts.smart_meter
        self._rpc = contracts.rpc
        self._inboxes = inboxes
        self._oracles = {name: contracts[name] for name in ORACLES}
        self._lot_wh = MarketUnits(lot_wh=int(self._market.call("LOT"))).lot_wh
        followed = [self._market, self._meter, contracts.settlement, *self._oracles.values()]
        first_block = contracts.deployment.contracts["EnergyTrading"].block or 0
        self._follower = Follower(self._rpc, followed, first_block)
        self._domains = {
            name: eip712.domain(contracts.deployment.chain_id, oracle.address, _DOMAINS[name])
            for name, oracle in self._oracles.items()
        }
        self._names = {oracle.address.lower(): name for name, oracle in self._oracles.items()}
        self._start_anew()

    def _start_anew(self) -> None:
        self._zone_of: dict[str, int] = {}
        self._quarantined: list[Event] = []
        self._placed: Counter[tuple[int, Product]] = Counter()
        self._flows: dict[tuple[int, int], list[int]] = {}
        self._coupled: dict[Product, None] = {}
        self._quotes: dict[tuple[int, int], int] = {}
        self._rounds: dict[tuple[str, int], deque[RoundSeen]] = defaultdict(
            lambda: deque(maxlen=KEPT_ROUNDS)
        )

    def read(self) -> Scene:
        """The moment of the newest block.

        Raises:
            RpcError: the node is away or behind.
        """
        head = self._rpc.block("latest")
        block, now = int(head["number"], 16), int(head["timestamp"], 16)
        events, was_reset = self._follower.read(block, str(head["hash"]))
        if was_reset:
            self._start_anew()
        for event in spread(events):
            self._note(event)
        slot = int(slot_of(now))
        self._forget(now, slot)
        return Scene(
            now=now,
            slot=slot,
            block=block,
            quarantines=tuple(self._quarantines(now, block)),
            placements=tuple(
                Placements(account, int(p.zone), p.slots.start, len(p.slots), count)
                for (account, p), count in self._placed.items()
            ),
            zone_flows=tuple(
                ZoneFlow(zone, at, flow[0], flow[1]) for (zone, at), flow in self._flows.items()
            ),
            line_flows=tuple(self._line_flows(block)),
            quotes=tuple(
                SlotQuote(zone, at, price, self._quotes.get((zone, at - 1), 0))
                for (zone, at), price in sorted(self._quotes.items())
                if at >= slot
            ),
            feeds=tuple(self._feeds(now, block)),
            equivocations=tuple(equivocations_of(self._inboxes, self._domains)),
            faulty=tuple(self._faulty(block)),
        )

    # --- events -----------------------------------------------------------------------------------

    def _note(self, event: Event) -> None:
        match event.name:
            case "AccountEnrolled":
                self._zone_of[event.account] = int(event.zone)
            case "MeterQuarantined":
                self._quarantined.append(event)
            case "OrderPlaced":
                self._count(OrderId.unpack(int(event.orderId)))
            case "OrderReplaced":
                self._count(OrderId.unpack(int(event.newOrderId)))
            case "CurvePlaced":
                self._count_curves(int(event.accountId), [event.curve])
            case "CurvesPlaced":
                self._count_curves(int(event.accountId), event.curves)
            case "SignedOrdersPlaced":
                for placed in unpack_placed(bytes(event.orders)):
                    self._placed[placed.account_id, placed.curve.product] += 1
            case "SlotSettled":
                self._note_flow(event)
            case "RegionCleared":
                self._coupled[Product.from_id(int(event.regionProduct))] = None
            case "SlotQuoted":
                self._quotes[int(event.zone), int(event.slot)] = int(event.pricePerKWh)
            case "ZoneQuoted":  # one that is not OK moves the collars all the same
                self._quotes[int(event.zone), int(event.slot)] = int(event.quote.pricePerKWh)
            case "RoundPublished":
                oracle = self._names[event.address.lower()]
                seen = RoundSeen(int(event.round), FeedStatus(event.status), int(event.spread))
                self._rounds[oracle, int(event.feedId)].append(seen)

    def _count(self, order: OrderId) -> None:
        self._placed[int(order.account_id), Product.from_id(order.product_id)] += 1

    def _count_curves(self, account_id: int, words: Iterable[Any]) -> None:
        for word in words:
            self._placed[account_id, Curve.unpack(int(word)).product] += 1

    def _note_flow(self, event: Event) -> None:
        zone = self._zone_of.get(event.account)
        if zone is not None:
            flow = self._flows.setdefault((zone, int(event.slot)), [0, 0])
            flow[0] += int(event.importWh)
            flow[1] += int(event.exportWh)

    def _forget(self, now: int, slot: int) -> None:
        """Drop what nothing can be done about any more."""
        for key in [key for key in self._placed if key[1].starts_at <= now]:
            del self._placed[key]
        for place in [place for place in self._flows if place[1] < slot - KEPT_SLOTS]:
            del self._flows[place]
        for place in [place for place in self._quotes if place[1] < slot - 2]:
            del self._quotes[place]
        for product in [product for product in self._coupled if product.ends_at <= now]:
            del self._coupled[product]

    # --- views ------------------------------------------------------------------------------------

    def _quarantines(self, now: int, block: int) -> Iterable[Quarantine]:
        times = self._rpc.batch(
            [
                ("eth_getBlockByNumber", [hex(event.block_number), False])
                for event in self._quarantined
            ]
        )
        recent = [
            (event, int(found["timestamp"], 16))
            for event, found in zip(self._quarantined, times, strict=True)
            if int(found["timestamp"], 16) > now - SECONDS_PER_DAY
        ]
        self._quarantined = [event for event, _ in recent]
        infos = self._ask(self._meter, "meterInfo", [(e.meterId,) for e, _ in recent], block)
        for (event, at), info in zip(recent, infos, strict=True):
            yield Quarantine(int(event.meterId), int(info.zone), at, event.transaction_hash)

    def _line_flows(self, block: int) -> Iterable[LineFlow]:
        """Flows of all coupled products over each line, slot by slot."""
        heads = sorted({int(product.zone) for product in self._coupled})
        found = self._ask(self._market, "interconnectorsOf", [(head,) for head in heads], block)
        lines = dict(zip(heads, found, strict=True))
        places = [
            (product, index)
            for product in self._coupled
            for index in range(len(lines[int(product.zone)]))
        ]
        flows = self._ask(
            self._market, "flowOf", [(product.id, index) for product, index in places], block
        )
        sums: Counter[tuple[int, int, int]] = Counter()
        for (product, index), lots in zip(places, flows, strict=True):
            for at in product.slots:
                sums[int(product.zone), index, at] += int(lots) * self._lot_wh
        for (head, index, at), flow_wh in sorted(sums.items()):
            line = lines[head][index]
            yield LineFlow(
                region=head,
                index=index,
                from_zone=int(line.fromZone),
                to_zone=int(line.toZone),
                slot=at,
                flow_wh=flow_wh,
                forward_wh=slot_energy_wh(int(line.forwardW)),
                back_wh=slot_energy_wh(int(line.backW)),
            )

    def _feeds(self, now: int, block: int) -> Iterable[FeedView]:
        for name, oracle in self._oracles.items():
            ids = [int(one) for one in oracle.call("feedIds", block=block)]
            keys = [(one,) for one in ids]
            reads = self._ask(oracle, "read", keys, block)
            configs = self._ask(oracle, "feedConfig", keys, block)
            states = self._ask(oracle, "feedState", keys, block)
            status_of = {one: FeedStatus(read[2]) for one, read in zip(ids, reads, strict=True)}
            for one, read, config, state in zip(ids, reads, configs, states, strict=True):
                fallback = int(config.fallbackFeed)
                yield FeedView(
                    oracle=name,
                    feed_id=one,
                    status=status_of[one],
                    value=int(read[0]),
                    updated_at=int(read[1]),
                    heartbeat_seconds=int(config.heartbeatSeconds),
                    fallback_feed=fallback,
                    is_fallback_ok=status_of.get(fallback) is FeedStatus.OK,
                    is_held=(
                        int(state.phase) != _ACTIVE
                        or now < int(state.frozenUntil)
                        or now < int(state.fallbackUntil)
                    ),
                    rounds=tuple(self._rounds[name, one]),
                )

    def _faulty(self, block: int) -> Iterable[tuple[str, int]]:
        for name, oracle in self._oracles.items():
            number = len(oracle.call("reporters", block=block))
            yield name, max(0, (number - 1) // 3)

    def _ask(
        self, contract: Contract, function: str, calls: Sequence[tuple[Any, ...]], block: int
    ) -> list[Any]:
        answers = self._rpc.batch(
            [contract.request(function, *arguments, block=block) for arguments in calls]
        )
        return [contract.decode_answer(function, answer) for answer in answers]
