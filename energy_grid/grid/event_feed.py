"""Follows the events of the grid's contracts and tells resources what to do.

Two layers. What is `confirmations` blocks deep is folded into a state on disk, with the hash of its
block. What is above is read again at every look and folded on top: a reorganisation there needs no
handling at all. One that reaches below shows by the hash, and everything is read anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from energy_grid.abi import Event
from energy_grid.contracts import Contract
from energy_grid.errors import RetryableError
from energy_grid.grid.schedule import (
    SLOT_SECONDS,
    Choice,
    DemandEvent,
    Dispatch,
    FeedState,
    GridState,
    PayloadType,
    Powers,
    Schedule,
    fold,
    schedule,
)
from energy_grid.rpc import Rpc

MAX_BLOCKS_A_READ: Final = 5_000
_FORMAT: Final = 1

_log = structlog.get_logger(__name__)

PowerLookup = Callable[[int, int, int], tuple[int, int]]
"""Resource, slot and block to `dispatchOf`."""


class ChainMovedError(RetryableError):
    """The chain was reorganised while it was read."""


class EventsMissingError(RetryableError):
    """The node left events out: what it says cannot be acted upon."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the feed saw at a block.

    Args:
        block: its number.
        time: its time, unix seconds.
        state: what the events up to it say.
    """

    block: int
    time: int
    state: FeedState


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is on disk: a state that is final, and where it was read."""

    block: int
    block_hash: str
    state: FeedState


