"""A SmartMeter on a local chain with registered meters, and bridges configured for it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_keyfile import create_keyfile_json
from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from energy_grid.abi import Abi
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, abi_of
from energy_grid.deployments import ContractRecord, Deployment
from energy_grid.rpc import Rpc, to_hex
from meter_bridge.keys import DeviceKey
from meter_bridge.registration import MeterKind, Registration, sign_registration

PASSWORD = "correct horse battery staple"
RELAYER_MNEMONIC_KEYS = (
    # The well-known keys of Anvil's accounts 1 to 4.
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
)
RATED_W = 20_000
"""Caps a slot at 5,500 Wh."""
REGISTER_WIDTH_WH = 10**9


def write_keystore(path: Path, private_key: bytes, password: str = PASSWORD) -> Path:
    """A keystore that opens at once: no stretching of the password."""
    keystore = create_keyfile_json(private_key, password.encode(), kdf="pbkdf2", iterations=1)
    path.write_text(json.dumps(keystore))
    return path


@dataclass(frozen=True)
class TestMeter:
    """A registered meter with its private key."""

    __test__ = False

    meter_id: int
    private_key: bytes
    first_slot: int
    import_wh: int = 1_000_000
    export_wh: int = 500_000

    @property
    def key(self) -> DeviceKey:
        return DeviceKey(self.private_key)


@dataclass
class MeterChain:
    """A local chain with a SmartMeter and its registrar."""

    rpc: Rpc
    deployer: str
    smart_meter: Contract
    deployment_path: Path
    chain_id: int
    meters: list[TestMeter] = field(default_factory=list)

    @classmethod
    def deploy(cls, rpc: Rpc, folder: Path) -> MeterChain:
        artifacts = Artifacts.load()
        deployer = rpc.call("eth_accounts")[0]
        manager = _create(rpc, deployer, artifacts, "GridAccessManager", deployer)
        address = _create(rpc, deployer, artifacts, "SmartMeter", manager)
        chain_id = rpc.chain_id()
        deployment = Deployment(
            chain_id=chain_id,
            genesis_hash=rpc.genesis_hash(),
            network="local",
            deployer=deployer,
            parameters="test",
            contracts={"SmartMeter": ContractRecord("SmartMeter", address)},
        )
        path = folder / f"{chain_id}.json"
        deployment.write(path)
        abi = abi_of("SmartMeter", artifacts)
        return cls(rpc, deployer, Contract("SmartMeter", address, abi, rpc), path, chain_id)

    def register(
        self,
        count: int,
        first_slot: int,
        *,
        rated_w: int = RATED_W,
        kind: MeterKind = MeterKind.CONNECTION,
        import_wh: int = 1_000_000,
        export_wh: int = 500_000,
        seed: str = "meter",
    ) -> list[TestMeter]:
        """Register meters with keys of their own; the registrar is the deployer."""
        new = []
        for _ in range(count):
            private_key = keccak(text=f"{seed}/{len(self.meters)}")
            key = DeviceKey(private_key)
            registration = Registration(
                deviceKey=key.address,
                owner=PrivateKey(keccak(private_key)).public_key.to_checksum_address(),
                zone=1,
                kind=int(kind),
                ratedImportW=rated_w,
                ratedExportW=rated_w,
                registerWidthWh=REGISTER_WIDTH_WH,
                firstSlot=first_slot,
                importWh=import_wh,
                exportWh=export_wh,
            )
            signed = sign_registration(key, registration, self.chain_id, self.smart_meter.address)
            data = self.smart_meter.encode("registerMeter", registration, signed.signature)
            send(self.rpc, self.deployer, self.smart_meter.address, data)
            meter_id = self.smart_meter.call("meterOf", key.address)
            meter = TestMeter(meter_id, private_key, first_slot, import_wh, export_wh)
            self.meters.append(meter)
            new.append(meter)
        return new

    def latest(self, meter_id: int) -> Any:
        return self.smart_meter.call("latestReading", meter_id)

    def accepted_readings(self) -> dict[tuple[int, int], Any]:
        """Accepted single readings by meter and timestamp."""
        events = self.smart_meter.events("ReadingAccepted")
        found = {(event.meterId, event.timestamp): event for event in events}
        assert len(found) == len(events), "a reading was accepted twice"
        return found


def send(rpc: Rpc, sender: str, to: str | None, data: bytes) -> dict[str, Any]:
    """Send from an unlocked account and require success."""
    transaction = {"from": sender, "data": to_hex(data), "gas": hex(16_000_000), "gasPrice": "0x0"}
    if to is not None:
        transaction["to"] = to
    receipt = rpc.wait_for_receipt(rpc.call("eth_sendTransaction", transaction))
    assert receipt["status"] == "0x1", f"transaction to {to} reverted"
    return receipt


def _create(rpc: Rpc, deployer: str, artifacts: Artifacts, name: str, *arguments: Any) -> str:
    artifact = artifacts.get(name)
    code = bytes.fromhex(artifact.creation_code)
    data = code + Abi(name, artifact.abi).encode_constructor(*arguments)
    from eth_utils.address import to_checksum_address

    return str(to_checksum_address(send(rpc, deployer, None, data)["contractAddress"]))


def write_bridge_config(
    folder: Path,
    chain: MeterChain,
    sources: Sequence[tuple[TestMeter, str]],
    *,
    relayer_key: str = RELAYER_MNEMONIC_KEYS[0],
    clock: str = "chain",
    mode: str = "single",
    meter_lines: str = "",
    submission: str = "batch_window_seconds = 0\ncycle_seconds = 0.02",
    store: Path | None = None,
    extra: str = "",
) -> Path:
    """Keystores, secrets and `bridge.toml` of one bridge in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "password").write_text(PASSWORD + "\n")
    write_keystore(folder / "relayer.json", bytes.fromhex(relayer_key))
    lines = [
        "[chain]",
        f'rpc_url = "{chain.rpc.url}"',
        f"chain_id = {chain.chain_id}",
        f'deployment = "{chain.deployment_path}"',
        "confirmations = 0",
        "[relayer]",
        'keystore = "relayer.json"',
        'password_file = "password"',
        f'lock_folder = "{folder}"',
        "[store]",
        f'path = "{store or "bridge.sqlite"}"',
        "[clock]",
        f'source = "{clock}"',
        "[submission]",
        submission,
        extra,
    ]
    for meter, source in sources:
        write_keystore(folder / f"meter-{meter.meter_id}.json", meter.private_key)
        lines += [
            "[[meter]]",
            f"id = {meter.meter_id}",
            f'keystore = "meter-{meter.meter_id}.json"',
            'password_file = "password"',
            f'source = "{source}"',
            f'mode = "{mode}"',
            meter_lines,
        ]
    path = folder / "bridge.toml"
    path.write_text("\n".join(lines))
    return path


def random_key() -> bytes:
    return secrets.token_bytes(32)
