"""Calls as people write and read them: `Guardian.haltZone(1, "fire")`, by the deployment's names.

An address is written as such or as a contract's name, bytes as hex, structs and lists in brackets.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.address import is_checksum_address

from energy_grid.abi import Abi, type_string
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import abi_of
from energy_grid.deployments import Deployment
from energy_grid.safe.abi import SAFE_ABI
from energy_grid.safe.errors import SafeError

ITSELF: Final = "Safe"
"""Name of the Safe that makes the call."""
_ADDRESS_LENGTH: Final = 42


@dataclass(frozen=True, slots=True)
class KnownContract:
    """A contract that can be called by name."""

    address: str
    abi: Abi


class CallBook:
    """The contracts of a deployment, by name.

    Args:
        contracts: name to address and ABI.
    """

    def __init__(self, contracts: Mapping[str, KnownContract]) -> None:
        self._contracts = dict(contracts)

    def encode(self, text: str) -> tuple[str, bytes]:
        """Address and data of a call that is written as text.

        Raises:
            SafeError: no call, no such contract, or the arguments do not fit.
        """
        name, function, nodes = _parsed(text)
        contract = self._contract(name)
        parameters = contract.abi.parameters(function, len(nodes))
        if len(parameters) != len(nodes):
            raise SafeError(
                f"arguments of {name}.{function}",
                expected=f"({', '.join(map(_shown_parameter, parameters))})",
                found=f"{len(nodes)} arguments",
            )
        arguments = [
            self._value(text, node, type_string(parameter))
            for node, parameter in zip(nodes, parameters, strict=True)
        ]
        return contract.address, contract.abi.encode(function, *arguments)

    def describe(self, to: str, data: bytes, value: int = 0) -> str:
        """A call as text.

        Raises:
            SafeError: the contract or the function is not known: nobody could say what is signed.
        """
        for name, contract in self._contracts.items():
            if contract.address != to:
                continue
            decoded = contract.abi.decode_call(data)
            if decoded is not None:
                function, arguments = decoded
                shown = ", ".join(f"{key}={self._shown(one)}" for key, one in arguments.items())
                return f"{name}.{function}({shown})" + (f" with {value} wei" if value else "")
        raise SafeError(
            "nobody can tell what this call does",
            expected="a function of a contract of the deployment",
            found=f"{len(data)} bytes to {to}",
            remedy="Do not sign it",
        )

    def _contract(self, name: str) -> KnownContract:
        if name not in self._contracts:
            raise SafeError(
                f"the deployment has no contract {name}",
                expected=f"one of {', '.join(self._contracts)}",
            )
        return self._contracts[name]

    def _value(self, text: str, node: ast.expr, kind: str) -> Any:
        """An argument; numbers in hex are kept as written where an address or bytes belong."""
        if isinstance(node, ast.List | ast.Tuple):
            inner = kind[: kind.rindex("[")] if kind.endswith("]") else ""
            parts = [inner] * len(node.elts) if inner else _components(kind)
            if len(parts) != len(node.elts):
                raise SafeError("argument", expected=kind, found=_source(text, node))
            return [
                self._value(text, one, part) for one, part in zip(node.elts, parts, strict=True)
            ]
        if kind == "address":
            return self._address(_source(text, node).strip("\"'"))
        if kind.startswith("bytes"):
            return _bytes(_source(text, node).strip("\"'"))
        if isinstance(node, ast.Name) and node.id in ("true", "false"):
            return node.id == "true"
        try:
            return ast.literal_eval(node)
        except ValueError:
            raise SafeError("argument", expected=kind, found=_source(text, node)) from None

    def _address(self, written: str) -> str:
        if written in self._contracts:
            return self._contracts[written].address
        if not is_checksum_address(written):
            raise SafeError(
                "argument", expected="an address with checksum or a contract's name", found=written
            )
        return written

    def _shown(self, value: Any) -> str:
        if isinstance(value, bytes):
            return "0x" + value.hex()
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            names = [name for name, one in self._contracts.items() if one.address == value]
            is_address = len(value) == _ADDRESS_LENGTH and is_checksum_address(value)
            return names[0] if names else value if is_address else repr(value)
        if isinstance(value, Sequence):
            return f"[{', '.join(map(self._shown, value))}]"
        return str(value)


def call_book(deployment: Deployment | None, artifacts: Artifacts, safe: str) -> CallBook:
    """Contracts that a Safe can call by name: itself as `Safe`, and those of the deployment."""
    contracts = {ITSELF: KnownContract(safe, SAFE_ABI)}
    for name, record in ({} if deployment is None else deployment.contracts).items():
        contracts[name] = KnownContract(record.address, abi_of(record.contract, artifacts))
    return CallBook(contracts)


def _parsed(text: str) -> tuple[str, str, list[ast.expr]]:
    """Contract, function and arguments."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        node = None
    if (
        not isinstance(node, ast.Call)
        or node.keywords
        or not isinstance(node.func, ast.Attribute)
        or not isinstance(node.func.value, ast.Name)
    ):
        raise SafeError(
            "this is no call", expected='Contract.function(1, 0x..., "text", [2, 3])', found=text
        )
    return node.func.value.id, node.func.attr, node.args


def _source(text: str, node: ast.expr) -> str:
    return ast.get_source_segment(text.strip(), node) or ""


def _bytes(written: str) -> bytes:
    try:
        return bytes.fromhex(written.removeprefix("0x"))
    except ValueError:
        raise SafeError("argument", expected="bytes in hex", found=written) from None


def _components(kind: str) -> list[str]:
    """Types within `(a,b,(c,d))`."""
    parts, depth = [""], 0
    for letter in kind[1:-1]:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts if kind.startswith("(") else []


def _shown_parameter(parameter: Mapping[str, Any]) -> str:
    return f"{type_string(parameter)} {parameter.get('name', '')}".strip()
