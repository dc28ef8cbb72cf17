"""The sender: each row exactly once, whatever dies, lags, refuses or interferes.

The effect of a row is a gift of wei: the receiver's balance tells how often each was made.
"""

from __future__ import annotations

import dataclasses
import os

import pytest
from eth_account import Account

from energy_grid.errors import ConfigurationError
from energy_grid.outbox import (
    STRAIGHT_EDGES,
    Edge,
    FeePolicy,
    ForeignTransactionError,
    NodeBehindError,
    NodeRefusedError,
    Outbox,
    OutboxBusyError,
    OutboxStorageError,
    Sender,
    State,
)
from energy_grid.rpc import NodeUnreachableError, Rpc
from tests.utils.anvil import free_port

# Reverts with 0xdeadbeef while storage slot 0 is empty: SLOAD(0), ISZERO, jump to 8, else STOP.
REVERTING = "0x6000541560085700" + "5b63deadbeef60e01b60005260046000fd"
NO_REASON = "0x60006000fd"


@pytest.fixture(scope="module")
def chain(anvil):
    return anvil()


@pytest.fixture
def account(chain):
    made = Account.create()
    chain.rpc.call("anvil_setBalance", made.address, hex(10**18))
    return made


@pytest.fixture
def receiver():
    return Account.create().address


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "outbox.sqlite")


@pytest.fixture
def make_sender(chain, account, outbox, tmp_path):
    made = []

    def make(**options):
        options = {"confirmations": 0, "fees": FeePolicy(priority_fee_wei=0), **options}
        sender = Sender(
            options.pop("outbox", outbox),
            options.pop("rpc", chain.rpc),
            options.pop("account", account),
            lock_folder=tmp_path / "locks",
            **options,
        )
        made.append(sender)
        return sender

    yield make
    for sender in made:
        sender.stop()


@pytest.fixture
def no_mining(chain):
    """Transactions wait in the pool until the test mines."""
    chain.rpc.call("evm_setAutomine", False)
    yield
    chain.rpc.call("evm_setAutomine", True)
    chain.mine()


def give(outbox, receiver, count=3):
    return [outbox.enqueue(f"gift/{i}", receiver, b"", value=i + 1) for i in range(count)]


def total(count):
    return count * (count + 1) // 2


# --- The straight way -----------------------------------------------------------------------------


def test_drain__several_rows__each_mined_once_in_order(chain, outbox, make_sender, receiver):
    give(outbox, receiver, 5)

    make_sender().drain()

    rows = outbox.rows()
    assert {row.state for row in rows} <= {State.MINED, State.FINAL}
    assert [row.nonce for row in rows] == [0, 1, 2, 3, 4]
    assert chain.rpc.balance(receiver) == total(5)
    for row in rows:
        receipt = chain.rpc.receipt(row.transaction_hash)
        assert int(receipt["blockNumber"], 16) == row.block_number
        assert int(receipt["gasUsed"], 16) == row.gas_used


def test_drain__again_with_the_same_rows__sends_nothing(
    chain, outbox, account, make_sender, receiver
):
    sender = make_sender()
    give(outbox, receiver)
    sender.drain()

    give(outbox, receiver)
    sender.drain()

    assert chain.rpc.nonce(account.address) == 3
    assert chain.rpc.balance(receiver) == total(3)


def test_run_once__confirmations__final_only_when_deep(chain, outbox, make_sender, receiver):
    sender = make_sender(confirmations=3)
    give(outbox, receiver, 1)
    sender.drain()
    assert outbox.get("gift/0").state is State.MINED

    chain.mine(2)
    sender.run_once()
    assert outbox.get("gift/0").state is State.MINED
    chain.mine(1)
    cycle = sender.run_once()

    assert cycle.final == 1
    assert cycle.waiting == 0
    assert outbox.get("gift/0").state is State.FINAL


def test_run_once__many_rows__no_more_in_flight_than_allowed(
    chain, outbox, make_sender, receiver, no_mining
):
    give(outbox, receiver, 7)
    sender = make_sender(max_in_flight=3)

    assert sender.run_once().sent == 3
    assert sender.run_once().sent == 0
    chain.mine()
    assert sender.run_once().sent == 3

    chain.mine()
    sender.run_once()
    chain.mine()
    sender.run_once()
    assert chain.rpc.balance(receiver) == total(7)


