"""Every call that leaves a contract, from the compiler's syntax trees.

The trees come from the compiler of the build (`tools/solc.cjs`) without code, which takes seconds,
and are kept in its cache.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
SOLC: Final = ROOT / "tools" / "solc.cjs"
EXTERNAL: Final = re.compile(r"^t_function_(external|barecall|baredelegatecall|barestaticcall)")
CONTRACT: Final = re.compile(r"^t_contract\$_(\w+?)_\$\d+")
ASSEMBLY_CALLS: Final = frozenset({"call", "callcode", "delegatecall", "staticcall"})
LIBRARY_CALLS: Final = {
    "SafeERC20": "token",
    "SignatureChecker": "signer",
    "LedgerBatch": "IMarketLedger",
}
"""Libraries whose internal functions call outside for the contract, and whom."""


@dataclass(frozen=True, order=True)
class ExternalCall:
    """A kind of call: who makes it, to what type, by which function, and whether it may write."""

    source: str
    callee: str
    function: str
    writes: bool


HOOKS: Final = {"_safeMint": "IERC721Receiver", "_safeTransfer": "IERC721Receiver"}
INHERITED: Final = {
    "AccessManaged": ExternalCall("inherited", "IAccessManager", "canCall", True),
    "AccessManager": ExternalCall("inherited", "any", "execute", True),
    "ERC721Enumerable": ExternalCall("inherited", "IERC721Receiver", "safeTransferFrom", True),
    "Governor": ExternalCall("inherited", "any", "relay", True),
    "GovernorTimelockControl": ExternalCall("inherited", "TimelockController", "execute", True),
    "TimelockController": ExternalCall("inherited", "any", "execute", True),
}
"""Calls that OpenZeppelin's contracts make for those that inherit them."""


@cache
def external_calls() -> frozenset[ExternalCall]:
    """All calls that leave the contracts of `contracts/`, tests' mocks left out."""
    found: set[ExternalCall] = set()
    for source, tree in syntax_trees().items():
        for node in _nodes(tree):
            found |= set(_calls(source, node))
    return frozenset(found)


@cache
def syntax_trees() -> Mapping[str, Any]:
    """Syntax tree of each source of `contracts/` but the mocks.

    Raises:
        RuntimeError: the compiler finds an error.
    """
    sources = {
        str(path.relative_to(ROOT)): {"content": path.read_text(encoding="utf-8")}
        for path in sorted((ROOT / "contracts").rglob("*.sol"))
        if ".cache" not in path.parts and "test" not in path.parts
    }
    request = {
        "language": "Solidity",
        "sources": sources,
        "settings": {"outputSelection": {name: {"": ["ast"]} for name in sources}},
    }
    answer = subprocess.run(
        [
            *("node", str(SOLC), "--standard-json", "--base-path", str(ROOT)),
            *("--include-path", str(ROOT / "node_modules")),
        ],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SOLC_CACHE_DIR": str(ROOT / ".venv" / "solc-cache")},
    )
    output = json.loads(answer.stdout)
    errors = [error for error in output.get("errors", ()) if error["severity"] == "error"]
    if errors:
        raise RuntimeError(errors[0]["formattedMessage"])
    return {name: output["sources"][name]["ast"] for name in sources}


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, list):
        for part in node:
            yield from _nodes(part)
    elif isinstance(node, dict):
        if "nodeType" in node:
            yield node
        for part in node.values():
            yield from _nodes(part)


def _calls(source: str, node: Mapping[str, Any]) -> Iterator[ExternalCall]:
    if node["nodeType"] == "InheritanceSpecifier":
        inherited = INHERITED.get(node["baseName"]["name"])
        if inherited is not None:
            yield replace(inherited, source=source)
    if node["nodeType"] == "YulFunctionCall" and node["functionName"]["name"] in ASSEMBLY_CALLS:
        name = node["functionName"]["name"]
        yield ExternalCall(source, "assembly", name, name != "staticcall")
    if node["nodeType"] != "FunctionCall" or node["kind"] != "functionCall":
        return
    expression = node["expression"]
    while expression["nodeType"] == "FunctionCallOptions":
        expression = expression["expression"]
    if expression["nodeType"] == "Identifier" and expression["name"] in HOOKS:
        yield ExternalCall(source, HOOKS[expression["name"]], "onERC721Received", True)
    if expression["nodeType"] != "MemberAccess":
        return
    base, function = expression["expression"], expression["memberName"]
    library = _library_of(expression)
    if library in LIBRARY_CALLS:
        writes = library != "SignatureChecker" and function != "wordsOf"
        yield ExternalCall(source, LIBRARY_CALLS[library], function, writes)
    kind = expression["typeDescriptions"].get("typeIdentifier") or ""
    if not EXTERNAL.match(kind):
        return
    callee = CONTRACT.match(base["typeDescriptions"].get("typeIdentifier") or "")
    name = callee.group(1) if callee else "address"
    if base["nodeType"] == "Identifier" and base["name"] == "this":
        name = "this"
    writes = "_view$" not in kind and "_pure$" not in kind and "barestaticcall" not in kind
    yield ExternalCall(source, name, function, writes)


def _library_of(expression: Mapping[str, Any]) -> str:
    """Library of a `Library.function(...)` or `value.function(...)`; empty if none of interest."""
    kind = expression["typeDescriptions"].get("typeIdentifier") or ""
    base = expression["expression"]
    if base["nodeType"] == "Identifier" and base["name"] in LIBRARY_CALLS:
        return str(base["name"])
    if not kind.startswith("t_function_internal"):
        return ""
    bound = {
        "safeTransfer": "SafeERC20",
        "safeTransferFrom": "SafeERC20",
        "forceApprove": "SafeERC20",
        "wordsOf": "LedgerBatch",
        "adjust": "LedgerBatch",
    }
    return bound.get(expression["memberName"], "")
