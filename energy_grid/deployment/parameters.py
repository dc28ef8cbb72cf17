"""The parameters file: what a deployment is configured with."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_utils.address import is_checksum_address

from energy_grid.deployments import DEPLOYMENTS_FOLDER
from energy_grid.errors import ConfigurationError
from energy_grid.units import BPS, TICK_MULTIPLE

PARAMETERS_FOLDER: Final = DEPLOYMENTS_FOLDER / "parameters"
DEPLOYER: Final = "deployer"
"""In `[roles]`: the account that deploys."""

MAX_TICKS: Final = 1_023
MAX_NETWORK_FEE: Final = 65_535_000
MAX_TRADING_FEE_BPS: Final = 100
MAX_PRICE: Final = 2**48 - 1
MAX_AMOUNT: Final = 2**80 - 1


class ParametersError(ConfigurationError):
    """The parameters file is missing, incomplete or breaks a rule of the contracts."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Configuration of a deployment. Money in settlement-token base units, prices per kWh.

    Attributes:
        name: name of the file without its extension.
        tick_size: price step of the market.
        lot_wh: energy step of the market.
        security_deposit: what each metered member posts.
        bond_floor: what an operator's bond must reach.
        tariff_bounds: lowest and highest retail, lowest and highest feed-in tariff.
        short_price_cap: highest price of an order and of imbalance.
        network_fee: what buyers pay the operator.
        trading_fee_bps: what buyers pay the treasury.
        retail_tariff: price the operator sells at.
        feed_in_tariff: price the operator buys at.
        operator_bond: what each operator posts.
        governor: holder of GOVERNOR, an address or `deployer`; likewise the next four.
        guardian: holder of GUARDIAN.
        registrar: holder of REGISTRAR.
        price_feed: holder of PRICE_FEED.
        treasury: receiver of trading fees.
    """

    name: str
    tick_size: int
    lot_wh: int
    security_deposit: int
    bond_floor: int
    tariff_bounds: tuple[int, int, int, int]
    short_price_cap: int
    network_fee: int
    trading_fee_bps: int
    retail_tariff: int
    feed_in_tariff: int
    operator_bond: int
    governor: str
    guardian: str
    registrar: str
    price_feed: str
    treasury: str

    @classmethod
    def load(cls, name_or_path: str | Path) -> Parameters:
        """Read a file, or the named one of `deployments/parameters`.

        Raises:
            ParametersError: with every fault of the file at once.
        """
        path = Path(name_or_path)
        if path.suffix != ".toml":
            path = PARAMETERS_FOLDER / f"{name_or_path}.toml"
        try:
            with path.open("rb") as file:
                content = tomllib.load(file)
        except FileNotFoundError:
            known = ", ".join(sorted(p.stem for p in PARAMETERS_FOLDER.glob("*.toml")))
            raise ParametersError(
                f"parameters file {path} missing", expected=f"a path, or one of: {known}"
            ) from None
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ParametersError(f"parameters file {path} is broken", found=error) from error
        return _read(path, content)

    def resolve(self, holder: str, deployer: str) -> str:
        """Address of a `[roles]` entry."""
        return deployer if holder == DEPLOYER else holder

    def constructor_tuple(self) -> tuple[int, int, tuple[int, int, int, int]]:
        """`SettlementParameters` in the contract's order."""
        return self.security_deposit, self.bond_floor, self.tariff_bounds

    def terms_tuple(self) -> tuple[int, int, int]:
        """`MarketTerms` in the contract's order."""
        return self.short_price_cap, self.network_fee, self.trading_fee_bps


