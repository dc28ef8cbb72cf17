"""Assets, their owners, meters, permissions, production and maintenance: `EnergyAssetNFT`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from energy_grid.abi import Event
from energy_grid.replay.reducer import Handler, Reducer

NOBODY: Final = "0x" + "00" * 20


@dataclass
class OneAssetReplay:
    """One asset; retired ones keep their history and have no owner.

    Attributes:
        days: Wh, measured slots and quarter hours on record, by day.
        permissions: expiry and epoch, by account and permission.
    """

    owner: str
    approved: str = NOBODY
    meter_id: int = 0
    kind: int = 0
    rated_w: int = 0
    commissioned_at: int = 0
    epoch: int = 0
    days: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    permissions: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    user: tuple[str, int] = (NOBODY, 0)
    maintenance: dict[int, bytes] = field(default_factory=dict)

    @property
    def production_wh(self) -> int:
        """Verified production of all days."""
        return sum(energy_wh for energy_wh, _, _ in self.days.values())


class AssetReplay(Reducer):
    """`EnergyAssetNFT`."""

    PASSED_OVER: ClassVar[frozenset[str]] = frozenset(
        {"AuthorityUpdated", "BatchMetadataUpdate", "EIP712DomainChanged", "MetadataUpdate"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.assets: dict[int, OneAssetReplay] = {}
        self.operators: dict[tuple[str, str], bool] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """See `Reducer`."""
        return {
            "Approval": self._approval,
            "ApprovalForAll": self._operator,
            "AssetRegistered": self._registered,
            "MaintenanceLogged": self._maintained,
            "MeterBound": self._bound,
            "MeterReleased": self._meter_released,
            "PermissionSet": self._permission,
            "PermissionsEnded": self._permissions_ended,
            "ProductionRecorded": self._produced,
            "Transfer": self._transfer,
            "UpdateUser": self._user,
        }

    def owned_by(self, owner: str) -> list[int]:
        """Assets of an owner."""
        return [number for number, asset in self.assets.items() if asset.owner == owner]

    def _asset(self, asset_id: int) -> OneAssetReplay:
        return self.assets.setdefault(asset_id, OneAssetReplay(NOBODY))

    def _transfer(self, event: Event, _now: int) -> None:
        asset = self._asset(event.tokenId)
        asset.owner, asset.approved = event.to, NOBODY

    def _approval(self, event: Event, _now: int) -> None:
        self._asset(event.tokenId).approved = event.approved

    def _operator(self, event: Event, _now: int) -> None:
        self.operators[event.owner, event.operator] = event.approved

    def _registered(self, event: Event, _now: int) -> None:
        asset = self._asset(event.assetId)
        asset.kind, asset.rated_w = event.kind, event.ratedW
        asset.commissioned_at = event.commissionedAt

    def _bound(self, event: Event, _now: int) -> None:
        self._asset(event.assetId).meter_id = event.meterId

    def _meter_released(self, event: Event, _now: int) -> None:
        self._asset(event.assetId).meter_id = 0

    def _produced(self, event: Event, _now: int) -> None:
        days = self._asset(event.assetId).days
        energy_wh, slots, _ = days.get(event.day, (0, 0, 0))
        days[event.day] = (
            energy_wh + event.energyWh,
            slots + event.measuredSlots,
            event.recordedQuarters,
        )

    def _permission(self, event: Event, _now: int) -> None:
        asset = self._asset(event.assetId)
        asset.permissions[event.account, event.permission] = (event.expiresAt, event.epoch)

    def _permissions_ended(self, event: Event, _now: int) -> None:
        asset = self._asset(event.assetId)
        asset.epoch = event.newEpoch
        asset.permissions.clear()

    def _user(self, event: Event, _now: int) -> None:
        self._asset(event.tokenId).user = (event.user, event.expires)

    def _maintained(self, event: Event, _now: int) -> None:
        self._asset(event.assetId).maintenance[event.index] = bytes(event.contentHash)
