"""A home's solar panels as an asset that several own: its account is a vault, its revenue shared.

The vault owns the connection meter and takes part in the market; the home runs it, as its manager
and as the delegate that places its orders. The first neighbours buy a part of the shares, one of
them sells some in the afternoon. In the evening everybody is paid his part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_account.signers.local import LocalAccount

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, abi_of
from energy_grid.shares import Revenue
from energy_grid.units import SLOT_SECONDS, SLOTS_PER_DAY
from simulation.market_day.chain import Call, Chain
from simulation.market_day.errors import MarketDayError
from simulation.physics.day import PhysicalDay
from simulation.physics.homes import Home, HomeKind

SHARES: Final = 1_000
SOLD_AT_FIRST: Final = (333, 167)
"""Shares that the next neighbours buy before the day; the rest stays with the home."""
SOLD_LATE: Final = 83
"""Shares that the first of them sells to the second."""
RESERVE_COINS: Final = 100
"""What the account works with, as much as that of every member."""
SALE_SLOT: Final = 64
"""Slot of the day (16:00 UTC): most of the sun is delivered, and its locks are free again."""

_SOLAR: Final = 0
_CELL: Final = b"u1hb"
"""A cell in the south of the Weser: the grids are German, their place is not known."""
_COMMISSIONED_AT: Final = 1_388_534_400
"""2014-01-01."""
_CONSENT_SECONDS: Final = 86_400
_GAS: Final = 1_000_000
_GAS_OF_A_VAULT: Final = 8_000_000
_GAS_OF_A_DAY: Final = 6_000_000


@dataclass(frozen=True)
class SharedPlant:
    """The plant and who owns it.

    Attributes:
        chain: where everything is sent.
        home: whose panels it is.
        vault: owner of asset, meter and account.
        founder: the home's key; its manager.
        neighbours: who buys shares, at most two.
        keeper: collects and claims for everybody, as anybody could.
    """

    chain: Chain
    home: Home
    vault: Contract
    founder: LocalAccount
    neighbours: tuple[LocalAccount, ...]
    keeper: LocalAccount

    @property
    def address(self) -> str:
        """The vault: whose meter and account it is."""
        return self.vault.address

    @property
    def holders(self) -> tuple[LocalAccount, ...]:
        """Everybody who has shares at some time of the day, the home first."""
        return (self.founder, *self.neighbours)

    def lock(self, registrar: LocalAccount, meter_id: int) -> None:
        """Register the panels for the vault, issue the shares, sell some of them."""
        chain, vault, assets = self.chain, self.vault, self.chain.contracts.energy_assets
        spec = (_SOLAR, int(self.home.pv_w), _CELL, _COMMISSIONED_AT)
        deadline = chain.now() + _CONSENT_SECONDS
        consent = Call(self.founder, vault, "consentToBinding", (spec, meter_id, deadline), _GAS)
        chain.send([consent])
        register = (spec, meter_id, deadline, b"")
        chain.send([Call(registrar, assets, "registerAsset", register, _GAS)])
        asset_id = int(assets.call("generatorOf", vault.address))
        chain.send([Call(self.founder, vault, "lock", (asset_id,), _GAS)])
        chain.send(
            [
                Call(self.founder, vault, "transfer", (neighbour.address, shares))
                for neighbour, shares in zip(self.neighbours, SOLD_AT_FIRST, strict=False)
            ]
        )

    def sell_late(self, slot: int) -> None:
        """The seller has what is delivered settled and collected first: that revenue stays his."""
        chain = self.chain
        settle = (self.vault.address, slot)
        settlement = chain.contracts.settlement
        chain.send([Call(self.keeper, settlement, "settle", settle, _GAS_OF_A_DAY)])
        chain.send([Call(self.keeper, self.vault, "collect", (Revenue.MONEY,))])
        if not self.neighbours:
            return
        seller, buyer = self.neighbours[0], (*self.neighbours[1:], self.founder)[0]
        chain.send([Call(seller, self.vault, "transfer", (buyer.address, SOLD_LATE))])

    def pay_out(self) -> None:
        """After settlement: collect money and certificates, pay everybody what is his."""
        chain, vault = self.chain, self.vault
        chain.send([Call(self.keeper, vault, "collect", (kind,)) for kind in Revenue])
        due = [(kind, holder.address) for kind in Revenue for holder in self.holders]
        amounts = chain.read([(vault, "claimable", one) for one in due])
        chain.send(
            [
                Call(self.keeper, vault, "claim", one)
                for one, amount in zip(due, amounts, strict=True)
                if amount
            ]
        )

    def record_production(self, day: int) -> None:
        """Put the day on record once no reading for it counts any more, a day after its end."""
        assets = self.chain.contracts.energy_assets
        asset_id = int(self.vault.call("assetId"))
        self.chain.advance_to((day + 2) * SLOTS_PER_DAY * SLOT_SECONDS)
        self.chain.send(
            [Call(self.keeper, assets, "recordProduction", (asset_id, day), _GAS_OF_A_DAY)]
        )


def found_plant(
    chain: Chain, day: PhysicalDay, members: Sequence[LocalAccount], keeper: LocalAccount
) -> SharedPlant | None:
    """A vault for the first home with panels whose export proves production; None without one.

    Args:
        chain: where.
        day: with the homes.
        members: their keys.
        keeper: pays for what anybody may do.
    """
    found = [n for n, home in enumerate(day.homes) if home.kind is HomeKind.PROSUMER]
    if not found:
        return None
    number = found[0]
    home, founder = day.homes[number], members[number]
    others = (*members[number + 1 :], *members[:number])
    vaults = chain.contracts.asset_vaults
    coin = 10 ** int(chain.contracts.settlement_token.call("decimals"))
    terms = SHARES, RESERVE_COINS * coin, founder.address
    chain.send([Call(founder, vaults, "createVault", (terms,), _GAS_OF_A_VAULT)])
    address = str(vaults.call("vaultAt", int(vaults.call("vaultCount")) - 1))
    if not vaults.call("isVault", address):
        raise MarketDayError("the vault is not genuine", expected="a vault", found=address)
    vault = Contract("AssetShares", address, abi_of("AssetShares", Artifacts.load()), chain.rpc)
    return SharedPlant(chain, home, vault, founder, others[: len(SOLD_AT_FIRST)], keeper)


def owners_of(
    members: Sequence[LocalAccount], plant: SharedPlant | None
) -> tuple[LocalAccount | SharedPlant, ...]:
    """Whose meter each home's is: the member's, or the vault's."""
    if plant is None:
        return tuple(members)
    return tuple(plant if member == plant.founder else member for member in members)
