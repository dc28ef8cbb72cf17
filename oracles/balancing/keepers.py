"""The balancing keeper as a program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pydantic import Field

from energy_grid.contracts import Contract, Contracts
from energy_grid.outbox import Cycle
from energy_grid.preflight import open_chain
from oracles.balancing.decide import Policy, decide
from oracles.balancing.reader import SceneReader
from oracles.balancing.scene import GridState, Scene
from oracles.runtime.checks import Check, Found, basic_checks, look
from oracles.runtime.config import KeeperSettings
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Keeper, Ops, Plan, Program

NAME: Final = "balancing"


class BalancingSettings(KeeperSettings):
    """What can be chosen about balancing.

    Attributes:
        balancing_heartbeat_seconds: a calm zone is updated this often.
        balancing_push_seconds: pause between two attempts to bring the market in line.
    """

    balancing_heartbeat_seconds: int = Field(default=600, ge=60, le=1_500)
    balancing_push_seconds: int = Field(default=60, ge=1, le=900)

    def policy(self) -> Policy:
        """The part that decisions depend on."""
        return Policy(
            heartbeat_seconds=self.balancing_heartbeat_seconds,
            push_seconds=self.balancing_push_seconds,
        )


class BalancingKeeper(Keeper):
    """Brings what the oracles see to what devices do, and has it paid.

    Args:
        contracts: the deployment.
        desk: outbox and key.
        ops: where it shows itself.
        policy: how to decide.
    """

    name = NAME

    def __init__(
        self, contracts: Contracts, desk: Desk, ops: Ops, policy: Policy | None = None
    ) -> None:
        self.outbox = desk.outbox
        self.sender = desk.sender
        self.address = desk.address
        self._contracts = contracts
        self._desk = desk
        self._policy = policy or Policy()
        self._reader = SceneReader(contracts)
        metrics = ops.metrics
        self._states = metrics.gauge(
            "eg_grid_state_bool", "Which state a zone is in: 1 for that one.", ("zone", "state")
        )
        self._ages = metrics.gauge(
            "eg_grid_state_age_seconds", "Age of the values a zone's state rests on.", ("zone",)
        )
        self._breakers = metrics.gauge(
            "eg_breakers_due_count", "Zones whose halt or line capacity the market lacks."
        )
        self._requests = metrics.gauge(
            "eg_flexibility_requests_count",
            "Requests that something is left to be done about.",
            ("phase",),
        )
        self._refused = metrics.gauge(
            "eg_flexibility_refused_count",
            "Zones whose state asks for flexibility that cannot be paid for.",
        )

    def plan(self) -> Plan:
        """See `Keeper.plan`."""
        scene = self._reader.read()
        self._show(scene)
        planned: dict[str, int] = {}
        for action in decide(scene, self._policy):
            contract = self._contracts[action.contract]
            if self._desk.plan(action.key, contract, action.function, *action.arguments):
                planned[action.kind.value] = planned.get(action.kind.value, 0) + 1
        return Plan(now=scene.now, planned=planned)

    def send(self) -> Cycle:
        """See `Keeper.send`."""
        return self._desk.work()

    def _show(self, scene: Scene) -> None:
        for zone in scene.zones:
            for state in GridState:
                labels = {"zone": zone.zone, "state": state.name.lower()}
                self._states.labels(**labels).set(zone.state is state)
            if zone.used_at:
                self._ages.labels(zone=zone.zone).set(scene.now - zone.used_at)
        allocated = sum(request.is_allocated for request in scene.requests)
        self._requests.labels(phase="allocated").set(allocated)
        self._requests.labels(phase="open").set(len(scene.requests) - allocated)
        self._refused.set(len(scene.refused))
        self._breakers.set(sum(zone.is_halt_due or zone.is_line_refused for zone in scene.zones))


@contextmanager
def open_keeper(settings: BalancingSettings, ops: Ops) -> Iterator[Keeper]:
    """The keeper that the settings name.

    Raises:
        ConfigurationError: chain, key or store do not fit.
    """
    chain = open_chain(settings)
    with Desk.open(settings, NAME, chain) as desk:
        yield BalancingKeeper(chain.contracts, desk, ops, settings.policy())


def checks(settings: BalancingSettings) -> Iterator[Check]:
    """Everything a run needs."""
    found = Found()
    yield from basic_checks(settings, NAME, found)
    if found.chain is not None:
        grid = found.chain.contracts.grid_management
        yield look("grid", lambda: _zones(grid))


def _zones(grid: Contract) -> str:
    zones = sorted({int(event.zone) for event in grid.events("GridLimitsSet")})
    return f"{grid.address}, zones {', '.join(map(str, zones)) or 'none with limits'}"


BALANCING: Final = Program(
    NAME,
    "States of the grid, flexibility and demand response.",
    BalancingSettings,
    open_keeper,
    checks,
)
