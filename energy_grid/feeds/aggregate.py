"""What an oracle makes of a report: the reference to which the contracts are held.

Pure and obvious: the same integers, the same status, the same refusals as
`contracts/oracles/ReportAggregator.sol`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from energy_grid.errors import InvalidValueError
from energy_grid.feeds.config import MAX_CLOCK_LEAD_SECONDS, FeedConfig
from energy_grid.feeds.kinds import FeedStatus
from energy_grid.units import UnixSeconds

MIN_REPORTERS: Final = 4
MAX_REPORTERS: Final = 31


class ReportRefused(InvalidValueError):
    """The contract would refuse a report.

    Attributes:
        error: name of the contract's error.
    """

    def __init__(self, error: str, problem: str, *, expected: object, found: object) -> None:
        self.error = error
        super().__init__(problem, expected=expected, found=found)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A published value.

    Attributes:
        value: the median, bounded.
        status: OK, UNCERTAIN or BOUNDED.
        answers: number of values.
        spread: largest less smallest.
    """

    value: int
    status: FeedStatus
    answers: int
    spread: int


def faults_borne(reporters: int) -> int:
    """How many of n reporters may say anything whatever: `floor((n - 1) / 3)`."""
    if not MIN_REPORTERS <= reporters <= MAX_REPORTERS:
        raise InvalidValueError(
            "number of reporters",
            expected=f"{MIN_REPORTERS} to {MAX_REPORTERS}",
            found=reporters,
        )
    return (reporters - 1) // 3


def min_answers(reporters: int) -> int:
    """Values that a report needs: `2f + 1`."""
    return 2 * faults_borne(reporters) + 1


def median(values: Sequence[int]) -> int:
    """The middle value, or the mean of the two middle ones rounded towards minus infinity."""
    if not values:
        raise InvalidValueError("median of nothing", expected="at least one value")
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) // 2


def aggregate(config: FeedConfig, values: Sequence[int], reporters: int) -> Aggregate:
    """What a report of these values is published as.

    Args:
        config: of the feed.
        values: of distinct reporters, in any order.
        reporters: size of the reporter set.

    Raises:
        ReportRefused: too few values, or an implausible one.
    """
    required = min_answers(reporters)
    if len(values) < required:
        raise ReportRefused(
            "TooFewAnswers", "too few values", expected=f"at least {required}", found=len(values)
        )
    for value in values:
        if not config.is_plausible(value):
            raise ReportRefused(
                "ObservationImplausible",
                "implausible value",
                expected=f"{config.lowest_observation} to {config.highest_observation}",
                found=value,
            )
    middle = median(values)
    spread = max(values) - min(values)
    bounded = min(max(middle, config.floor), config.cap)
    status = FeedStatus.OK if bounded == middle else FeedStatus.BOUNDED
    if spread > config.allowed_spread(middle):
        status = FeedStatus.UNCERTAIN
    return Aggregate(bounded, status, len(values), spread)


def require_round(config: FeedConfig, round_: int, latest: int, now: UnixSeconds) -> None:
    """Refuse a round that the contract would refuse at an instant.

    Args:
        config: of the feed.
        round_: its number.
        latest: number of the newest published round; 0 if there is none.
        now: time of the block.

    Raises:
        ReportRefused: it is not newer, begins in the future, or is too old.
    """
    if round_ <= latest:
        raise ReportRefused(
            "RoundNotNewer", "round not newer", expected=f"above {latest}", found=round_
        )
    newest = config.round_at(now + MAX_CLOCK_LEAD_SECONDS)
    if round_ > newest:
        raise ReportRefused(
            "RoundInFuture", "round in the future", expected=f"at most {newest}", found=round_
        )
    if now - config.round_start(round_) >= config.age_limit_seconds:
        raise ReportRefused(
            "RoundTooOld",
            "round too old",
            expected=f"begun less than {config.age_limit_seconds} s ago",
            found=f"{now - config.round_start(round_)} s",
        )


def status_at(
    config: FeedConfig, round_: int, updated_at: int, published: FeedStatus, now: int
) -> FeedStatus:
    """Status of a published round at an instant, unless its feed is frozen or in the shadow.

    Args:
        config: of the feed.
        round_: its number; 0 if nothing was published yet.
        updated_at: time of the block that took it.
        published: its status then.
        now: the instant.
    """
    if round_ == 0:
        return FeedStatus.STALE
    since = min(updated_at, config.round_start(round_))
    return FeedStatus.STALE if now - since >= config.age_limit_seconds else published
