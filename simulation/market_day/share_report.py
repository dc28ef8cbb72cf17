"""What the chain says of the plant that several own: revenue, who was paid what, what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from energy_grid.abi import Event
from energy_grid.shares import Revenue, ShareBook
from simulation.market_day.plant import SharedPlant
from simulation.market_day.residuals import Kind, Residual


@dataclass(frozen=True, slots=True)
class HolderLine:
    """One holder.

    Attributes:
        home: number of his home.
        shares_before: shares when the day began.
        shares_after: shares at its end.
        paid: settlement-token units that he was paid.
        paid_wh: certificates that he was paid, in Wh.
        earned: units that are his by the events, rounded down.
        earned_wh: certificates that are his by the events, rounded down.
    """

    home: int
    shares_before: int
    shares_after: int
    paid: int
    paid_wh: int
    earned: int
    earned_wh: int

    def as_json(self) -> dict[str, int]:
        """Its part of the report."""
        return {name: int(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True)
class SharesReport:
    """The plant and its revenue of the day.

    Attributes:
        home: number of the home whose panels it is.
        asset_id: the plant's token.
        vault: its owner.
        shares: number of all shares.
        withdrawn: units that settlement paid out to the vault.
        collected: units divided among the shares, collection by collection.
        collected_wh: certificates divided among the shares.
        left: units that stay in the vault: what holders have in fractions of a unit.
        left_wh: certificates that stay in the vault.
        exported_wh: export settled for its account.
        recorded_wh: production on record of its token.
        holders: by home, the founder first.
    """

    home: int
    asset_id: int
    vault: str
    shares: int
    withdrawn: int
    collected: tuple[int, ...]
    collected_wh: int
    left: int
    left_wh: int
    exported_wh: int
    recorded_wh: int
    holders: tuple[HolderLine, ...]

    @property
    def revenue(self) -> int:
        """Units divided among the shares."""
        return sum(self.collected)

    @property
    def paid(self) -> int:
        """Units paid to holders."""
        return sum(holder.paid for holder in self.holders)

    @property
    def paid_wh(self) -> int:
        """Certificates paid to holders."""
        return sum(holder.paid_wh for holder in self.holders)

    @property
    def residuals(self) -> tuple[Residual, ...]:
        """All checks."""
        count, holders = len(self.holders), self.holders
        return (
            Residual(
                Kind.MONEY,
                "shares: withdrawn from the plant's account - divided",
                self.withdrawn - self.revenue,
            ),
            Residual(
                Kind.MONEY,
                "shares: divided - paid to holders - left in the vault",
                self.revenue - self.paid - self.left,
            ),
            Residual(
                Kind.MONEY,
                "shares: paid - part of each collection, summed over holders",
                sum(abs(holder.paid - holder.earned) for holder in holders),
            ),
            Residual(
                Kind.MONEY,
                "shares: left beyond one unit a holder",
                max(self.left - count, 0),
            ),
            Residual(
                Kind.ENERGY,
                "shares: certificates divided - paid to holders - left in the vault",
                self.collected_wh - self.paid_wh - self.left_wh,
            ),
            Residual(
                Kind.ENERGY,
                "shares: certificates paid - part of each collection, over holders",
                sum(abs(holder.paid_wh - holder.earned_wh) for holder in holders),
            ),
            Residual(
                Kind.ENERGY,
                "plant: production on record - export settled",
                self.recorded_wh - self.exported_wh,
            ),
        )

    def as_json(self) -> dict[str, Any]:
        """Its part of the report."""
        return {
            "home": self.home,
            "asset_id": self.asset_id,
            "vault": self.vault,
            "shares": self.shares,
            "revenue_units": self.revenue,
            "collected_units": list(self.collected),
            "paid_units": self.paid,
            "left_units": self.left,
            "certificates_wh": self.collected_wh,
            "certificates_paid_wh": self.paid_wh,
            "certificates_left_wh": self.left_wh,
            "production_recorded_wh": self.recorded_wh,
            "holders": [holder.as_json() for holder in self.holders],
        }


def report_shares(
    plant: SharedPlant, homes: Mapping[str, int], slots: Sequence[Event], day: int, before: int
) -> SharesReport:
    """Read the vault's events and state.

    Args:
        plant: the plant.
        homes: number of the home by the address of its key.
        slots: the day's settled slots, one event each.
        day: unix time of the day / 86,400.
        before: newest block when the day began.
    """
    chain, vault = plant.chain, plant.vault
    contracts = chain.contracts
    newest = chain.rpc.block_number()
    events = vault.all_events(0, newest)
    book = ShareBook.replay(events)
    morning = ShareBook.replay(vault.all_events(0, before))
    money, certificates = book.earnings[Revenue.MONEY], book.earnings[Revenue.CERTIFICATES]
    asset_id = int(vault.call("assetId"))
    return SharesReport(
        home=plant.home.number,
        asset_id=asset_id,
        vault=plant.address,
        shares=book.shares,
        withdrawn=sum(
            int(event.amount)
            for event in contracts.settlement.events("Withdrawn")
            if event.account == plant.address
        ),
        collected=tuple(
            int(event.amount)
            for event in events
            if event.name == "RevenueDivided" and event.kind == Revenue.MONEY
        ),
        collected_wh=certificates.received,
        left=int(contracts.settlement_token.call("balanceOf", plant.address)),
        left_wh=int(contracts.energy_token.call("balanceOf", plant.address)),
        exported_wh=sum(event.exportWh for event in slots if event.account == plant.address),
        recorded_wh=int(contracts.energy_assets.call("productionOfDay", asset_id, day).energyWh),
        holders=tuple(
            HolderLine(
                home=homes[holder.address],
                shares_before=morning.balances[holder.address],
                shares_after=book.balances[holder.address],
                paid=money.paid[holder.address],
                paid_wh=certificates.paid[holder.address],
                earned=int(money.earned[holder.address]),
                earned_wh=int(certificates.earned[holder.address]),
            )
            for holder in plant.holders
        ),
    )
