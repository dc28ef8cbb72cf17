"""The keepers by name. What a keeper needs is imported when it is run, and not before."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Final

from energy_grid.errors import ConfigurationError
from oracles.runtime.keeper import Program


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a keeper is found.

    Attributes:
        place: `module:NAME` of its `Program`.
        port: port of its pages unless `EG_OPS_PORT` says otherwise.
    """

    place: str
    port: int


ENTRIES: Final[dict[str, Entry]] = {
    "clearing": Entry("oracles.engine.keepers:CLEARING", 9_101),
    "matching": Entry("oracles.engine.keepers:MATCHING", 9_102),
    "settlement": Entry("oracles.settling.keepers:SETTLEMENT", 9_103),
    "guardian": Entry("oracles.guardian.keepers:GUARDIAN", 9_104),
    "collector": Entry("oracles.collector.keepers:COLLECTOR", 9_105),
    "reporter": Entry("oracles.reporters.keepers:REPORTER", 9_106),
    "quote": Entry("oracles.quoting.keepers:QUOTE", 9_107),
    "balancing": Entry("oracles.balancing.keepers:BALANCING", 9_108),
}
"""Keepers by name. Names are fixed: unit files and start scripts use them."""


def names() -> tuple[str, ...]:
    """All names, in the order of their ports."""
    return tuple(ENTRIES)


def program_of(name: str) -> Program:
    """The keeper of a name.

    Raises:
        ConfigurationError: there is none, or something it needs is not installed.
    """
    entry = ENTRIES.get(name)
    if entry is None:
        raise ConfigurationError(
            f"no keeper {name!r}", expected=f"one of {', '.join(ENTRIES)}", found=name
        )
    module, _, attribute = entry.place.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"keeper {name} needs {error.name}",
            remedy="Install the extra `keepers`: pip install -e '.[keepers,engine]'",
        ) from error
    if not isinstance(found, Program):
        raise TypeError(f"{entry.place} is no Program")
    return found
