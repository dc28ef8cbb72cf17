"""Reads one moment of the market: events since the last time, then views, all of one block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import structlog

from energy_grid.clearing.single import Level
from energy_grid.contracts import Contract, Contracts
from energy_grid.curves import MarketUnits
from energy_grid.ids import Side
from energy_grid.products import Product
from energy_grid.rpc import ExecutionRevertedError, Rpc, RpcResponseError, to_hex
from energy_grid.signed_orders import pack_batch
from energy_grid.units import slot_energy_wh
from oracles.engine.index import MarketIndex
from oracles.engine.snapshot import Auction, Halt, Line, Region, Rent, Snapshot, WaitingOrder

CLAIMED: Final = 2
"""`CurveState` of a record with nothing left to claim."""
_TICK_SHIFT: Final = 32
_LOTS_MASK: Final = (1 << _TICK_SHIFT) - 1
WHEN_SENT: Final = "pending"
"""Block in which calls are tried out: they depend on the time at which they would run."""
MAX_BLOCKS_A_READ: Final = 5_000
MAX_ORDERS_CHECKED: Final = 500

_log = structlog.get_logger(__name__)


class MarketReader:
    """Keeps an index of the market's events and makes snapshots.

    Args:
        contracts: the deployment.
        sender: account that will send, for calls that are tried out.
        reads_claims: whether to look for accounts to claim for.
    """

    def __init__(self, contracts: Contracts, *, sender: str, reads_claims: bool = True) -> None:
        self._contracts = contracts
        self._market: Contract = contracts.energy_trading
        self._rpc: Rpc = contracts.rpc
        self._sender = sender
        self._reads_claims = reads_claims
        self._first_block = contracts.deployment.contracts["EnergyTrading"].block or 0
        self.units = MarketUnits(
            lot_wh=int(self._market.call("LOT")), tick_size=int(self._market.call("TICK_SIZE"))
        )
        self._index = MarketIndex(self.units.lot_wh)
        self._next_block = self._first_block
        self._last_hash: str | None = None
        self._flows: dict[Product, tuple[int, ...]] = {}

    # --- the moment -------------------------------------------------------------------------------

    def read(self, waiting: Sequence[WaitingOrder] = ()) -> Snapshot:
        """The market as of the newest block.

        Args:
            waiting: signed orders of the inbox; those that would be skipped now are left out.

        Raises:
            RpcError: the node is away or behind.
        """
        head = self._rpc.block("latest")
        block = int(head["number"], 16)
        # When a transaction sent now would run; never before the block it builds on.
        now = max(self._rpc.timestamp("pending"), int(head["timestamp"], 16))
        self._follow(block, str(head["hash"]), now)
        regions = self._regions(block)
        auctions = self._auctions(regions, now, block)
        flows = self._read_flows(block)
        zones = {product.zone for product in auctions} | {
            product.zone for product in self._index.book.products()
        }
        return Snapshot(
            now=now,
            regions=tuple(regions.values()),
            auctions=auctions,
            flows=flows,
            claims=self._claims(now, block) if self._reads_claims else {},
            books={
                product: self._index.book.orders(product) for product in self._index.book.products()
            },
            rents=tuple(self._rents(flows, now)),
            halts=self._halts(sorted(zones), block),
            waiting=tuple(self._placeable(waiting)),
        )

    # --- events -----------------------------------------------------------------------------------

    def _follow(self, block: int, block_hash: str, now: int) -> None:
        """Bring the index to a block; anew if the chain is no longer the one it was read from."""
        if self._last_hash is not None and not self._is_still_there(block):
            _log.warning("chain reorganised, reading the market's events again")
            self._index = MarketIndex(self.units.lot_wh, now)
            self._next_block, self._flows = self._first_block, {}
        for first in range(self._next_block, block + 1, MAX_BLOCKS_A_READ):
            last = min(first + MAX_BLOCKS_A_READ - 1, block)
            self._index.apply(self._market.all_events(first, last))
            self._index.forget_closed(now)
        self._index.forget_closed(now)
        self._next_block, self._last_hash = block + 1, block_hash

    def _is_still_there(self, block: int) -> bool:
        last = self._next_block - 1
        return last <= block and str(self._rpc.block(last)["hash"]) == self._last_hash

    # --- auctions ---------------------------------------------------------------------------------

    def _regions(self, block: int) -> dict[int, Region]:
        """Regions of the zones with auction orders, by head zone."""
        zones = sorted({product.zone for product in (*self._index.owners, *self._index.coupled)})
        heads = sorted({int(head) for head in self._ask("regionOf", [(z,) for z in zones], block)})
        members = self._ask("zonesOf", [(head,) for head in heads], block)
        lines = self._ask("interconnectorsOf", [(head,) for head in heads], block)
        return {
            head: Region(
                zones=tuple(int(zone) for zone in members[i]),
                lines=tuple(self._line(line) for line in lines[i]),
            )
            for i, head in enumerate(heads)
        }

    def _line(self, line: Any) -> Line:
        return Line(
            from_zone=int(line.fromZone),
            to_zone=int(line.toZone),
            forward_lots=slot_energy_wh(int(line.forwardW)) // self.units.lot_wh,
            back_lots=slot_energy_wh(int(line.backW)) // self.units.lot_wh,
        )

    def _auctions(
        self, regions: Mapping[int, Region], now: int, block: int
    ) -> dict[Product, Auction]:
        """Auctions between gate and delivery, with all zones of their regions."""
        region_of = {zone: region for region in regions.values() for zone in region.zones}
        products = sorted(
            {
                product.in_zone(zone)
                for product in self._index.owners
                if product.gate_at <= now < product.starts_at
                for zone in region_of[product.zone].zones
            }
        )
        ids = [(product.id,) for product in products]
        gates = self._ask("gateOf", ids, block)
        results = self._ask("auctionResult", ids, block)
        open_ids = [
            product.id for product, result in zip(products, results, strict=True)
            if not result.cleared
        ]  # fmt: skip
        levels = {
            side: dict(
                zip(
                    open_ids,
                    self._ask("bookLevels", [(id_, int(side)) for id_ in open_ids], block),
                    strict=True,
                )
            )
            for side in Side
        }
        return {
            product: Auction(
                product,
                gate_at=int(gate),
                is_cleared=bool(result.cleared),
                buys=_levels(levels[Side.BUY].get(product.id, ())),
                sells=_levels(levels[Side.SELL].get(product.id, ())),
            )
            for product, gate, result in zip(products, gates, results, strict=True)
        }

    def _claims(self, now: int, block: int) -> dict[Product, tuple[str, ...]]:
        """Accounts with something to claim; what is over is forgotten on the way."""
        closed = [product for product in self._index.owners if product.gate_at <= now]
        results = self._ask("auctionResult", [(product.id,) for product in closed], block)
        decided = [
            product
            for product, result in zip(closed, results, strict=True)
            if result.cleared or now >= product.starts_at
        ]
        places = [
            (account_id, product)
            for product in decided
            for account_id in self._index.owners[product]
        ]
        records = self._ask("curveOf", [(id_, product.id) for id_, product in places], block)
        traders = sorted({str(record.trader) for record in records if record.steps})
        settled = {
            trader: int(state.settledUntil)
            for trader, state in zip(
                traders, self._ask_settlement("accountState", [(t,) for t in traders], block),
                strict=True,
            )
        }  # fmt: skip
        claims: dict[Product, list[str]] = {}
        for (account_id, product), record in zip(places, records, strict=True):
            is_over = not record.steps or int(record.state) == CLAIMED
            if is_over or settled[str(record.trader)] > product.start_slot:
                self._index.forget_owner(product, account_id)
            else:
                claims.setdefault(product, []).append(str(record.trader))
        return {product: tuple(accounts) for product, accounts in claims.items()}

    # --- regions' flows ---------------------------------------------------------------------------

    def _read_flows(self, block: int) -> dict[Product, tuple[int, ...]]:
        """Flows of the coupled products still of interest; they never change once cleared."""
        new = [head for head in self._index.coupled if head not in self._flows]
        lines = self._ask("interconnectorsOf", [(head.zone,) for head in new], block)
        places = [(head, i) for head, of_head in zip(new, lines, strict=True)
                  for i in range(len(of_head))]  # fmt: skip
        flows = self._ask("flowOf", [(head.id, i) for head, i in places], block)
        for head in new:
            self._flows[head] = tuple(
                int(flow) for (of, _), flow in zip(places, flows, strict=True) if of == head
            )
        self._flows = {head: self._flows[head] for head in self._index.coupled}
        return dict(self._flows)

    def _rents(self, flows: Mapping[Product, tuple[int, ...]], now: int) -> Iterable[Rent]:
        """Rents that collecting would bring; products without any left are forgotten."""
        for head, of_head in flows.items():
            if now < head.ends_at:
                continue
            found = [
                Rent(head, index)
                for index, flow in enumerate(of_head)
                if flow
                and (head, index) not in self._index.collected
                and self._would_collect(head, index)
            ]
            if not found:
                self._index.forget_region_product(head)
            yield from found

    def _would_collect(self, head: Product, index: int) -> bool:
        data = self._market.encode("collectRent", head.id, index)
        try:
            self._rpc.eth_call(self._market.address, data, sender=self._sender, block=WHEN_SENT)
        except ExecutionRevertedError:
            return False
        return True

    # --- the rest ---------------------------------------------------------------------------------

    def _halts(self, zones: Sequence[int], block: int) -> dict[int, Halt]:
        found = self._ask("haltOf", [(zone,) for zone in zones], block)
        return {
            zone: Halt(int(h.scope), int(h.fromSlot), int(h.toSlot), int(h.expiresAt))
            for zone, h in zip(zones, found, strict=True)
            if int(h.scope)
        }

    def _placeable(self, waiting: Sequence[WaitingOrder]) -> Iterable[WaitingOrder]:
        """Orders that the market would take now, each by itself."""
        tried = waiting[:MAX_ORDERS_CHECKED]
        calls = [
            self._market.request("placeSigned", pack_batch([one.order]), block=WHEN_SENT)
            for one in tried
        ]
        answers = self._rpc.batch(calls, return_errors=True) if calls else []
        for one, answer in zip(tried, answers, strict=True):
            if isinstance(answer, RpcResponseError):
                _log.warning(
                    "signed order cannot be tried", key=to_hex(one.key), reason=str(answer)
                )
            elif int(self._market.decode_answer("placeSigned", answer)):
                yield one

    def _ask(self, function: str, arguments: Sequence[tuple[Any, ...]], block: int) -> list[Any]:
        return self._ask_contract(self._market, function, arguments, block)

    def _ask_settlement(
        self, function: str, arguments: Sequence[tuple[Any, ...]], block: int
    ) -> list[Any]:
        return self._ask_contract(self._contracts.settlement, function, arguments, block)

    def _ask_contract(
        self, contract: Contract, function: str, arguments: Sequence[tuple[Any, ...]], block: int
    ) -> list[Any]:
        if not arguments:
            return []
        calls = [contract.request(function, *one, block=block) for one in arguments]
        answers = self._rpc.batch(calls)
        return [contract.decode_answer(function, answer) for answer in answers]


def _levels(words: Iterable[Any]) -> tuple[Level, ...]:
    return tuple(Level(int(word) >> _TICK_SHIFT, int(word) & _LOTS_MASK) for word in words)
