"""The event feed on a chain that is reorganised: it says what the chain that remains says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from energy_grid.contracts import Contract
from energy_grid.grid.event_feed import ChainMovedError, EventFeed, schedules
from energy_grid.grid.schedule import Choice
from energy_grid.rpc import Rpc
from tests.utils.anvil import Anvil
from tests.utils.demand_street import CONFIRMATIONS, PV, Street


@pytest.fixture
def street() -> Iterator[Street]:
    with Anvil() as chain:
        yield Street(chain)


def test_feed__what_is_published_and_joined__becomes_a_schedule(
    street: Street, tmp_path: Path
) -> None:
    feed = street.feed(tmp_path)
    street.publish()
    street.choose("join")

    look = feed.look()
    coming = schedules(look, {PV: 1}, None)[PV].coming

    (command,) = coming
    assert command.value == 1_000
    assert schedules(look, {PV: 1}, None, now=command.starts_at)[PV].now == coming


def test_feed__reorganisation_of_what_is_not_final__follows(street: Street, tmp_path: Path) -> None:
    feed = street.feed(tmp_path)
    street.publish()
    street.chain.mine(CONFIRMATIONS)
    before = street.chain.snapshot()
    street.choose("join")
    assert feed.look().state.events[1].choices == {PV: Choice.JOINED}

    street.chain.revert(before)
    street.choose("leave")
    street.chain.mine()

    assert feed.look().state.events[1].choices == {PV: Choice.LEFT}


def test_feed__reorganisation_below_what_was_final__reads_anew(
    street: Street, tmp_path: Path
) -> None:
    feed = street.feed(tmp_path)
    before = street.chain.snapshot()
    street.publish(limit_w=1_000)
    street.chain.mine(CONFIRMATIONS + 1)
    assert feed.look().state.events[1].value == 1_000
    assert json.loads((tmp_path / "cursor").read_text())["state"]["events"]

    street.chain.revert(before)
    street.publish(limit_w=2_000)
    street.chain.mine(CONFIRMATIONS + 4)

    assert {one.value for one in feed.look().state.events.values()} == {2_000}
    assert street.feed(tmp_path).look().state.events[1].value == 2_000


def test_feed__chain_shorter_than_before__reads_what_is_there(
    street: Street, tmp_path: Path
) -> None:
    feed = street.feed(tmp_path)
    before = street.chain.snapshot()
    street.publish()
    street.chain.mine(CONFIRMATIONS + 1)
    feed.look()

    street.chain.revert(before)

    assert feed.look().state.events == {}


def test_feed__started_again__goes_on_from_the_disk_and_reads_only_what_is_new(
    street: Street, tmp_path: Path
) -> None:
    street.publish()
    street.chain.mine(CONFIRMATIONS)
    street.feed(tmp_path).look()
    street.choose("join")

    firsts: list[int] = []

    class Recording(Contract):
        def all_events(self, from_block: int, to_block: int) -> list[Any]:
            firsts.append(from_block)
            return super().all_events(from_block, to_block)

    again = Recording("DemandResponse", street.response.address, street.response.abi, street.rpc)
    feed = EventFeed(street.rpc, [again], tmp_path / "cursor", street.first_block, CONFIRMATIONS)
    stood = json.loads((tmp_path / "cursor").read_text())["block"]

    assert feed.look().state.events[1].choices == {PV: Choice.JOINED}
    assert min(firsts) == stood + 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"identity": 1}', "null"])
def test_feed__broken_cursor__is_read_again_from_the_chain(
    street: Street, tmp_path: Path, content: str
) -> None:
    street.publish()
    street.chain.mine(CONFIRMATIONS)
    (tmp_path / "cursor").write_text(content)

    assert set(street.feed(tmp_path).look().state.events) == {1}


def test_feed__chain_moves_while_it_is_read__says_so_and_is_right_the_next_time(
    street: Street, tmp_path: Path
) -> None:
    before = street.chain.snapshot()
    street.publish(limit_w=1_000)

    class Moving(Rpc):
        """Its node's chain changes after the first look at the head."""

        moved = False

        def block(self, block: int | str = "latest") -> dict[str, Any]:
            found = super().block(block)
            if block == "latest" and not self.moved:
                self.moved = True
                street.chain.revert(before)
                street.publish(limit_w=2_000)
                street.chain.mine()
            return found

    with Moving(street.chain.url) as rpc:
        response = Contract("DemandResponse", street.response.address, street.response.abi, rpc)
        feed = EventFeed(rpc, [response], tmp_path / "cursor", street.first_block, 100)

        with pytest.raises(ChainMovedError):
            feed.look()
        assert {one.value for one in feed.look().state.events.values()} == {2_000}
