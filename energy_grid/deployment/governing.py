"""Who decides, how long that takes, and whose accounts need several signatures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energy_grid.deployment.reader import Reader
from energy_grid.units import BPS

TOKEN_UNITS: Final = 10**18
"""Base units of one governance token."""

LONGEST_FREEZE_SECONDS: Final = 72 * 3_600
"""What the guardian can freeze at most; a decision must be possible meanwhile."""

_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
_DEVELOPMENT_TOKENS: Final = (400_000, 350_000, 250_000)


@dataclass(frozen=True, slots=True)
class Governance:
    """How decisions are made.

    Attributes:
        holders: first holders of the governance token, with whole tokens.
        voting_delay: seconds from a proposal to the moment at which voting power counts.
        voting_period: seconds of voting.
        vote_extension: seconds of voting that are left at least once the quorum is reached.
        timelock_delay: seconds from queueing to execution.
        proposal_threshold_bps: part of all tokens that a proposer needs.
        quorum_bps: part of all tokens that a decision needs.
    """

    holders: tuple[tuple[str, int], ...]
    voting_delay: int
    voting_period: int
    vote_extension: int
    timelock_delay: int
    proposal_threshold_bps: int
    quorum_bps: int

    @property
    def accounts(self) -> tuple[str, ...]:
        """First holders of the token."""
        return tuple(account for account, _ in self.holders)

    @property
    def amounts(self) -> tuple[int, ...]:
        """What each of them gets, base units."""
        return tuple(tokens * TOKEN_UNITS for _, tokens in self.holders)

    @property
    def supply(self) -> int:
        """All tokens there are, base units."""
        return sum(self.amounts)

    @property
    def longest_decision(self) -> int:
        """Seconds from a proposal to its execution, a late quorum included."""
        return self.voting_delay + self.voting_period + self.vote_extension + self.timelock_delay

    def as_tuple(self) -> tuple[int, int, int, int, int]:
        """`GovernorParameters` in the contract's order."""
        threshold = self.supply * self.proposal_threshold_bps // BPS
        return (
            self.voting_delay,
            self.voting_period,
            self.vote_extension,
            threshold,
            self.quorum_bps,
        )


@dataclass(frozen=True, slots=True)
class SafeOwners:
    """Whose signatures the accounts of several owners need.

    Attributes:
        guardian: owners of the guardian's account.
        treasury: owners of the treasury's account.
        threshold: how many of them must sign.
    """

    guardian: tuple[str, ...]
    treasury: tuple[str, ...]
    threshold: int

    def of(self, entry: str) -> tuple[str, ...]:
        """Owners of the account of a `[roles]` entry."""
        return self.guardian if entry == "guardian" else self.treasury


def read_governance(reader: Reader) -> Governance:
    """Section `[governance]`, within the hard bounds of the contracts."""

    def seconds(name: str, lowest: int, highest: int) -> int:
        return reader.number(f"governance.{name}_seconds", highest, lowest=lowest)

    governance = Governance(
        holders=reader.tokens("governance.holders", _DEVELOPMENT_TOKENS),
        voting_delay=seconds("voting_delay", _HOUR, 7 * _DAY),
        voting_period=seconds("voting_period", 12 * _HOUR, 14 * _DAY),
        vote_extension=seconds("vote_extension", _HOUR, 2 * _DAY),
        timelock_delay=seconds("timelock_delay", 12 * _HOUR, 14 * _DAY),
        proposal_threshold_bps=reader.number("governance.proposal_threshold_bps", 500, lowest=10),
        quorum_bps=reader.number("governance.quorum_bps", 5_000, lowest=400),
    )
    if governance.longest_decision >= LONGEST_FREEZE_SECONDS:
        reader.faults.append(
            f"governance: expected a decision within {LONGEST_FREEZE_SECONDS} s, before a freeze "
            f"ends, found {governance.longest_decision} s from proposal to execution"
        )
    if governance.vote_extension > governance.voting_period:
        reader.faults.append("governance: vote extension longer than the voting period")
    return governance


def read_safe(reader: Reader) -> SafeOwners:
    """Section `[safe]`."""
    owners = SafeOwners(
        guardian=reader.accounts("safe.guardian_owners", lowest=1),
        treasury=reader.accounts("safe.treasury_owners", lowest=1),
        threshold=reader.number("safe.threshold", 50, lowest=1),
    )
    fewest = min(len(owners.guardian), len(owners.treasury))
    if owners.threshold > fewest:
        reader.faults.append(
            f"safe.threshold: expected at most {fewest}, the number of owners, "
            f"found {owners.threshold}"
        )
    return owners
