"""A vault in the real system (meters, assets, market, settlement), on a chain in this process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, cast

from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from energy_grid.abi import Abi
from energy_grid.deployment.roles import Role
from energy_grid.eip712 import MeterKind, MeterRegistration, domain, sign
from energy_grid.units import Slot, Watt, Wh, Zone
from tests.unit.asset_nft.stage import (
    ALICE,
    ANYBODY,
    CHAIN_ID,
    GOVERNOR,
    NEVER,
    REGISTRAR,
    SLOT_SECONDS,
    START,
    ZERO,
    AssetStage,
    Device,
    Person,
)
from tests.utils.auction_market import LOT_WH, TERMS, TICK_SIZE
from tests.utils.revm import Contract
from tests.utils.settlement import deploy_settlement

BOB, CAROL, DAVE, MANAGER = Person("bob"), Person("carol"), Person("dave"), Person("manager")
OPERATOR: Final = "0x00000000000000000000000000000000000000e1"
TREASURY: Final = "0x00000000000000000000000000000000000000e2"
ZONE: Final = 7
COIN: Final = 1_000_000
SECURITY, BOND = 20 * COIN, 60 * COIN
RETAIL, FEED_IN = 320_000, 80_000
FEED_IN_A_WH: Final = FEED_IN // 1_000
WINDOW: Final = 7 * 86_400
SHARES: Final = 1_000
RESERVE: Final = 5 * COIN
MONEY, CERTIFICATES = range(2)
EMPTY, OPEN, REDEEMED, SOLD = range(4)
ERRORS_OF: Final = ("AssetShares", "EnergyAssetNFT", "Settlement", "IMarket", "EnergyToken")
FREE_TOKEN: Final = ("MockSettlementToken",)


@dataclass(frozen=True)
class Account:
    """Something with an address and no key."""

    address: str


class ShareStage(AssetStage):
    """The system with one zone; vaults are created by tests."""

    def __init__(self, token: tuple[Any, ...] = FREE_TOKEN) -> None:
        super().__init__()
        deploy, manager = self.chain.deploy, self.manager
        self.token = deploy(*token)
        self.energy = deploy("EnergyToken", manager.address)
        self.settlement = deploy_settlement(
            self.chain,
            manager.address,
            self.token.address,
            self.energy.address,
            self.meters.address,
            self.chain.address_of_next(5),
            TREASURY,
            (SECURITY, BOND, (100_000, 900_000, 0, 500_000)),
        )
        units = (manager.address, self.settlement.address, TICK_SIZE, LOT_WH)
        rooms = [deploy(name, *units).address for name in ("MarketRegister", "AuctionRoom")]
        self.market = deploy("EnergyTrading", *units, *rooms, interface="IMarket")
        mint = self.energy.abi.encode("mint", ZERO, 0)[:4]
        manager.send(GOVERNOR, "setTargetFunctionRole", self.energy.address, [mint], Role.MINTER)
        manager.send(GOVERNOR, "grantRole", Role.MINTER, self.settlement.address, 0)
        self.market.send(GOVERNOR, "setMarketTerms", ZONE, 0, TERMS)
        vaults = deploy("AssetVaults", self.assets.address, self.settlement.address)
        self.vaults = self.at_address("AssetVaults", vaults.address)
        self.settlement.send(GOVERNOR, "appointOperator", ZONE, OPERATOR)
        self.deposit(OPERATOR, 10_000 * COIN)
        self.settlement.send(OPERATOR, "postBond", BOND)
        tariff = START // SLOT_SECONDS + 1, RETAIL, FEED_IN
        self.settlement.send(OPERATOR, "setTariff", ZONE, *tariff)

    # --- money ------------------------------------------------------------------------------------

    def give(self, account: str, amount: int) -> None:
        """Coins out of nothing."""
        self.token.send(ANYBODY, "mint", account, amount)

    def balance(self, account: str) -> int:
        """Coins of an account."""
        return int(self.token.ask("balanceOf", account))

    def deposit(self, account: str, amount: int) -> None:
        """New coins into an account of Settlement, by whoever owns it."""
        payer = OPERATOR
        self.give(payer, amount)
        self.token.send(payer, "approve", self.settlement.address, amount)
        self.settlement.send(payer, "depositFor", account, amount)

    def account(self, account: str) -> Any:
        """`AccountState`."""
        return self.settlement.ask("accountState", account)

    # --- vaults -----------------------------------------------------------------------------------

    def create(
        self,
        founder: Person = ALICE,
        shares: int = SHARES,
        reserve: int = RESERVE,
        manager: Person = MANAGER,
    ) -> Contract:
        """A vault without asset."""
        terms = shares, reserve, manager.address
        address = self.vaults.send(founder.address, "createVault", terms)
        return self.at_address("AssetShares", address)

    def at_address(self, name: str, address: str) -> Contract:
        """A contract that also knows the errors of those behind it."""
        get = self.chain.artifacts.get
        own = get(name).abi
        known = {entry["name"] for entry in own if entry["type"] == "error"}
        others = {
            entry["name"]: entry
            for behind in ERRORS_OF
            for entry in get(behind).abi
            if entry["type"] == "error" and entry["name"] not in known
        }
        return Contract(self.chain, Abi(name, (*own, *others.values())), address)

    def asset(self, owner: Person = ALICE) -> int:
        """An asset that can move: its meter has been removed."""
        device = self.meter(owner)
        asset_id = self.register(device, owner)
        self.remove(device)
        return asset_id

    def locked(self, **terms: Any) -> Contract:
        """A vault with an asset, all shares with Alice."""
        vault = self.create(**terms)
        asset_id = self.asset()
        self.assets.send(ALICE.address, "approve", vault.address, asset_id)
        vault.send(ALICE.address, "lock", asset_id)
        return vault

    def meter_for(self, vault: Contract, first_slot: int = START // SLOT_SECONDS) -> Device:
        """A meter whose owner is the vault."""
        owner = cast("Person", Account(vault.address))
        return self.meter(owner, first_slot=first_slot)

    def connect(self, vault: Contract) -> Device:
        """A meter of the vault's own, bound to its asset; its account enrolled and secured."""
        # From the next slot on: the first that has a tariff.
        device = self.meter_for(vault, self.chain.now // SLOT_SECONDS + 1)
        spec = self.assets.ask("assetOf", vault.ask("assetId")).spec
        vault.send(MANAGER.address, "consentToBinding", tuple(spec), device.meter_id, NEVER)
        self.assets.send(REGISTRAR, "bindMeter", vault.ask("assetId"), device.meter_id, NEVER, b"")
        self.settlement.send(ANYBODY, "enrol", vault.address)
        self.deposit(vault.address, SECURITY + RESERVE)
        vault.send(MANAGER.address, "postSecurity")
        return device

    def hand_over(self, device: Device, owner: Person) -> None:
        """Another owner's meter follows a vault's, after the seven days that this takes."""
        self.devices += 1
        key = keccak(text=f"device {self.devices}")
        registration = MeterRegistration(
            str(PrivateKey(key).public_key.to_checksum_address()), owner.address, Zone(ZONE),
            MeterKind.CONNECTION, Watt(17_250), Watt(17_250), Wh(10**9), Slot(0), Wh(0), Wh(0),
        )  # fmt: skip
        separator = domain(CHAIN_ID, self.meters.address)
        terms = registration.as_tuple(), sign(registration, separator, key)
        self.meters.send(REGISTRAR, "announceSuccession", device.meter_id, *terms)
        first = device.slot + WINDOW // SLOT_SECONDS
        self.read(device, [0], slots_each=first - device.slot)
        opened = replace(registration, first_slot=Slot(first))
        terms = opened.as_tuple(), sign(opened, separator, key)
        self.meters.send(ANYBODY, "openSuccession", device.meter_id, *terms)

    def running(self, **terms: Any) -> tuple[Contract, Device]:
        """A vault whose asset earns."""
        vault = self.locked(**terms)
        return vault, self.connect(vault)

    def earn(self, vault: Contract, device: Device, *exports_wh: int) -> int:
        """The asset exports and is settled at the feed-in tariff; what its account got."""
        before = self.account(vault.address).free
        self.read(device, exports_wh)
        self.chain.at(device.slot * SLOT_SECONDS + 1)
        self.settlement.send(ANYBODY, "settle", vault.address, device.slot)
        return int(self.account(vault.address).free - before)

    def pass_seconds(self, seconds: int) -> None:
        """Let time pass."""
        self.chain.at(self.chain.now + seconds)

    def offer(self, vault: Contract, bidder: Person, amount: int) -> int:
        """An offer with new coins; its number."""
        self.give(bidder.address, amount)
        self.token.send(bidder.address, "approve", vault.address, amount)
        return int(vault.send(bidder.address, "offer", amount))
