"""JSON-RPC to an Ethereum node over one kept-alive connection, with batches and typed errors.

Plain and quick on purpose: keepers, bridge, demo and deployment send thousands of calls, and a
general client makes a dozen requests for each transaction. One `Rpc` belongs to one thread.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from energy_grid.errors import ConfigurationError, EnergyGridError, FatalError, RetryableError

Json = Any
"""A decoded JSON value."""

DEFAULT_TIMEOUT_SECONDS: Final = 30.0
MAX_BATCH: Final = 200
"""Calls in one HTTP request; hosted nodes limit batches."""

LIMIT_EXCEEDED: Final = -32005
"""JSON-RPC error code for too many calls."""
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500
_EXECUTION_REVERTED: Final = 3
"""JSON-RPC error code for a reverted call, with the revert data in `error.data`."""


class RpcError(EnergyGridError):
    """Base of the errors of this module."""


class NodeUnreachableError(RpcError, RetryableError):
    """No node answers, or not in time."""


class NodeAnswerError(RpcError, RetryableError):
    """The answer is no JSON-RPC (a proxy's page, a cut connection)."""


class NodeBusyError(NodeUnreachableError):
    """The node or a proxy before it turns calls away for now (429, 5xx, its own limit).

    Attributes:
        retry_after_seconds: how long it asks to wait; None if it does not say.
    """

    def __init__(self, url: str, found: str, retry_after_seconds: float | None = None) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(
            f"the node at {public_url(url)} turns calls away",
            expected="an answer",
            found=found,
            remedy="Try again later, or name more nodes",
        )


class ReceiptTimeoutError(RpcError, RetryableError):
    """The transaction was not mined in time; it may still be."""


class RpcResponseError(RpcError, FatalError):
    """The node refused the call.

    Attributes:
        method: the JSON-RPC method.
        code: the node's error code.
        text: the node's own message.
    """

    def __init__(self, method: str, code: int, text: str) -> None:
        self.method = method
        self.code = code
        self.text = text
        super().__init__(f"the node refused {method}", found=f"{text} (code {code})")


class ExecutionRevertedError(RpcResponseError):
    """A contract refused the call.

    Attributes:
        data: what the contract reverted with, empty if it gave nothing.
    """

    def __init__(self, method: str, code: int, text: str, data: bytes) -> None:
        self.data = data
        super().__init__(method, code, text)


def public_url(url: str) -> str:
    """A node's URL without what may be secret in it (user, password, path, query)."""
    parts = urlsplit(url)
    host = parts.hostname or "?"
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def to_bytes(value: str) -> bytes:
    """Bytes of a `0x` string."""
    return bytes.fromhex(value.removeprefix("0x"))


def to_hex(value: bytes) -> str:
    """The `0x` string of bytes."""
    return "0x" + value.hex()


class Rpc:
    """A node behind a URL.

    Args:
        url: `http` or `https` URL of the node.
        timeout_seconds: longest wait for one answer.
    """

    def __init__(self, url: str, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigurationError(
                "the node's URL cannot be used",
                expected="http://host:port or https://host/...",
                found=repr(url),
            )
        self.url = url
        self.timeout_seconds = timeout_seconds
        self._session = requests.Session()
        self._session.headers["Content-Type"] = "application/json"
        # A local node is never behind the proxy that the environment may name.
        self._session.trust_env = urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1")
        self._ids = itertools.count(1)
        self._answered_at = time.monotonic()

    # --- Standing ---------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """Changes when another node answers from now on; one node has one epoch."""
        return 0

    @property
    def failovers(self) -> int:
        """How often another node had to take over."""
        return 0

    def blind_seconds(self) -> float:
        """Seconds since a trustworthy node answered."""
        return time.monotonic() - self._answered_at

    def problems(self) -> list[str]:
        """What is wrong with nodes at the moment, one sentence each."""
        return []

    def watch(self, address: str) -> None:
        """Compare nodes by this account's transactions too; with one node there is nothing to."""

    def distrust(self, reason: str) -> None:
        """The node contradicts what is known: with several, let another one answer."""

    def refresh(self) -> None:
        """Compare the nodes if that was long ago; with one node there is nothing to compare."""

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def __enter__(self) -> Rpc:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- Calls ------------------------------------------------------------------------------------

    def call(self, method: str, *params: Json) -> Json:
        """Make one call with JSON values as they are (quantities as `0x` strings).

        Raises:
            NodeUnreachableError: no answer.
            RpcResponseError: the node refused, `ExecutionRevertedError` if a contract did.
        """
        request = self._request(method, params)
        answer = self.post(request)
        if not isinstance(answer, dict):
            raise NodeAnswerError(
                f"unexpected answer from {public_url(self.url)}",
                expected="a JSON-RPC object",
                found=type(answer).__name__,
            )
        return self._result(method, answer)

    def batch(
        self, calls: Sequence[tuple[str, Sequence[Json]]], *, return_errors: bool = False
    ) -> list[Json]:
        """Make several calls in few requests; results in the order of the calls.

        Args:
            calls: pairs of method and parameters.
            return_errors: put the `RpcResponseError` of a refused call in its place instead of
                raising the first.
        """
        results: list[Json] = []
        for first in range(0, len(calls), MAX_BATCH):
            part = calls[first : first + MAX_BATCH]
            requests_ = [self._request(method, params) for method, params in part]
            answers = self.post(requests_)
            if not isinstance(answers, list):
                answers = [answers]
            by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
            for request in requests_:
                answer = by_id.get(request["id"])
                if answer is None:
                    raise NodeAnswerError(
                        f"answer missing in a batch from {public_url(self.url)}",
                        expected=f"{len(requests_)} answers",
                        found=f"{len(answers)}: {str(answers)[:200]}",
                    )
                try:
                    results.append(self._result(request["method"], answer))
                except RpcResponseError as error:
                    if not return_errors:
                        raise
                    results.append(error)
        return results

    # --- Reading ----------------------------------------------------------------------------------

    def chain_id(self) -> int:
        """Id of the node's chain."""
        return int(self.call("eth_chainId"), 16)

    def require_chain_id(self, expected: int) -> None:
        """Refuse a node of another chain.

        Raises:
            ConfigurationError: the node's chain has another id.
        """
        found = self.chain_id()
        if found != expected:
            raise ConfigurationError(
                f"the node at {public_url(self.url)} serves another chain",
                expected=f"chain id {expected}",
                found=f"chain id {found}",
                remedy="Point the settings to the right node, or use that chain's deployment file",
            )

    def genesis_hash(self) -> str:
        """Hash of the first block: tells two chains with the same id apart."""
        return str(self.call("eth_getBlockByNumber", "0x0", False)["hash"])

    def block_number(self) -> int:
        """Number of the newest block."""
        return int(self.call("eth_blockNumber"), 16)

    def block(self, block: int | str = "latest") -> dict[str, Any]:
        """A block without its transactions' bodies."""
        tag = hex(block) if isinstance(block, int) else block
        found = self.call("eth_getBlockByNumber", tag, False)
        if found is None:
            raise NodeAnswerError(
                f"the node at {public_url(self.url)} has no such block", found=f"block {tag}"
            )
        return dict(found)

    def timestamp(self, block: int | str = "latest") -> int:
        """Time of a block, unix seconds."""
        return int(self.block(block)["timestamp"], 16)

    def nonce(self, address: str, block: int | str = "latest") -> int:
        """Number of transactions an account has sent."""
        tag = hex(block) if isinstance(block, int) else block
        return int(self.call("eth_getTransactionCount", address, tag), 16)

    def balance(self, address: str, block: str = "latest") -> int:
        """Wei an account holds."""
        return int(self.call("eth_getBalance", address, block), 16)

    def code(self, address: str, block: str = "latest") -> bytes:
        """Code at an address, empty if there is none."""
        return to_bytes(self.call("eth_getCode", address, block))

    def eth_call(
        self, to: str, data: bytes, *, sender: str | None = None, block: int | str = "latest"
    ) -> bytes:
        """Run a call without a transaction.

        Raises:
            ExecutionRevertedError: the contract refused.
        """
        tag = hex(block) if isinstance(block, int) else block
        transaction = {"to": to, "data": to_hex(data)}
        if sender is not None:
            transaction["from"] = sender
        return to_bytes(self.call("eth_call", transaction, tag))

    # --- Sending ----------------------------------------------------------------------------------

    def send_raw(self, raw_transaction: bytes) -> str:
        """Broadcast a signed transaction; return its hash."""
        return str(self.call("eth_sendRawTransaction", to_hex(raw_transaction)))

    def receipt(self, transaction_hash: str) -> dict[str, Any] | None:
        """Receipt of a mined transaction, None if it is not mined (yet)."""
        found = self.call("eth_getTransactionReceipt", transaction_hash)
        return None if found is None else dict(found)

    def receipt_anywhere(self, transaction_hash: str) -> dict[str, Any] | None:
        """Receipt from any node that has it."""
        return self.receipt(transaction_hash)

    def wait_for_receipt(
        self, transaction_hash: str, *, timeout_seconds: float = 60.0, poll_seconds: float = 0.05
    ) -> dict[str, Any]:
        """Wait until a transaction is mined.

        Raises:
            ReceiptTimeoutError: it was not mined in time.
        """
        return self.wait_for_receipts(
            [transaction_hash], timeout_seconds=timeout_seconds, poll_seconds=poll_seconds
        )[0]

    def wait_for_receipts(
        self,
        transaction_hashes: Sequence[str],
        *,
        timeout_seconds: float = 60.0,
        poll_seconds: float = 0.05,
    ) -> list[dict[str, Any]]:
        """Wait until all transactions are mined; receipts in the order of the hashes.

        Raises:
            ReceiptTimeoutError: one was not mined in time.
        """
        deadline = time.monotonic() + timeout_seconds
        found: dict[str, dict[str, Any]] = {}
        pause = min(poll_seconds, 0.005)
        while True:
            missing = [hash_ for hash_ in dict.fromkeys(transaction_hashes) if hash_ not in found]
            answers = self.batch([("eth_getTransactionReceipt", [hash_]) for hash_ in missing])
            found |= {
                hash_: answer for hash_, answer in zip(missing, answers, strict=True) if answer
            }
            if len(found) == len(set(transaction_hashes)):
                return [found[hash_] for hash_ in transaction_hashes]
            if time.monotonic() >= deadline:
                missing = [hash_ for hash_ in missing if hash_ not in found]
                raise ReceiptTimeoutError(
                    f"not mined within {timeout_seconds:g} s",
                    expected="a receipt",
                    found=f"none for {', '.join(missing[:3])}"
                    + (f" and {len(missing) - 3} more" if len(missing) > 3 else ""),
                )
            time.sleep(pause)
            pause = min(2 * pause, poll_seconds)

    # --- Transport --------------------------------------------------------------------------------

    def _request(self, method: str, params: Sequence[Json]) -> dict[str, Json]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def post(self, payload: Json) -> Json:
        """Send a request or a batch, and return the node's answer as it is.

        Raises:
            NodeUnreachableError: no answer.
            NodeAnswerError: no JSON.
        """
        body = json.dumps(payload)
        try:
            response = self._session.post(self.url, data=body, timeout=self.timeout_seconds)
        except requests.Timeout as error:
            raise NodeUnreachableError(
                f"the node at {public_url(self.url)} does not answer",
                expected=f"an answer within {self.timeout_seconds:g} s",
                remedy="Try again, or look at the node's log",
            ) from error
        except requests.RequestException as error:
            # The library's own text repeats the whole URL, key and all: keep only its kind.
            raise NodeUnreachableError(
                f"no node answers at {public_url(self.url)}",
                expected="a JSON-RPC node",
                found=type(error).__name__,
                remedy="Start the node (locally: `anvil`) or correct its URL",
            ) from None
        if response.status_code == _TOO_MANY_REQUESTS:
            raise NodeBusyError(self.url, "HTTP 429", _seconds(response.headers.get("Retry-After")))
        try:
            answer = response.json()
        except ValueError as error:
            if response.status_code >= _SERVER_ERROR:
                raise NodeBusyError(self.url, f"HTTP {response.status_code}") from None
            raise NodeAnswerError(
                f"{public_url(self.url)} answers, but not with JSON-RPC",
                expected="JSON",
                found=f"HTTP {response.status_code}, {response.text[:80]!r}",
                remedy="Is another program listening on this port?",
            ) from error
        if response.status_code >= _SERVER_ERROR and not _is_json_rpc(answer):
            raise NodeBusyError(self.url, f"HTTP {response.status_code}")
        self._answered_at = time.monotonic()
        return answer

    def _result(self, method: str, answer: dict[str, Any]) -> Json:
        error = answer.get("error")
        if error is None:
            if "result" not in answer:
                raise NodeAnswerError(
                    f"unexpected answer from {public_url(self.url)}",
                    expected="`result` or `error`",
                    found=str(answer)[:200],
                )
            return answer["result"]
        if not isinstance(error, dict):
            raise RpcResponseError(method, 0, str(error))
        code, text = int(error.get("code", 0)), str(error.get("message", ""))
        data = error.get("data")
        if isinstance(data, dict):  # some nodes wrap the data once more
            data = data.get("data")
        revert = to_bytes(data) if isinstance(data, str) and data.startswith("0x") else b""
        if code == _EXECUTION_REVERTED or (revert and "revert" in text.lower()):
            raise ExecutionRevertedError(method, code, text, revert)
        if code == LIMIT_EXCEEDED:
            raise NodeBusyError(self.url, text)
        raise RpcResponseError(method, code, text)


def _is_json_rpc(answer: Json) -> bool:
    """Whether a body is an answer to a call, whatever its HTTP status says."""
    first = answer[0] if isinstance(answer, list) and answer else answer
    return isinstance(first, dict) and "id" in first and ("error" in first or "result" in first)


def _seconds(header: str | None) -> float | None:
    try:
        return None if header is None else max(float(header), 0.0)
    except ValueError:  # a date: rare, and the caller's own back-off does as well
        return None
