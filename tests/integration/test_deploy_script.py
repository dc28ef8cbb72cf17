"""`ape run deploy` and `ape run verify_deployment` as a user starts them, in their own process.

The second chain has another id, a base fee, and blocks every second. The deployer is an
encrypted key file; nothing is confirmed by hand.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from eth_account import Account

from energy_grid.deployments import Deployment
from tests.utils.anvil import free_port
from tests.utils.deploying import deploy_on, test_account

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "correct horse battery staple"
DEVNET_ID = 31415


def ape_command(*arguments):
    beside_python = Path(sys.executable).with_name("ape")
    return [str(beside_python) if beside_python.exists() else "ape", "run", *arguments]


def environment(url, **more):
    return {**os.environ, "ENERGY_GRID_DEVNET_URI": url, "NO_COLOR": "1", "COLUMNS": "200", **more}


def run(url, *arguments, **more):
    return subprocess.run(
        ape_command(*arguments),
        cwd=ROOT,
        env=environment(url, **more),
        capture_output=True,
        text=True,
        timeout=240,
    )


def on_devnet(*arguments, folder):
    return [*arguments, "--network", "ethereum:devnet:node", "--deployments", str(folder)]


@pytest.fixture(scope="module")
def keyfile_home(tmp_path_factory):
    """A home folder whose ape holds one encrypted account, `deployer`."""
    home = tmp_path_factory.mktemp("home")
    folder = home / ".ape" / "accounts"
    folder.mkdir(parents=True)
    account = Account.create()
    keyfile = Account.encrypt(account.key, PASSPHRASE, kdf="scrypt", iterations=2**10)
    (folder / "deployer.json").write_text(json.dumps(keyfile))
    return home, account.address


def test_help__lists_the_scripts_and_no_helpers():
    output = run("http://127.0.0.1:1", "--help").stdout

    assert "deploy " in output
    assert "verify_deployment " in output
    assert "_ape_chain" not in output


def test_deploy__second_chain_with_base_fee_and_blocks_by_the_clock(anvil, keyfile_home, tmp_path):
    home, deployer = keyfile_home
    chain = anvil(chain_id=DEVNET_ID, block_time_seconds=1, base_fee_wei=3 * 10**9)
    chain.rpc.call("anvil_setBalance", deployer, hex(10**19))
    secrets = {"HOME": str(home), "APE_ACCOUNTS_deployer_PASSPHRASE": PASSPHRASE}
    deploy = on_devnet("deploy", "--account", "deployer", folder=tmp_path)
    verify = on_devnet("verify_deployment", folder=tmp_path)

    interrupted = subprocess.Popen(
        ape_command(*deploy),
        cwd=ROOT,
        env=environment(chain.url, **secrets),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    path = tmp_path / f"{DEVNET_ID}.json"
    wait_until(lambda: "Settlement" in contracts_of(path), interrupted)
    os.killpg(interrupted.pid, signal.SIGKILL)
    interrupted.wait()
    assert "EnergyTrading" not in contracts_of(path)

    resumed = run(chain.url, *deploy, **secrets)

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    deployment = Deployment.read(path, DEVNET_ID)
    assert deployment.deployer == deployer
    assert deployment.network == "ethereum:devnet"
    receipt = chain.rpc.receipt(deployment.contracts["EnergyTrading"].transaction)
    assert int(receipt["effectiveGasPrice"], 16) > 0
    assert chain.rpc.nonce(deployer) + chain.rpc.nonce(test_account(1).address) == 42
    verified = run(chain.url, *verify, "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    checks = json.loads(verified.stdout)
    assert len(checks) > 50
    assert all(check["ok"] for check in checks)

    chain.rpc.call("anvil_setCode", deployment.address_of("SettlementToken"), "0x")
    differing = run(chain.url, *verify)
    assert differing.returncode == 1
    assert "SettlementToken" in differing.stdout
    assert "no code" in differing.stdout
    assert "1 differences" in differing.stdout


def test_deploy__local_network__starts_its_own_chain(tmp_path):
    done = run(
        "http://127.0.0.1:1",
        "deploy", "--network", "ethereum:local:foundry", "--account", "TEST::0",
        "--zones", "2", "--deployments", str(tmp_path),
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert Deployment.read(tmp_path / "31337.json", 31337).zones == (1, 2)


def test_deploy__chain_of_another_id__refused_with_both_ids(anvil, tmp_path):
    chain = anvil(chain_id=5555)

    done = run(chain.url, *on_devnet("deploy", "--account", "TEST::0", folder=tmp_path))

    assert done.returncode != 0
    assert "expected chain id 31415" in done.stderr
    assert "found chain id 5555" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert chain.rpc.block_number() == 0


def test_deploy__no_node__says_so(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"

    done = run(url, *on_devnet("deploy", "--account", "TEST::0", folder=tmp_path))

    assert done.returncode != 0
    assert "no node of ethereum:devnet answers" in done.stderr
    assert "Traceback" not in done.stderr


def test_verify__file_of_another_chain__refused(anvil, tmp_path):
    chain = anvil(chain_id=DEVNET_ID)
    deploy_on(chain.rpc, tmp_path)
    path = tmp_path / f"{DEVNET_ID}.json"
    path.write_text(path.read_text().replace(f'"chain_id": {DEVNET_ID}', '"chain_id": 1'))

    done = run(chain.url, *on_devnet("verify_deployment", folder=tmp_path))

    assert done.returncode == 1
    assert "is of another chain: expected chain id 31415" in done.stderr


def contracts_of(path):
    try:
        return json.loads(path.read_text())["contracts"]
    except FileNotFoundError:
        return {}


def wait_until(condition, process, timeout_seconds=120):
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"deploy ended early:\n{process.stdout.read().decode()}")
        time.sleep(0.02)
