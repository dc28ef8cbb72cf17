"""Several nodes as one: the best one answers, all of them get what is broadcast.

Nodes are compared with each other every few seconds. One that serves another chain is never asked;
one that lags, or counts fewer transactions of a watched account than its like, only when no other
answers. A node that fails is left alone for a moment, longer each time, and the next one answers.
"""

from __future__ import annotations

import contextlib
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from energy_grid.errors import ConfigurationError
from energy_grid.rpc import (
    DEFAULT_TIMEOUT_SECONDS,
    LIMIT_EXCEEDED,
    Json,
    NodeAnswerError,
    NodeBusyError,
    NodeUnreachableError,
    Rpc,
    RpcError,
    public_url,
)

_log = structlog.get_logger(__name__)
POOL_TIMEOUT_SECONDS: Final = 10.0
"""Shorter than for one node: another one can answer."""
_SEND: Final = "eth_sendRawTransaction"
_STRIKES: Final = 2
"""Comparisons in a row in which a node counts too few transactions before it is distrusted: one may
be due to a block that came in between."""


@dataclass(frozen=True, slots=True)
class PoolPolicy:
    """How nodes are judged.

    Attributes:
        survey_seconds: time between two comparisons.
        probe_seconds: longest wait for a node's answer in a comparison.
        lag_blocks: a node that is further behind the best lags.
        memory_seconds: how long the best head counts although its node is away.
        stale_head_seconds: a node without a new block for this long is not trusted; None where
            blocks come only with transactions.
        first_back_off_seconds: how long a node is left alone after its first failure.
        longest_back_off_seconds: and at most, below a block's time so that none is missed.
    """

    survey_seconds: float = 2.0
    probe_seconds: float = 2.0
    lag_blocks: int = 3
    memory_seconds: float = 600.0
    stale_head_seconds: float | None = None
    first_back_off_seconds: float = 0.25
    longest_back_off_seconds: float = 4.0


@dataclass(frozen=True, slots=True)
class _View:
    """What a node says of its chain."""

    chain_id: int
    genesis: str
    head: int
    nonces: dict[str, int]


