"""`ape run safe`: owners halt a zone, change owners, and fail to take what is not there.

Story: on a deployed market the guardian and the treasury are Safes of three owners. The commands
run in this process, each as its user would start it; one runs as a process of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import nullcontext

import pytest
from click.testing import CliRunner

from energy_grid.contracts import Contracts
from energy_grid.deployment import LocalSigner
from energy_grid.deployment.safes import suite_of
from energy_grid.deployments import Deployment, deployment_path
from energy_grid.rpc import to_hex
from energy_grid.safe import SafeAccount, SafeSetup
from energy_grid.safe.sending import SafeSender
from energy_grid.slots import slot_of
from scripts.safe import cli
from tests.integration.test_deploy_script import (
    PASSPHRASE,
    ape_command,
    environment,
    keyfile_home,
)
from tests.utils.deploying import deploy_on, test_account

OWNERS = tuple(str(test_account(index).address) for index in (2, 3, 4))
"""TEST::2, TEST::3 and TEST::4 of ape, which own both Safes of a development chain."""
__all__ = ["keyfile_home"]
OUTSIDER = str(test_account(8).address)
APE_LOCAL_ID = 1337


class Desk:
    """A deployed market whose guardian and treasury are Safes, and the commands."""

    def __init__(self, chain, folder):
        self.chain, self.folder = chain, folder
        report = deploy_on(chain.rpc, folder, parameters="standard")
        assert not report.outstanding
        self.deployment = report.deployment
        self.contracts = Contracts.load(report.deployment, chain.rpc)

    def state(self, name):
        return SafeAccount(self.deployment.address_of(name), self.chain.rpc).state()

    def network(self):
        return ["--network", f"ethereum:local:{self.chain.rpc.url}", "--deployments", self.folder]

    def run(self, command, *arguments):
        """A command's result; its message if it refuses."""
        given = [command, *map(str, (*arguments, *self.network())), "--json"]
        result = CliRunner().invoke(cli, given)
        if result.exit_code:
            assert isinstance(result.exception, SystemExit), result.exception
            assert result.exit_code == 1, result.output
            return re.sub(r"\s+", " ", result.output)
        return json.loads(result.output)

    def propose(self, file, *what, safe="GuardianSafe"):
        return self.run("propose", "--safe", safe, "--out", self.folder / file, *what)

    def sign(self, file, index):
        return self.run("sign", self.folder / file, "--account", f"TEST::{index}", "--yes")

    def execute(self, file):
        return self.run("execute", self.folder / file, "--account", "TEST::9")


@pytest.fixture(scope="module")
def desk(anvil, tmp_path_factory):
    return Desk(anvil(chain_id=APE_LOCAL_ID), tmp_path_factory.mktemp("safes"))


@pytest.fixture(autouse=True)
def _as_deployed(desk, monkeypatch):
    """Ape has one connection a process, here that of `ape test`: the commands get ours."""
    rpc = desk.chain.rpc
    monkeypatch.setattr("scripts.safe.connected", lambda _provider: nullcontext(rpc))
    monkeypatch.setattr("scripts.safe.require_matching_chain", lambda *_: rpc.chain_id())
    snapshot = desk.chain.snapshot()
    yield
    desk.chain.revert(snapshot)


def halt_call(desk):
    now = desk.chain.rpc.timestamp()
    slot = slot_of(now) + 8
    return f"Guardian.haltZone(1, 1, {slot}, {slot + 4}, {now + 3_600})", slot


def test_halt__two_of_three_sign__zone_is_halted(desk):
    call, slot = halt_call(desk)

    proposed = desk.propose("halt.json", call)
    assert f"Guardian.haltZone(zone=1, scope=1, fromSlot={slot}" in proposed["call"]
    assert (proposed["nonce"], proposed["missing"]) == (0, 2)
    assert "expected 2 of 3 owners, found 0" in desk.execute("halt.json")
    assert desk.sign("halt.json", 2)["missing"] == 1
    assert desk.sign("halt.json", 2)["missing"] == 1
    assert f"{OUTSIDER} is no owner" in desk.sign("halt.json", 8)
    assert desk.sign("halt.json", 4)["signed_by"] == [OWNERS[0], OWNERS[2]]
    done = desk.execute("halt.json")

    receipt = desk.chain.rpc.receipt(done["transaction"])
    (event,) = [one for one in desk.contracts.decode_logs(receipt) if one.name == "ZoneHalted"]
    assert (event.zone, event.fromSlot, event.toSlot) == (1, slot, slot + 4)
    assert desk.state("GuardianSafe").nonce == 1
    assert "is done with: its number is used" in desk.execute("halt.json")
    assert "this proposal is done with" in desk.sign("halt.json", 3)


