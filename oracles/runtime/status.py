"""How running keepers fare, asked over their pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import requests
from rich.console import Console
from rich.table import Table

from energy_grid.errors import ConfigurationError
from oracles.runtime.registry import ENTRIES

ANSWER_SECONDS: Final = 2.0
_MAX_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a daemon's pages are."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How one daemon fares.

    Attributes:
        name: what it was asked as.
        url: where.
        is_running: whether it answered.
        is_ready: whether everything in it is well.
        detail: what is not.
        components: its parts as it tells them.
    """

    name: str
    url: str
    is_running: bool
    is_ready: bool
    detail: str
    components: tuple[dict[str, Any], ...] = ()


def usual_endpoints() -> list[Endpoint]:
    """Every keeper at its own port of this computer."""
    return [Endpoint(name, f"http://127.0.0.1:{entry.port}") for name, entry in ENTRIES.items()]


def endpoint_of(text: str) -> Endpoint:
    """`NAME=URL` as an endpoint.

    Raises:
        ConfigurationError: it is none.
    """
    name, separator, url = text.partition("=")
    if not separator or not name or not url.startswith(("http://", "https://")):
        raise ConfigurationError(
            "endpoint of a daemon", expected="NAME=http://host:port", found=repr(text)
        )
    return Endpoint(name, url.rstrip("/"))


def ask(endpoint: Endpoint) -> Standing:
    """Ask one daemon."""
    session = requests.Session()
    session.trust_env = False
    try:
        with session.get(
            f"{endpoint.url}/readyz", timeout=ANSWER_SECONDS, allow_redirects=False, stream=True
        ) as answer:
            if int(answer.headers.get("Content-Length", _MAX_BYTES + 1)) > _MAX_BYTES:
                raise ValueError("too long")
            found = answer.json()
        parts = tuple(dict(part) for part in found["components"])
        is_ready = bool(found["ready"])
        bad = [f"{part['name']}: {part['detail']}" for part in parts if not part["good"]]
    except requests.RequestException as error:
        return Standing(endpoint.name, endpoint.url, False, False, type(error).__name__)
    except (ValueError, KeyError, TypeError):
        return Standing(endpoint.name, endpoint.url, False, False, "answers, but not as a daemon")
    return Standing(endpoint.name, endpoint.url, True, is_ready, "; ".join(bad), parts)


def as_json(standings: list[Standing]) -> dict[str, Any]:
    """All standings as one JSON object."""
    return {
        "ready": all(one.is_ready for one in standings),
        "daemons": [
            {
                "name": one.name,
                "url": one.url,
                "running": one.is_running,
                "ready": one.is_ready,
                "detail": one.detail,
                "components": list(one.components),
            }
            for one in standings
        ],
    }


def show(standings: list[Standing], console: Console) -> None:
    """All standings as a table."""
    table = Table(title="keepers", title_justify="left")
    for column in ("name", "state", "pages", "detail"):
        table.add_column(column, overflow="fold")
    for one in standings:
        state = "[green]ready" if one.is_ready else "[yellow]not ready"
        if not one.is_running:
            state = "[red]away"
        table.add_row(one.name, state, one.url, one.detail)
    console.print(table)
