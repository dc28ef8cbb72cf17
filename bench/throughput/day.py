"""One day of 96 quarter-hour auctions: orders placed, cleared, metered, settled, and audited.

Every account is a member with a meter and has one order in each quarter hour. An order is a curve
of one step, the dearest shape: it has a storage record, a lock and a settlement of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from bench.gas.books import clear, placing
from bench.gas.people import Household, day_message, settle_in
from bench.gas.world import ZONE, Call, World
from energy_grid import eip712
from energy_grid.curves import Curve, Step
from energy_grid.products import Period, Product
from energy_grid.slots import slot_start

SLOTS: Final = 96

_FIRST_KEY: Final = 100_000
_PLACED_BEFORE_SECONDS: Final = 12 * 3_600
_LOWEST_TICK, _HIGHEST_TICK = 60, 199
_FEWEST_LOTS, _MOST_LOTS = 50, 500
_CALLS_AT_ONCE: Final = 12
"""Transactions in a block; also how often the progress moves and memory is sampled."""
_SETTLED_AT_ONCE: Final = 3
"""Accounts in a transaction: 96 fresh slots of each stay below 16.7 million gas."""

Progress = Callable[[int], None]


@dataclass
class Stage:
    """What one stage of the day took.

    Attributes:
        transactions: how many.
        gas: of all of them.
        seconds: by the wall clock, signing and solving included.
    """

    name: str
    transactions: int = 0
    gas: int = 0
    seconds: float = 0.0

    def as_json(self, orders: int) -> dict[str, object]:
        """The stage with its figures per order."""
        return {
            "stage": self.name,
            "seconds": round(self.seconds, 1),
            "orders_per_second": round(orders / self.seconds, 1),
            "transactions": self.transactions,
            "gas": self.gas,
            "gas_per_order": round(self.gas / orders),
        }


@dataclass
class Day:
    """A day to run, stage by stage.

    Args:
        world: the platform, a day before `first`.
        orders: at least this many; the accounts are as many as that takes.
        first: midnight slot.
        advance: told of the progress in units of an order and a stage.
    """

    world: World
    orders: int
    first: int
    advance: Progress
    sample: Callable[[], None]
    members: list[Household] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)

    def __post_init__(self) -> None:
        accounts = max(-(-self.orders // SLOTS), 2)
        self.orders = accounts * SLOTS
        self.members = settle_in(self.world, _FIRST_KEY, accounts, self.first)
        slots = range(self.first, self.first + SLOTS)
        self.products = [Product.auction(ZONE, Period.QUARTER_HOUR, slot) for slot in slots]
        self._random = Random(0)  # noqa: S311, no secret

    def run(self) -> None:
        """All stages in order."""
        for name, calls in (
            ("place", self._placing),
            ("clear", None),
            ("meter", self._metering),
            ("settle", self._settling),
        ):
            stage = Stage(name)
            self.stages.append(stage)
            started = time.monotonic()
            if calls is None:
                self._clear(stage)
            else:
                self._send(stage, calls())
            stage.seconds = time.monotonic() - started

    # --- Stages -----------------------------------------------------------------------------------

    def _placing(self) -> Iterator[Call]:
        self.world.travel_to(slot_start(self.first) - _PLACED_BEFORE_SECONDS)
        for number, member in enumerate(self.members):
            curves = [Curve(product, (self._step(number),)) for product in self.products]
            yield placing(member.address, self.world, curves)

    def _step(self, number: int) -> Step:
        tick = self._random.randint(_LOWEST_TICK, _HIGHEST_TICK)
        lots = self._random.randint(_FEWEST_LOTS, _MOST_LOTS)
        return Step.buy(tick, lots) if number % 2 else Step.sell(tick, lots)

    def _clear(self, stage: Stage) -> None:
        for product in self.products:
            stage.gas += clear(self.world, product)
            stage.transactions += 1
            self._step_done(self.orders // SLOTS)

    def _metering(self) -> Iterator[Call]:
        """Members sign their day: about what they may have traded, so that imbalance is settled."""
        start = slot_start(self.first)
        self.world.travel_to(start + SLOTS * 900 + 60)
        meter = self.world.contracts.smart_meter
        domain = eip712.domain(self.world.rpc.chain_id(), meter.address)
        for number, member in enumerate(self.members):
            energies = [
                (0, energy) if number % 2 == 0 else (energy, 0)
                for energy in (self._random.randint(0, _MOST_LOTS) for _ in range(SLOTS))
            ]
            message = day_message(member, start, energies)
            signature = eip712.sign(message, domain, bytes(member.device.key))
            arguments = (message.as_tuple(), signature)
            yield Call(member.address, meter, "submitSignedDay", arguments)

    def _settling(self) -> Iterator[Call]:
        addresses = [member.address for member in self.members]
        for at in range(0, len(addresses), _SETTLED_AT_ONCE):
            arguments = (addresses[at : at + _SETTLED_AT_ONCE], self.first + SLOTS)
            settlement = self.world.contracts.settlement
            yield Call(self.world.operator, settlement, "settleMany", arguments)

    # --- Sending ----------------------------------------------------------------------------------

    def _send(self, stage: Stage, calls: Iterator[Call]) -> None:
        block: list[Call] = []
        accounts = _SETTLED_AT_ONCE if stage.name == "settle" else 1
        done = 0
        for call in calls:
            block.append(call)
            if len(block) == _CALLS_AT_ONCE:
                self._send_block(stage, block)
                moved = min(done + len(block) * accounts, len(self.members)) - done
                done += moved
                self._step_done(moved * SLOTS)
                block = []
        if block:
            self._send_block(stage, block)
            self._step_done((len(self.members) - done) * SLOTS)

    def _send_block(self, stage: Stage, block: Sequence[Call]) -> None:
        stage.gas += sum(self.world.send_all(block))
        stage.transactions += len(block)

    def _step_done(self, orders: int) -> None:
        self.advance(orders)
        self.sample()

    # --- Sums -------------------------------------------------------------------------------------

    def audit(self) -> dict[str, int]:
        """Check that money and energy add up once all is settled.

        Raises:
            RuntimeError: something does not.
        """
        contracts = self.world.contracts
        settlement, market = contracts.settlement, contracts.energy_trading
        results = self._views(market, "auctionResult", [one.id for one in self.products])
        count = int(settlement.call("accountCount"))
        accounts = self._views(settlement, "accountAt", range(count))
        treasury = str(settlement.call("treasury"))
        states = self._views(settlement, "accountState", [*accounts, treasury])
        figures = {
            "bought_wh": sum(one.boughtLots for one in results),
            "sold_wh": sum(one.soldLots for one in results),
            "cleared": sum(bool(one.cleared) for one in results),
            "locked": sum(one.locked for one in states),
            "free": sum(one.free for one in states),
            "security": sum(one.security for one in states),
            "bond": int(settlement.call("zoneState", ZONE).bond),
            "clearing": int(settlement.call("clearing")),
            "tracked": int(settlement.call("trackedTotal")),
            "tokens": int(contracts.settlement_token.call("balanceOf", settlement.address)),
        }
        ledgers = sum(figures[name] for name in ("locked", "free", "security", "bond", "clearing"))
        settled = {one.settledUntil for one in states if one.metered}
        for what, expected, found in (
            ("ledgers against the tracked total", figures["tracked"], ledgers),
            ("tokens against the tracked total", figures["tracked"], figures["tokens"]),
            ("the clearing account", 0, figures["clearing"]),
            ("money still locked", 0, figures["locked"]),
            ("bought less sold", 0, figures["bought_wh"] - figures["sold_wh"]),
            ("auctions cleared", SLOTS, figures["cleared"]),
            ("slots settled", {self.first + SLOTS}, settled),
        ):
            if expected != found:
                raise RuntimeError(f"{what}: expected {expected}, found {found}")
        if not figures["bought_wh"]:
            raise RuntimeError("nothing was traded, so nothing was shown")
        return figures

    def _views(self, contract: Any, function: str, arguments: Sequence[Any]) -> list[Any]:
        answers = self.world.rpc.batch([contract.request(function, one) for one in arguments])
        return [contract.decode_answer(function, answer) for answer in answers]
