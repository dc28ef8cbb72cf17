"""Signed orders left as files.

take_dropped
├── several files: all orders handed over in order of their names, files gone
├── refused order: told, the others taken, file gone
├── no packed orders, or too large: set aside
└── node away in the middle: the file stays, what is handed over twice is one order
"""

from __future__ import annotations

import pytest

from energy_grid.errors import RetryableError
from oracles.engine import dropping
from oracles.engine.dropping import take_dropped
from oracles.engine.inbox import SignedOrderRefusedError


@pytest.fixture(autouse=True)
def orders_are_bytes(monkeypatch):
    """Each byte of a file is an order; a file with an x is none."""

    def unpack(data):
        if b"x" in data:
            raise SignedOrderRefusedError("no packed orders")
        return list(data.decode())

    monkeypatch.setattr(dropping, "unpack_batch", unpack)


def test_take_dropped__several_files__all_taken_in_order(tmp_path):
    (tmp_path / "2.orders").write_bytes(b"c")
    (tmp_path / "1.orders").write_bytes(b"ab")
    (tmp_path / "3.partial").write_bytes(b"d")
    taken = []

    assert take_dropped(tmp_path, taken.append) == 3

    assert taken == ["a", "b", "c"]
    assert [file.name for file in tmp_path.iterdir()] == ["3.partial"]


def test_take_dropped__refused_order__others_are_taken(tmp_path):
    (tmp_path / "1.orders").write_bytes(b"abc")
    taken = []

    def submit(order):
        if order == "b":
            raise SignedOrderRefusedError("too late")
        taken.append(order)

    assert take_dropped(tmp_path, submit) == 2
    assert taken == ["a", "c"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"axb", b"a" * 11])
def test_take_dropped__broken_or_too_large__is_set_aside(tmp_path, monkeypatch, content):
    monkeypatch.setattr(dropping, "MOST_BYTES", 10)
    (tmp_path / "1.orders").write_bytes(content)
    taken = []

    assert take_dropped(tmp_path, taken.append) == 0

    assert not taken
    assert [file.name for file in tmp_path.iterdir()] == ["1.orders.refused"]


def test_take_dropped__node_away__file_stays(tmp_path):
    (tmp_path / "1.orders").write_bytes(b"ab")
    taken = []

    def submit(order):
        if order == "b":
            raise RetryableError("node away")
        taken.append(order)

    with pytest.raises(RetryableError):
        take_dropped(tmp_path, submit)
    assert [file.name for file in tmp_path.iterdir()] == ["1.orders"]

    assert take_dropped(tmp_path, taken.append) == 2
    assert taken == ["a", "a", "b"]