class _Reader:
    """Takes values out of the nested file and collects every fault."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._values = dict(_flatten("", content))
        self.faults: list[str] = []

    def number(self, name: str, highest: int, *, lowest: int = 0, multiple: int = 1) -> int:
        value = self._take(name)
        if value is None:
            return lowest
        if not isinstance(value, int) or isinstance(value, bool):
            self.faults.append(f"{name}: expected a whole number, found {value!r}")
            return lowest
        if not lowest <= value <= highest or value % multiple:
            kind = f", a multiple of {multiple}" if multiple > 1 else ""
            self.faults.append(f"{name}: expected {lowest} to {highest}{kind}, found {value}")
        return value

    def holder(self, name: str) -> str:
        value = self._take(name)
        if value is None or value == DEPLOYER:
            return DEPLOYER
        if not isinstance(value, str) or not is_checksum_address(value):
            self.faults.append(
                f'{name}: expected "{DEPLOYER}" or a checksum address, found {value!r}'
            )
        return str(value)

    def _take(self, name: str) -> Any:
        if name not in self._values:
            self.faults.append(f"{name}: missing")
            return None
        return self._values.pop(name)

    def finish(self) -> None:
        self.faults += [f"{name}: unknown" for name in self._values]


def _flatten(prefix: str, content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    values: list[tuple[str, Any]] = []
    for key, value in content.items():
        name = f"{prefix}{key}"
        values += _flatten(f"{name}.", value) if isinstance(value, Mapping) else [(name, value)]
    return values


def _read(path: Path, content: Mapping[str, Any]) -> Parameters:
    reader = _Reader(content)

    def price(name: str, highest: int = MAX_PRICE) -> int:
        return reader.number(f"{name}_units_per_kwh", highest, multiple=TICK_MULTIPLE)

    number: Callable[..., int] = reader.number
    bounds = "settlement.tariff_bounds"
    parameters = Parameters(
        name=path.stem,
        tick_size=number(
            "market.tick_size_units_per_kwh",
            MAX_PRICE,
            lowest=TICK_MULTIPLE,
            multiple=TICK_MULTIPLE,
        ),
        lot_wh=number("market.lot_wh", 2**64 - 1, lowest=1),
        security_deposit=number("settlement.security_deposit_units", MAX_AMOUNT),
        bond_floor=number("settlement.bond_floor_units", MAX_AMOUNT),
        tariff_bounds=(
            price(f"{bounds}.retail_min"),
            price(f"{bounds}.retail_max"),
            price(f"{bounds}.feed_in_min"),
            price(f"{bounds}.feed_in_max"),
        ),
        short_price_cap=price("terms.short_price_cap"),
        network_fee=price("terms.network_fee", MAX_NETWORK_FEE),
        trading_fee_bps=number("terms.trading_fee_bps", min(MAX_TRADING_FEE_BPS, BPS)),
        retail_tariff=price("tariff.retail"),
        feed_in_tariff=price("tariff.feed_in"),
        operator_bond=number("operator.bond_units", MAX_AMOUNT),
        governor=reader.holder("roles.governor"),
        guardian=reader.holder("roles.guardian"),
        registrar=reader.holder("roles.registrar"),
        price_feed=reader.holder("roles.price_feed"),
        treasury=reader.holder("roles.treasury"),
    )
    reader.finish()
    faults = reader.faults or _contradictions(parameters)
    if faults:
        raise ParametersError(f"parameters file {path}", found="; ".join(faults))
    return parameters


def _contradictions(p: Parameters) -> list[str]:
    """Rules between values, as the contracts enforce them: better told before than by a revert."""
    retail_min, retail_max, feed_in_min, feed_in_max = p.tariff_bounds
    ticks, off_tick = divmod(p.short_price_cap, p.tick_size)
    rules = (
        (not off_tick and 1 <= ticks <= MAX_TICKS, f"terms: cap is not 1 to {MAX_TICKS} ticks"),
        (retail_min <= p.retail_tariff <= retail_max, "tariff: retail outside tariff_bounds"),
        (feed_in_min <= p.feed_in_tariff <= feed_in_max, "tariff: feed-in outside tariff_bounds"),
        (p.feed_in_tariff <= p.retail_tariff, "tariff: feed-in above retail"),
        (p.retail_tariff <= p.short_price_cap, "tariff: retail above the cap of [terms]"),
        (p.operator_bond >= p.bond_floor, "operator: bond below bond_floor"),
    )
    return [message for holds, message in rules if not holds]
