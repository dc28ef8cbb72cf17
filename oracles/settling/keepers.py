"""The settlement keeper as a program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pydantic import Field

from energy_grid.contracts import Contract, Contracts
from energy_grid.outbox import Cycle
from energy_grid.preflight import open_chain
from oracles.runtime.checks import Check, Found, basic_checks, look
from oracles.runtime.config import KeeperSettings
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Keeper, Ops, Plan, Program
from oracles.settling.decide import Kind, Policy, decide, lag_slots
from oracles.settling.reader import LedgerReader

NAME: Final = "settlement"
_QUICK_SECONDS: Final = 1.0
_PAUSE_FACTOR: Final = 19
"""A look that takes long is followed by a pause this many times as long: 5 % of the node's time."""
_FUNCTIONS: Final = {Kind.SETTLE: "settleMany", Kind.CLAIM: "claimCertificates"}
_NEEDED: Final = ("settleMany", "claimCertificates", "certificatePool", "accountState", "settle")


class SettlementSettings(KeeperSettings):
    """What can be chosen about settling.

    Attributes:
        settlement_transaction_gas: most gas of one transaction.
        settlement_least_slots: slots an account lets come together before it is settled.
        settlement_wait_slots: but it never waits longer than this.
        settlement_claims: whether to claim certificates for everybody.
    """

    settlement_transaction_gas: int = Field(default=12_000_000, ge=1_000_000, le=16_777_216)
    settlement_least_slots: int = Field(default=4, ge=1, le=96)
    settlement_wait_slots: int = Field(default=8, ge=1, le=672)
    settlement_claims: bool = True

    def policy(self) -> Policy:
        """The part that decisions depend on."""
        return Policy(
            transaction_gas=self.settlement_transaction_gas,
            least_slots=self.settlement_least_slots,
            wait_slots=self.settlement_wait_slots,
        )


class SettlementKeeper(Keeper):
    """Settles accounts and claims certificates, for everybody.

    Args:
        contracts: the deployment.
        desk: outbox and key.
        ops: where it shows itself.
        policy: how to decide.
        claims: whether to claim certificates.
        clock: seconds that only rise.
    """

    name = NAME

    def __init__(
        self,
        contracts: Contracts,
        desk: Desk,
        ops: Ops,
        policy: Policy | None = None,
        *,
        claims: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outbox = desk.outbox
        self.sender = desk.sender
        self.address = desk.address
        self._desk = desk
        self._policy = policy or Policy()
        self._claims = claims
        self._clock = clock
        self._settlement: Contract = contracts.settlement
        self._reader = LedgerReader(contracts, self._policy.most_slots)
        self._rpc = contracts.rpc
        self._next_look = 0.0
        metrics = ops.metrics
        self._lag = metrics.gauge(
            "eg_settlement_lag_slots", "Age of the oldest slot that could be settled."
        )
        self._accounts = metrics.gauge(
            "eg_settlement_ready_count", "Accounts with slots that could be settled."
        )
        self._pools = metrics.gauge(
            "eg_certificate_pools_count", "Closed pools that still owe certificates."
        )
        self._slots = metrics.counter("eg_settlement_planned_slots_total", "Slots put to settling.")
        self._defaults = metrics.gauge(
            "eg_defaulted_slots", "Slots settled by default since the deployment."
        )
        self._corrections = metrics.gauge(
            "eg_corrections_count", "Corrections of defaulted slots by kind.", ("kind",)
        )

    def plan(self) -> Plan:
        """See `Keeper.plan`."""
        started = self._clock()
        if started < self._next_look:
            return Plan(now=self._rpc.timestamp())
        # Known before the ledger is read: whatever is finished by then, the ledger shows.
        busy = {kind for kind in Kind if self._desk.under_way(f"{kind}:")}
        ledger, problems = self._reader.read()
        self._show(lag_slots(ledger), len(ledger.accounts), len(ledger.pools))
        planned: dict[str, int] = {}
        for action in decide(ledger, self._policy):
            if action.kind in busy or (action.kind is Kind.CLAIM and not self._claims):
                continue
            function = _FUNCTIONS[action.kind]
            if self._desk.plan(
                action.key, self._settlement, function, action.accounts, action.slot
            ):
                planned[action.kind.value] = planned.get(action.kind.value, 0) + 1
                if action.kind is Kind.SETTLE:
                    self._slots.inc(action.effects)
        taken = self._clock() - started
        if taken > _QUICK_SECONDS:
            self._next_look = started + _PAUSE_FACTOR * taken
        return Plan(now=ledger.now, planned=planned, problems=problems)

    def send(self) -> Cycle:
        """See `Keeper.send`."""
        return self._desk.work()

    def _show(self, lag: int, accounts: int, pools: int) -> None:
        self._lag.set(lag)
        self._accounts.set(accounts)
        self._pools.set(pools)
        self._defaults.set(self._reader.defaulted_slots)
        self._corrections.labels(kind="corrected").set(self._reader.corrections)
        self._corrections.labels(kind="lapsed").set(self._reader.lapsed)


@contextmanager
def open_keeper(settings: SettlementSettings, ops: Ops) -> Iterator[Keeper]:
    """The keeper that the settings name.

    Raises:
        ConfigurationError: chain, key or store do not fit.
    """
    chain = open_chain(settings)
    with Desk.open(settings, NAME, chain) as desk:
        yield SettlementKeeper(
            chain.contracts, desk, ops, settings.policy(), claims=settings.settlement_claims
        )


def checks(settings: SettlementSettings) -> Iterator[Check]:
    """Everything a run needs."""
    found = Found()
    yield from basic_checks(settings, NAME, found)
    if found.chain is not None:
        settlement = found.chain.contracts.settlement
        yield look("ledger", lambda: _ledger(settlement))


def _ledger(settlement: Contract) -> str:
    for function in _NEEDED:
        settlement.abi.selector(function)
    return f"{int(settlement.call('accountCount'))} accounts"


SETTLEMENT: Final = Program(
    NAME,
    "Settles what was delivered, claims certificates.",
    SettlementSettings,
    open_keeper,
    checks,
)
