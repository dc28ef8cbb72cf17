"""Safes through a node: deployed by the journal, created at foretold addresses, guarded.

deploy_safe_suite, deploy_safe
├── on a development chain: three contracts from the package, the account where foretold
├── again: nothing sent; interrupted at any moment, then again: each once
├── account created by somebody else: adopted
├── other owners under the same name: refused
└── elsewhere: adopted after the code's hash, refused otherwise
SafeAccount.state → owners, threshold, nonce, approvals; no Safe, other code, extensions: refused
SafeSender       → creates, approves, executes; what would fail is not sent
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import abi_of
from energy_grid.deployment import Journal, LocalSigner
from energy_grid.deployment.journal import DeploymentError, open_deployment
from energy_grid.deployment.plan import create_address
from energy_grid.deployment.safes import (
    SUITE_NAMES,
    deploy_safe,
    deploy_safe_suite,
    suite_of,
)
from energy_grid.rpc import to_hex
from energy_grid.safe import CANONICAL, SafeAccount, SafeError, SafeSetup, SafeTransaction
from energy_grid.safe.abi import SAFE_ABI
from energy_grid.safe.creation import SENTINEL, predicted_address
from energy_grid.safe.sending import SafeSender
from energy_grid.safe.signatures import sign
from energy_grid.safe.suite import CODE_HASHES, FALLBACK_HANDLER, SINGLETON, require_genuine
from energy_grid.safe.transaction import NOBODY
from tests.utils.deploying import test_account

OWNERS = tuple(test_account(index) for index in (4, 5, 6))
SETUP = SafeSetup(tuple(str(owner.address) for owner in OWNERS), 2)
PAYEE = str(test_account(9).address)
STEPS = 4
"""Three contracts and one account."""


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def chain(anvil):
    return anvil()


@pytest.fixture(autouse=True)
def _fresh_chain(chain):
    snapshot = chain.snapshot()
    yield
    chain.revert(snapshot)


@pytest.fixture
def signer():
    return LocalSigner(test_account(0))


@pytest.fixture
def open_journal(chain, tmp_path, signer):
    def open_(on_edge=lambda _edge: None):
        path = tmp_path / "31337.json"
        deployment = open_deployment(
            path,
            chain.rpc,
            network="test",
            deployer=signer.address,
            parameters="standard",
            may_start_anew=True,
        )
        return Journal(path, deployment, chain.rpc, on_edge=on_edge)

    return open_


def deploy_all(journal, signer, setup=SETUP):
    journal.settle_pending()
    suite = deploy_safe_suite(journal, signer)
    return suite, deploy_safe(journal, signer, suite, "TreasurySafe", setup)


@pytest.fixture
def safe(chain, open_journal, signer):
    _, record = deploy_all(open_journal(), signer)
    return SafeAccount(record.address, chain.rpc)


@pytest.fixture
def token(chain, open_journal, signer, safe):
    artifact = Artifacts.load().get("MockSettlementToken")
    nonce = chain.rpc.nonce(signer.address)
    address = create_address(signer.address, nonce)
    abi = abi_of("MockSettlementToken", Artifacts.load())
    for to, data in (
        (None, bytes.fromhex(artifact.creation_code)),
        (address, abi.encode("mint", safe.address, 100)),
    ):
        transaction = {"from": signer.address, "data": to_hex(data), "gasPrice": hex(10**9)}
        transaction |= {"to": to} if to else {}
        chain.rpc.wait_for_receipt(chain.rpc.call("eth_sendTransaction", transaction))
    return address, abi


def signed(transaction, safe, *owners):
    digest = safe.state().hash_of(transaction)
    return [sign(digest, bytes(owner.key)) for owner in owners]


# --- Deployment -----------------------------------------------------------------------------------


def test_deploy__on_a_development_chain__recorded_and_where_foretold(chain, open_journal, signer):
    journal = open_journal()

    suite, record = deploy_all(journal, signer)

    assert journal.transactions_sent == STEPS
    assert set(journal.deployment.contracts) == {*SUITE_NAMES, "TreasurySafe"}
    for name in SUITE_NAMES:
        assert journal.deployment.contracts[name].code_hash == CODE_HASHES[name]
    assert record.address == predicted_address(SETUP, suite, chain.rpc)
    assert record.arguments == {"owners": list(SETUP.owners), "threshold": 2, "salt": "0"}
    state = SafeAccount(record.address, chain.rpc).state()
    assert (state.owners, state.threshold, state.nonce) == (SETUP.owners, 2, 0)


def test_deploy__again__sends_nothing(open_journal, signer):
    deploy_all(open_journal(), signer)
    journal = open_journal()

    deploy_all(journal, signer)

    assert journal.transactions_sent == 0


@pytest.mark.parametrize("moment", ["planned", "recorded", "sent", "mined"])
def test_deploy__interrupted_at_the_account__goes_on(chain, open_journal, signer, moment):
    def on_edge(edge):
        if edge == f"create TreasurySafe: {moment}":
            raise Killed

    with pytest.raises(Killed):
        deploy_all(open_journal(on_edge), signer)
    journal = open_journal()
    _, record = deploy_all(journal, signer)

    assert chain.rpc.nonce(signer.address) == STEPS
    assert journal.deployment.pending is None
    assert SafeAccount(record.address, chain.rpc).state().owners == SETUP.owners


def test_deploy__account_created_by_somebody_else__adopted(chain, open_journal, signer):
    journal = open_journal()
    suite = deploy_safe_suite(journal, signer)
    stranger = SafeSender(chain.rpc, LocalSigner(test_account(8)))
    address = stranger.create(SETUP, suite)

    record = deploy_safe(journal, signer, suite, "TreasurySafe", SETUP)

    assert record.address == address
    assert record.code_hash is not None
    assert journal.transactions_sent == STEPS - 1


def test_deploy__other_owners_under_the_name__refused(open_journal, signer):
    deploy_all(open_journal(), signer)
    journal = open_journal()

    with pytest.raises(DeploymentError, match="which only its owners can change"):
        deploy_all(journal, signer, replace(SETUP, threshold=3))

    assert journal.transactions_sent == 0


def test_deploy__on_a_public_chain__takes_what_is_there_by_its_code(
    anvil, open_journal, chain, signer, tmp_path, monkeypatch
):
    """A chain with another id: nothing is deployed, addresses without the code are refused."""
    suite, _ = deploy_all(open_journal(), signer)
    public = anvil(chain_id=84_532).rpc
    path = tmp_path / "84532.json"
    deployment = open_deployment(
        path,
        public,
        network="test",
        deployer=signer.address,
        parameters="standard",
        may_start_anew=True,
    )
    journal = Journal(path, deployment, public)
    with pytest.raises(SafeError, match=f"{SINGLETON} of Safe 1.5.0 at {CANONICAL.singleton}"):
        deploy_safe_suite(journal, signer)

    for (_, canonical), (_, here) in zip(CANONICAL.items(), suite.items(), strict=True):
        public.call("anvil_setCode", canonical, to_hex(chain.rpc.code(here)))
    for _ in range(2):
        assert deploy_safe_suite(journal, signer) == CANONICAL
    monkeypatch.setenv("EG_SAFE_FACTORY", suite.factory)
    public.call("anvil_setCode", suite.factory, to_hex(public.code(CANONICAL.factory)))
    with pytest.raises(DeploymentError, match="uses another SafeProxyFactory"):
        deploy_safe_suite(journal, signer)

    assert journal.transactions_sent == 0
    assert suite_of(journal.deployment) == CANONICAL


def test_require_genuine__one_byte_differs__refused(chain, open_journal, signer):
    suite, _ = deploy_all(open_journal(), signer)
    code = bytearray(chain.rpc.code(suite.fallback_handler))
    code[-1] ^= 1
    chain.rpc.call("anvil_setCode", suite.fallback_handler, to_hex(bytes(code)))

    with pytest.raises(SafeError, match=FALLBACK_HANDLER):
        require_genuine(suite, chain.rpc)


# --- Looking at an account ------------------------------------------------------------------------


def test_state__no_safe_there__refused(chain):
    with pytest.raises(SafeError, match=f"no Safe at {PAYEE}: .*found no code"):
        SafeAccount(PAYEE, chain.rpc).state()


def test_state__other_code_behind_the_account__refused(chain, safe):
    chain.rpc.call(
        "anvil_setStorageAt", safe.address, "0x0", to_hex(bytes(12) + bytes.fromhex(PAYEE[2:]))
    )

    with pytest.raises(SafeError):
        safe.state()


@pytest.mark.parametrize("function", ["enableModule", "setFallbackHandler"])
def test_state__extended_by_its_owners__refused(chain, safe, function):
    """Whoever looks next sees that somebody else may act in the Safe's name."""
    data = keccak(text=f"{function}(address)")[:4] + bytes.fromhex(PAYEE[2:]).rjust(32, b"\0")
    change = SafeTransaction(safe.address, data, 0)
    sender = SafeSender(chain.rpc, LocalSigner(test_account(9)))

    sender.execute(safe, change, signed(change, safe, *OWNERS[:2]))

    with pytest.raises(SafeError, match="has an extension: expected no modules, no guard"):
        safe.state()


