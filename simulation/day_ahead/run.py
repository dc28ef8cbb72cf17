"""Replay recorded hours: seal, try false outcomes, clear, compare."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from energy_grid.artifacts import Artifacts
from energy_grid.clearing.coupled import solve
from energy_grid.clearing.packing import PackedSession, PriceGrid, pack_session
from energy_grid.clearing.proposal import Proposal
from energy_grid.clearing.verify import Outcome, ZoneOutcome, verify
from energy_grid.rpc import Rpc
from simulation.day_ahead.chain import RING, ReplayChain
from simulation.day_ahead.errors import DataError, ReplayRefusedError
from simulation.day_ahead.hours import Borders, Hour, build_hour
from simulation.day_ahead.mutants import mutants
from simulation.day_ahead.records import HIGHEST_PRICE, LOWEST_PRICE, ORDER_TICK, read_records
from simulation.day_ahead.report import HourReport, ReplayReport
from simulation.market_day.anvil import Anvil

GRID: Final = PriceGrid(LOWEST_PRICE, HIGHEST_PRICE, ORDER_TICK)

_GENESIS: Final = 1_743_458_400
"""The chain's first second. Only the order of gates matters, not the recorded dates."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to replay.

    Attributes:
        data: folder of the recorded market.
        day: one delivery day; None for all.
        borders: what is known of the borders.
        out: folder for Anvil's log and the picture.
        port: Anvil's TCP port, 0 for a free one.
    """

    data: Path
    day: date | None
    borders: Borders
    out: Path
    port: int = 0


def load_hours(options: ReplayOptions) -> list[Hour]:
    """The hours to replay.

    Raises:
        DataError: the data is not what it should be, or has no such day.
    """
    records = read_records(options.data)
    chosen = {
        key: record
        for key, record in records.items()
        if options.day is None or key.day == options.day
    }
    if not chosen:
        days = sorted({key.day.isoformat() for key in records})
        raise DataError(
            f"the data has no hours of {options.day or 'any day'}",
            expected=", ".join(days) or "hours in bid-curves",
            remedy="Choose one of these days with --day",
        )
    return [build_hour(key, record, options.borders) for key, record in chosen.items()]


def replay(
    options: ReplayOptions,
    hours: Sequence[Hour],
    artifacts: Artifacts,
    progress: Callable[[str], None],
) -> ReplayReport:
    """Clear every hour through the contract, on storage that other sessions have used before.

    Args:
        options: what to replay.
        hours: the hours, from `load_hours`.
        artifacts: compiled contracts.
        progress: called twice for every hour, with its name.

    Raises:
        ReplayRefusedError: the contract refused a true outcome or recorded another.
    """
    started = time.monotonic()
    with (
        Anvil(_GENESIS, options.out / "anvil.log", options.port) as anvil,
        Rpc(anvil.url) as rpc,
    ):
        chain = ReplayChain(rpc, artifacts, GRID)
        solved = [_solve(hour) for hour in hours]
        # The ring's first turn: sessions whose storage those of the second turn take over.
        fresh = []
        for number, session in enumerate(solved[:RING]):
            progress(f"{session.hour.key}, first turn")
            chain.commit(number, session.packed)
            chain.pass_gate(number)
            fresh.append(chain.clear(number, session.packed, session.proposal_bytes))
        first = -(-len(solved) // RING) * RING
        reports = []
        for place, session in enumerate(solved):
            progress(str(session.hour.key))
            gas_fresh = fresh[place] if place < len(fresh) else None
            reports.append(_clear(chain, first + place, session, gas_fresh))
    return ReplayReport(options.borders, tuple(reports), time.monotonic() - started)


@dataclass(frozen=True)
class _Solved:
    """An hour with everything that is sent."""

    hour: Hour
    proposal: Proposal
    outcome: Outcome
    packed: PackedSession

    @property
    def proposal_bytes(self) -> bytes:
        return self.proposal.encode(self.hour.market.links)


def _solve(hour: Hour) -> _Solved:
    proposal = solve(hour.market)
    return _Solved(hour, proposal, verify(hour.market, proposal), pack_session(hour.market, GRID))


def _clear(chain: ReplayChain, number: int, session: _Solved, gas_fresh: int | None) -> HourReport:
    """Seal, try the mutants once the gate has passed, clear, and read the result."""
    chain.commit(number, session.packed)
    chain.pass_gate(number)
    false = list(
        mutants(session.hour.market, session.proposal, session.outcome, session.packed, GRID)
    )
    answers = chain.refusals(
        number, session.packed.network, [(each.proposal, each.curves) for each in false]
    )
    refusals: Counter[tuple[str, str]] = Counter()
    accepted = []
    for mutant, answer in zip(false, answers, strict=True):
        if answer is None:
            accepted.append(mutant.kind)
        else:
            refusals[mutant.kind, answer] += 1
    rent_before = chain.rent()
    gas = chain.clear(number, session.packed, session.proposal_bytes)
    found = _recorded(chain, number, chain.rent() - rent_before)
    _require_same(session, found)
    return HourReport(
        hour=session.hour,
        proposal=session.proposal,
        outcome=session.outcome,
        gas=gas,
        gas_fresh=gas_fresh,
        refusals=refusals,
        accepted=tuple(accepted),
    )


def _recorded(chain: ReplayChain, number: int, rent: int) -> tuple[list[tuple[object, ...]], int]:
    return [tuple(result) for result in chain.results(number)], rent


def _require_same(session: _Solved, found: tuple[list[tuple[object, ...]], int]) -> None:
    """What the contract has on record is the outcome, to the unit."""
    expected = [_as_recorded(zone) for zone in session.outcome.zones], session.outcome.rent
    if found != expected:
        raise ReplayRefusedError(
            f"{session.hour.key}: the contract's record is not the outcome",
            expected=expected,
            found=found,
        )


def _as_recorded(zone: ZoneOutcome) -> tuple[object, ...]:
    return (
        zone.traded,
        zone.price,
        zone.net_export,
        zone.rations_buys,
        zone.rationed_fill,
        zone.rationed_total,
    )
