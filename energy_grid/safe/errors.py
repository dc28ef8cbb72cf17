"""What can be wrong with a transaction of a Safe, in sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from energy_grid.abi import DecodedError, decode_solidity_error
from energy_grid.errors import FatalError


class SafeError(FatalError):
    """A Safe, a proposal or a signature is not what it must be."""


MEANINGS: Final[Mapping[str, str]] = {
    "GS000": "its set-up could not finish",
    "GS001": "it was never set up: no threshold",
    "GS002": "its set-up calls an address without code",
    "GS010": "too little gas for the call within",
    "GS011": "the refund in native money failed",
    "GS012": "the refund in tokens failed",
    "GS020": "fewer signatures than the threshold, or they are cut off",
    "GS021": "a contract signature points into the list of signatures",
    "GS022": "a contract signature points past the end of the data",
    "GS023": "a contract signature is longer than the data",
    "GS024": "an owner that is a contract does not confirm its signature",
    "GS025": "a hash counts as approved that its owner has not approved",
    "GS026": "a signature is of no owner, of another transaction (nonce, chain, Safe or content), "
    "a second one of its owner, or not in the order of the owners' addresses",
    "GS030": "only owners approve hashes",
    "GS031": "only the Safe itself may do this: it takes a proposal",
    "GS100": "its modules are set up already",
    "GS101": "no address of a module",
    "GS102": "the module is enabled already",
    "GS103": "the module is not the one after the one named before it",
    "GS104": "the sender is no enabled module",
    "GS105": "no start of a list of modules",
    "GS106": "a page of modules must not be empty",
    "GS200": "its owners are set up already",
    "GS201": "the threshold is higher than the number of owners",
    "GS202": "the threshold must be at least 1",
    "GS203": "no address of an owner",
    "GS204": "the address is an owner already",
    "GS205": "the owner is not the one after the one named before it",
    "GS300": "the contract is no guard for transactions",
    "GS301": "the contract is no guard for modules",
    "GS400": "a Safe cannot be its own fallback handler",
}
"""Codes that a Safe reverts with."""

_CODE: Final = re.compile(r"GS\d{3}")


def code_of(error: DecodedError | None) -> str | None:
    """The Safe's code of a decoded error; None if it is no error of the Safe."""
    if error is None or error.name != "Error":
        return None
    message = str(error.arguments.get("message", ""))
    return message if _CODE.fullmatch(message) else None


def sentence(data: bytes) -> str | None:
    """Revert data of the Safe itself as a sentence; None if it is somebody else's."""
    code = code_of(decode_solidity_error(data))
    if code is None:
        return None
    return f"{code}: {MEANINGS.get(code, 'a code this version does not know')}"
