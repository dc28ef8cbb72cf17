"""The part of the Safe contracts' interface that is used here.

Written down, so that nothing of theirs is needed where they are deployed already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from energy_grid.abi import Abi


def _parameters(text: str) -> list[dict[str, Any]]:
    """`type name, type indexed name` as the ABI spells it."""
    found = []
    for part in filter(None, text.split(", ")):
        kind, *rest = part.split(" ")
        entry: dict[str, Any] = {"name": rest[-1] if rest else "", "type": kind}
        if "indexed" in rest[:-1]:
            entry["indexed"] = True
        found.append(entry)
    return found


def _function(name: str, inputs: str, outputs: str = "") -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "inputs": _parameters(inputs),
        "outputs": _parameters(outputs),
    }


def _event(name: str, inputs: str) -> dict[str, Any]:
    return {"type": "event", "name": name, "inputs": _parameters(inputs)}


_TRANSACTION: Final = (
    "address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, "
    "uint256 gasPrice, address gasToken, address refundReceiver"
)

SAFE_ENTRIES: Final = (
    _function(
        "setup",
        "address[] _owners, uint256 _threshold, address to, bytes data, address fallbackHandler, "
        "address paymentToken, uint256 payment, address paymentReceiver",
    ),
    _function("execTransaction", f"{_TRANSACTION}, bytes signatures", "bool success"),
    _function("getTransactionHash", f"{_TRANSACTION}, uint256 _nonce", "bytes32 txHash"),
    _function("domainSeparator", "", "bytes32"),
    _function("VERSION", "", "string"),
    _function("nonce", "", "uint256"),
    _function("getOwners", "", "address[]"),
    _function("getThreshold", "", "uint256"),
    _function("isOwner", "address owner", "bool"),
    _function(
        "getModulesPaginated", "address start, uint256 pageSize", "address[] array, address next"
    ),
    _function("getStorageAt", "uint256 offset, uint256 length", "bytes"),
    _function("approveHash", "bytes32 hashToApprove"),
    _function("approvedHashes", "address, bytes32", "uint256"),
    _function("addOwnerWithThreshold", "address owner, uint256 _threshold"),
    _function("removeOwner", "address prevOwner, address owner, uint256 _threshold"),
    _function("swapOwner", "address prevOwner, address oldOwner, address newOwner"),
    _function("changeThreshold", "uint256 _threshold"),
    _event("ExecutionSuccess", "bytes32 indexed txHash, uint256 payment"),
    _event("ExecutionFailure", "bytes32 indexed txHash, uint256 payment"),
    _event("ApproveHash", "bytes32 indexed approvedHash, address indexed owner"),
    _event("AddedOwner", "address indexed owner"),
    _event("RemovedOwner", "address indexed owner"),
    _event("ChangedThreshold", "uint256 threshold"),
)

PROXY_ENTRIES: Final = (_function("masterCopy", "", "address"),)
"""What the account's proxy answers by itself."""

FACTORY_ENTRIES: Final = (
    _function(
        "createProxyWithNonce",
        "address _singleton, bytes initializer, uint256 saltNonce",
        "address proxy",
    ),
    _function("proxyCreationCode", "", "bytes"),
    _event("ProxyCreation", "address indexed proxy, address singleton"),
)

SIGNATURE_CHECK_ENTRIES: Final = (
    _function("isValidSignature", "bytes32 _dataHash, bytes _signature", "bytes4"),
)
"""ERC-1271, which a Safe answers through its fallback handler."""

SAFE_TYPE: Final = "Safe"
SAFE_ABI: Final = Abi(SAFE_TYPE, [*SAFE_ENTRIES, *PROXY_ENTRIES, *SIGNATURE_CHECK_ENTRIES])
FACTORY_ABI: Final = Abi("SafeProxyFactory", FACTORY_ENTRIES)

SAFE_TYPES: Final[Mapping[str, Abi]] = {
    SAFE_TYPE: SAFE_ABI,
    "SafeL2": SAFE_ABI,
    "SafeProxyFactory": FACTORY_ABI,
    "CompatibilityFallbackHandler": Abi("CompatibilityFallbackHandler", SIGNATURE_CHECK_ENTRIES),
}
"""Types in a deployment file that this project did not write: accounts, and what they need."""