class _Worker:
    """One thread that does one thing at a time in the background."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)

    def stop(self) -> None:
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


class Endpoint:
    """One node of a pool, and how it stands.

    Attributes:
        url: its URL.
        problem: why it is not trusted, empty if it is.
        is_alien: whether it serves another chain: it is never asked.
    """

    def __init__(self, url: str, timeout_seconds: float, policy: PoolPolicy) -> None:
        self.url = url
        self.front = Rpc(url, timeout_seconds=timeout_seconds)
        self.problem = ""
        self.is_alien = False
        self.view: _View | None = None
        self.failure = ""
        self.strikes = 0
        self.distrusted_until = 0.0
        self.head_changed_at = time.monotonic()
        self._policy = policy
        self._back = Rpc(url, timeout_seconds=policy.probe_seconds)
        self._worker = _Worker(f"node {public_url(url)}")
        self._failures = 0
        self._retry_at = 0.0
        self._is_probing = False

    @property
    def name(self) -> str:
        """Its URL without secrets."""
        return public_url(self.url)

    @property
    def wait_seconds(self) -> float:
        """How long it is still left alone."""
        return max(self._retry_at - time.monotonic(), 0.0)

    def close(self) -> None:
        """End its connections."""
        self._worker.stop()
        self.front.close()

    def post(self, payload: Json) -> Json:
        """Ask it.

        Raises:
            NodeUnreachableError, NodeAnswerError: it does not answer as it should.
        """
        try:
            answer = self.front.post(payload)
            if _is_limit(answer):
                raise NodeBusyError(self.url, "too many calls")
        except (NodeUnreachableError, NodeAnswerError) as error:
            self.note_failure(error)
            raise
        self._failures, self._retry_at, self.failure = 0, 0.0, ""
        return answer

    def note_failure(self, error: RpcError) -> None:
        """Leave it alone for a moment: twice as long each time, with jitter."""
        policy = self._policy
        self._failures += 1
        pause = policy.first_back_off_seconds * 2 ** min(self._failures - 1, 16)
        asked = error.retry_after_seconds if isinstance(error, NodeBusyError) else None
        pause = min(max(pause, asked or 0.0), policy.longest_back_off_seconds)
        self._retry_at = time.monotonic() + pause * random.uniform(0.5, 1.0)  # noqa: S311
        self.failure = error.problem

    def spread(self, payload: Json) -> None:
        """Give it a transaction in the background; others have it already."""

        def send() -> None:
            with contextlib.suppress(RpcError):
                self._back.post(payload)

        self._worker.submit(send)

    def probe(self, addresses: Sequence[str], done: threading.Semaphore) -> bool:
        """Ask in the background how its chain stands; whether that was begun."""
        if self._is_probing:
            return False
        self._is_probing = True

        def look() -> None:
            try:
                self._take(self._look(addresses))
                self._failures, self._retry_at, self.failure = 0, 0.0, ""
            except RpcError as error:
                self.view = None
                self.note_failure(error)
            finally:
                self._is_probing = False
                done.release()

        self._worker.submit(look)
        return True

    def _take(self, view: _View) -> None:
        if self.view is None or view.head != self.view.head:
            self.head_changed_at = time.monotonic()
        self.view = view

    def _look(self, addresses: Sequence[str]) -> _View:
        calls: list[tuple[str, list[Any]]] = [
            ("eth_chainId", []),
            ("eth_getBlockByNumber", ["0x0", False]),
            ("eth_blockNumber", []),
            *(("eth_getTransactionCount", [address, "latest"]) for address in addresses),
        ]
        chain_id, genesis, head, *nonces = self._back.batch(calls)
        try:
            return _View(
                chain_id=int(chain_id, 16),
                genesis=str(genesis["hash"]),
                head=int(head, 16),
                nonces={a: int(n, 16) for a, n in zip(addresses, nonces, strict=True)},
            )
        except (TypeError, ValueError, KeyError) as error:
            raise NodeAnswerError(
                f"unexpected answer from {self.name}",
                expected="chain id, genesis block, head",
                found=type(error).__name__,
            ) from None


class RpcPool(Rpc):
    """Several nodes behind the interface of one. It belongs to one thread, like `Rpc`.

    Args:
        urls: the nodes, the preferred one first.
        timeout_seconds: longest wait for one answer.
        policy: how nodes are judged.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout_seconds: float = POOL_TIMEOUT_SECONDS,
        policy: PoolPolicy | None = None,
    ) -> None:
        if not urls:
            raise ConfigurationError("no node is named", expected="at least one URL")
        super().__init__(urls[0], timeout_seconds=timeout_seconds)
        self.policy = policy or PoolPolicy()
        self.endpoints = [Endpoint(url, timeout_seconds, self.policy) for url in urls]
        self._current = self.endpoints[0]
        self._chain_id: int | None = None
        self._genesis: str | None = None
        self._addresses: list[str] = []
        self._surveyed_at = float("-inf")
        self._failovers = 0
        self._best_head = 0
        self._best_seen_at = time.monotonic()

    def close(self) -> None:
        """Close all connections."""
        super().close()
        for endpoint in self.endpoints:
            endpoint.close()

    # --- Standing ---------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """Changes when another node answers from now on."""
        return self._failovers

    @property
    def failovers(self) -> int:
        """How often another node had to take over."""
        return self._failovers

    def problems(self) -> list[str]:
        """What is wrong with nodes at the moment, one sentence each."""
        return [
            f"{endpoint.name}: {endpoint.problem or endpoint.failure}"
            for endpoint in self.endpoints
            if endpoint.problem or endpoint.failure
        ]

    def watch(self, address: str) -> None:
        """Compare the nodes by this account's transactions too."""
        if address not in self._addresses:
            self._addresses.append(address)

    def distrust(self, reason: str) -> None:
        """The node that answers now contradicts what is known: let another one answer."""
        self._current.distrusted_until = time.monotonic() + 5 * self.policy.survey_seconds
        self._current.problem = reason
        _log.warning("node distrusted", node=self._current.name, reason=reason)

    def require_chain_id(self, expected: int) -> None:
        """Leave out nodes of other chains.

        Raises:
            ConfigurationError: no node that answers serves this chain.
        """
        self._chain_id, self._genesis = expected, None
        self._survey()
        seen = [endpoint.view for endpoint in self.endpoints if endpoint.view is not None]
        if seen and all(view.chain_id != expected for view in seen):
            raise ConfigurationError(
                f"the nodes at {', '.join(endpoint.name for endpoint in self.endpoints)} serve "
                "other chains",
                expected=f"chain id {expected}",
                found=f"chain ids {sorted({view.chain_id for view in seen})}",
                remedy="Point the settings to the right nodes",
            )
        super().require_chain_id(expected)

    def refresh(self) -> None:
        """Compare the nodes if that was long ago."""
        if time.monotonic() - self._surveyed_at >= self.policy.survey_seconds:
            self._survey()

    def _survey(self) -> None:
        done = threading.Semaphore(0)
        begun = sum(
            endpoint.probe(tuple(self._addresses), done)
            for endpoint in self.endpoints
            if not endpoint.wait_seconds
        )
        deadline = time.monotonic() + self.policy.probe_seconds
        for _ in range(begun):
            if not done.acquire(timeout=max(deadline - time.monotonic(), 0.001)):
                break
        self._judge()
        self._surveyed_at = time.monotonic()

    def _judge(self) -> None:
        seen = [(e, e.view) for e in self.endpoints if e.view is not None]
        if not seen:
            return
        if self._chain_id is None:
            self._chain_id = _most_common([view.chain_id for _, view in seen])
        ours = [view for _, view in seen if view.chain_id == self._chain_id]
        if self._genesis is None and ours:
            self._genesis = _most_common([view.genesis for view in ours])
        for endpoint, view in seen:
            is_alien = (view.chain_id, view.genesis) != (self._chain_id, self._genesis)
            if is_alien and not endpoint.is_alien:
                _log.error("node of another chain", node=endpoint.name, chain_id=view.chain_id)
            endpoint.is_alien = is_alien
        natives = [(e, view) for e, view in seen if not e.is_alien]
        heads = sorted((view.head for _, view in natives), reverse=True)
        # Of three or more, one alone may not call all others late.
        best = self._best_of(heads[min(1 if len(heads) > 2 else 0, len(heads) - 1)] if heads else 0)
        for endpoint, view in seen:
            problem = self._problem_of(endpoint, view, best, [view for _, view in natives])
            if problem and not endpoint.problem:
                _log.warning("node distrusted", node=endpoint.name, reason=problem)
            endpoint.problem = problem

    def _best_of(self, head: int) -> int:
        now = time.monotonic()
        if head >= self._best_head or now - self._best_seen_at > self.policy.memory_seconds:
            self._best_head, self._best_seen_at = head, now
        return self._best_head

    def _problem_of(self, endpoint: Endpoint, view: _View, best: int, natives: list[_View]) -> str:
        if endpoint.is_alien:
            return f"serves another chain (chain id {view.chain_id})"
        if view.head < best - self.policy.lag_blocks:
            return f"{best - view.head} blocks behind"
        stale = self.policy.stale_head_seconds
        age = time.monotonic() - endpoint.head_changed_at
        if stale is not None and age > stale:
            return f"no new block for {age:.0f} s"
        short = any(
            nonce < other.nonces.get(address, 0)
            for other in natives
            if other.head <= view.head
            for address, nonce in view.nonces.items()
        )
        endpoint.strikes = endpoint.strikes + 1 if short else 0
        if endpoint.strikes >= _STRIKES:
            return "counts fewer transactions than a node that is not ahead of it"
        if endpoint.distrusted_until > time.monotonic():
            return endpoint.problem or "contradicts what is known"
        return ""

    # --- Asking -----------------------------------------------------------------------------------

    def post(self, payload: Json) -> Json:
        """Let the best node answer, the next one where it fails; broadcast to all."""
        self.refresh()
        last: RpcError | None = None
        for endpoint in self._in_order():
            try:
                answer = endpoint.post(payload)
            except (NodeUnreachableError, NodeAnswerError) as error:
                last = error
                continue
            self._use(endpoint)
            if isinstance(payload, dict) and payload.get("method") == _SEND:
                return self._spread(payload, answer, endpoint)
            return answer
        if last is not None and len(self.endpoints) == 1:
            raise last
        waits = [endpoint.wait_seconds for endpoint in self.endpoints if not endpoint.is_alien]
        raise NodeUnreachableError(
            f"none of {len(self.endpoints)} nodes answers",
            expected="an answer from one of them",
            found="; ".join(self.problems()) or None,
            remedy=f"The next attempt is due in {min(waits, default=0.0):.1f} s",
        )

    def receipt_anywhere(self, transaction_hash: str) -> dict[str, Any] | None:
        """Receipt from any node that has it."""
        found = self.receipt(transaction_hash)
        for endpoint in self._in_order():
            if found is not None:
                break
            if endpoint is not self._current:
                with contextlib.suppress(RpcError):
                    found = endpoint.front.receipt(transaction_hash)
        return found

    def _in_order(self) -> list[Endpoint]:
        """Nodes that may be asked: trusted ones first, the present one before the others."""
        able = [e for e in self.endpoints if not e.is_alien and not e.wait_seconds]
        return sorted(able, key=lambda e: (bool(e.problem), e is not self._current))

    def _use(self, endpoint: Endpoint) -> None:
        if not endpoint.problem:
            self._answered_at = time.monotonic()
        if endpoint is self._current:
            return
        _log.warning(
            "another node takes over",
            node=endpoint.name,
            before=self._current.name,
            reason=self._current.problem or self._current.failure,
        )
        self._current = endpoint
        self.url = endpoint.url
        self._failovers += 1

    def _spread(self, payload: Json, answer: Json, first: Endpoint) -> Json:
        others = [e for e in self.endpoints if e is not first and not e.is_alien]
        is_refused = isinstance(answer, dict) and "error" in answer
        for endpoint in others:
            if not is_refused:
                endpoint.spread(payload)
            elif not endpoint.wait_seconds:
                with contextlib.suppress(RpcError):
                    second = endpoint.post(payload)
                    if isinstance(second, dict) and "error" not in second:
                        answer, is_refused = second, False
        return answer


