"""Settings of the engine: `EG_...` variables, see `energy_grid.settings`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from energy_grid.settings import ChainSettings
from oracles.engine.decide import Policy


class EngineSettings(ChainSettings):
    """Everything that can be chosen about a trading engine.

    Attributes:
        engine_keystore: keystore file of the account that pays; it needs no role.
        engine_password: its password (`EG_ENGINE_PASSWORD_FILE` names a file with it).
        engine_store: SQLite file of outbox and inbox; one engine, one file.
        engine_confirmations: blocks until a transaction counts as final.
        engine_poll_seconds: pause between two looks at the market.
        engine_max_in_flight: transactions under way at once.
        engine_transaction_gas: most gas of one transaction.
        engine_claims: whether to claim auction fills for everybody.
        engine_relay_wait_seconds: longest that a signed order waits for company.
        engine_relay_lead_seconds: how long before the gate it is relayed at the latest.
        engine_retry_seconds: pause before something that was refused is tried again.
        engine_lock_folder: folder of key locks shared by all processes of a key.
    """

    engine_keystore: Path
    engine_password: SecretStr
    engine_store: Path = Path("engine.sqlite")
    engine_confirmations: int = Field(default=12, ge=0)
    engine_poll_seconds: float = Field(default=2.0, gt=0, le=60)
    engine_max_in_flight: int = Field(default=16, ge=1, le=64)
    engine_transaction_gas: int = Field(default=12_000_000, ge=1_000_000, le=16_777_216)
    engine_claims: bool = True
    engine_relay_wait_seconds: int = Field(default=30, ge=0, le=3_600)
    engine_relay_lead_seconds: int = Field(default=120, ge=10, le=3_600)
    engine_retry_seconds: float = Field(default=15.0, ge=0.1, le=600)
    engine_lock_folder: Path | None = None

    def policy(self) -> Policy:
        """The part that decisions depend on."""
        return Policy(
            transaction_gas=self.engine_transaction_gas,
            claims=self.engine_claims,
            relay_wait_seconds=self.engine_relay_wait_seconds,
            relay_lead_seconds=self.engine_relay_lead_seconds,
        )
