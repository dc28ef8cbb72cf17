"""The file that travels between the owners: a transaction, and who has signed it so far.

Nothing in it is trusted: the hash is computed anew, each signature is recovered, and what the
transaction does is decoded from its data.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from eth_utils.address import is_checksum_address

from energy_grid.rpc import to_bytes, to_hex
from energy_grid.safe.errors import SafeError
from energy_grid.safe.signatures import OwnerSignature
from energy_grid.safe.transaction import Operation, SafeTransaction, transaction_hash

SCHEMA: Final = 1
"""Version of the file's layout."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A transaction that owners sign.

    Attributes:
        chain_id: the Safe's chain.
        safe: its address.
        call: what the transaction does, for people; compared with its data before signing.
        transaction: what is signed.
        signatures: at most one an owner.
    """

    chain_id: int
    safe: str
    call: str
    transaction: SafeTransaction
    signatures: tuple[OwnerSignature, ...] = ()

    @property
    def hash(self) -> bytes:
        """What the owners sign."""
        return transaction_hash(self.transaction, self.chain_id, self.safe)

    def with_signature(self, signature: OwnerSignature) -> Proposal:
        """The proposal with a signature more; a second one of an owner replaces the first."""
        others = tuple(one for one in self.signatures if one.owner != signature.owner)
        return replace(self, signatures=(*others, signature))

    def as_json(self) -> dict[str, Any]:
        """The file's content."""
        transaction = self.transaction
        return {
            "schema": SCHEMA,
            "chain_id": self.chain_id,
            "safe": self.safe,
            "call": self.call,
            "transaction": {
                "to": transaction.to,
                "value": str(transaction.value),
                "data": to_hex(transaction.data),
                "operation": int(transaction.operation),
                "safe_tx_gas": str(transaction.safe_tx_gas),
                "base_gas": str(transaction.base_gas),
                "gas_price": str(transaction.gas_price),
                "gas_token": transaction.gas_token,
                "refund_receiver": transaction.refund_receiver,
                "nonce": transaction.nonce,
            },
            "hash": to_hex(self.hash),
            "signatures": [
                {"owner": one.owner, "signature": to_hex(one.signature)} for one in self.signatures
            ],
        }

    def write(self, path: Path) -> None:
        """Write the file in one step."""
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        partial.write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> Proposal:
        """Read a file.

        Raises:
            SafeError: missing, broken, or its hash is of another transaction.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SafeError(f"proposal {path} cannot be read", found=error.strerror) from error
        except ValueError as error:
            raise SafeError(f"proposal {path} is broken", expected="JSON", found=error) from error
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise SafeError(
                f"proposal {path} has another layout",
                expected=f"schema {SCHEMA}",
                found=content.get("schema") if isinstance(content, dict) else type(content),
                remedy="Propose again with this version",
            )
        try:
            proposal = cls._parse(content)
            claimed = to_bytes(content["hash"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SafeError(f"proposal {path} is incomplete", found=repr(error)) from error
        if proposal.hash != claimed:
            raise SafeError(
                f"proposal {path} was altered",
                expected=f"hash {to_hex(proposal.hash)} of its transaction",
                found=to_hex(claimed),
                remedy="Ask who proposed it for the original, and compare its hash",
            )
        return proposal

    @classmethod
    def _parse(cls, content: dict[str, Any]) -> Proposal:
        fields = content["transaction"]
        transaction = SafeTransaction(
            to=_address(fields["to"]),
            data=to_bytes(fields["data"]),
            nonce=int(fields["nonce"]),
            value=int(fields["value"]),
            operation=Operation(fields["operation"]),
            safe_tx_gas=int(fields["safe_tx_gas"]),
            base_gas=int(fields["base_gas"]),
            gas_price=int(fields["gas_price"]),
            gas_token=_address(fields["gas_token"]),
            refund_receiver=_address(fields["refund_receiver"]),
        )
        signatures = tuple(
            OwnerSignature(_address(one["owner"]), to_bytes(one["signature"]))
            for one in content["signatures"]
        )
        owners = [one.owner for one in signatures]
        if len(set(owners)) < len(owners):
            raise ValueError("two signatures of one owner")
        return cls(
            chain_id=int(content["chain_id"]),
            safe=_address(content["safe"]),
            call=str(content["call"]),
            transaction=transaction,
            signatures=signatures,
        )


def _address(value: Any) -> str:
    if not is_checksum_address(value):
        raise ValueError(f"no checksum address: {value!r}")
    return str(value)
