"""Signed observations, and the report that carries those of a round to the chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from energy_grid import eip712
from energy_grid.errors import InvalidValueError
from energy_grid.feeds.aggregate import ReportRefused
from energy_grid.feeds.observation import Observation
from energy_grid.signed_orders import COMPACT_BYTES, compact, expanded


@dataclass(frozen=True, slots=True)
class SignedObservation:
    """An observation with its reporter's signature.

    Attributes:
        observation: what was signed.
        signature: compact form of EIP-2098, `r 32 | yParity 1 | s 255`.
    """

    observation: Observation
    signature: bytes

    def __post_init__(self) -> None:
        if len(self.signature) != COMPACT_BYTES:
            raise InvalidValueError(
                "compact signature", expected=f"{COMPACT_BYTES} bytes", found=len(self.signature)
            )

    @classmethod
    def sign(
        cls, observation: Observation, domain_separator: bytes, private_key: bytes
    ) -> SignedObservation:
        """Sign an observation for the oracle of a domain."""
        signature = eip712.sign(observation, domain_separator, private_key)
        return cls(observation, compact(signature))

    def reporter(self, domain_separator: bytes) -> str:
        """Checksum address of the key that signed.

        Raises:
            InvalidValueError: the signature fits no key or has a high s.
        """
        return eip712.recover(self.observation, domain_separator, expanded(self.signature))

    def as_tuple(self) -> tuple[int, bytes, bytes]:
        """`SignedValue` of the contracts."""
        return (self.observation.value, self.signature[:32], self.signature[32:])


@dataclass(frozen=True, slots=True)
class Report:
    """A round of one feed, ready for `submitReport`.

    Attributes:
        feed_id: of the feed.
        round: its number.
        reporters: who signed, ascending.
        values: their signed observations, in the same order.
    """

    feed_id: int
    round: int
    reporters: tuple[str, ...]
    values: tuple[SignedObservation, ...]

    @classmethod
    def of(cls, observations: Iterable[SignedObservation], domain_separator: bytes) -> Report:
        """Put the observations of one round in the contract's order.

        Raises:
            ReportRefused: none, of several rounds or intervals, or two of one reporter.
            InvalidValueError: a signature fits no key.
        """
        by_reporter: dict[str, SignedObservation] = {}
        rounds = set()
        for signed in observations:
            reporter = signed.reporter(domain_separator)
            if reporter in by_reporter:
                raise ReportRefused(
                    "SignersNotAscending",
                    "two values of one reporter",
                    expected="one",
                    found=reporter,
                )
            by_reporter[reporter] = signed
            one = signed.observation
            rounds.add(
                (one.feed, one.round, one.interval_start, one.interval_seconds, one.reporter_set)
            )
        if len(rounds) != 1:
            raise ReportRefused(
                "NotAReporter", "values of one round", expected="one round", found=len(rounds)
            )
        ((feed, round_, *_),) = rounds
        order = sorted(by_reporter, key=lambda reporter: int(reporter, 16))
        return cls(feed.id, round_, tuple(order), tuple(by_reporter[one] for one in order))

    def as_tuple(self) -> tuple[int, int, list[tuple[int, bytes, bytes]]]:
        """`Report` of the contracts."""
        return (self.feed_id, self.round, [signed.as_tuple() for signed in self.values])
