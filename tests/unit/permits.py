"""ERC-2612 permits signed by the test accounts."""

from __future__ import annotations

from typing import Any

from eth_account.messages import encode_typed_data

_FIELDS = [
    {"name": "owner", "type": "address"},
    {"name": "spender", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "nonce", "type": "uint256"},
    {"name": "deadline", "type": "uint256"},
]


def sign_permit(
    token: Any, owner: Any, spender: Any, value: int, deadline: int, chain_id: int
) -> tuple[int, bytes, bytes]:
    """Signature (v, r, s) that lets `spender` take `value` base units of `token` from `owner`."""
    message = encode_typed_data(
        {
            "name": token.name(),
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": token.address,
        },
        {"Permit": _FIELDS},
        {
            "owner": owner.address,
            "spender": spender.address,
            "value": value,
            "nonce": token.nonces(owner),
            "deadline": deadline,
        },
    )
    signature = owner.sign_message(message)
    return signature.v, signature.r, signature.s
