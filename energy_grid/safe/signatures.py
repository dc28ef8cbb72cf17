"""Signatures of owners, in the forms that a Safe takes from people.

Each takes 65 bytes `r | s | v`; `v` tells the form. Owners that are contracts themselves (`v` 0)
approve the hash on chain instead, which every account can.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from energy_grid.safe.errors import SafeError

SIGNATURE_BYTES: Final = 65
_APPROVED_V: Final = 1
_TYPED_V: Final = (27, 28)
_ETH_SIGN_SHIFT: Final = 4
_ETH_SIGN_V: Final = tuple(v + _ETH_SIGN_SHIFT for v in _TYPED_V)
_ETH_SIGN_PREFIX: Final = b"\x19Ethereum Signed Message:\n32"


@dataclass(frozen=True, slots=True)
class OwnerSignature:
    """What one owner contributes.

    Attributes:
        owner: checksum address.
        signature: 65 bytes.
    """

    owner: str
    signature: bytes


def sign(transaction_hash: bytes, private_key: bytes) -> OwnerSignature:
    """Sign with a key in memory: local chains and tests."""
    key = PrivateKey(private_key)
    raw = key.sign_msg_hash(transaction_hash)
    signature = raw.to_bytes()[:64] + bytes([_TYPED_V[0] + raw.v])
    return OwnerSignature(str(key.public_key.to_checksum_address()), signature)


def approval(owner: str) -> OwnerSignature:
    """Stands for a hash that the owner approves on chain, or by executing it."""
    word = to_canonical_address(owner).rjust(32, b"\0")
    return OwnerSignature(str(to_checksum_address(owner)), word + bytes(32) + bytes([_APPROVED_V]))


def is_approval(signature: bytes) -> bool:
    """Whether it only says that the hash is approved on chain."""
    return len(signature) == SIGNATURE_BYTES and signature[64] == _APPROVED_V


def read(transaction_hash: bytes, signature: bytes) -> OwnerSignature:
    """Whose signature of a transaction this is.

    Stricter than the Safe, which also takes a high `s`.

    Raises:
        SafeError: malformed, or fits no key.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise SafeError(
            "malformed signature",
            expected=f"{SIGNATURE_BYTES} bytes",
            found=f"{len(signature)} bytes",
        )
    v = signature[64]
    if v == _APPROVED_V:
        return approval(str(to_checksum_address(signature[12:32])))
    if v in _ETH_SIGN_V:
        digest, parity = keccak(_ETH_SIGN_PREFIX + transaction_hash), v - _ETH_SIGN_V[0]
    elif v in _TYPED_V:
        digest, parity = transaction_hash, v - _TYPED_V[0]
    else:
        raise SafeError(
            "signature of an unknown form",
            expected="v 27 or 28 (typed data), 31 or 32 (eth_sign), 1 (approved on chain)",
            found=f"v {v}",
            remedy="An owner that is a contract approves the hash on chain (approveHash)",
        )
    if int.from_bytes(signature[32:64], "big") > SECPK1_N // 2:
        raise SafeError("signature with a high s", expected="s in the lower half")
    try:
        raw = Signature(signature[:64] + bytes([parity]))
        key = raw.recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError) as error:
        raise SafeError("signature fits no key", found=error) from error
    return OwnerSignature(str(to_checksum_address(key.to_canonical_address())), signature)


def pack(signatures: Iterable[OwnerSignature]) -> bytes:
    """The last argument of `execTransaction`: one signature an owner, by rising address.

    Raises:
        SafeError: two of one owner.
    """
    ordered = sorted(signatures, key=lambda one: to_canonical_address(one.owner))
    owners = [one.owner for one in ordered]
    if len(set(owners)) < len(owners):
        raise SafeError(
            "two signatures of one owner count as one",
            expected="different owners",
            found=next(owner for owner in owners if owners.count(owner) > 1),
        )
    return b"".join(one.signature for one in ordered)