def test_run_once__raw_transaction_on_disk_before_broadcast(
    chain, outbox, account, make_sender, receiver
):
    seen = []

    def on_edge(edge):
        if edge is Edge.STORED:
            row = outbox.get("gift/0")
            attempt = outbox.attempts(row)[0]
            assert row.state is State.SIGNED
            assert Account.recover_transaction(attempt.raw) == account.address
            assert chain.rpc.call("eth_getTransactionByHash", attempt.transaction_hash) is None
        seen.append(edge)

    give(outbox, receiver, 1)
    make_sender(on_edge=on_edge).drain()

    assert seen == list(STRAIGHT_EDGES)


# --- Killed ---------------------------------------------------------------------------------------


class Killed(BaseException):
    pass


@pytest.mark.parametrize("edge", list(Edge)[: list(Edge).index(Edge.RECEIPT_SEEN)])
def test_killed__while_nothing_is_mined__pool_and_outbox_agree_again(
    chain, outbox, account, make_sender, receiver, no_mining, edge
):
    def kill(name):
        if name is edge:
            raise Killed

    give(outbox, receiver)
    first = make_sender(on_edge=kill)
    with pytest.raises(Killed):
        first.run_once()
    first.stop()

    second = make_sender()
    second.run_once()
    second.run_once()
    chain.mine()
    second.run_once()

    assert chain.rpc.balance(receiver) == total(3)
    assert chain.rpc.nonce(account.address) == 3
    assert outbox.count(State.MINED, State.FINAL) == 3


@pytest.mark.parametrize("edge", [Edge.RESERVED, Edge.SIGNED_IN_MEMORY, Edge.STORED])
def test_broken_off__same_sender_goes_on__no_reservation_in_the_way(
    chain, outbox, account, make_sender, receiver, no_mining, edge
):
    """A daemon's time limit ends a cycle anywhere; the next one is of the same process."""
    left = [edge]

    def break_off(name):
        if left and name is left[0]:
            left.clear()
            raise Killed

    give(outbox, receiver)
    sender = make_sender(on_edge=break_off)
    with pytest.raises(Killed):
        sender.run_once()

    sender.run_once()
    chain.mine()
    sender.run_once()

    assert chain.rpc.balance(receiver) == total(3)
    assert chain.rpc.nonce(account.address) == 3


def test_restart__transaction_dropped_from_the_pool__same_bytes_sent_again(
    chain, outbox, make_sender, receiver, no_mining
):
    give(outbox, receiver, 1)
    sender = make_sender(resend_after_seconds=0)
    sender.run_once()
    before = outbox.attempts(outbox.get("gift/0"))
    chain.rpc.call("anvil_dropTransaction", before[0].transaction_hash)

    sender.run_once()
    chain.mine()
    sender.run_once()

    row = outbox.get("gift/0")
    assert row.transaction_hash == before[0].transaction_hash
    assert len(outbox.attempts(row)) == 1
    assert chain.rpc.balance(receiver) == 1


def test_reconcile__any_attempt_mined__counts(
    chain, outbox, account, make_sender, receiver, no_mining
):
    """A later attempt replaced the earlier one in our books, but the earlier one was mined."""
    give(outbox, receiver, 1)
    sender = make_sender()
    sender.run_once()
    row = outbox.get("gift/0")
    never = dataclasses.replace(outbox.attempts(row)[0], transaction_hash="0x" + "cd" * 32)
    outbox.record_signed(row, never)
    outbox.record_sent(row, never)

    chain.mine()
    sender.run_once()

    assert outbox.get("gift/0").state in (State.MINED, State.FINAL)
    assert chain.rpc.balance(receiver) == 1


# --- Chain that goes back -------------------------------------------------------------------------


def test_reorg__block_gone_before_final__sent_again_and_once(chain, outbox, make_sender, receiver):
    snapshot = chain.snapshot()
    give(outbox, receiver, 1)
    sender = make_sender(confirmations=1)
    sender.drain()
    chain.revert(snapshot)
    assert chain.rpc.balance(receiver) == 0
    chain.mine(4)

    sender.run_once()
    assert outbox.get("gift/0").state is State.SENT
    sender.drain()  # a node answers before the block with the transaction is there

    assert chain.rpc.balance(receiver) == 1
    assert outbox.get("gift/0").state is State.MINED


