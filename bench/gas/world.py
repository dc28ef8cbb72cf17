"""A chain with everything deployed and a neighbourhood on it, driven by plain JSON-RPC."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from energy_grid import eip712
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, Contracts
from energy_grid.deployment import Journal, LocalSigner, Parameters, deploy
from energy_grid.deployment.plan import Plan
from energy_grid.deployments import Deployment
from energy_grid.eip712 import MeterKind, MeterRegistration
from energy_grid.products import Period, Product
from energy_grid.rpc import Rpc, to_hex
from energy_grid.units import Slot, Watt, Wh, Zone

ZONE: Final = Zone(1)
GAS_LIMIT: Final = 16_777_216
"""EIP-7825: no transaction may ask for more."""

_COIN: Final = 1_000_000
_DEPOSIT_UNITS: Final = 100_000 * _COIN
_RATED_W: Final = Watt(20_000)
_REGISTER_WIDTH_WH: Final = Wh(1_000_000_000)


@dataclass
class Household:
    """A member, its meter's key and what it has signed so far."""

    account: LocalAccount
    device: LocalAccount
    meter_id: int
    sequence: int = 0
    import_wh: int = 0
    export_wh: int = 0

    @property
    def address(self) -> str:
        """The member's account."""
        return str(self.account.address)


@dataclass
class World:
    """The deployed platform.

    Attributes:
        gas: gas of each transaction sent, the last one at the end.
    """

    rpc: Rpc
    contracts: Contracts
    operator: str
    gas: list[int] = field(default_factory=list)

    def now(self) -> int:
        """Time of the newest block."""
        return self.rpc.timestamp()

    def travel_to(self, unix: int) -> None:
        """Mine a block at `unix`, which must lie ahead."""
        self.rpc.call("evm_setNextBlockTimestamp", hex(unix))
        self.rpc.call("evm_mine")

    def send(self, sender: str, contract: Contract, function: str, *arguments: Any) -> int:
        """Send a transaction from an unlocked account; return its `gasUsed`.

        Raises:
            ContractCallError: the contract refused, with its reason.
        """
        transaction = {
            "from": sender,
            "to": contract.address,
            "data": to_hex(contract.encode(function, *arguments)),
            "gas": hex(GAS_LIMIT),
            "gasPrice": "0x0",
        }
        receipt = self.rpc.wait_for_receipt(self.rpc.call("eth_sendTransaction", transaction))
        if int(receipt["status"], 16) != 1:
            contract.call(function, *arguments, sender=sender)  # raises with the reason
            raise RuntimeError(f"{function} reverted once and not again")
        self.last_receipt = receipt
        self.gas.append(int(receipt["gasUsed"], 16))
        return self.gas[-1]


def build_world(rpc: Rpc) -> World:
    """Deploy with the very code of `ape run deploy`."""
    rpc.call("anvil_autoImpersonateAccount", True)
    governor, operator = (Account.from_key(n.to_bytes(32, "big")) for n in (1, 2))
    for account in (governor, operator):
        rpc.call("anvil_setBalance", account.address, hex(10**24))
    artifacts, parameters = Artifacts.load(), Parameters.load("standard")
    chain_id = rpc.chain_id()
    signer = LocalSigner(governor)
    empty = Deployment(
        chain_id=chain_id,
        genesis_hash=rpc.genesis_hash(),
        network="gas",
        deployer=signer.address,
        parameters=parameters.name,
    )
    plan = Plan(parameters, artifacts, signer.address, chain_id, settlement_token=None)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "gas.json", empty, rpc)
        report = deploy(plan, journal, signer, {ZONE: LocalSigner(operator)})
    if report.outstanding:
        raise RuntimeError(f"deployment incomplete: {report.outstanding}")
    world = World(rpc, Contracts.load(report.deployment, rpc, artifacts), operator.address)
    fund(world, operator.address, 10 * _DEPOSIT_UNITS)
    return world


def fund(world: World, address: str, units: int) -> None:
    """Give an account gas money and a deposit."""
    token, settlement = world.contracts.settlement_token, world.contracts.settlement
    world.rpc.call("anvil_setBalance", address, hex(10**24))
    world.send(address, token, "mint", address, units)
    world.send(address, token, "approve", settlement.address, units)
    world.send(address, settlement, "deposit", units)


def settle_in(world: World, count: int, first_slot: int) -> list[Household]:
    """Register, enrol and fund `count` households, metered from `first_slot` on."""
    contracts = world.contracts
    domain = eip712.domain(world.rpc.chain_id(), contracts.smart_meter.address)
    registrar = contracts.deployment.deployer
    security = int(contracts.settlement.call("securityDeposit"))
    households = []
    for index in range(count):
        account = Account.from_key((1_000 + index).to_bytes(32, "big"))
        device = Account.from_key((5_000 + index).to_bytes(32, "big"))
        registration = MeterRegistration(
            device_key=device.address,
            owner=account.address,
            zone=ZONE,
            kind=MeterKind.CONNECTION,
            rated_import_w=_RATED_W,
            rated_export_w=_RATED_W,
            register_width_wh=_REGISTER_WIDTH_WH,
            first_slot=Slot(first_slot),
            import_wh=Wh(0),
            export_wh=Wh(0),
        )
        consent = eip712.sign(registration, domain, bytes(device.key))
        world.send(
            registrar, contracts.smart_meter, "registerMeter", registration.as_tuple(), consent
        )
        world.rpc.call("anvil_setBalance", device.address, hex(10**24))
        world.rpc.call("anvil_setBalance", account.address, hex(10**24))
        world.send(account.address, contracts.settlement, "enrol", account.address)
        fund(world, account.address, _DEPOSIT_UNITS)
        world.send(account.address, contracts.settlement, "postSecurity", security)
        households.append(Household(account, device, meter_id=index + 1))
    return households


def quarter_hour(slot: int) -> int:
    """Product id of a quarter hour."""
    return Product.continuous(ZONE, Period.QUARTER_HOUR, slot).id


def quote(slot: int, *, sell: bool, tick: int, lots: int) -> int:
    """A packed `Quote` for a quarter hour, good until the gate."""
    return quarter_hour(slot) << 56 | int(sell) << 48 | tick << 32 | lots


def order_ids(world: World) -> list[int]:
    """Ids of the orders that the last transaction placed or replaced."""
    events = world.contracts.energy_trading.decode_logs(world.last_receipt)
    ids = []
    for event in events:
        if event.name == "OrderPlaced":
            ids.append(int(event.orderId))
        elif event.name == "OrderReplaced":
            ids.append(int(event.newOrderId))
    return ids


def day_message(household: Household, day_start: int, energies: Sequence[tuple[int, int]]) -> Any:
    """The next signed day of a household's meter; advances what it has signed."""
    words = eip712.pack_day(
        [eip712.SlotRegisters(Wh(i), Wh(e), eip712.Quality.MEASURED) for i, e in energies],
        eip712.LaneWidth.NARROW,
    )
    message = eip712.MeterDay(
        meter_id=household.meter_id,  # type: ignore[arg-type]
        first_sequence=household.sequence + 1,
        day_start=day_start,  # type: ignore[arg-type]
        import_wh=Wh(household.import_wh),
        export_wh=Wh(household.export_wh),
        words=words,
    )
    household.sequence += len(energies)
    household.import_wh += sum(i for i, _ in energies)
    household.export_wh += sum(e for _, e in energies)
    return message
