"""Settings of a process: environment variables `EG_...`, an optional `.env`, secrets from files.

One settings class a process, derived from `Settings`:

    class BridgeSettings(Settings):
        rpc_url: str = "http://127.0.0.1:8545"
        mqtt_password: SecretStr

`EG_MQTT_PASSWORD_FILE=/run/secrets/mqtt` reads the secret from a file. Everything that is missing
or wrong is reported at once, by the name of its variable.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from dotenv import dotenv_values
from pydantic import Field, SecretBytes, SecretStr, ValidationError
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from energy_grid.errors import ConfigurationError

PREFIX: Final = "EG_"
FILE_SUFFIX: Final = "_FILE"

WEAK: Final[JsonDict] = {"weak_default": True}
"""`Field(default=..., json_schema_extra=WEAK)`: a default good enough for development only."""


class SettingsError(ConfigurationError):
    """Settings are missing or wrong.

    Attributes:
        names: variables concerned.
    """

    def __init__(self, problems: dict[str, str], remedy: str) -> None:
        self.names = tuple(problems)
        listed = "; ".join(f"{name}: {text}" for name, text in problems.items())
        super().__init__("settings", found=listed, remedy=remedy)


class Environment(StrEnum):
    """How carefully defaults are judged."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class _SecretFiles(PydanticBaseSettingsSource):
    """Secrets named by `EG_<NAME>_FILE`."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = variable_of(field_name) + FILE_SUFFIX
        path = os.environ.get(variable)
        if not path or not _is_secret(field):
            return None, field_name, False
        if os.environ.get(variable_of(field_name)):
            raise SettingsError(
                {variable: f"given together with {variable_of(field_name)}"}, "Set one of them"
            )
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n"), field_name, False
        except OSError as error:
            raise SettingsError(
                {variable: f"{path} cannot be read ({error.strerror})"},
                "Give the process access to the file, or correct its path",
            ) from error

    def __call__(self) -> dict[str, Any]:
        values = {}
        for name, field in self.settings_cls.model_fields.items():
            value, _, _ = self.get_field_value(field, name)
            if value is not None:
                values[name] = value
        return values


class Settings(BaseSettings):
    """Base of every process's settings. Make one with `load`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore"
    )
    weak_values: ClassVar[frozenset[str]] = frozenset({"changeme", "password", "secret", "test"})

    environment: Environment = Environment.DEVELOPMENT

    @classmethod
    def load(cls, env_file: Path | str | None = None, **overrides: Any) -> Self:
        """Read the settings.

        Args:
            env_file: a `.env` file, which must exist; the environment wins over it.
            overrides: values by field name, from a command line; they win over both.

        Raises:
            SettingsError: with everything that is missing or wrong.
        """
        if env_file is not None:
            _check_env_file(Path(env_file), cls)
        given = {name: value for name, value in overrides.items() if value is not None}
        unknown = given.keys() - cls.model_fields.keys()
        if unknown:
            raise TypeError(f"{cls.__name__} has no {', '.join(sorted(unknown))}")
        try:
            settings = cls(_env_file=env_file, **given)
        except ValidationError as error:
            raise _readable(error) from None
        settings._refuse_weak_defaults()
        return settings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment, secret files, `.env`."""
        del file_secret_settings
        return init_settings, env_settings, _SecretFiles(settings_cls), dotenv_settings

    def _refuse_weak_defaults(self) -> None:
        if self.environment is not Environment.PRODUCTION:
            return
        problems = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            extra = field.json_schema_extra
            if isinstance(extra, dict) and extra.get("weak_default") and value == field.default:
                problems[variable_of(name)] = "has its development default"
            secret = value.get_secret_value() if isinstance(value, SecretStr) else None
            if secret is not None and (len(secret) < 8 or secret.lower() in self.weak_values):
                problems[variable_of(name)] = "is too easily guessed"
        if problems:
            raise SettingsError(problems, "Set them; only EG_ENVIRONMENT=development is lenient")


class ChainSettings(Settings):
    """What every process needs that talks to the chain.

    Attributes:
        rpc_url: the node; several with commas between them, the preferred one first.
        rpc_stale_head_seconds: with several nodes, one without a new block for this long is not
            trusted; None where blocks come only with transactions.
        chain_id: id of the chain.
        deployments_folder: where the deployment files are; None for the project's own.
        log_level: least level that is logged.
    """

    rpc_url: Annotated[str, Field(json_schema_extra=WEAK)] = "http://127.0.0.1:8545"
    rpc_stale_head_seconds: float | None = Field(default=None, gt=0)
    chain_id: int = Field(default=31337, gt=0, json_schema_extra=WEAK)
    deployments_folder: Path | None = None
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")


def variable_of(field_name: str) -> str:
    """Name of the environment variable of a field."""
    return f"{PREFIX}{field_name.upper()}"


def _is_secret(field: FieldInfo) -> bool:
    kinds = typing.get_args(field.annotation) or (field.annotation,)
    return any(kind in (SecretStr, SecretBytes) for kind in kinds)


def _known_variables(cls: type[Settings]) -> set[str]:
    names: Iterable[tuple[str, FieldInfo]] = cls.model_fields.items()
    known = set()
    for name, field in names:
        known.add(variable_of(name))
        if _is_secret(field):
            known.add(variable_of(name) + FILE_SUFFIX)
    return known


def _check_env_file(path: Path, cls: type[Settings]) -> None:
    """Refuse a missing file, and lines that cannot be meant as they are."""
    if not path.is_file():
        raise ConfigurationError(
            f"settings file {path} missing",
            expected="a file of NAME=value lines",
            remedy="Copy .env.example to .env and fill it in, or name the right file",
        )
    known = _known_variables(cls)
    problems = {}
    for name, value in dotenv_values(path, interpolate=False).items():
        if value is None:
            problems[name] = f"no NAME=value line in {path}"
        elif name.startswith(PREFIX) and name not in known:
            close = get_close_matches(name, known, n=1)
            problems[name] = "unknown" + (f", is {close[0]} meant?" if close else "")
    if problems:
        raise SettingsError(problems, f"Correct {path}")


def _readable(error: ValidationError) -> SettingsError:
    """All problems by variable, never with the value: it may be a secret."""
    problems = {}
    for detail in error.errors(include_input=False, include_url=False):
        name = variable_of(str(detail["loc"][0])) if detail["loc"] else "settings"
        text = "missing" if detail["type"] == "missing" else str(detail["msg"])
        problems[name] = text
    return SettingsError(problems, "Set them in the environment or in .env; see .env.example")