def test_node_behind__nothing_is_signed(chain, outbox, make_sender, receiver):
    sender = make_sender()
    give(outbox, receiver, 1)
    snapshot = chain.snapshot()
    sender.drain(until=State.FINAL)
    chain.revert(snapshot)
    outbox.enqueue("gift/next", receiver, b"", value=1)

    with pytest.raises(NodeBehindError, match="lags behind"):
        sender.run_once()
    assert outbox.get("gift/next").state is State.PLANNED


# --- Foreign transactions -------------------------------------------------------------------------


def send_foreign(chain, account, nonce, value=0):
    signed = account.sign_transaction(
        {
            "type": 2,
            "chainId": 31337,
            "nonce": nonce,
            "to": account.address,
            "value": value,
            "gas": 21_000,
            "maxFeePerGas": 10**9,
            "maxPriorityFeePerGas": 10**9,
            "data": "0x",
        }
    )
    return chain.rpc.send_raw(bytes(signed.raw_transaction))


def test_foreign__pending_transaction__waits_instead_of_guessing(
    chain, outbox, account, make_sender, receiver, no_mining
):
    send_foreign(chain, account, nonce=0)
    give(outbox, receiver, 1)
    sender = make_sender()

    with pytest.raises(ForeignTransactionError, match="expected 0 as the next nonce, found 1"):
        sender.run_once()
    assert outbox.get("gift/0").state is State.PLANNED

    chain.mine()
    sender.run_once()
    chain.mine()
    sender.run_once()
    assert outbox.get("gift/0").nonce == 1
    assert chain.rpc.balance(receiver) == 1


def test_foreign__took_our_nonce__row_gets_another_and_is_made_once(
    chain, outbox, account, make_sender, receiver, no_mining
):
    give(outbox, receiver, 1)

    def kill(edge):
        if edge is Edge.STORED:
            raise Killed

    first = make_sender(on_edge=kill)
    with pytest.raises(Killed):
        first.run_once()
    first.stop()
    send_foreign(chain, account, nonce=0)
    chain.mine()

    second = make_sender(confirmations=2)
    second.run_once()
    assert outbox.get("gift/0").state is State.SIGNED, "not beyond doubt yet"
    chain.mine(2)
    second.run_once()
    chain.mine()
    second.run_once()

    row = outbox.get("gift/0")
    assert (row.state, row.nonce) == (State.MINED, 1)
    assert chain.rpc.balance(receiver) == 1


# --- Refusals -------------------------------------------------------------------------------------


def test_refused__by_the_contract__failed_with_reason_and_no_nonce(
    chain, outbox, account, make_sender, receiver
):
    contract = Account.create().address
    chain.rpc.call("anvil_setCode", contract, REVERTING)
    outbox.enqueue("call/1", contract, b"\x01")
    give(outbox, receiver, 1)

    sender = make_sender(decode_error=lambda data: f"decoded {data.hex()}")
    cycle = sender.run_once()

    row = outbox.get("call/1")
    assert cycle.failed == 1
    assert row.state is State.FAILED
    assert row.failure == "decoded deadbeef"
    assert row.failure_data == bytes.fromhex("deadbeef")
    assert row.nonce is None
    assert outbox.get("gift/0").nonce == 0, "the next row is not held up and no nonce was lost"

    chain.rpc.call("anvil_setStorageAt", contract, "0x0", "0x" + "00" * 31 + "01")
    outbox.retry("call/1")
    sender.drain()
    assert outbox.get("call/1").nonce == 1


def test_refused__without_reason__still_failed(chain, outbox, make_sender):
    contract = Account.create().address
    chain.rpc.call("anvil_setCode", contract, NO_REASON)
    outbox.enqueue("call/1", contract, b"")

    make_sender().run_once()

    row = outbox.get("call/1")
    assert row.state is State.FAILED
    assert row.failure


def test_refused__while_others_are_under_way__decided_later(
    chain, outbox, make_sender, receiver, no_mining
):
    contract = Account.create().address
    chain.rpc.call("anvil_setCode", contract, REVERTING)
    give(outbox, receiver, 1)
    outbox.enqueue("call/1", contract, b"")
    sender = make_sender()

    sender.run_once()
    assert outbox.get("call/1").state is State.PLANNED, "it may depend on the gift"
    chain.mine()
    sender.run_once()

    assert outbox.get("call/1").state is State.FAILED


