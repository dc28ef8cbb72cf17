"""The guardian watch as a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import Field

from energy_grid.contracts import Contracts
from energy_grid.outbox import Cycle, State
from energy_grid.preflight import open_chain
from oracles.guardian.detect import Cause, Finding, Policy, detect
from oracles.guardian.evidence import EvidenceFolder
from oracles.guardian.measures import ALLOWED_CALLS, CONTRACT, LONGEST_SECONDS, Measure
from oracles.guardian.reader import SceneReader
from oracles.runtime.checks import Check, Found, basic_checks, role_check
from oracles.runtime.config import KeeperSettings
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Keeper, Ops, Plan, Program

NAME: Final = "guardian"

_log = structlog.get_logger(__name__)


class GuardianSettings(KeeperSettings):
    """What can be chosen about the watch.

    Attributes:
        guardian_quarantines: meters of one zone quarantined within a day that stop its trading.
        guardian_uncertain_rounds: UNCERTAIN rounds in a row that freeze a feed.
        guardian_orders: most orders of an account for one product.
        guardian_feeders_w: rating of each zone's feeder, as JSON: `{"1": 250000}`.
        guardian_quote_factor: how many times the quote before a quote may be.
        guardian_quote_step: smaller differences never matter, units per kWh.
        guardian_halt_seconds: how long a halt holds.
        guardian_hold_seconds: how long a feed is frozen or switched.
        guardian_evidence_folder: where evidence is kept; `evidence` beside the store by default.
        guardian_inboxes: files with what collectors found, as JSON: `["/var/lib/..."]`.
    """

    guardian_quarantines: int = Field(default=3, ge=1)
    guardian_uncertain_rounds: int = Field(default=3, ge=1, le=16)
    guardian_orders: int = Field(default=200, ge=1)
    guardian_feeders_w: dict[int, int] = Field(default_factory=dict)
    guardian_quote_factor: int = Field(default=5, ge=2)
    guardian_quote_step: int = Field(default=100_000, ge=0)
    guardian_halt_seconds: int = Field(default=6 * 3_600, ge=60, le=LONGEST_SECONDS)
    guardian_hold_seconds: int = Field(default=6 * 3_600, ge=60, le=LONGEST_SECONDS)
    guardian_evidence_folder: Path | None = None
    guardian_inboxes: tuple[Path, ...] = ()

    def policy(self) -> Policy:
        """The part that judgements depend on."""
        return Policy(
            quarantines=self.guardian_quarantines,
            uncertain_rounds=self.guardian_uncertain_rounds,
            orders=self.guardian_orders,
            feeder_w=self.guardian_feeders_w,
            quote_factor=self.guardian_quote_factor,
            quote_step=self.guardian_quote_step,
            halt_seconds=self.guardian_halt_seconds,
            hold_seconds=self.guardian_hold_seconds,
        )

    @property
    def evidence_folder(self) -> Path:
        """Where evidence is kept."""
        return self.guardian_evidence_folder or self.keeper_folder / "evidence"


class GuardianWatch(Keeper):
    """Looks for attacks; records, tells, and freezes or tightens, each cause once.

    Args:
        contracts: the deployment.
        desk: outbox and key; without a key it looks and tells.
        ops: where it shows itself.
        evidence: where evidence is kept.
        policy: how to judge.
        inboxes: files with what collectors found.
    """

    name = NAME

    def __init__(
        self,
        contracts: Contracts,
        desk: Desk,
        ops: Ops,
        evidence: EvidenceFolder,
        policy: Policy | None = None,
        inboxes: tuple[Path, ...] = (),
    ) -> None:
        self.outbox = desk.outbox
        self.sender = desk.sender
        self.address = desk.address
        self._contracts = contracts
        self._desk = desk
        self._health = ops.health
        self._evidence = evidence
        self._policy = policy or Policy()
        self._reader = SceneReader(contracts, inboxes)
        self._found = ops.metrics.counter("eg_alarms_total", "Causes found.", ("cause",))
        self._open = ops.metrics.gauge(
            "eg_alarms_count", "Causes that the last look found.", ("cause",)
        )
        self._measures = ops.metrics.counter(
            "eg_measures_planned_total", "Measures taken, by function.", ("function",)
        )
        for cause in Cause:
            self._found.labels(cause=cause.value)
            self._open.labels(cause=cause.value)

    def plan(self) -> Plan:
        """See `Keeper.plan`."""
        scene = self._reader.read()
        findings = detect(scene, self._policy)
        planned: Counter[str] = Counter()
        for finding in findings:
            # Evidence first: nothing is done that could not be explained afterwards.
            if self._evidence.record(finding, scene):
                self._found.labels(cause=finding.cause.value).inc()
                _log.error("alarm", cause=finding.cause.value, detail=finding.detail)
            if self._act(finding):
                planned[finding.cause.value] += 1
        open_now = Counter(finding.cause for finding in findings)
        for cause in Cause:
            self._open.labels(cause=cause.value).set(open_now[cause])
        self._tell_refusals(findings)
        return Plan(now=scene.now, planned=dict(planned))

    def send(self) -> Cycle:
        """See `Keeper.send`."""
        return self._desk.work()

    def _act(self, finding: Finding) -> bool:
        measure = finding.measure
        if measure is None or self._desk.was_done(finding.key):
            return False
        guardian, arguments = self._contracts[CONTRACT], self._arguments(measure)
        is_planned = self._desk.plan(finding.key, guardian, measure.function, *arguments)
        if is_planned:
            self._measures.labels(function=measure.function).inc()
        return is_planned

    def _arguments(self, measure: Measure) -> tuple[Any, ...]:
        if not measure.oracle:
            return measure.arguments
        return (self._contracts[measure.oracle].address, *measure.arguments)

    def _tell_refusals(self, findings: tuple[Finding, ...]) -> None:
        """A measure that the contract refuses is somebody's business at once."""
        refusals = {
            finding.key: refusal
            for finding in findings
            if finding.measure and (refusal := self._desk.refusal(finding.key))
        }
        for key, refusal in refusals.items():
            self._health.report("measures", False, f"{key} refused: {refusal}")
            return
        waiting = self._desk.outbox.count(State.PLANNED, State.SIGNED, State.SENT)
        self._health.beat("measures", f"{waiting} under way")


@contextmanager
def open_keeper(settings: GuardianSettings, ops: Ops) -> Iterator[Keeper]:
    """The watch that the settings name.

    Raises:
        ConfigurationError: chain, key or store do not fit.
    """
    chain = open_chain(settings)
    with Desk.open(settings, NAME, chain) as desk:
        yield GuardianWatch(
            chain.contracts,
            desk,
            ops,
            EvidenceFolder(settings.evidence_folder),
            settings.policy(),
            settings.guardian_inboxes,
        )


def checks(settings: GuardianSettings) -> Iterator[Check]:
    """Everything a run needs."""
    found = Found()
    yield from basic_checks(settings, NAME, found)
    if found.chain is None:
        return
    for function in sorted(ALLOWED_CALLS):
        yield role_check(found, CONTRACT, function)


GUARDIAN: Final = Program(
    NAME, "Looks for attacks; may only freeze and tighten.", GuardianSettings, open_keeper, checks
)
