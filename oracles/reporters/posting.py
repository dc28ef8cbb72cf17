"""Brings signed observations to a collector."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from energy_grid.errors import EnergyGridError, RetryableError
from energy_grid.rpc import public_url
from oracles.reporting.wire import MAX_OBSERVATIONS, Delivery, to_document
from oracles.sources.errors import SchemaError
from oracles.sources.http import HttpClient, HttpLimits, require_web_url

PATH: Final = "/v1/observations"
_FIRST_REST_SECONDS: Final = 0.5
_LONGEST_REST_SECONDS: Final = 30.0
_LARGEST_ANSWER_BYTES: Final = 256_000

_log = structlog.get_logger(__name__)


class CollectorUnreachableError(RetryableError):
    """A collector does not answer; the others do not wait for it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a collector said to one observation.

    Attributes:
        accepted: it has it.
        again: it has not, but may take it later.
        reason: why not.
    """

    accepted: bool
    again: bool
    reason: str = ""


class Collector:
    """One collector as a reporter sees it.

    Args:
        url: where it listens.
        total_seconds: longest that one message may take.
        clock: seconds, for pauses after failures.
    """

    def __init__(
        self,
        url: str,
        total_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = require_web_url(url.rstrip("/"), "collector")
        self.name = public_url(self.url)
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        # Named in the settings, so it may well be on this machine.
        limits = HttpLimits(
            connect_seconds=min(2.0, total_seconds),
            read_seconds=total_seconds,
            total_seconds=total_seconds,
            max_bytes=_LARGEST_ANSWER_BYTES,
            repeats=0,
        )
        self._client = HttpClient(limits, frozenset({f"{parts.hostname}:{port}"}))
        self._clock = clock
        self._rests_until = 0.0
        self._rest_seconds = 0.0

    @property
    def is_resting(self) -> bool:
        """Whether it failed a moment ago."""
        return self._clock() < self._rests_until

    def close(self) -> None:
        """End its client."""
        self._client.close()

    def post(self, observations: Sequence[Delivery]) -> list[Outcome]:
        """Hand observations over.

        Raises:
            CollectorUnreachableError: no proper answer; it rests for a while.
        """
        found: list[Outcome] = []
        for first in range(0, len(observations), MAX_OBSERVATIONS):
            part = observations[first : first + MAX_OBSERVATIONS]
            try:
                found += _outcomes(
                    self._client.post_json(self.url + PATH, to_document(part)), len(part)
                )
            except EnergyGridError as error:
                self._rest_seconds = min(
                    max(2 * self._rest_seconds, _FIRST_REST_SECONDS), _LONGEST_REST_SECONDS
                )
                self._rests_until = self._clock() + self._rest_seconds
                raise CollectorUnreachableError(
                    f"collector {self.name} did not take observations", found=str(error)
                ) from error
        self._rest_seconds = 0.0
        return found


def _outcomes(document: Any, expected: int) -> list[Outcome]:
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, list) or len(results) != expected:
        raise SchemaError("answer of a collector", expected=f"{expected} results")
    found = []
    for result in results:
        if not isinstance(result, dict) or not isinstance(result.get("accepted"), bool):
            raise SchemaError("answer of a collector", expected="accepted: true or false")
        found.append(
            Outcome(
                result["accepted"], result.get("again") is True, str(result.get("reason", ""))[:300]
            )
        )
    return found