def open_rpc(
    urls: str | Sequence[str],
    *,
    timeout_seconds: float | None = None,
    policy: PoolPolicy | None = None,
) -> Rpc:
    """One node or several, whichever the setting names.

    Args:
        urls: a URL, several with commas between them, or a sequence.
        timeout_seconds: longest wait for one answer; None: 30 s from one node, 10 s from several.
        policy: how several are judged.

    Raises:
        ConfigurationError: a URL cannot be used, or one is named twice.
    """
    named = urls.split(",") if isinstance(urls, str) else urls
    found = [url.strip() for url in named if url.strip()]
    if len(set(found)) != len(found):
        raise ConfigurationError(
            "a node is named twice",
            expected="different URLs",
            found=", ".join(public_url(url) for url in found),
        )
    if len(found) == 1:
        return Rpc(found[0], timeout_seconds=timeout_seconds or DEFAULT_TIMEOUT_SECONDS)
    return RpcPool(found, timeout_seconds=timeout_seconds or POOL_TIMEOUT_SECONDS, policy=policy)


def _is_limit(answer: Json) -> bool:
    answers = answer if isinstance(answer, list) else [answer]
    errors = [a.get("error") for a in answers if isinstance(a, dict)]
    return any(isinstance(e, dict) and e.get("code") == LIMIT_EXCEEDED for e in errors)


def _most_common(values: Sequence[Any]) -> Any:
    """The value named most often; of several, the one named first."""
    return Counter(values).most_common(1)[0][0]
