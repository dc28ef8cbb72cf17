"""Structured logs: one JSON object a line on standard error, constant `event` text plus fields."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import IO, Any, Final

import structlog
from pydantic import SecretBytes, SecretStr

REDACTED: Final = "[redacted]"

_SECRET_NAME: Final = re.compile(
    r"password|passphrase|passwd|secret|private_?key|api_?key|credential|mnemonic|seed_?phrase"
    r"|(^|_)auth(_|$|orization)|(access|bearer|auth|refresh)_?token",
    re.IGNORECASE,
)
_URL_SECRETS: Final = re.compile(
    r"((?:https?|wss?|rediss?)://)([^/\s@]+@)?([^/\s?]+)(/[^\s?\"']+)?(\?[^\s\"']*)?"
)
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logs(level: str = "info", *, stream: IO[str] | None = None) -> None:
    """Send all logs of this process, those of the standard library too, through one JSON format.

    Args:
        level: lowest level written.
        stream: where to; standard error by default.
    """
    chosen = _LEVELS[level]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(chosen),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(sort_keys=True, default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(chosen)
    # What the HTTP libraries log of each request would show whole URLs.
    logging.getLogger("urllib3").setLevel(max(chosen, logging.INFO))
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(max(chosen, logging.WARNING))


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what may be secret: by the field's name, by its type, and inside URLs."""
    for name, value in event.items():
        event[name] = _redacted(name, value)
    return event


def _redacted(name: str, value: Any) -> Any:
    if isinstance(value, SecretStr | SecretBytes) or (_SECRET_NAME.search(name) and value):
        return REDACTED
    if isinstance(value, str):
        return _URL_SECRETS.sub(_public_part, value)
    if isinstance(value, dict):
        return {key: _redacted(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", inner) for inner in value]
    return value


def _public_part(match: re.Match[str]) -> str:
    hidden = any(match.group(part) for part in (2, 4, 5))
    return f"{match.group(1)}{match.group(3)}" + ("/..." if hidden else "")
