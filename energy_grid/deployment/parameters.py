"""The parameters file: what a deployment is configured with."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from energy_grid.deployment.governing import (
    Governance,
    SafeOwners,
    read_governance,
    read_safe,
)
from energy_grid.deployment.reader import (
    DEPLOYER,
    DEVELOPMENT_PEOPLE,
    DEVELOPMENT_REPORTERS,
    SAFE,
    TIMELOCK,
    Reader,
)
from energy_grid.deployments import DEPLOYMENTS_FOLDER
from energy_grid.errors import ConfigurationError
from energy_grid.feeds import ZoneRatings
from energy_grid.feeds.kinds import MAX_HORIZON_SLOTS
from energy_grid.pricing import Formula
from energy_grid.units import BPS, TICK_MULTIPLE, MilliHertz, MilliVolt, Watt

PARAMETERS_FOLDER: Final = DEPLOYMENTS_FOLDER / "parameters"
SAFES: Final[Mapping[str, str]] = {"guardian": "GuardianSafe", "treasury": "TreasurySafe"}
"""Entries of `[roles]` that may be "safe", to the name of that account in a deployment."""
EXTENDS: Final = "extends"
"""First line of a file that says only what differs from another one."""

MAX_RATED_W: Final = 8 * 10**12
MIN_VOLTAGE: Final = 50_000
MAX_VOLTAGE: Final = 1_200_000_000
"""Nominal voltages that a zone's grid may have, in mV."""

MAX_TICKS: Final = 1_023
MAX_NETWORK_FEE: Final = 65_535_000
MAX_TRADING_FEE_BPS: Final = 100
MAX_PRICE: Final = 2**48 - 1
MAX_AMOUNT: Final = 2**80 - 1
MAX_PENALTY: Final = 2**40 - 1


class GridPreset(IntEnum):
    """`GridPreset` on chain: limits after a published standard."""

    EN_50160_50HZ = 0
    ANSI_C84_1_60HZ = 1

    @property
    def nominal_millihz(self) -> MilliHertz:
        """Nominal frequency."""
        return MilliHertz(50_000 if self is GridPreset.EN_50160_50HZ else 60_000)


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
        governor: who holds GOVERNOR, an address or a word for one; likewise the next ones.
        guardian: who calls `Guardian` and may cancel decisions.
        watchers: who may call `Guardian` besides.
        registrar: who holds REGISTRAR.
        treasury: who receives trading fees.
        governance: who decides and how long it takes.
        safe: owners of the accounts that need several signatures.
        reporters: who reports to the three oracles.
        forecast_horizons: quarter hours ahead that supply and demand of a zone are expected for.
        ratings: what is known of a zone, from which the bounds of its feeds follow.
        base_price: where the base of a zone's reference price starts.
        formula: how the reference price of a zone is computed.
        grid_preset: standard that the limits of every zone's grid follow.
        flexibility_penalty: taken from a stake per kWh not delivered; highest price of a request.
        least_stake: least stake of an offer of flexibility.
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
    watchers: tuple[str, ...]
    registrar: str
    treasury: str
    governance: Governance
    safe: SafeOwners
    reporters: tuple[str, ...]
    forecast_horizons: tuple[int, ...]
    ratings: ZoneRatings
    base_price: int
    formula: Formula
    grid_preset: GridPreset
    flexibility_penalty: int
    least_stake: int

    @classmethod
    def load(cls, name_or_path: str | Path) -> Parameters:
        """Read a file, or the named one of `deployments/parameters`.

        Raises:
            ParametersError: with every fault of the file at once.
        """
        path = Path(name_or_path)
        if path.suffix != ".toml":
            path = PARAMETERS_FOLDER / f"{name_or_path}.toml"
        return _read(path, _content(path))

    def holders(self, entry: str, deployer: str, addresses: Mapping[str, str]) -> tuple[str, ...]:
        """Accounts of a `[roles]` entry, with the addresses of a deployment's contracts."""
        named = getattr(self, entry)
        words = {DEPLOYER: deployer, TIMELOCK: addresses.get("GridTimelock")}
        words[SAFE] = addresses.get(SAFES.get(entry, ""))
        accounts = (named,) if isinstance(named, str) else named
        return tuple(str(words.get(account, account)) for account in accounts)

    def safes(self) -> dict[str, tuple[str, ...]]:
        """Owners of each account of several owners that the deployment creates, by its name."""
        return {
            name: self.safe.of(entry)
            for entry, name in SAFES.items()
            if getattr(self, entry) == SAFE
        }

    def development_accounts(self) -> set[str]:
        """Accounts among these parameters whose keys everybody knows."""
        named = {self.governor, self.guardian, self.registrar, self.treasury, *self.watchers}
        named |= {*self.reporters, *self.governance.accounts}
        for owners in self.safes().values():
            named |= {*owners}
        return named & {*DEVELOPMENT_REPORTERS, *DEVELOPMENT_PEOPLE}

    def constructor_tuple(self) -> tuple[int, int, tuple[int, int, int, int]]:
        """`SettlementParameters` in the contract's order."""
        return self.security_deposit, self.bond_floor, self.tariff_bounds

    def flexibility_tuple(self) -> tuple[int, int]:
        """Figures of `FlexSetup` in the contract's order."""
        return self.flexibility_penalty, self.least_stake

    def terms_tuple(self) -> tuple[int, int, int]:
        """`MarketTerms` in the contract's order."""
        return self.short_price_cap, self.network_fee, self.trading_fee_bps


