"""Encoding and decoding by a contract's ABI: calls, answers, events, errors."""

from __future__ import annotations

import dataclasses
import keyword
from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from energy_grid.artifacts import AbiEntry
from energy_grid.errors import FatalError, InvalidValueError

_ERROR_STRING = keccak(text="Error(string)")[:4]
_PANIC = keccak(text="Panic(uint256)")[:4]
_PANICS = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "value is no member of the enum",
    0x32: "index out of bounds",
    0x41: "out of memory",
}


class AbiError(FatalError):
    """A name, a value or an answer does not fit the ABI."""


@dataclass(frozen=True, slots=True)
class DecodedError:
    """Why a contract refused.

    Attributes:
        name: the error's name; `Error` or `Panic` for Solidity's own, empty if unknown.
        arguments: by name.
        data: as returned.
    """

    name: str
    arguments: Mapping[str, Any]
    data: bytes

    def __str__(self) -> str:
        if not self.name:
            return f"unknown error 0x{self.data.hex()}" if self.data else "no reason given"
        values = ", ".join(f"{key}={_shown(value)}" for key, value in self.arguments.items())
        return f"{self.name}({values})"


@dataclass(frozen=True, slots=True)
class Event:
    """One decoded event.

    Attributes:
        name: the event's name.
        arguments: by name; also as attributes (`event.orderId`).
        address: contract that emitted it.
        block_number: its block.
        transaction_hash: its transaction.
        log_index: its place in the block.
    """

    name: str
    arguments: Mapping[str, Any]
    address: str
    block_number: int
    transaction_hash: str
    log_index: int

    def __getattr__(self, name: str) -> Any:
        if name in Event.__slots__ or name not in self.arguments:
            raise AttributeError(f"event has no {name}")
        return self.arguments[name]


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    inputs: tuple[Mapping[str, Any], ...]
    outputs: tuple[Mapping[str, Any], ...]

    @property
    def input_types(self) -> list[str]:
        return [type_string(entry) for entry in self.inputs]

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(self.input_types)})"


