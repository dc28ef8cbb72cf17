"""What the compiler made of the contracts, read from ape's build output without ape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from energy_grid.deployments import PROJECT_ROOT
from energy_grid.errors import ConfigurationError

BUILD_FILE: Final = PROJECT_ROOT / ".build" / "__local__.json"
"""Where ape keeps the manifest of the project's own contracts."""

AbiEntry = Mapping[str, Any]


class ArtifactError(ConfigurationError):
    """The build output is missing, broken or lacks a contract."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract.

    Attributes:
        name: its name, unique in the project.
        abi: the ABI's entries.
        creation_code: code that deploys it, without constructor arguments; hex without `0x`, for it
            may hold places where a library's address belongs.
        links: places of library addresses: library name to byte offsets.
    """

    name: str
    abi: tuple[AbiEntry, ...]
    creation_code: str
    links: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Artifacts:
    """All compiled contracts of the project.

    Attributes:
        contracts: by name.
        compiler: version and the settings that shape the code.
    """

    contracts: Mapping[str, Artifact]
    compiler: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path | str = BUILD_FILE) -> Artifacts:
        """Read the build output; parsed once while the file does not change.

        Raises:
            ArtifactError: missing or broken.
        """
        path = Path(path)
        try:
            changed_ns = path.stat().st_mtime_ns
        except OSError:
            raise ArtifactError(
                "the contracts are not compiled",
                expected=str(path),
                found="no such file",
                remedy="Run `make build`",
            ) from None
        return _load(path, changed_ns)

    def get(self, name: str) -> Artifact:
        """One contract.

        Raises:
            ArtifactError: the build has no such contract.
        """
        artifact = self.contracts.get(name)
        if artifact is None:
            raise ArtifactError(
                f"the build output has no contract {name}",
                found=", ".join(sorted(self.contracts)) or "no contracts",
                remedy="Run `make build`",
            )
        return artifact


@lru_cache(maxsize=4)
def _load(path: Path, changed_ns: int) -> Artifacts:
    del changed_ns  # part of the cache's key only
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        types = manifest["contractTypes"]
        contracts = {name: _artifact(name, entry) for name, entry in types.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"the build output {path} is broken",
            found=repr(error),
            remedy="Run `make clean build`",
        ) from error
    return Artifacts(contracts=contracts, compiler=_compiler(manifest))


def _artifact(name: str, entry: Mapping[str, Any]) -> Artifact:
    deployment = entry.get("deploymentBytecode") or {}
    links: dict[str, tuple[int, ...]] = {}
    for reference in deployment.get("linkReferences") or ():
        library = str(reference.get("name"))
        links[library] = links.get(library, ()) + tuple(reference["offsets"])
    return Artifact(
        name=name,
        abi=tuple(entry.get("abi") or ()),
        creation_code=str(deployment.get("bytecode") or "").removeprefix("0x"),
        links=links,
    )


def _compiler(manifest: Mapping[str, Any]) -> dict[str, Any]:
    for compiler in manifest.get("compilers") or ():
        if str(compiler.get("name", "")).lower() == "solidity":
            settings = compiler.get("settings") or {}
            return {
                "name": "solc",
                "version": compiler.get("version"),
                "evm_version": settings.get("evmVersion"),
                "via_ir": bool(settings.get("viaIR")),
                "optimizer": settings.get("optimizer"),
            }
    return {}
