"""Reads the zones under grid management: states, fresh values, and what the market lacks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from energy_grid.abi import Event
from energy_grid.contracts import Contracts
from energy_grid.feeds import FeedStatus
from oracles.balancing.asking import Asker
from oracles.balancing.scene import GridState, ZoneView

_WATCHED: Final = (
    (1, "frequencyMilliHz", "frequencyAt"),
    (2, "voltageMilliV", "voltageAt"),
    (4, "lineLoadingBps", "loadingAt"),
)
"""Bit of `GridLimits.watched`, field of `GridMetrics`, field of `ZoneStatus`."""
_LINE_BASE: Final = 256
"""`linesOf` names a line `region * 256 + index`."""


class ZoneReader:
    """Follows GridManagement.

    Args:
        contracts: the deployment.
    """

    def __init__(self, contracts: Contracts) -> None:
        self._grid = Asker(contracts.rpc, contracts.grid_management)
        self._oracle = Asker(contracts.rpc, contracts.grid_oracle)
        self.start_anew()

    def start_anew(self) -> None:
        """Forget what events have told: the chain was reorganised."""
        self._watched: dict[int, int] = {}
        self._announced: dict[int, GridState] = {}
        self._refused: set[int] = set()

    def note(self, events: Iterable[Event]) -> None:
        """Take in events of GridManagement, in order; others are left out."""
        for event in events:
            if event.name == "GridLimitsSet":
                self._watched[int(event.zone)] = int(event.newLimits.watched)
            elif event.name == "GridStateChanged":
                self._announced[int(event.zone)] = GridState(event.to)
            elif event.name == "LineRefused":
                self._refused.add(int(event.region) * _LINE_BASE + int(event.index))
            elif event.name in ("LineLimited", "LineRated"):
                self._refused.discard(int(event.region) * _LINE_BASE + int(event.index))

    @property
    def zones(self) -> tuple[int, ...]:
        """Zones under grid management."""
        return tuple(sorted(self._watched))

    def read(self, block: int) -> tuple[ZoneView, ...]:
        """The zones as of a block.

        Raises:
            RpcError: the node is away or behind.
        """
        zones = self.zones

        def of_zones(function: str) -> list[tuple[str, tuple[Any, ...]]]:
            return [(function, (zone,)) for zone in zones]

        metrics = self._oracle.ask(of_zones("gridMetrics"), block)
        status = self._grid.ask(of_zones("zoneStatus"), block)
        states = self._grid.ask(of_zones("gridState"), block)
        halts = self._grid.ask(of_zones("breakerOf"), block)
        lines = self._grid.ask(of_zones("linesOf"), block)
        # Tried out: the contract itself knows best what it makes of the values.
        previews = self._grid.ask(of_zones("updateGridState"), block)
        return tuple(
            self._view(*one)
            for one in zip(zones, metrics, status, states, halts, lines, previews, strict=True)
        )

    def _view(
        self,
        zone: int,
        metrics: Any,
        status: Any,
        state: Any,
        halt: Any,
        lines: Any,
        preview: int,
    ) -> ZoneView:
        watched = [one for one in _WATCHED if self._watched[zone] & one[0]]
        fresh = [
            int(getattr(metrics, metric).updatedAt)
            for _, metric, used in watched
            if FeedStatus(getattr(metrics, metric).status) is FeedStatus.OK
            and getattr(metrics, metric).updatedAt > getattr(status, used)
        ]
        return ZoneView(
            zone=zone,
            state=GridState(state.state),
            announced=self._announced.get(zone, GridState.NORMAL),
            preview=GridState(preview),
            calm_rounds=int(status.calmRounds),
            used_at=int(state.updatedAt),
            newest_at=max(fresh, default=0),
            is_complete=len(fresh) == len(watched),
            is_halt_due=bool(halt.isDue),
            is_line_refused=any(int(line) in self._refused for line in lines),
        )