class Abi:
    """A contract's ABI.

    Args:
        name: the contract's name, for messages.
        entries: the ABI as the compiler gives it.
    """

    def __init__(self, name: str, entries: Iterable[AbiEntry]) -> None:
        self.name = name
        self._constructor = _Entry("constructor", (), ())
        self._functions: dict[str, list[_Entry]] = {}
        self._events: dict[bytes, _Entry] = {}
        self._errors: dict[bytes, _Entry] = {}
        for raw in entries:
            entry = _Entry(
                str(raw.get("name", "constructor")),
                tuple(raw.get("inputs") or ()),
                tuple(raw.get("outputs") or ()),
            )
            match raw.get("type"):
                case "function":
                    self._functions.setdefault(entry.name, []).append(entry)
                case "event" if not raw.get("anonymous"):
                    self._events[keccak(text=entry.signature)] = entry
                case "error":
                    self._errors[keccak(text=entry.signature)[:4]] = entry
                case "constructor":
                    self._constructor = entry

    # --- Calls ------------------------------------------------------------------------------------

    def selector(self, function: str) -> bytes:
        """Four-byte selector of a function, by name or signature."""
        return keccak(text=self._function(function).signature)[:4]

    def encode(self, function: str, *arguments: Any) -> bytes:
        """Data of a call.

        Raises:
            AbiError: no such function, or the arguments do not fit it.
        """
        entry = self._function(function, len(arguments))
        return keccak(text=entry.signature)[:4] + _encode(entry, arguments, self.name)

    def encode_constructor(self, *arguments: Any) -> bytes:
        """Constructor arguments, to be appended to the creation code."""
        return _encode(self._constructor, arguments, self.name)

    @property
    def constructor_names(self) -> list[str]:
        """Names of the constructor's parameters."""
        return [str(entry["name"]) for entry in self._constructor.inputs]

    def decode_answer(self, function: str, data: bytes, argument_count: int | None = None) -> Any:
        """What a function returned: one value, or a tuple with names if there are several."""
        entry = self._function(function, argument_count)
        if not entry.outputs:
            return None
        values = _decode(entry.outputs, data, f"{self.name}.{entry.name}")
        if len(values) == 1:
            return values[0]
        return _named(entry.name, [str(o.get("name") or "") for o in entry.outputs])(*values)

    def decode_call(self, data: bytes) -> tuple[str, Mapping[str, Any]] | None:
        """Data of a call as function and arguments by name; None if this ABI does not know it.

        Data that is not exactly what `encode` makes of them is unknown too.
        """
        for entries in self._functions.values():
            for entry in entries:
                if keccak(text=entry.signature)[:4] != data[:4]:
                    continue
                try:
                    values = _decode(entry.inputs, data[4:], f"{self.name}.{entry.name}")
                except AbiError:
                    return None
                if data[4:] != _encode(entry, values, self.name):
                    return None
                names = [str(e.get("name") or f"_{i}") for i, e in enumerate(entry.inputs)]
                return entry.name, dict(zip(names, values, strict=True))
        return None

    def parameters(self, function: str, argument_count: int) -> list[Mapping[str, Any]]:
        """Parameters of a function as the ABI describes them."""
        return list(self._function(function, argument_count).inputs)

    @property
    def functions(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Parameters of each function as the ABI describes them, by signature."""
        entries = chain.from_iterable(self._functions.values())
        return {entry.signature: entry.inputs for entry in entries}

    def constants(self) -> list[str]:
        """Getters of constants and immutables by their spelling: upper case, no arguments."""
        return sorted(
            name
            for name, entries in self._functions.items()
            if name.upper() == name and not entries[0].inputs
        )

    # --- Events and errors ------------------------------------------------------------------------

    def event_topic(self, name: str) -> str:
        """First topic of an event, to filter logs by."""
        for topic, entry in self._events.items():
            if entry.name == name:
                return "0x" + topic.hex()
        raise AbiError(f"{self.name} has no event {name}")

    def decode_log(self, log: Mapping[str, Any]) -> Event | None:
        """A log as an event; None if this ABI does not know it."""
        topics = [bytes.fromhex(topic.removeprefix("0x")) for topic in log["topics"]]
        entry = self._events.get(topics[0]) if topics else None
        if entry is None:
            return None
        indexed = [e for e in entry.inputs if e.get("indexed")]
        plain = [e for e in entry.inputs if not e.get("indexed")]
        data = bytes.fromhex(str(log["data"]).removeprefix("0x"))
        values = dict(
            zip(
                (str(e["name"]) for e in plain),
                _decode(plain, data, f"{self.name}.{entry.name}"),
                strict=True,
            )
        )
        for parameter, topic in zip(indexed, topics[1:], strict=True):
            values[str(parameter["name"])] = (
                topic  # dynamic types are stored as their hash
                if _is_dynamic(type_string(parameter))
                else _decode([parameter], topic, entry.name)[0]
            )
        return Event(
            name=entry.name,
            arguments={str(e["name"]): values[str(e["name"])] for e in entry.inputs},
            address=to_checksum_address(log["address"]),
            block_number=int(log["blockNumber"], 16),
            transaction_hash=str(log["transactionHash"]),
            log_index=int(log["logIndex"], 16),
        )

    def decode_error(self, data: bytes) -> DecodedError | None:
        """Revert data as an error; None if this ABI does not know it."""
        entry = self._errors.get(data[:4])
        if entry is None:
            return None
        values = _decode(entry.inputs, data[4:], f"{self.name}.{entry.name}")
        names = [str(e.get("name") or f"_{i}") for i, e in enumerate(entry.inputs)]
        return DecodedError(entry.name, dict(zip(names, values, strict=True)), data)

    def _function(self, function: str, argument_count: int | None = None) -> _Entry:
        candidates = self._functions.get(function.split("(", 1)[0], [])
        if "(" in function:
            candidates = [entry for entry in candidates if entry.signature == function]
        elif len(candidates) > 1 and argument_count is not None:
            candidates = [entry for entry in candidates if len(entry.inputs) == argument_count]
        if len(candidates) != 1:
            raise AbiError(
                f"{self.name} has {len(candidates) or 'no'} functions {function}",
                expected="one; name an overloaded function by its signature",
                found=", ".join(entry.signature for entry in candidates) or None,
                remedy=None if candidates else "Run `make build` if the contracts have changed",
            )
        return candidates[0]


def decode_solidity_error(data: bytes) -> DecodedError | None:
    """`require` with a string, and panics."""
    try:
        if data[:4] == _ERROR_STRING:
            return DecodedError("Error", {"message": decode(["string"], data[4:])[0]}, data)
        if data[:4] == _PANIC:
            code = decode(["uint256"], data[4:])[0]
            return DecodedError("Panic", {"code": _PANICS.get(code, hex(code))}, data)
    except DecodingError:
        return None
    return None


def type_string(entry: Mapping[str, Any]) -> str:
    """Canonical type of an ABI parameter, tuples spelled out."""
    kind = str(entry["type"])
    if kind.startswith("tuple"):
        inner = ",".join(type_string(part) for part in entry["components"])
        return f"({inner}){kind[5:]}"
    return kind


def _encode(entry: _Entry, arguments: Sequence[Any], contract: str) -> bytes:
    if len(arguments) != len(entry.inputs):
        raise AbiError(
            f"arguments of {contract}.{entry.name}",
            expected=entry.signature,
            found=f"{len(arguments)} arguments",
        )
    values = [
        _plain(argument, part) for argument, part in zip(arguments, entry.inputs, strict=True)
    ]
    try:
        return encode(entry.input_types, values)
    except (EncodingError, TypeError, ValueError) as error:
        raise AbiError(
            f"arguments of {contract}.{entry.name}", expected=entry.signature, found=str(error)
        ) from error


def _plain(value: Any, entry: Mapping[str, Any]) -> Any:
    """A value as eth_abi takes it: dataclasses, mappings and named tuples become tuples."""
    kind = str(entry["type"])
    if kind.endswith("]"):
        inner = {**entry, "type": kind[: kind.rindex("[")]}
        return [_plain(item, inner) for item in value]
    if kind == "tuple":
        return tuple(
            _plain(part, component)
            for part, component in zip(
                _fields(value, entry["components"]), entry["components"], strict=True
            )
        )
    if kind.startswith("bytes") and isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    return value


def _fields(value: Any, components: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
    if hasattr(value, "as_tuple"):
        return tuple(value.as_tuple())
    if isinstance(value, Mapping):
        names = [str(component["name"]) for component in components]
        if set(names) != set(value):
            raise InvalidValueError("fields of a struct", expected=names, found=list(value))
        return [value[name] for name in names]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return tuple(value)


def _decode(entries: Sequence[Mapping[str, Any]], data: bytes, what: str) -> list[Any]:
    try:
        values = decode([type_string(entry) for entry in entries], data)
    except DecodingError as error:
        raise AbiError(
            f"answer of {what} does not fit its ABI",
            found=f"{len(data)} bytes",
            remedy="Is this the right contract, and is the build up to date?",
        ) from error
    return [_rich(value, entry) for value, entry in zip(values, entries, strict=True)]


def _rich(value: Any, entry: Mapping[str, Any]) -> Any:
    """A decoded value with checksum addresses and named tuples for structs."""
    kind = str(entry["type"])
    if kind.endswith("]"):
        inner = {**entry, "type": kind[: kind.rindex("[")]}
        return [_rich(item, inner) for item in value]
    if kind == "tuple":
        components = entry["components"]
        struct = str(entry.get("internalType") or "struct").rsplit(".", 1)[-1].split(" ")[-1]
        make = _named(struct, [str(component["name"]) for component in components])
        return make(*(_rich(part, c) for part, c in zip(value, components, strict=True)))
    if kind == "address":
        return to_checksum_address(value)
    return value


def _named(name: str, fields: Sequence[str]) -> Any:
    return _named_tuple(name.split("[")[0], tuple(fields))


@cache
def _named_tuple(name: str, fields: tuple[str, ...]) -> Any:
    safe = [f"{field}_" if keyword.iskeyword(field) else field for field in fields]
    typename = name if name.isidentifier() else "Struct"
    return namedtuple(typename, safe, rename=True)


def _is_dynamic(kind: str) -> bool:
    return kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("(")


def _shown(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
