"""Settings of a reporter."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from oracles.runtime.config import KeeperSettings


class ReporterSettings(KeeperSettings):
    """What can be chosen about a reporter.

    Its key is `keeper_keystore`; `reporter.sqlite` in `keeper_folder` is the record of what it
    signed.

    Attributes:
        reporter_sources: JSON file with sources and feeds, see docs/oracles-sources.md.
        reporter_collectors: URLs of collectors, separated by commas.
        reporter_post_seconds: longest that handing over to one collector may take.
    """

    reporter_sources: Path
    reporter_collectors: str = Field(min_length=1)
    reporter_post_seconds: float = Field(default=5.0, gt=0, le=60)

    def collector_urls(self) -> tuple[str, ...]:
        """The collectors one by one."""
        return tuple(url.strip() for url in self.reporter_collectors.split(",") if url.strip())