def _content(path: Path) -> dict[str, Any]:
    """What a file says, on top of what the file it extends says."""
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
    base = content.pop(EXTENDS, None)
    if base is None:
        return content
    below = PARAMETERS_FOLDER / f"{base}.toml"
    if below == path:
        raise ParametersError(f"parameters file {path} extends itself")
    return _merged(_content(below), content)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
        merged[key] = _merged(below[key], value) if both else value
    return merged


def _read(path: Path, content: Mapping[str, Any]) -> Parameters:
    reader = Reader(content)

    def price(name: str, highest: int = MAX_PRICE) -> int:
        return reader.number(f"{name}_units_per_kwh", highest, multiple=TICK_MULTIPLE)

    number: Callable[..., int] = reader.number
    bounds = "settlement.tariff_bounds"
    preset = GridPreset[reader.choice("grid.preset", [one.name for one in GridPreset])]
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
        governor=reader.holder("roles.governor", TIMELOCK),
        guardian=reader.holder("roles.guardian", SAFE),
        watchers=reader.accounts("roles.watchers"),
        registrar=reader.holder("roles.registrar"),
        treasury=reader.holder("roles.treasury", SAFE),
        governance=read_governance(reader),
        safe=read_safe(reader),
        reporters=reader.reporters("oracles.reporters"),
        forecast_horizons=reader.numbers("oracles.forecast_horizons_slots", MAX_HORIZON_SLOTS),
        ratings=ZoneRatings(
            demand_w=Watt(number("oracles.rated_demand_w", MAX_RATED_W, lowest=1)),
            supply_w=Watt(number("oracles.rated_supply_w", MAX_RATED_W, lowest=1)),
            voltage_millivolts=MilliVolt(
                number("oracles.nominal_voltage_millivolts", MAX_VOLTAGE, lowest=MIN_VOLTAGE)
            ),
            price_unit=number("oracles.price_unit_units", MAX_PRICE, lowest=100),
            frequency_millihz=preset.nominal_millihz,
        ),
        base_price=price("price.base"),
        formula=_read_formula(reader),
        grid_preset=preset,
        flexibility_penalty=number("flexibility.penalty_units_per_kwh", MAX_PENALTY, lowest=1),
        least_stake=number("flexibility.least_stake_units", MAX_AMOUNT),
    )
    reader.finish()
    faults = reader.faults or _contradictions(parameters)
    if faults:
        raise ParametersError(f"parameters file {path}", found="; ".join(faults))
    return parameters


def _read_formula(reader: Reader) -> Formula:
    """Section `[price]`; the weights are checked together once everything is read."""

    def bps(name: str, lowest: int, highest: int) -> int:
        return reader.number(f"price.{name}_bps", highest, lowest=lowest)

    weights = [bps(f"{name}_weight", 0, BPS) for name in ("demand", "supply", "time", "stability")]
    if sum(weights) != BPS:
        reader.faults.append(f"price: expected weights that add up to {BPS}, found {sum(weights)}")
        weights = [BPS, 0, 0, 0]
    demand, supply, time, stability = weights
    return Formula(
        demand_weight_bps=demand,
        supply_weight_bps=supply,
        time_weight_bps=time,
        stability_weight_bps=stability,
        lowest_factor_bps=bps("lowest_factor", 1_000, BPS),
        highest_factor_bps=bps("highest_factor", BPS, 5 * BPS),
        step_bps=bps("step", 1, BPS),
        floor_bps=bps("floor", 1, BPS),
        cap_bps=bps("cap", BPS, 65_535),
        alpha_bps=bps("alpha", 1, BPS // 2),
        full_volume_wh=reader.number("price.full_volume_wh", 10**12, lowest=1_000),
        normal_demand_w=reader.number("price.normal_demand_w", 2**48 - 1),
        normal_supply_w=reader.number("price.normal_supply_w", 2**48 - 1),
    )


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
        (
            not p.base_price % p.tick_size and 1 <= p.base_price // p.tick_size <= MAX_TICKS,
            f"price: base is not 1 to {MAX_TICKS} ticks",
        ),
    )
    return [message for holds, message in rules if not holds]
