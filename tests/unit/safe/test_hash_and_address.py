"""What Python computes is what the contracts compute: hashes, addresses, interface.

transaction hash → as getTransactionHash, any fields
address          → foretold from owners, threshold, salt; another one for anything else
suite            → the package's code is the code known by hash; interface as written down
"""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energy_grid.abi import Abi, type_string
from energy_grid.errors import ConfigurationError
from energy_grid.rpc import to_hex
from energy_grid.safe import Operation, SafeError, SafeSetup, SafeTransaction
from energy_grid.safe.abi import FACTORY_ENTRIES, SAFE_ENTRIES
from energy_grid.safe.suite import (
    CANONICAL,
    CODE_HASHES,
    FACTORY,
    PROXY,
    SINGLETON,
    SOURCES,
    configured_suite,
    packaged,
)
from tests.unit.safe.stage import ANNA, ANYBODY, BERT, CLEO, SafeStage

addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
amounts = st.integers(0, 2**256 - 1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    transaction=st.builds(
        SafeTransaction,
        to=addresses,
        data=st.binary(max_size=200),
        nonce=amounts,
        value=amounts,
        operation=st.sampled_from(Operation),
        safe_tx_gas=amounts,
        base_gas=amounts,
        gas_price=amounts,
        gas_token=addresses,
        refund_receiver=addresses,
    )
)
def test_transaction_hash__random__as_the_contract(
    stage: SafeStage, transaction: SafeTransaction
) -> None:
    found = stage.safe.ask("getTransactionHash", *transaction.call_tuple(), transaction.nonce)

    assert to_hex(stage.state().hash_of(transaction)) == to_hex(found)


@pytest.mark.parametrize(
    "setup",
    [
        SafeSetup((ANNA.address,), 1),
        SafeSetup((ANNA.address, BERT.address), 2, salt=7),
        SafeSetup((CLEO.address, ANNA.address, BERT.address), 2, salt=2**256 - 1),
    ],
)
def test_address__is_foretold(stage: SafeStage, setup: SafeSetup) -> None:
    safe = stage.create(setup)

    assert safe.ask("masterCopy") == stage.suite.singleton
    assert (tuple(safe.ask("getOwners")), safe.ask("getThreshold")) == (
        setup.owners,
        setup.threshold,
    )
    assert (safe.ask("nonce"), safe.ask("VERSION")) == (0, "1.5.0")
    with pytest.raises(RuntimeError):  # CREATE2 finds the place taken
        stage.chain.call(
            ANYBODY, stage.suite.factory, setup.creation_call(stage.suite), static=False
        )


def test_address__differs_with_owners_their_order_threshold_and_salt(stage: SafeStage) -> None:
    code = stage.factory.ask("proxyCreationCode")
    pair = (ANNA.address, BERT.address)
    setups = [
        SafeSetup(pair, 1),
        SafeSetup(pair, 2),
        SafeSetup(pair, 1, salt=1),
        SafeSetup(pair[::-1], 1),
        SafeSetup((ANNA.address, CLEO.address), 1),
    ]

    assert len({setup.address(stage.suite, code) for setup in setups}) == len(setups)


@pytest.mark.parametrize(
    ("owners", "threshold", "message"),
    [
        ((), 1, "threshold"),
        ((ANNA.address,), 0, "threshold"),
        ((ANNA.address,), 2, "threshold"),
        ((ANNA.address, ANNA.address), 1, "different ones"),
        (("0x" + "0" * 40,), 1, "checksum addresses"),
        (("0x" + "0" * 39 + "1",), 1, "checksum addresses"),
        ((ANNA.address.lower(),), 1, "checksum addresses"),
    ],
)
def test_setup__no_safe__refused(owners: tuple[str, ...], threshold: int, message: str) -> None:
    with pytest.raises(SafeError, match=message):
        SafeSetup(owners, threshold)


def test_suite__package_and_public_networks__the_same_code(stage: SafeStage) -> None:
    for name in SOURCES:
        assert packaged(name).creation_code
    proxy = packaged(PROXY, "proxies/SafeProxy.sol")
    assert stage.factory.ask("proxyCreationCode") == proxy.creation_code
    assert set(CODE_HASHES) == {*SOURCES, PROXY}


def test_packaged__missing__says_how_to_get_it(tmp_path: Any) -> None:
    with pytest.raises(ConfigurationError, match="make setup"):
        packaged(SINGLETON, folder=tmp_path)


def test_packaged__other_code__refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODE_HASHES, SINGLETON, to_hex(keccak(b"other")))  # type: ignore[arg-type]

    with pytest.raises(ConfigurationError, match="is not that of Safe"):
        packaged(SINGLETON)


@pytest.mark.parametrize(
    ("name", "entries"), [(SINGLETON, SAFE_ENTRIES), (FACTORY, FACTORY_ENTRIES)]
)
def test_interface__as_the_package_has_it(name: str, entries: tuple[Any, ...]) -> None:
    theirs = {(e["type"], e.get("name")): e for e in packaged(name).abi}

    for entry in entries:
        their = theirs[entry["type"], entry["name"]]
        for side in ("inputs", "outputs"):
            mine = [
                (e["name"], type_string(e), e.get("indexed", False)) for e in entry.get(side, ())
            ]
            assert mine == [
                (e["name"], type_string(e), e.get("indexed", False)) for e in their.get(side) or ()
            ]
    assert Abi(name, entries)


def test_configured_suite__environment__before_the_common_addresses() -> None:
    assert configured_suite({}) == CANONICAL
    elsewhere = configured_suite({"EG_SAFE_FACTORY": ANNA.address})
    assert (elsewhere.factory, elsewhere.singleton) == (ANNA.address, CANONICAL.singleton)
    with pytest.raises(ConfigurationError, match="EG_SAFE_SINGLETON"):
        configured_suite({"EG_SAFE_SINGLETON": "0x12"})
