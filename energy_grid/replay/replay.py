"""All contracts of a deployment, replayed side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from energy_grid.abi import Event
from energy_grid.replay.assets import AssetReplay
from energy_grid.replay.authority import AuthorityReplay
from energy_grid.replay.exits import ExitReplay
from energy_grid.replay.meters import MeterReplay
from energy_grid.replay.reducer import Reducer
from energy_grid.replay.tokens import TokenReplay
from energy_grid.replay.trading import TradingReplay


@dataclass(frozen=True)
class Constants:
    """What is fixed at deployment and stands in no event.

    Attributes:
        treasury: account that receives the trading fees.
        lot_wh: energy of a lot.
    """

    treasury: str
    lot_wh: int


class Replay:
    """State of the contracts by role; events of other addresses are passed over.

    Args:
        addresses: contract addresses by role, as in a deployment file. Roles without a module here
            are passed over too.
        constants: what stands in no event.
    """

    def __init__(self, addresses: Mapping[str, str], constants: Constants) -> None:
        self.settlement = ExitReplay(constants.treasury)
        self.trading = TradingReplay(constants.lot_wh)
        self.meters = MeterReplay()
        self.certificates = TokenReplay()
        self.money = TokenReplay()
        self.governance = TokenReplay()
        self.assets = AssetReplay()
        self.authority = AuthorityReplay()
        by_role: dict[str, Reducer] = {
            "Settlement": self.settlement,
            "EnergyTrading": self.trading,
            "SmartMeter": self.meters,
            "EnergyToken": self.certificates,
            "SettlementToken": self.money,
            "GovernanceToken": self.governance,
            "EnergyAssetNFT": self.assets,
            "AccessManager": self.authority,
        }
        self._by_address = {
            address.lower(): by_role[role] for role, address in addresses.items() if role in by_role
        }
        self.events_applied = 0

    def apply(self, event: Event, now: int) -> None:
        """Take the next event of the chain, of a block at `now`.

        Raises:
            ReplayError: it is unknown, or contradicts those before.
        """
        reducer = self._by_address.get(event.address.lower())
        if reducer is not None:
            reducer.apply(event, now)
            self.events_applied += 1

    def apply_all(self, events: Iterable[tuple[Event, int]]) -> None:
        """Take many events in order, each with the time of its block."""
        for event, now in events:
            self.apply(event, now)
