"""Rounds on command, for whoever moves the clock: a simulated day, a test on a local chain.

A line on standard input is a round, a line on standard output says what was done once all of it is
in blocks. So the one that asks knows that the market is at rest, and may move time on. The end of
the input ends the engine.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from energy_grid.errors import EnergyGridError, FatalError
from energy_grid.rpc import to_bytes
from energy_grid.signed_orders import SignedOrder, unpack_batch
from oracles.engine.inbox import SignedOrderRefusedError
from oracles.engine.service import Round

ROUND_SECONDS: Final = 240.0
"""A round has come to rest long before: what follows from one action is a handful of others."""
_PAUSE_SECONDS: Final = 0.005


class RequestError(FatalError):
    """A line is no request."""


class NoRestError(FatalError):
    """Cycle follows cycle and there is always something left to do."""


class Steppable(Protocol):
    """An engine, as far as rounds need it."""

    def submit(self, order: SignedOrder) -> Any:
        """Take a signed order in."""

    def cycle(self) -> Round:
        """Look at the market once and do what it needs."""

    def transactions_open(self) -> int:
        """Transactions planned or under way."""


@dataclass(frozen=True)
class StepAnswer:
    """What a round did.

    Attributes:
        now: time of the market when it had come to rest.
        transactions: how many are in blocks.
        failed: how many were refused.
        planned: actions by kind.
        refused: why signed orders were not taken, one text each.
        problems: what could not be decided.
    """

    now: int
    transactions: int
    failed: int
    planned: dict[str, int]
    refused: tuple[str, ...]
    problems: tuple[str, ...]


def answers(engine: Steppable, lines: Iterable[str]) -> Iterator[str]:
    """One line for each line.

    A request is a JSON object; `signed_orders` are orders to relay, packed as for `placeSigned`, in
    hexadecimal. The answer is a `StepAnswer` as JSON.

    Raises:
        RequestError: a line is no request.
        NoRestError: a round does not end.
        RetryableError: node or disk are away.
    """
    for line in lines:
        answer = step(engine, orders_of(line))
        yield json.dumps(asdict(answer))


def orders_of(line: str) -> list[SignedOrder]:
    """Signed orders of a request.

    Raises:
        RequestError: it is none.
    """
    try:
        request = json.loads(line)
        if not isinstance(request, dict) or request.keys() - {"signed_orders"}:
            raise ValueError("no object with this key alone")
        return unpack_batch(to_bytes(str(request.get("signed_orders", ""))))
    except (ValueError, EnergyGridError) as error:
        raise RequestError(
            "no request of a round",
            expected='{"signed_orders": "<hexadecimal>"}',
            found=f"{line[:80]!r} ({error})",
        ) from error


def step(
    engine: Steppable, orders: Sequence[SignedOrder], round_seconds: float = ROUND_SECONDS
) -> StepAnswer:
    """Take orders in, then repeat cycles until nothing is left to do.

    Raises:
        NoRestError: there is always something left.
    """
    deadline = time.monotonic() + round_seconds
    refused = []
    for order in orders:
        try:
            engine.submit(order)
        except SignedOrderRefusedError as error:
            refused.append(str(error))
    mined = failed = 0
    planned: Counter[str] = Counter()
    while True:
        done = engine.cycle()
        mined += done.mined
        failed += done.failed
        planned.update(done.planned)
        # What a cycle saw mined, it had seen before it looked at the market.
        if not (done.planned or done.sent):
            if not engine.transactions_open():
                return StepAnswer(
                    done.now, mined, failed, dict(planned), tuple(refused), done.problems
                )
            time.sleep(_PAUSE_SECONDS)  # the node is mining
        if time.monotonic() > deadline:
            raise NoRestError(
                "the market does not come to rest",
                expected=f"nothing left to do after {round_seconds:g} s",
                found=f"{dict(planned)}, {engine.transactions_open()} transactions open",
            )
