"""Signed orders that others leave as files: the way in for programs on the same computer.

A file `NAME.orders` holds orders packed as for `placeSigned` and is put there in one step. It is
taken away once all of its orders are in the inbox, so nothing is lost if either side is killed; an
order that comes twice is one order.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from energy_grid.errors import FatalError
from energy_grid.signed_orders import SignedOrder, unpack_batch
from oracles.engine.inbox import SignedOrderRefusedError

PATTERN: Final = "*.orders"
REFUSED_SUFFIX: Final = ".refused"
MOST_BYTES: Final = 4_000_000

_log = structlog.get_logger(__name__)


def take_dropped(folder: Path, submit: Callable[[SignedOrder], object]) -> int:
    """Bring every file's orders into the inbox. Returns how many were taken.

    Args:
        folder: where they lie.
        submit: takes one order in.

    Raises:
        RetryableError: node or disk are away; the files stay.
    """
    taken = 0
    for file in sorted(folder.glob(PATTERN)):
        try:
            if file.stat().st_size > MOST_BYTES:
                raise SignedOrderRefusedError(
                    "too large a file", expected=f"at most {MOST_BYTES} bytes"
                )
            orders = unpack_batch(file.read_bytes())
        except FatalError as error:
            _log.error("file of signed orders refused", file=file.name, reason=str(error))
            file.replace(file.with_name(file.name + REFUSED_SUFFIX))
            continue
        for order in orders:
            try:
                submit(order)
                taken += 1
            except SignedOrderRefusedError as error:
                _log.warning("signed order refused", file=file.name, reason=str(error))
        file.unlink()
    return taken
