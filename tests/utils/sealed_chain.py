"""A sealed auction on a chain in this process, with a market that has a gate every hour."""

from __future__ import annotations

from typing import Any, Final

from energy_grid.artifacts import Artifacts
from energy_grid.clearing.market import CoupledMarket
from energy_grid.clearing.packing import PackedSession, PriceGrid
from energy_grid.clearing.proposal import Proposal
from energy_grid.clearing.verify import Outcome
from energy_grid.deployment.roles import Role
from tests.utils.coupled_markets import GRID, packed
from tests.utils.revm import Contract, Revm

GOVERNOR: Final = "0x" + "a1" * 20
COMMITTER: Final = "0x" + "c0" * 20
STRANGER: Final = "0x" + "5e" * 20

OPENED_AT: Final = 1_700_000_000
FIRST_GATE: Final = OPENED_AT + 86_400
GATE_INTERVAL: Final = 3_600
CLEARING_TIME: Final = 600
RING: Final = 4_096


class SealedChain:
    """The contract, its authority and one open market."""

    def __init__(self, grid: PriceGrid = GRID, *, sessions_per_gate: int = 1) -> None:
        self.grid = grid
        self.revm = Revm(Artifacts.load(), GOVERNOR)
        self.revm.at(OPENED_AT)
        self.authority = self.revm.deploy("GridAccessManager", GOVERNOR)
        self.auction: Contract = self.revm.deploy(
            "SealedAuctionHarness",
            self.authority.address,
            grid.lowest,
            grid.highest,
            grid.order_tick,
        )
        commit = self.auction.abi.selector("commit")
        self.authority.send(
            GOVERNOR,
            "setTargetFunctionRole",
            self.auction.address,
            [commit],
            Role.COMMITTER,
        )
        self.authority.send(GOVERNOR, "grantRole", Role.COMMITTER, COMMITTER, 0)
        clock = (FIRST_GATE, GATE_INTERVAL, sessions_per_gate, CLEARING_TIME)
        self.market = int(self.auction.send(GOVERNOR, "openMarket", clock))

    def session(self, number: int) -> int:
        """Id of a session."""
        return self.market << 32 | number

    def gate(self, number: int) -> int:
        """Gate of a session, one session a gate."""
        return FIRST_GATE + number * GATE_INTERVAL

    def seal(self, number: int, session: PackedSession, *, sender: str = COMMITTER) -> None:
        """Commit an hour before the gate, then let the gate come."""
        self.revm.at(self.gate(number) - 3_600)
        self.auction.send(
            sender, "commit", self.session(number), session.network_hash, session.curve_hashes
        )
        self.revm.at(self.gate(number))

    def clear(self, number: int, session: PackedSession, proposal: bytes) -> int:
        """Clear as anybody."""
        return int(
            self.auction.send(
                STRANGER,
                "clear",
                self.session(number),
                session.network,
                proposal,
                b"".join(session.curves),
            )
        )

    def prove(self, number: int, given: CoupledMarket, proposal: Proposal) -> int:
        """Seal a market and clear it."""
        session = packed(given, self.grid)
        self.seal(number, session)
        return self.clear(number, session, proposal.encode(given.links))

    def results(self, number: int) -> list[tuple[Any, ...]]:
        """`resultsOf`, as plain tuples."""
        return [tuple(result) for result in self.auction.ask("resultsOf", self.session(number))]


def as_recorded(outcome: Outcome) -> list[tuple[Any, ...]]:
    """An outcome as `resultsOf` gives it."""
    return [
        (
            zone.traded,
            zone.price,
            zone.net_export,
            zone.rations_buys,
            zone.rationed_fill,
            zone.rationed_total,
        )
        for zone in outcome.zones
    ]
