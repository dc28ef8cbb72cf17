"""Deployment files, parameters files, artifacts and ABIs: read whole or refused with the reason."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from energy_grid.abi import Abi, AbiError, decode_solidity_error
from energy_grid.artifacts import ArtifactError, Artifacts
from energy_grid.deployment import Parameters
from energy_grid.deployment.parameters import PARAMETERS_FOLDER, ParametersError
from energy_grid.deployments import (
    ContractRecord,
    Deployment,
    DeploymentFileError,
    PendingTransaction,
    deployment_path,
)
from energy_grid.errors import InvalidValueError

ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
RECORD = ContractRecord(
    "SmartMeter", ADDRESS, 3, "0xab", {"authority": ADDRESS}, {"LOT": 1}, "0xcd", {"name": "solc"}
)
DEPLOYMENT = Deployment(
    31337, "0x01", "ethereum:local", ADDRESS, "standard", {1: ADDRESS}, {"SmartMeter": RECORD}
)

# --- Deployment files -----------------------------------------------------------------------------


def test_deployment__written__comes_back(tmp_path):
    path = tmp_path / "new folder" / "31337.json"
    pending = PendingTransaction("deploy X", ADDRESS, 4, "0x12", "0x34", "X", RECORD)
    for deployment in (DEPLOYMENT, dataclasses.replace(DEPLOYMENT, pending=pending)):
        deployment.write(path)

        assert Deployment.read(path, 31337) == deployment
    assert [file.name for file in path.parent.iterdir()] == ["31337.json"]
    assert DEPLOYMENT.zones == (1,)
    assert DEPLOYMENT.first_block == 3
    assert deployment_path(5, tmp_path) == tmp_path / "5.json"


def test_deployment__of_another_chain__refused(tmp_path):
    DEPLOYMENT.write(tmp_path / "a.json")

    with pytest.raises(DeploymentFileError, match=r"expected chain id 1 .*found chain id 31337"):
        Deployment.read(tmp_path / "a.json", 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: "not json", "is broken"),
        (lambda c: json.dumps([]), "another layout"),
        (lambda c: json.dumps({**c, "schema": 99}), "expected schema 1, found 99"),
        (lambda c: json.dumps({k: v for k, v in c.items() if k != "operators"}), "incomplete"),
        (lambda c: json.dumps({**c, "contracts": {"X": {"what": 1}}}), "incomplete"),
        (
            lambda c: json.dumps({**c, "contracts": {"X": {"contract": "X", "address": "0x12"}}}),
            "expected a checksum address, found 0x12",
        ),
    ],
)
def test_deployment__broken__refused_with_the_reason(tmp_path, change, message):
    path = tmp_path / "a.json"
    DEPLOYMENT.write(path)
    path.write_text(change(json.loads(path.read_text())))

    with pytest.raises(DeploymentFileError, match=message):
        Deployment.read(path)


def test_deployment__contract_missing__says_it_was_interrupted():
    with pytest.raises(DeploymentFileError, match="has no Settlement: found SmartMeter"):
        DEPLOYMENT.address_of("Settlement")
    assert DEPLOYMENT.address_of("SmartMeter") == ADDRESS


# --- Parameters -----------------------------------------------------------------------------------


def test_parameters__standard__loads():
    parameters = Parameters.load("standard")

    assert (parameters.tick_size, parameters.lot_wh) == (1_000, 1)
    assert parameters.terms_tuple() == (1_000_000, 40_000, 10)
    assert parameters.holders("governor", ADDRESS, {"GridTimelock": OTHER}) == (OTHER,)
    assert parameters.holders("treasury", ADDRESS, {"TreasurySafe": OTHER}) == (OTHER,)
    assert parameters.holders("watchers", ADDRESS, {}) == ()


def changed(tmp_path, *changes):
    text = (PARAMETERS_FOLDER / "standard.toml").read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / "changed.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("lot_wh = 1", "lot_wh = 0", "market.lot_wh: expected 1 to"),
        ('"EN_50160_50HZ" #', '"EN_50160" #', "grid.preset: expected one of EN_50160_50HZ, ANSI"),
        ("voltage_millivolts = 230_000", "voltage_millivolts = 230", "expected 50000 to"),
        ("lot_wh = 1", "lot_wh = 1.5", "expected a whole number, found 1.5"),
        ("lot_wh = 1", "lot_wh = true", "expected a whole number, found True"),
        ("lot_wh = 1", "", "market.lot_wh: missing"),
        ("lot_wh = 1", "lot_wh = 1\nlots = 2", "market.lots: unknown"),
        ("= 1_000 #", "= 1_500 #", "a multiple of 1000, found 1500"),
        ("trading_fee_bps = 10", "trading_fee_bps = 101", "expected 0 to 100, found 101"),
        ('governor = "timelock"', 'governor = "0x12"', "roles.governor: expected"),
        ("cap_units_per_kwh = 1_000_000", "cap_units_per_kwh = 1_024_000", "1 to 1023 ticks"),
        ("cap_units_per_kwh = 1_000_000", "cap_units_per_kwh = 0", "1 to 1023 ticks"),
        ("cap_units_per_kwh = 1_000_000", "cap_units_per_kwh = 300_000", "retail above the cap"),
        ("feed_in_units_per_kwh = 80_000", "feed_in_units_per_kwh = 330_000", "above retail"),
        ("retail_max_units_per_kwh = 1_000_000", "retail_max_units_per_kwh = 1_000", "outside"),
        ("bond_units = 1_000_000_000", "bond_units = 1", "bond below bond_floor"),
        ('reporters = "development"', 'reporters = ["0x12"]', "oracles.reporters: expected"),
        ("[1, 4, 16, 96]", "[1, 1]", "expected different whole numbers"),
        ("[1, 4, 16, 96]", "[1, 256]", "expected at most 255, found 256"),
        ("demand_weight_bps = 3_000", "demand_weight_bps = 3_001", "found 10001"),
        ("base_units_per_kwh = 200_000", "base_units_per_kwh = 1_024_000", "base is not 1 to"),
        ("alpha_bps = 1_000", "alpha_bps = 0", "price.alpha_bps: expected 1 to 5000"),
    ],
)
def test_parameters__fault__named(tmp_path, before, after, fault):
    with pytest.raises(ParametersError, match=fault):
        Parameters.load(changed(tmp_path, (before, after)))


def test_parameters__several_faults__all_at_once(tmp_path):
    path = changed(tmp_path, ("lot_wh = 1", "lot_wh = 0"), ("fee_bps = 10", "fee_bps = -1"))

    with pytest.raises(ParametersError, match=r"market\.lot_wh.*; terms\.trading_fee_bps"):
        Parameters.load(path)


def test_parameters__no_such_file__names_those_there_are():
    with pytest.raises(ParametersError, match="or one of: single-key, standard"):
        Parameters.load("luxury")


# --- Artifacts ------------------------------------------------------------------------------------


def test_artifacts__not_compiled__says_make_build(tmp_path):
    with pytest.raises(ArtifactError, match="Run `make build`"):
        Artifacts.load(tmp_path / "__local__.json")


def test_artifacts__broken_or_lacking__refused(tmp_path):
    path = tmp_path / "__local__.json"
    path.write_text("{}")
    with pytest.raises(ArtifactError, match="is broken"):
        Artifacts.load(path)

    path.write_text(json.dumps({"contractTypes": {"A": {"abi": []}}}))
    artifacts = Artifacts.load(path)
    with pytest.raises(ArtifactError, match="has no contract B: found A"):
        artifacts.get("B")
    assert artifacts.get("A").creation_code == ""


# --- ABI ------------------------------------------------------------------------------------------

POINT = [{"name": "x", "type": "uint256"}, {"name": "from", "type": "address"}]
ABI = Abi(
    "Sample",
    [
        {
            "type": "function",
            "name": "move",
            "inputs": [
                {"name": "p", "type": "tuple", "components": POINT},
                {"name": "tags", "type": "bytes32[]"},
            ],
            "outputs": [
                {"name": "p", "type": "tuple", "components": POINT, "internalType": "struct S.P"},
                {"name": "ok", "type": "bool"},
            ],
        },
        {"type": "function", "name": "get", "inputs": [], "outputs": []},
        {"type": "function", "name": "set", "inputs": [{"name": "a", "type": "uint8"}]},
        {
            "type": "function",
            "name": "set",
            "inputs": [{"name": "a", "type": "uint8"}, {"name": "b", "type": "uint8"}],
        },
        {"type": "function", "name": "MAX", "inputs": [], "outputs": []},
        {
            "type": "event",
            "name": "Moved",
            "inputs": [
                {"name": "id", "type": "uint32", "indexed": True},
                {"name": "far", "type": "uint256", "indexed": False},
                {"name": "tag", "type": "string", "indexed": True},
            ],
        },
        {"type": "error", "name": "TooFar", "inputs": [{"name": "given", "type": "uint256"}]},
    ],
)


@dataclass(frozen=True)
class Point:
    x: int
    origin: str


@pytest.mark.parametrize(
    "point", [(1, ADDRESS), Point(1, ADDRESS), {"x": 1, "from": ADDRESS}], ids=str
)
def test_encode__struct_in_any_form__same_bytes(point):
    expected = encode(["(uint256,address)", "bytes32[]"], [(1, ADDRESS), [b"\x01" * 32]])

    data = ABI.encode("move", point, ["0x" + "01" * 32])

    assert data == keccak(text="move((uint256,address),bytes32[])")[:4] + expected


def test_decode__structs_and_several_values__by_name():
    data = encode(["(uint256,address)", "bool"], [(5, ADDRESS), True])

    answer = ABI.decode_answer("move", data)

    assert answer.ok is True
    assert (answer.p.x, answer.p.from_) == (5, ADDRESS)


def test_encode__overloads_and_mistakes():
    assert len(ABI.encode("set", 1)) == 36
    assert len(ABI.encode("set", 1, 2)) == 68
    assert len(ABI.encode("set(uint8)", 1)) == 36
    for function, arguments in (
        ("put", ()),
        ("set", ()),
        ("set(uint8)", (256,)),
        ("move", (1,)),
    ):
        with pytest.raises(AbiError):
            ABI.encode(function, *arguments)
    with pytest.raises(InvalidValueError, match="fields of a struct"):
        ABI.encode("move", {"x": 1}, [])


def test_decode_answer__that_does_not_fit__says_so():
    with pytest.raises(AbiError, match="right contract"):
        ABI.decode_answer("move", b"\x01")


def test_constants__upper_case_getters():
    assert ABI.constants() == ["MAX"]


def test_decode_log__indexed_and_plain():
    log = {
        "address": ADDRESS.lower(),
        "topics": [ABI.event_topic("Moved"), "0x" + "00" * 31 + "07", "0x" + "ab" * 32],
        "data": "0x" + encode(["uint256"], [9]).hex(),
        "blockNumber": "0x2",
        "transactionHash": "0xcd",
        "logIndex": "0x1",
    }

    event = ABI.decode_log(log)

    assert event is not None
    assert (event.name, event.address, event.block_number, event.log_index) == (
        "Moved", ADDRESS, 2, 1,
    )  # fmt: skip
    assert (event.id, event.far, event.tag) == (7, 9, b"\xab" * 32)
    assert list(event.arguments) == ["id", "far", "tag"]
    with pytest.raises(AttributeError):
        _ = event.near
    assert ABI.decode_log({**log, "topics": ["0x" + "11" * 32]}) is None


def test_decode_error__own_solidity_and_unknown():
    own = ABI.decode_error(keccak(text="TooFar(uint256)")[:4] + encode(["uint256"], [3]))
    text = decode_solidity_error(keccak(text="Error(string)")[:4] + encode(["string"], ["no"]))
    panic = decode_solidity_error(keccak(text="Panic(uint256)")[:4] + encode(["uint256"], [0x11]))

    assert str(own) == "TooFar(given=3)"
    assert str(text) == "Error(message=no)"
    assert str(panic) == "Panic(code=arithmetic overflow)"
    assert ABI.decode_error(b"\x01\x02\x03\x04") is None
    assert decode_solidity_error(b"") is None
