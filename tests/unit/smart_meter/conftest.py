"""One SmartMeter under one access manager, and devices registered as tests ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from energy_grid.eip712 import MeterKind, MeterRegistration, domain, sign
from tests.unit.smart_meter.devices import (
    CONNECTION,
    DAY_SECONDS,
    NARROW_RATING_W,
    REGISTER_WIDTH_WH,
    SLOT_SECONDS,
    Device,
    key_address,
    private_key,
)

REGISTRAR_ROLE = 3


@pytest.fixture(scope="session")
def governor(accounts: Any) -> Any:
    return accounts[0]


@pytest.fixture(scope="session")
def registrar(accounts: Any) -> Any:
    return accounts[1]


@pytest.fixture(scope="session")
def owner(accounts: Any) -> Any:
    return accounts[2]


@pytest.fixture(scope="session")
def other_owner(accounts: Any) -> Any:
    return accounts[3]


@pytest.fixture(scope="session")
def relayer(accounts: Any) -> Any:
    """Somebody without any right."""
    return accounts[4]


@pytest.fixture(scope="session")
def device_account(accounts: Any) -> Any:
    """A device that pays for its own transactions."""
    return accounts[5]


@pytest.fixture(scope="session")
def access_manager(project: Any, governor: Any) -> Any:
    return governor.deploy(project.GridAccessManager, governor)


@pytest.fixture(scope="session")
def smart_meter(project: Any, governor: Any, registrar: Any, access_manager: Any) -> Any:
    contract = governor.deploy(project.SmartMeter, access_manager)
    selectors = [
        bytes.fromhex(contract.contract_type.selector_identifiers[signature][2:])
        for signature in contract.contract_type.selector_identifiers
        if signature.split("(")[0] in ("registerMeter", "deactivateMeter", "releaseQuarantine")
    ]
    assert len(selectors) == 3
    access_manager.setTargetFunctionRole(contract, selectors, REGISTRAR_ROLE, sender=governor)
    access_manager.grantRole(REGISTRAR_ROLE, registrar, 0, sender=governor)
    return contract


@pytest.fixture(scope="session")
def day_start(chain: Any) -> int:
    """The midnight the tests begin at; it lies ahead of the chain."""
    return (int(chain.pending_timestamp) // DAY_SECONDS + 2) * DAY_SECONDS


@pytest.fixture(scope="session")
def first_slot(day_start: int) -> int:
    return day_start // SLOT_SECONDS


@pytest.fixture
def at(chain: Any) -> Callable[[int], None]:
    """Bring the chain to a time: a block is mined there, the next follows within seconds."""

    def move(timestamp: int) -> None:
        chain.mine(timestamp=timestamp)

    return move


@pytest.fixture
def next_block_at(chain: Any) -> Callable[[int], None]:
    """Give the next transaction's block an exact time."""

    def move(timestamp: int) -> None:
        chain.pending_timestamp = timestamp

    return move


@pytest.fixture
def midnight(at: Callable[[int], None], day_start: int) -> int:
    at(day_start)
    return day_start


@pytest.fixture
def prepare(smart_meter: Any, chain: Any, owner: Any, first_slot: int) -> Callable[..., Device]:
    """A device that has signed its registration but is not registered yet."""

    def build(name: str = "one", *, key: bytes | None = None, **changes: Any) -> Device:
        key = key or private_key(name)
        fields: dict[str, Any] = {
            "device_key": key_address(key),
            "owner": str(owner.address),
            "zone": 1,
            "kind": MeterKind(CONNECTION),
            "rated_import_w": NARROW_RATING_W,
            "rated_export_w": NARROW_RATING_W,
            "register_width_wh": REGISTER_WIDTH_WH,
            "first_slot": first_slot,
            "import_wh": 5_000_000,
            "export_wh": 1_000_000,
        }
        registration = MeterRegistration(**{**fields, **changes})
        return Device(smart_meter, int(chain.chain_id), key, registration)

    return build


@pytest.fixture
def register(
    smart_meter: Any, registrar: Any, prepare: Callable[..., Device], midnight: int
) -> Callable[..., Device]:
    """A registered device; the chain stands at midnight, where its first slot begins."""

    def build(name: str = "one", **changes: Any) -> Device:
        device = prepare(name, **changes)
        smart_meter.registerMeter(
            device.registration.as_tuple(),
            device.signature(device.registration),
            sender=registrar,
        )
        device.meter_id = smart_meter.meterOf(device.address)
        return device

    return build


@pytest.fixture
def signed_for_chain() -> Callable[..., bytes]:
    """Sign for another chain or contract."""

    def make(message: Any, key: bytes, *, chain_id: int, contract: str) -> bytes:
        return sign(message, domain(chain_id, contract), key)

    return make
