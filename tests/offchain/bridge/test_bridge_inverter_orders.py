"""Limits written to a SunSpec inverter (model 123) over Modbus TCP, and what it may do instead."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from meter_bridge.commands.orders import Answer, Order
from meter_bridge.commands.sunspec import SunSpecOrders
from meter_bridge.errors import SourceError
from tests.offchain.bridge.inverter import Inverter, common, model_103, model_123

NOW = 1_900_000_800
PV, RATED_W = 7, 5_000
CONTROLS = 2 + 68 + 52
"""Words before model 123 in the map."""


@pytest.fixture
def inverter() -> Iterator[Inverter]:
    found = Inverter(common(), model_103(1_000), model_123())
    yield found
    found.close()


def orders_for(inverter: Inverter) -> SunSpecOrders:
    return SunSpecOrders("127.0.0.1", inverter.port, inverter.unit, RATED_W)


def order(
    limit_w: int | None = 1_234, expires_at: int = NOW + 600, level: int | None = None
) -> Order:
    return Order(
        PV, NOW, expires_at, export_limit_w=limit_w, level=level, commands=("demand-response/1",)
    )


FREE = Order(PV, NOW, NOW + 600)


def send(inverter: Inverter, what: Order, now: int = NOW) -> Answer | None:
    return asyncio.run(orders_for(inverter).send(what, now))


def controls(inverter: Inverter) -> tuple[int, int, int, int]:
    """Limit, delay, revert time and whether it is enabled."""
    block = inverter.words_at(CONTROLS, 26)
    return block[5], block[6], block[7], block[9]


def test_inverter__limit__written_with_its_end_and_read_back(inverter: Inverter) -> None:
    answer = send(inverter, order())

    # 1,234 W of 5,000 W are 24.68 %: 246 steps of 0.1 %, rounded down.
    assert answer == Answer(PV, order().order_id, True)
    assert controls(inverter) == (246, 0, 600, 1)


def test_inverter__limit_before_it_counts(inverter: Inverter) -> None:
    send(inverter, order())

    assert [place - CONTROLS for place, _ in inverter.written] == [5, 9]


@pytest.mark.parametrize(
    ("limit_w", "steps"), [(0, 0), (4, 0), (5, 1), (5_000, 1_000), (9_999, 1_000)]
)
def test_inverter__edges_of_the_limit(inverter: Inverter, limit_w: int, steps: int) -> None:
    send(inverter, order(limit_w))

    assert controls(inverter)[0] == steps


def test_inverter__end_far_away__as_far_as_the_register_goes(inverter: Inverter) -> None:
    send(inverter, order(expires_at=NOW + 100_000))

    assert controls(inverter)[2] == 65_534


def test_inverter__free__limit_no_longer_counts(inverter: Inverter) -> None:
    send(inverter, order())

    assert send(inverter, FREE) == Answer(PV, FREE.order_id, True)
    assert controls(inverter)[3] == 0


def test_inverter__the_same_twice__harmless(inverter: Inverter) -> None:
    first, second = send(inverter, order()), send(inverter, order(), now=NOW + 100)

    assert first == second
    assert controls(inverter) == (246, 0, 500, 1)


def test_inverter__order_that_came_too_late__refused_and_nothing_written(
    inverter: Inverter,
) -> None:
    answer = send(inverter, order(), now=NOW + 600)

    assert answer == Answer(PV, order().order_id, False, "came too late")
    assert inverter.written == []


def test_inverter__what_it_cannot_do__refused_and_nothing_written(inverter: Inverter) -> None:
    answer = send(inverter, order(limit_w=None, level=2))

    assert answer is not None
    assert not answer.accepted
    assert inverter.written == []


@pytest.mark.parametrize("fault", ["refuses_writes", "ignores_writes"])
def test_inverter__does_not_do_it__refused(inverter: Inverter, fault: str) -> None:
    setattr(inverter, fault, True)

    answer = send(inverter, order())

    assert answer is not None
    assert (answer.order_id, answer.accepted) == (order().order_id, False)
    assert answer.reason
    assert controls(inverter)[3] == 0


@pytest.mark.parametrize(
    ("maps", "reason"),
    [
        ((common(), model_103(1)), "has no model 123"),
        ((common(), model_123(scale=1)), "scale factor 1"),
        ((common(), model_123(scale=-4)), "scale factor -4"),
        ((common(), model_123(length=10)), "has no model 123"),
    ],
)
def test_inverter__without_usable_controls__refused(
    inverter: Inverter, maps: tuple[list[int], ...], reason: str
) -> None:
    inverter.write(*maps)

    answer = send(inverter, order())

    assert answer is not None
    assert not answer.accepted
    assert reason in answer.reason
    assert inverter.written == []


def test_inverter__away__told_and_there_again__done(inverter: Inverter) -> None:
    inverter.stop()
    with pytest.raises(SourceError):
        send(inverter, order())

    inverter.start()
    answer = send(inverter, order())

    assert answer is not None
    assert answer.accepted