def test_reverted__in_a_block_after_a_good_simulation__failed_with_its_nonce(
    chain, outbox, make_sender, no_mining
):
    contract = Account.create().address
    chain.rpc.call("anvil_setCode", contract, REVERTING)
    chain.rpc.call("anvil_setStorageAt", contract, "0x0", "0x" + "00" * 31 + "01")
    chain.mine()
    outbox.enqueue("call/1", contract, b"")
    sender = make_sender()
    sender.run_once()
    chain.rpc.call("anvil_setStorageAt", contract, "0x0", "0x" + "00" * 32)

    chain.mine()
    cycle = sender.run_once()

    row = outbox.get("call/1")
    assert cycle.failed == 1
    assert row.state is State.FAILED
    assert row.nonce == 0
    assert row.block_number is not None
    assert row.failure


def test_refused__no_funds__row_waits_and_goes_on_when_funded(
    chain, outbox, account, make_sender, receiver
):
    chain.rpc.call("anvil_setBalance", account.address, "0x0")
    give(outbox, receiver, 1)
    sender = make_sender(fees=FeePolicy(priority_fee_wei=10**9))

    with pytest.raises(NodeRefusedError, match=account.address):
        sender.run_once()
    assert outbox.get("gift/0").state in (State.PLANNED, State.SIGNED)

    chain.rpc.call("anvil_setBalance", account.address, hex(10**18))
    sender.drain()
    assert chain.rpc.balance(receiver) == 1
    assert chain.rpc.nonce(account.address) == 1


# --- Outside --------------------------------------------------------------------------------------


def test_disk_full__nothing_is_signed(chain, outbox, account, make_sender, receiver):
    class NeverSigns:
        address = account.address

        def sign_transaction(self, transaction_dict):
            raise AssertionError("signed although the disk takes nothing")

    give(outbox, receiver, 1)
    sender = make_sender(account=NeverSigns())
    sender.start()
    outbox.connection.execute("PRAGMA query_only = 1")

    with pytest.raises(OutboxStorageError, match="cannot be used"):
        sender.run_once()

    outbox.connection.execute("PRAGMA query_only = 0")
    assert outbox.get("gift/0").nonce is None
    assert chain.rpc.nonce(account.address) == 0


def test_node_away__retryable_and_nothing_changes(outbox, make_sender, receiver):
    give(outbox, receiver, 1)

    with pytest.raises(NodeUnreachableError):
        make_sender(rpc=Rpc(f"http://127.0.0.1:{free_port()}")).run_once()
    assert outbox.get("gift/0").state is State.PLANNED


def test_second_sender__same_key_or_same_outbox__refused(account, make_sender, tmp_path):
    make_sender().start()

    with pytest.raises(OutboxBusyError, match=f"found process {os.getpid()}"):
        make_sender().start()
    with pytest.raises(OutboxBusyError, match=f"account {account.address}"):
        make_sender(outbox=Outbox(tmp_path / "other.sqlite")).start()


def test_second_sender__after_the_first_has_stopped__runs(make_sender):
    first = make_sender()
    first.start()
    first.stop()

    make_sender().start()


def test_start__outbox_of_another_chain__refused_and_lock_freed(anvil, make_sender):
    make_sender().start()
    other = anvil(chain_id=4242)
    with pytest.raises(OutboxBusyError):
        make_sender(rpc=other.rpc).start()


def test_start__chain_restarted_under_the_same_id__refused(chain, anvil, make_sender):
    first = make_sender()
    first.start()
    first.stop()
    restarted = anvil(arguments=("--timestamp", "1600000000"))

    with pytest.raises(ConfigurationError, match="another genesis hash"):
        make_sender(rpc=restarted.rpc).start()
    make_sender().start()


def test_sender__blocks_by_the_clock_and_a_base_fee__each_once(
    anvil, account, outbox, make_sender, receiver
):
    slow = anvil(chain_id=777, block_time_seconds=1, base_fee_wei=7 * 10**9)
    slow.rpc.call("anvil_setBalance", account.address, hex(10**19))
    give(outbox, receiver, 6)

    make_sender(rpc=slow.rpc, fees=FeePolicy()).drain()

    assert slow.rpc.balance(receiver) == total(6)
    assert slow.rpc.nonce(account.address) == 6