# --- Executing ------------------------------------------------------------------------------------


def test_execute__two_owners_a_third_party_pays_the_gas(chain, safe, token):
    address, abi = token
    payment = SafeTransaction(address, abi.encode("transfer", PAYEE, 60), 0)
    sender = SafeSender(chain.rpc, LocalSigner(test_account(9)))

    done = sender.execute(safe, payment, signed(payment, safe, *OWNERS[1:]))

    balance = chain.rpc.eth_call(address, abi.encode("balanceOf", PAYEE))
    assert int.from_bytes(balance, "big") == 60
    assert done.safe_hash == to_hex(safe.state().hash_of(payment))
    assert safe.state().nonce == 1


def test_execute__an_approval_on_chain_counts(chain, safe, token):
    address, abi = token
    payment = SafeTransaction(address, abi.encode("transfer", PAYEE, 60), 0)
    SafeSender(chain.rpc, LocalSigner(OWNERS[0])).approve(safe.state(), payment)
    assert safe.state(safe.state().hash_of(payment)).approved_by == {OWNERS[0].address}

    sender = SafeSender(chain.rpc, LocalSigner(test_account(9)))
    sender.execute(safe, payment, signed(payment, safe, OWNERS[2]))

    assert safe.state().nonce == 1


def test_execute__would_fail__not_sent_and_the_reason_told(chain, safe, token):
    address, abi = token
    payment = SafeTransaction(address, abi.encode("transfer", PAYEE, 101), 0)
    payer = test_account(9)
    sender = SafeSender(
        chain.rpc, LocalSigner(payer), describe_error=lambda data: str(abi.decode_error(data))
    )
    before = chain.rpc.nonce(payer.address)

    with pytest.raises(SafeError, match=r"ERC20InsufficientBalance\(.*balance=100, needed=101"):
        sender.execute(safe, payment, signed(payment, safe, *OWNERS[:2]))

    assert (chain.rpc.nonce(payer.address), safe.state().nonce) == (before, 0)


def test_execute__about_itself_and_not_possible__told_in_a_sentence(chain, safe):
    change = SafeTransaction(safe.address, SAFE_ABI.encode("changeThreshold", 4), 0)
    sender = SafeSender(chain.rpc, LocalSigner(test_account(9)))

    with pytest.raises(SafeError, match="GS201: the threshold is higher than the number of owners"):
        sender.execute(safe, change, signed(change, safe, *OWNERS[:2]))


def test_sentinel__is_no_owner_of_any_safe(chain, safe):
    answer = chain.rpc.eth_call(safe.address, SAFE_ABI.encode("isOwner", SENTINEL))

    assert not int.from_bytes(answer, "big")
    assert NOBODY not in safe.state().owners
