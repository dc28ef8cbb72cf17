"""Settings that all keepers have: `EG_...` variables, see `energy_grid.settings`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from energy_grid.ops import OpsSettings
from energy_grid.settings import ChainSettings


class KeeperSettings(ChainSettings, OpsSettings):
    """Everything that can be chosen about any keeper.

    Attributes:
        keeper_keystore: keystore file of the account that sends; absent: a dry run, which looks,
            decides and logs, and sends nothing.
        keeper_password: its password (`EG_KEEPER_PASSWORD_FILE` names a file with it).
        keeper_folder: where the keeper keeps its files; one keeper, one SQLite file `NAME.sqlite`.
        keeper_confirmations: blocks until a transaction counts as final.
        keeper_max_in_flight: transactions under way at once.
        keeper_poll_seconds: pause between two looks.
        keeper_cycle_seconds: longest that one cycle may take.
        keeper_retry_seconds: pause before something that was refused is tried again; doubles.
        keeper_head_seconds: longest that the chain may stand still; 0 for ever.
        keeper_lock_folder: folder of key locks shared by all processes of a key.
        keeper_ws_url: websocket of the node for the silverback app; a local node's own by default.
        keeper_redis_url: Redis as broker between runner and workers of the silverback app.
    """

    keeper_keystore: Path | None = None
    keeper_password: SecretStr | None = None
    keeper_folder: Path = Path()
    keeper_confirmations: int = Field(default=12, ge=0)
    keeper_max_in_flight: int = Field(default=16, ge=1, le=64)
    keeper_poll_seconds: float = Field(default=2.0, gt=0, le=60)
    keeper_cycle_seconds: float = Field(default=60.0, gt=0, le=900)
    keeper_retry_seconds: float = Field(default=15.0, ge=0.1, le=600)
    keeper_head_seconds: float = Field(default=60.0, ge=0)
    keeper_lock_folder: Path | None = None
    keeper_ws_url: str | None = None
    keeper_redis_url: SecretStr | None = None