def test_sign__altered_file__refused(desk):
    call, slot = halt_call(desk)
    desk.propose("altered.json", call)
    desk.sign("altered.json", 2)
    path = desk.folder / "altered.json"
    honest = json.loads(path.read_text())

    transaction = {**honest["transaction"], "to": desk.deployment.address_of("Settlement")}
    path.write_text(json.dumps({**honest, "transaction": transaction}))
    assert "was altered" in desk.sign("altered.json", 3)
    path.write_text(json.dumps({**honest, "call": honest["call"].replace(str(slot), "1")}))
    assert "does something else than it says" in desk.sign("altered.json", 3)
    path.write_text(json.dumps({**honest, "chain_id": 1}))
    assert "was altered" in desk.sign("altered.json", 3)
    transaction = {**honest["transaction"], "operation": 1}
    path.write_text(json.dumps({**honest, "transaction": transaction}))
    assert "was altered" in desk.execute("altered.json")


def test_owners__a_lost_key_is_swapped__its_signatures_count_no_more(desk):
    call, _ = halt_call(desk)
    desk.propose("later.json", "--nonce", 1, call)
    for owner in (2, 4):
        desk.sign("later.json", owner)

    swapped = desk.propose("swap.json", "--swap-owner", OWNERS[2], OUTSIDER)
    assert f"oldOwner={OWNERS[2]}, newOwner={OUTSIDER}" in swapped["call"]
    for owner in (2, 3):
        desk.sign("swap.json", owner)
    desk.execute("swap.json")

    assert set(desk.state("GuardianSafe").owners) == {*OWNERS[:2], OUTSIDER}
    refused = desk.execute("later.json")
    assert f"{OWNERS[2]}: is no owner" in refused
    standing = desk.run("status", desk.folder / "later.json")
    assert (standing["signed_by"], standing["missing"]) == ([OWNERS[0]], 1)
    desk.sign("later.json", 8)
    desk.execute("later.json")
    assert desk.state("GuardianSafe").nonce == 2


def test_owners__what_is_no_safe_any_more__not_even_proposed(desk):
    assert "expected 1 to 3" in desk.propose("high.json", "--threshold", 4)
    assert "different ones" in desk.propose("again.json", "--add-owner", OWNERS[0])
    assert "is no owner" in desk.propose("none.json", "--remove-owner", OUTSIDER)
    assert "propose one thing" in desk.propose("two.json", "--threshold", 2, "Safe.nonce()")


def test_treasury__more_than_its_fees__told_by_the_contracts_error_and_not_sent(desk):
    call = "Settlement.withdrawTo(TreasurySafe, 1)"
    desk.propose("fees.json", call, safe="TreasurySafe")
    for owner in (3, 4):
        desk.sign("fees.json", owner)

    refused = desk.execute("fees.json")

    assert "would fail" in refused
    assert "InsufficientFree" in refused
    assert desk.state("TreasurySafe").nonce == 0


def test_propose__what_nobody_can_read__refused(desk):
    assert "the deployment has no contract Bank" in desk.propose("a.json", "Bank.pay(1)")
    assert "this is no call" in desk.propose("b.json", "haltZone(1)")
    assert "has no functions pay" in desk.propose("c.json", "Settlement.pay(1)")
    assert "an address with checksum" in desk.propose("d.json", "Settlement.withdrawTo(0x12, 1)")


def test_create__foretold_and_created(desk):
    given = [part for owner in OWNERS for part in ("--owner", owner)]
    given += ["--salt", 9, "--account", "TEST::9"]
    foretold = desk.run("create", *given, "--address-only")["safe"]
    assert not desk.chain.rpc.code(foretold)

    created = desk.run("create", *given)

    assert (created["safe"], created["owners"], created["threshold"]) == (foretold, [*OWNERS], 2)


def test_sign__with_a_key_file__as_a_process_of_its_own(desk, keyfile_home):
    home, owner = keyfile_home
    rpc, suite = desk.chain.rpc, suite_of(desk.deployment)
    setup = SafeSetup((owner, *OWNERS[:2]), 2)
    safe = SafeSender(rpc, LocalSigner(test_account(9))).create(setup, suite)
    call, _ = halt_call(desk)
    desk.propose("file.json", call, safe=safe)
    arguments = ("sign", desk.folder / "file.json", "--account", "deployer", "--yes", "--json")
    secrets = {"HOME": str(home), "APE_ACCOUNTS_deployer_PASSPHRASE": PASSPHRASE}

    result = subprocess.run(
        ape_command("safe", *map(str, (*arguments, *desk.network()))),
        env=environment(rpc.url, **secrets),
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["signed_by"] == [owner]
    assert desk.run("status", desk.folder / "file.json")["missing"] == 1


def test_desk__file_is_read_back(desk):
    """What the commands read is what the deployment wrote."""
    path = deployment_path(desk.chain.rpc.chain_id(), desk.folder)

    assert Deployment.read(path).address_of("GuardianSafe") == desk.state("GuardianSafe").safe
    assert to_hex(desk.chain.rpc.code(desk.state("TreasurySafe").safe)) != "0x"
