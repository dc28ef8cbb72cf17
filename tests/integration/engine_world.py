"""Two zones with an interconnector on a local chain, and people who trade there."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_keyfile.keyfile import create_keyfile_json

from energy_grid import eip712, signed_orders
from energy_grid.contracts import Contract, Contracts
from energy_grid.curves import Curve, MarketUnits, Step
from energy_grid.deployments import deployment_path
from energy_grid.eip712 import MeterKind, MeterRegistration
from energy_grid.ids import Side
from energy_grid.outbox import Outbox, Sender
from energy_grid.products import Period, Product
from energy_grid.quotes import Quote
from energy_grid.rpc import to_hex
from energy_grid.signed_orders import SignedOrder
from energy_grid.slots import day_start, slot_of
from energy_grid.units import Slot, Watt, Wh, Zone
from oracles.engine.acting import ActorOptions
from oracles.engine.decide import Policy
from oracles.engine.service import Engine, Round
from tests.utils.anvil import Anvil
from tests.utils.deploying import deploy_on, test_account

EAST, WEST = 1, 2
COIN = 1_000_000
LINE_W = 400
"""Capacity of the interconnector both ways: 100 lots a slot."""
LINE_OWNER = "0x00000000000000000000000000000000000000E1"
PASSWORD = "only for tests"
_ENGINE_ACCOUNT = 5
_GAS = 16_000_000


@dataclass
class EngineWorld:
    """A chain with both zones open, the day after tomorrow still ahead."""

    anvil: Anvil
    folder: Path
    contracts: Contracts = field(init=False)
    units: MarketUnits = field(default_factory=MarketUnits)
    people: dict[str, LocalAccount] = field(default_factory=dict)
    _keys: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        rpc = self.anvil.rpc
        rpc.call("anvil_autoImpersonateAccount", True)
        report = deploy_on(rpc, self.folder)
        assert not report.outstanding
        self.contracts = Contracts.load(report.deployment, rpc)
        self._open_west()

    # --- zones ---

    @property
    def governor(self) -> str:
        """Who may do everything."""
        return str(self.contracts.deployment.deployer)

    def _open_west(self) -> None:
        market, settlement = self.contracts.energy_trading, self.contracts.settlement
        self.send(self.governor, market, "joinRegion", WEST, EAST)
        terms = market.call("marketTerms", EAST, slot_of(self.now))
        self.send(self.governor, market, "setMarketTerms", WEST, 0, tuple(terms))
        operator = str(test_account(2).address)
        self.send(self.governor, settlement, "appointOperator", WEST, operator)
        self.deposit(operator, 2_000 * COIN)
        self.send(operator, settlement, "postBond", 1_000 * COIN)
        self.send(
            self.governor, market, "addInterconnector", EAST, WEST, LINE_W, LINE_W, LINE_OWNER
        )

    # --- chain ---

    @property
    def now(self) -> int:
        """Time of the newest block."""
        return self.anvil.rpc.timestamp()

    def travel_to(self, unix: int) -> None:
        """Mine a block at `unix`."""
        self.anvil.advance_to(unix)

    def send(
        self, sender: str, contract: Contract, function: str, *arguments: Any
    ) -> dict[str, Any]:
        """Send from any account; raises with the contract's reason."""
        rpc = self.anvil.rpc
        rpc.call("anvil_setBalance", sender, hex(10**24))
        hash_ = rpc.call(
            "eth_sendTransaction",
            {
                "from": sender,
                "to": contract.address,
                "data": to_hex(contract.encode(function, *arguments)),
                "gas": hex(_GAS),
                "gasPrice": "0x0",
            },
        )
        receipt = rpc.wait_for_receipt(hash_)
        if not int(receipt["status"], 16):
            contract.call(function, *arguments, sender=sender)
            raise AssertionError(f"{function} reverted once and not again")
        return receipt

    def deposit(self, address: str, units: int) -> None:
        """Give somebody money in the market."""
        token, settlement = self.contracts.settlement_token, self.contracts.settlement
        self.send(address, token, "mint", address, units)
        self.send(address, token, "approve", settlement.address, units)
        self.send(address, settlement, "deposit", units)

    # --- people ---

    def _somebody(self, name: str) -> LocalAccount:
        account = Account.from_key((10_000 + next(self._keys)).to_bytes(32, "big"))
        self.people[name] = account
        return account

    def trader(self, name: str, zone: int, units: int = 100_000 * COIN) -> None:
        """Somebody without a meter, who can only sell what was bought."""
        account = self._somebody(name)
        self.send(account.address, self.contracts.settlement, "joinAsTrader", zone)
        self.deposit(account.address, units)

    def producer(self, name: str, zone: int, rated_w: int = 20_000) -> None:
        """A home that can feed in."""
        contracts = self.contracts
        account, device = self._somebody(name), self._somebody(f"meter of {name}")
        registration = MeterRegistration(
            device_key=device.address,
            owner=account.address,
            zone=Zone(zone),
            kind=MeterKind.CONNECTION,
            rated_import_w=Watt(rated_w),
            rated_export_w=Watt(rated_w),
            register_width_wh=Wh(10**9),
            first_slot=Slot(slot_of(self.now) + 1),
            import_wh=Wh(0),
            export_wh=Wh(0),
        )
        domain = eip712.domain(contracts.deployment.chain_id, contracts.smart_meter.address)
        consent = eip712.sign(registration, domain, bytes(device.key))
        meter = contracts.smart_meter
        self.send(self.governor, meter, "registerMeter", registration.as_tuple(), consent)
        self.send(account.address, contracts.settlement, "enrol", account.address)
        self.deposit(account.address, 100_000 * COIN)
        security = int(contracts.settlement.call("securityDeposit"))
        self.send(account.address, contracts.settlement, "postSecurity", security)

    def address(self, name: str) -> str:
        """Somebody's address."""
        return str(self.people[name].address)

    # --- orders ---

    def curve(self, name: str, product: Product, *steps: Step) -> None:
        """Place a curve."""
        market = self.contracts.energy_trading
        self.send(self.address(name), market, "placeCurve", Curve(product, steps).pack())

    def signed(
        self, name: str, product: Product, *steps: Step, signed_at: int | None = None
    ) -> SignedOrder:
        """A curve signed now, or at another time."""
        market = self.contracts.energy_trading
        return SignedOrder.sign(
            Curve(product, steps),
            self.now if signed_at is None else signed_at,
            units=self.units,
            domain_separator=signed_orders.domain(
                self.contracts.deployment.chain_id, market.address
            ),
            private_key=bytes(self.people[name].key),
        )

    def order(
        self, name: str, product: Product, side: Side, lots: int, tick: int, expires_at: int = 0
    ) -> int:
        """Place a continuous order; returns its id."""
        market = self.contracts.energy_trading
        quote = Quote(product, side, lots, tick, expires_at).pack()
        receipt = self.send(self.address(name), market, "placeOrder", quote)
        (event,) = [e for e in market.decode_logs(receipt) if e.name == "OrderPlaced"]
        return int(event.orderId)

    # --- what came of it ---

    def view(self, function: str, *arguments: Any) -> Any:
        """Ask the market."""
        return self.contracts.energy_trading.call(function, *arguments)

    def locked(self, name: str) -> int:
        """Somebody's locked money."""
        state = self.contracts.settlement.call("accountState", self.address(name))
        return int(state.locked)

    def events(self, name: str) -> list[Any]:
        """All events of one kind so far."""
        return list(self.contracts.energy_trading.events(name))

    # --- the engine ---

    def engine(self, policy: Policy | None = None) -> Engine:
        """An engine in this process, with a store of its own; not started yet."""
        rpc = self.anvil.rpc
        rpc.call("anvil_setBalance", test_account(_ENGINE_ACCOUNT).address, hex(10**24))
        outbox = Outbox(self.folder / "engine.sqlite")
        sender = Sender(
            outbox,
            rpc,
            test_account(_ENGINE_ACCOUNT),
            confirmations=0,
            decode_error=lambda data: str(self.contracts.decode_error(data)),
            lock_folder=self.folder,
        )
        options = ActorOptions(retry_after_seconds=0.2)
        return Engine(self.contracts, outbox, sender, policy or Policy(), options)

    def engine_environment(self) -> dict[str, str]:
        """Settings of the same engine as a process of its own."""
        keystore, password = self.folder / "engine.json", self.folder / "engine.password"
        key = bytes(test_account(_ENGINE_ACCOUNT).key)
        encoded: Any = PASSWORD.encode()
        keystore.write_text(json.dumps(create_keyfile_json(key, encoded, iterations=2)))
        password.write_text(PASSWORD)
        assert deployment_path(self.anvil.chain_id, self.folder).exists()
        return {
            "EG_RPC_URL": self.anvil.url,
            "EG_CHAIN_ID": str(self.anvil.chain_id),
            "EG_DEPLOYMENTS_FOLDER": str(self.folder),
            "EG_ENGINE_KEYSTORE": str(keystore),
            "EG_ENGINE_PASSWORD_FILE": str(password),
            "EG_ENGINE_STORE": str(self.folder / "engine.sqlite"),
            "EG_ENGINE_CONFIRMATIONS": "0",
            "EG_ENGINE_POLL_SECONDS": "0.05",
            "EG_ENGINE_TRANSACTION_GAS": "1000000",
            "EG_ENGINE_RETRY_SECONDS": "0.2",
            "EG_ENGINE_RELAY_WAIT_SECONDS": "0",
            "EG_ENGINE_LOCK_FOLDER": str(self.folder),
        }


def until_idle(engine: Engine, rounds: int = 20) -> list[Round]:
    """Run rounds until nothing is left to do; returns them."""
    done = []
    for _ in range(rounds):
        done.append(engine.cycle())
        if done[-1].is_idle and not engine.transactions_open():
            return done
    raise AssertionError(f"the engine finds no rest: {done[-3:]}")


def tomorrow(world: EngineWorld) -> int:
    """First slot of a day whose hours and quarters are open, far enough from their gates."""
    return int(day_start(slot_of(world.now))) + 96 + 4


def hour(zone: int, slot: int) -> Product:
    """The auction of an hour."""
    return Product.auction(zone, Period.HOUR, slot)


def quarter(zone: int, slot: int) -> Product:
    """The auction of a quarter hour."""
    return Product.auction(zone, Period.QUARTER_HOUR, slot)
