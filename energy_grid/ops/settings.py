"""Where a daemon shows itself."""

from __future__ import annotations

from pydantic import Field

from energy_grid.settings import Settings


class OpsSettings(Settings):
    """Settings of the pages for operators.

    Attributes:
        ops_host: address to listen on; nothing but loopback without a reason, there is no login.
        ops_port: port; 0 for any free one, absent for no pages at all.
    """

    ops_host: str = "127.0.0.1"
    ops_port: int | None = Field(default=None, ge=0, le=65_535)