class EventFeed:
    """The events of some contracts.

    Args:
        rpc: the node.
        contracts: `DemandResponse`, `Flexibility`, `GridManagement`, as far as they are deployed.
        cursor_file: where it stands, made when missing; it may be deleted at any time.
        first_block: where the contracts begin.
        confirmations: blocks after which a block is final.
    """

    def __init__(
        self,
        rpc: Rpc,
        contracts: Sequence[Contract],
        cursor_file: Path,
        first_block: int,
        confirmations: int,
    ) -> None:
        self._rpc = rpc
        self._contracts = tuple(contracts)
        self._file = cursor_file
        self._identity = {
            "format": _FORMAT,
            "genesis": rpc.genesis_hash(),
            "contracts": [contract.address for contract in self._contracts],
            "first_block": first_block,
        }
        self._first_block = first_block
        self._confirmations = confirmations
        self._cursor = self._load()

    def look(self) -> Look:
        """Read what is new and return all that counts.

        Raises:
            ChainMovedError: the chain changed meanwhile; look again.
            EventsMissingError: the node left events out.
            RpcError: no node answers.
        """
        head = self._rpc.block("latest")
        number, time = int(head["number"], 16), int(head["timestamp"], 16)
        if self._cursor is not None and not self._is_there(self._cursor):
            _log.warning("chain reorganised below what was final, reading all events again")
            self._cursor = None
        self._confirm(number - self._confirmations)
        base, first = FeedState(), self._first_block
        if self._cursor is not None:
            base, first = self._cursor.state, self._cursor.block + 1
        state = self._folded(base, first, number)
        if self._rpc.block(number)["hash"] != head["hash"]:
            raise ChainMovedError("the chain was reorganised while it was read")
        return Look(number, time, state.without_past(time))

    def _confirm(self, block: int) -> None:
        """Move the state on disk up to a block that is final."""
        first = self._first_block if self._cursor is None else self._cursor.block + 1
        if block < first:
            return
        found = self._rpc.block(block)
        base = FeedState() if self._cursor is None else self._cursor.state
        state = self._folded(base, first, block)
        if self._rpc.block(block)["hash"] != found["hash"]:
            raise ChainMovedError("the chain was reorganised while it was read")
        cursor = Cursor(block, str(found["hash"]), state.without_past(int(found["timestamp"], 16)))
        self._save(cursor)
        self._cursor = cursor

    def _folded(self, base: FeedState, first: int, last: int) -> FeedState:
        try:
            return fold(base, self._events(first, last))
        except KeyError as error:
            raise EventsMissingError(
                "the node left events out",
                expected=f"the publication of event {error}",
                remedy="Look again, or ask a node that keeps all logs",
            ) from error

    def _events(self, first: int, last: int) -> list[Event]:
        found: list[Event] = []
        for start in range(first, last + 1, MAX_BLOCKS_A_READ):
            end = min(start + MAX_BLOCKS_A_READ - 1, last)
            for contract in self._contracts:
                found += contract.all_events(start, end)
        # Each contract's events are about that contract's things alone, so their order among
        # contracts does not matter.
        return found

    def _is_there(self, cursor: Cursor) -> bool:
        found = self._rpc.call("eth_getBlockByNumber", hex(cursor.block), False)
        return found is not None and str(found["hash"]) == cursor.block_hash

    # --- Disk -------------------------------------------------------------------------------------

    def _load(self) -> Cursor | None:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            if content["identity"] != self._identity:
                _log.warning("cursor of another chain or deployment", file=str(self._file))
                return None
            return Cursor(
                int(content["block"]), str(content["hash"]), state_from_json(content["state"])
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            # Everything in it can be read again from the chain.
            _log.warning("cursor unreadable, reading all events again", reason=repr(error))
            return None

    def _save(self, cursor: Cursor) -> None:
        content = {
            "identity": self._identity,
            "block": cursor.block,
            "hash": cursor.block_hash,
            "state": state_to_json(cursor.state),
        }
        beside = self._file.with_name(self._file.name + ".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)


def powers_of(look: Look, zone: int, resources: Sequence[int], lookup: PowerLookup) -> Powers:
    """What resources of a zone have to deliver in the dispatches that are not over."""
    slots = {
        slot
        for one in look.state.dispatches.values()
        if one.zone == zone
        for slot in range(max(one.from_slot, look.time // SLOT_SECONDS), one.to_slot)
    }
    return {
        (resource, slot): lookup(resource, slot, look.block)
        for resource in resources
        for slot in sorted(slots)
    }


def schedules(
    look: Look, zone_of: dict[int, int], lookup: PowerLookup | None, now: int | None = None
) -> dict[int, Schedule]:
    """What every resource must do, by its id.

    Args:
        look: what the feed saw.
        zone_of: the resources and their zones.
        lookup: how to ask who delivers flexibility; None where none is deployed.
        now: unix seconds; the block's time if not given.
    """
    found = {}
    for ven, zone in zone_of.items():
        powers = {} if lookup is None else powers_of(look, zone, (ven,), lookup)
        found[ven] = schedule(look.state, ven, zone, look.time if now is None else now, powers)
    return found


def state_to_json(state: FeedState) -> dict[str, Any]:
    """A state as JSON."""
    return {
        "events": [
            {**asdict_event(one), "choices": {str(k): int(v) for k, v in one.choices.items()}}
            for one in state.events.values()
        ],
        "dispatches": [asdict(one) for one in state.dispatches.values()],
        "grid_states": {str(zone): list(pair) for zone, pair in state.grid_states.items()},
        "curve_changes": {str(zone): count for zone, count in state.curve_changes.items()},
    }


def asdict_event(event: DemandEvent) -> dict[str, Any]:
    """An event's fields without its choices."""
    return {name: getattr(event, name) for name in DemandEvent.__slots__ if name != "choices"}


def state_from_json(content: dict[str, Any]) -> FeedState:
    """The reverse of `state_to_json`."""
    events = {}
    for fields in content["events"]:
        known = {
            **fields,
            "payload_type": PayloadType(fields["payload_type"]),
            "participants": tuple(fields["participants"]),
            "choices": {int(k): Choice(v) for k, v in fields["choices"].items()},
        }
        events[int(fields["event_id"])] = DemandEvent(**known)
    return FeedState(
        events=events,
        dispatches={int(one["request_id"]): Dispatch(**one) for one in content["dispatches"]},
        grid_states={
            int(zone): (GridState(state), int(based_on))
            for zone, (state, based_on) in content["grid_states"].items()
        },
        curve_changes={int(zone): int(count) for zone, count in content["curve_changes"].items()},
    )
