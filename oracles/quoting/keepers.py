"""The quote keeper as a program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pydantic import Field

from energy_grid.contracts import Contract, Contracts
from energy_grid.outbox import Cycle
from energy_grid.preflight import open_chain
from energy_grid.units import SLOT_SECONDS
from oracles.quoting.decide import Kind, Policy, ZonePrice, decide
from oracles.runtime.checks import Check, Found, basic_checks, look
from oracles.runtime.config import KeeperSettings
from oracles.runtime.desk import Desk
from oracles.runtime.following import Follower
from oracles.runtime.keeper import Keeper, Ops, Plan, Program

NAME: Final = "quote"
ORACLE: Final = "PriceOracle"


class QuoteSettings(KeeperSettings):
    """What can be chosen about quoting.

    Attributes:
        quote_after_seconds: how long after the beginning of a slot the next one is quoted.
        quote_before_seconds: no quote is begun that close to the end of a slot.
    """

    quote_after_seconds: int = Field(default=300, ge=0, lt=SLOT_SECONDS)
    quote_before_seconds: int = Field(default=30, ge=0, lt=SLOT_SECONDS)

    def policy(self) -> Policy:
        """The part that decisions depend on."""
        return Policy(self.quote_after_seconds, self.quote_before_seconds)


class QuoteKeeper(Keeper):
    """Has zones quoted.

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
        self.address = desk.address
        self.sender = desk.sender
        self._desk = desk
        self._policy = policy or Policy()
        self._oracle: Contract = contracts[ORACLE]
        self._rpc = contracts.rpc
        first_block = contracts.deployment.contracts[ORACLE].block or 0
        self._follower = Follower(self._rpc, [self._oracle], first_block)
        self._zones: dict[int, None] = {}
        metrics = ops.metrics
        self._behind = metrics.gauge(
            "eg_auctions_behind_slots", "Slots whose auctions have not moved the base.", ("zone",)
        )
        self._age = metrics.gauge("eg_quote_age_seconds", "Age of the last quote.", ("zone",))

    def plan(self) -> Plan:
        """See `Keeper.plan`."""
        head = self._rpc.block("latest")
        block = int(head["number"], 16)
        # When a transaction sent now would run: the slot may change with the block.
        now = max(self._rpc.timestamp("pending"), int(head["timestamp"], 16))
        events, was_reset = self._follower.read(block, str(head["hash"]))
        if was_reset:
            self._zones = {}
        self._zones |= {int(e.zone): None for e in events if e.name == "ZoneOpened"}
        planned: dict[str, int] = {}
        for action in decide(now, self._prices(now, block), self._policy):
            arguments: tuple[Any, ...] = (action.zone,)
            function = "quote"
            if action.kind is Kind.NOTE:
                arguments, function = (action.zone, action.slots), "noteAuctions"
            if self._desk.plan(action.key, self._oracle, function, *arguments):
                planned[action.kind.value] = planned.get(action.kind.value, 0) + 1
        return Plan(now=now, planned=planned)

    def send(self) -> Cycle:
        """See `Keeper.send`."""
        return self._desk.work()

    def _prices(self, now: int, block: int) -> tuple[ZonePrice, ...]:
        zones = list(self._zones)
        answers = self._rpc.batch(
            [self._oracle.request("pricingOf", zone, block=block) for zone in zones]
        )
        found = []
        for zone, answer in zip(zones, answers, strict=True):
            pricing = self._oracle.decode_answer("pricingOf", answer)
            price = ZonePrice(
                zone=zone,
                quoted_slot=int(pricing.quotedSlot),
                next_slot=int(pricing.nextSlot),
                frozen_until=int(pricing.frozenUntil),
            )
            found.append(price)
            self._behind.labels(zone=zone).set(max(0, now // SLOT_SECONDS - price.next_slot))
            if pricing.quotedAt:
                self._age.labels(zone=zone).set(now - int(pricing.quotedAt))
        return tuple(found)


@contextmanager
def open_keeper(settings: QuoteSettings, ops: Ops) -> Iterator[Keeper]:
    """The keeper that the settings name.

    Raises:
        ConfigurationError: chain, key or store do not fit.
    """
    chain = open_chain(settings)
    with Desk.open(settings, NAME, chain) as desk:
        yield QuoteKeeper(chain.contracts, desk, ops, settings.policy())


def checks(settings: QuoteSettings) -> Iterator[Check]:
    """Everything a run needs."""
    found = Found()
    yield from basic_checks(settings, NAME, found)
    if found.chain is not None:
        oracle = found.chain.contracts[ORACLE]
        yield look("oracle", lambda: _zones(oracle))


def _zones(oracle: Contract) -> str:
    opened = sorted({int(event.zone) for event in oracle.events("ZoneOpened")})
    return f"{oracle.address}, zones {', '.join(map(str, opened)) or 'none open'}"


QUOTE: Final = Program(
    NAME, "Has every zone quoted once a slot; auctions move the base.", QuoteSettings,
    open_keeper, checks,
)  # fmt: skip
