"""X-04 to X-09, X-19 and X-21: the pool, fees, nonces, the chain itself, funds, and a second user.

Blocks come when a test mines them. After each fault every effect was made once, every row is final,
as if nothing had happened.
"""

from __future__ import annotations

import contextlib
import time

import pytest

from energy_grid.errors import EnergyGridError, RetryableError
from energy_grid.outbox import (
    AlarmName,
    DeepReorgError,
    FeePolicy,
    ForeignTransactionError,
    NodeBehindError,
    NodeRefusedError,
    Outbox,
    OutboxBusyError,
    OutOfFundsError,
    State,
)
from energy_grid.rpc import Rpc
from tests.faults.chain.conftest import GWEI, World
from tests.utils.fault_proxy import FaultProxy


def depths(*quick: int):
    """Depths of reorganisations; those that are not named are left to `make faults`."""
    return [
        pytest.param(depth, marks=() if depth in quick else pytest.mark.faults_long)
        for depth in (1, 2, 5, 12, 64)
    ]


def attempts_of(world: World, key: int):
    return world.outbox.attempts(world.outbox.get(f"effect/{key}"))


def drop(world: World, *hashes: str) -> None:
    for hash_ in hashes:
        world.rpc.call("anvil_dropTransaction", hash_)


# --- X-04 dropped ---------------------------------------------------------------------------------


def test_dropped__x04_within_the_time_to_resend__same_bytes_same_nonce(world):
    """X-04: dropped from the pool; broadcast again after the set time, the same transaction."""
    world.plan(2)
    sender = world.sender(resend_after_seconds=0.2)
    sender.run_once()
    hashes = [attempts_of(world, key)[0].transaction_hash for key in range(2)]
    drop(world, *hashes)
    world.chain.mine()
    assert world.counts(2) == [0, 0]
    time.sleep(0.25)

    world.finish(sender)

    assert [row.transaction_hash for row in world.outbox.rows()] == hashes
    assert sender.status().rebroadcasts >= 2
    assert sender.status().bumps == 0
    world.assert_as_without_faults(2)


def test_dropped__x04_blocks_go_by__resent_without_waiting_and_not_dearer(world):
    """X-04: after three blocks the node is asked; it does not know the transaction: sent again."""
    world.plan(1)
    sender = world.sender()
    sender.run_once()
    drop(world, attempts_of(world, 0)[0].transaction_hash)
    world.chain.mine(3)

    sender.run_once()

    assert int(world.rpc.call("txpool_status")["pending"], 16) == 1
    assert len(attempts_of(world, 0)) == 1
    world.finish(sender)
    world.assert_as_without_faults(1)


def mine_without_room(world: World, blocks: int) -> None:
    """Blocks too small for our transactions, which stay in the pool."""
    world.rpc.call("evm_setBlockGasLimit", hex(50_000))
    world.chain.mine(blocks)
    world.rpc.call("evm_setBlockGasLimit", hex(30_000_000))


# --- X-05 underpriced -----------------------------------------------------------------------------


def spike(world: World, wei: int) -> None:
    """The base fee of the next block, and of those after it since none of ours fills them."""
    world.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(wei))


def test_underpriced__x05_base_fee_times_ten__raised_after_three_blocks_and_mined(world):
    """X-05: nothing for two blocks; after the third both fields are at least 12.5 % higher."""
    base = int(world.rpc.block()["baseFeePerGas"], 16)
    world.plan(2)
    sender = world.sender()
    sender.run_once()
    for _ in range(2):
        spike(world, 10 * base)
        world.chain.mine()
        sender.run_once()
    assert len(attempts_of(world, 0)) == 1, "too early"
    spike(world, 10 * base)
    world.chain.mine()

    sender.run_once()

    first, second = attempts_of(world, 0)
    assert second.max_fee_wei >= first.max_fee_wei * 9 / 8
    assert second.priority_fee_wei >= first.priority_fee_wei * 9 / 8
    assert {row.nonce for row in world.outbox.in_flight()} == {0, 1}
    assert sender.status().bumps >= 1
    world.finish(sender)
    assert world.rpc.nonce(world.account.address) == 2
    world.assert_as_without_faults(2)


def test_underpriced__x05_at_the_cap__alarm_no_new_nonce_lands_when_fees_fall(world):
    """X-05: never above the cap, never another nonce; the alarm ends when it lands."""
    cap = 4 * GWEI
    spike(world, GWEI)
    world.chain.mine()
    world.plan(1)
    sender = world.sender(fees=FeePolicy(priority_fee_wei=GWEI, max_fee_cap_wei=cap))
    sender.run_once()
    for _ in range(16):
        spike(world, 40 * GWEI)
        world.chain.mine()
        try:
            sender.run_once()
        except NodeRefusedError:
            continue

    status = sender.status()
    assert status.alarm(AlarmName.FEE_CAP) is not None
    assert "effect/0" in status.alarm(AlarmName.FEE_CAP).detail
    attempts = attempts_of(world, 0)
    assert max(attempt.max_fee_wei for attempt in attempts) <= cap
    assert status.in_flight == 1
    assert world.rpc.nonce(world.account.address, "pending") <= 1

    spike(world, GWEI)
    world.chain.mine()
    world.finish(sender)
    assert sender.status().alarm(AlarmName.FEE_CAP) is None
    assert world.rpc.nonce(world.account.address) == 1
    world.assert_as_without_faults(1)


def test_underpriced__x05_cannot_pay_for_the_raise__keeps_the_old_offer_and_alarms(world):
    """X-05 with X-19: raising needs money too; without it the old transaction stays."""
    world.plan(1)
    sender = world.sender()
    sender.run_once()
    world.fund(attempts_of(world, 0)[0].max_fee_wei * 100_000)
    mine_without_room(world, 3)

    sender.run_once()

    assert len(attempts_of(world, 0)) == 1
    assert sender.status().alarm(AlarmName.LOW_FUNDS) is not None
    world.fund(10**20)
    world.finish(sender)
    world.assert_as_without_faults(1)


def test_replacement_refused__x05_an_unknown_pool_holds_a_dearer_one__facts_not_texts(world):
    """X-05: "replacement underpriced": somebody else's transaction has the nonce and pays more.
    Nothing is guessed from the text; when it is mined the row gets another nonce."""
    world.plan(1)
    sender = world.sender(confirmations=2)
    sender.run_once()
    drop(world, attempts_of(world, 0)[0].transaction_hash)
    world.foreign(0, tip=50 * GWEI)
    world.chain.rpc.call("evm_setAutomine", False)

    world.chain.mine()
    for _ in range(4):
        sender.run_once()
        world.chain.mine()

    assert world.outbox.get("effect/0").nonce == 1
    world.finish(sender)
    world.assert_as_without_faults(1)


# --- X-06 an earlier attempt is mined -------------------------------------------------------------


@pytest.mark.parametrize("mined", [0, 1, 2])
def test_attempts__x06_any_of_three_is_mined__the_row_is_done(world, mined):
    """X-06: three attempts; the pool has only one of them, not the one watched last."""
    world.plan(1)
    sender = world.sender()
    sender.run_once()
    for _ in range(2):
        mine_without_room(world, 3)
        sender.run_once()
    attempts = attempts_of(world, 0)
    assert len(attempts) == 3
    drop(world, *(attempt.transaction_hash for attempt in attempts))
    world.chain.rpc.send_raw(attempts[mined].raw)
    world.chain.mine()

    sender.run_once()

    row = world.outbox.get("effect/0")
    assert (row.state, row.transaction_hash) == (State.MINED, attempts[mined].transaction_hash)
    world.finish(sender)
    assert world.rpc.nonce(world.account.address) == 1
    world.assert_as_without_faults(1)


# --- X-07 nonce gaps and foreign transactions -----------------------------------------------------


def test_foreign__x07_between_ours__alarm_and_every_row_once(world):
    """X-07: a second client uses the key while we are idle, and again while we send."""
    sender = world.sender(confirmations=2)
    world.plan(2)
    world.finish(sender)
    world.foreign(2)
    world.chain.mine()
    world.plan(2, first=2)

    sender.run_once()

    status = sender.status()
    assert status.key_shared
    assert "nonces 2 to 2" in status.alarm(AlarmName.KEY_SHARED).detail
    world.finish(sender)
    assert [row.nonce for row in world.outbox.rows()] == [0, 1, 3, 4]
    world.assert_as_without_faults(4)


def test_foreign__x07_pending__nothing_is_signed_until_it_is_mined(world):
    """X-07: an unknown transaction in the pool: alarm, no guess."""
    sender = world.sender()
    world.foreign(0)
    world.plan(1)

    with pytest.raises(ForeignTransactionError):
        sender.run_once()

    assert sender.status().key_shared
    world.chain.mine()
    world.finish(sender)
    world.assert_as_without_faults(1)


def test_gap__x07_nonce_jumps_on_chain__rows_get_new_ones(world):
    """X-07: `anvil_setNonce` upwards: what is under way can never be mined and is planned anew."""
    world.plan(3)
    sender = world.sender(confirmations=2)
    sender.run_once()
    world.rpc.call("anvil_dropAllTransactions")
    world.rpc.call("anvil_setNonce", world.account.address, hex(5))
    world.chain.mine()

    for _ in range(4):
        sender.run_once()
        world.chain.mine()

    assert sender.status().key_shared
    world.finish(sender)
    assert sorted(row.nonce for row in world.outbox.rows()) == [5, 6, 7]
    world.assert_as_without_faults(3)


def test_gap__x07_foreign_transaction_leaves_with_a_reorg__gap_filled_by_ourselves(world):
    """X-07 with X-08: somebody's nonce 0 vanishes below our 1 and 2: a transfer to oneself."""
    world.foreign(0)
    world.chain.mine()
    world.plan(2)
    sender = world.sender(confirmations=12)
    sender.run_once()
    world.chain.mine()
    sender.run_once()
    assert [row.nonce for row in world.outbox.rows()] == [1, 2]
    world.rpc.call("anvil_reorg", 2, [])
    sender.run_once()
    status = sender.status()
    assert status.nonce_gap == 1 or status.gaps_filled == 1

    world.finish(sender)

    status = sender.status()
    assert status.gaps_filled == 1
    assert status.nonce_gap == 0
    assert status.alarm(AlarmName.NONCE_GAP) is None
    assert world.rpc.nonce(world.account.address) == 3
    world.assert_as_without_faults(2)


def test_gap__x07_as_many_in_flight_as_allowed__still_filled(world):
    """X-07: the rows that wait above the gap do not keep it from being filled. Anvil counts across
    the gap, as if a foreign transaction were pending there: that is believed for three blocks."""
    world.foreign(0)
    world.chain.mine()
    world.plan(4)
    sender = world.sender(confirmations=12, max_in_flight=2)
    sender.run_once()
    world.chain.mine()
    sender.run_once()
    world.rpc.call("anvil_reorg", 2, [])
    for _ in range(4):
        with contextlib.suppress(ForeignTransactionError):
            sender.run_once()
        world.chain.mine()

    world.finish(sender)

    assert sender.status().gaps_filled == 1
    assert sorted(row.nonce for row in world.outbox.rows()) == [0, 1, 2, 3, 4]
    world.assert_as_without_faults(4)


# --- X-08 reorgs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", depths(1, 64))
def test_reorg__x08_transactions_vanish__same_bytes_again_and_once(world, depth):
    """X-08: the blocks with our transactions are replaced by empty ones."""
    world.chain.mine(64)
    world.plan(3)
    sender = world.sender(confirmations=64)
    sender.run_once()
    world.chain.mine(depth)
    sender.run_once()
    before = {row.business_key: row.transaction_hash for row in world.outbox.rows()}
    assert world.outbox.count(State.MINED) == 3
    world.rpc.call("anvil_reorg", depth, [])
    assert world.counts(3) == [0, 0, 0]

    cycle = sender.run_once()

    assert cycle.final == 0
    assert world.outbox.count(State.SENT) == 3
    status = sender.status()
    assert (status.reorgs, status.rows_reorged) == (1, 3)
    world.finish(sender, blocks=20)
    assert {row.business_key: row.transaction_hash for row in world.outbox.rows()} == before
    world.assert_as_without_faults(3)


@pytest.mark.parametrize("depth", depths(12))
def test_reorg__x08_included_elsewhere__recorded_anew(world, depth):
    """X-08: the new blocks hold our transactions too, in other places."""
    world.chain.mine(64)
    world.plan(2)
    sender = world.sender(confirmations=64)
    sender.run_once()
    world.chain.mine(depth)
    sender.run_once()
    rows = world.outbox.rows()
    raws = ["0x" + world.outbox.attempts(row)[0].raw.hex() for row in rows]
    place = depth - 1
    world.rpc.call("anvil_reorg", depth, [[raw, place] for raw in raws])

    sender.run_once()

    moved = world.outbox.rows()
    assert [row.state for row in moved] == [State.MINED, State.MINED]
    for row in moved:
        receipt = world.rpc.receipt(row.transaction_hash)
        assert int(receipt["blockNumber"], 16) == row.block_number
    if place:
        assert moved[0].block_number == rows[0].block_number + place
    world.finish(sender, blocks=20)
    world.assert_as_without_faults(2)


@pytest.mark.parametrize("depth", depths(5))
def test_reorg__x08_empty_blocks_only__nothing_changes(world, depth):
    """X-08: only blocks without our transactions are replaced."""
    world.chain.mine(64)
    world.plan(2)
    sender = world.sender(confirmations=65)
    sender.run_once()
    world.chain.mine(1)
    sender.run_once()
    world.chain.mine(depth)
    sender.run_once()
    before = world.outbox.rows()
    world.rpc.call("anvil_reorg", depth, [])

    sender.run_once()

    assert world.outbox.rows() == before
    assert sender.status().reorgs == 1
    assert sender.status().rows_reorged == 0
    world.finish(sender, blocks=20)
    world.assert_as_without_faults(2)


def test_reorg__x08_while_the_process_is_away__seen_at_start(world):
    """X-08: nobody watched when it happened."""
    world.plan(2)
    first = world.sender(confirmations=20)
    first.run_once()
    world.chain.mine(3)
    first.run_once()
    first.stop()
    world.rpc.call("anvil_reorg", 3, [])

    second = world.sender(confirmations=20)
    begun = time.monotonic()
    second.run_once()

    assert time.monotonic() - begun < 5
    assert world.outbox.count(State.SENT) == 2
    world.finish(second, blocks=10)
    world.assert_as_without_faults(2)


def test_reorg__x08_failed_row_vanishes__sent_again_and_may_succeed(tmp_path, node, world):
    """X-08: what a contract refused in a block that is gone is undecided again."""
    node.rpc.call("evm_setAutomine", True)
    strict = World(node, tmp_path / "strict" if (tmp_path / "strict").mkdir() is None else tmp_path,
                   refuses_repeats=True)  # fmt: skip
    node.rpc.call("evm_setAutomine", False)
    sender = strict.sender(confirmations=10)
    strict.plan(1)
    sender.run_once()
    # Another account makes the same effect first, in the same block.
    deployer = node.rpc.call("eth_accounts")[1]
    node.rpc.call(
        "eth_sendTransaction",
        {
            "from": deployer,
            "to": strict.effects.address,
            "data": "0x" + strict.effects.encode("make", 0).hex(),
            "gas": hex(100_000),
            "maxFeePerGas": hex(200 * GWEI),
            "maxPriorityFeePerGas": hex(50 * GWEI),
        },
    )
    node.mine()
    sender.run_once()
    assert strict.state_of(0) is State.FAILED
    node.rpc.call("anvil_reorg", 1, [])

    strict.finish(sender, blocks=4)

    assert strict.state_of(0) is State.FINAL
    assert strict.counts(1) == [1]


def test_reorg__x08_deeper_than_final__alarm_stop_and_reopened_by_a_person(world):
    """X-08: a final row vanishes: nothing is sent any more until a person has decided."""
    world.plan(2)
    sender = world.sender(confirmations=2)
    world.finish(sender, blocks=2)
    block = world.outbox.get("effect/0").block_number
    depth = world.rpc.block_number() - block + 1
    world.rpc.call("anvil_reorg", depth, [])
    world.plan(1, first=2)

    for _ in range(2):
        with pytest.raises(DeepReorgError, match=f"final transactions from block {block} on"):
            sender.run_once()

    assert world.state_of(2) is State.PLANNED
    assert world.rpc.call("txpool_status")["pending"] == "0x0"
    assert sender.status().alarm(AlarmName.DEEP_REORG) is not None
    sender.stop()
    assert len(world.outbox.reopen_final(block)) == 2
    second = world.sender(confirmations=2)
    world.finish(second, blocks=2)
    assert second.status().alarm(AlarmName.DEEP_REORG) is None
    world.assert_as_without_faults(3)


def test_reorg__x08_final_row_moves__confirmed_again_without_a_stop(world):
    """X-08: deeper than final, but the transaction is in the new chain too: its effect exists."""
    world.plan(1)
    sender = world.sender(confirmations=2)
    world.finish(sender, blocks=2)
    row = world.outbox.get("effect/0")
    raw = "0x" + world.outbox.attempts(row)[0].raw.hex()
    depth = world.rpc.block_number() - row.block_number + 1
    world.rpc.call("anvil_reorg", depth, [[raw, 1]])

    sender.run_once()

    assert world.outbox.get("effect/0").block_number == row.block_number + 1
    world.finish(sender)
    world.assert_as_without_faults(1)


# --- X-09 halted chain ----------------------------------------------------------------------------


def test_halted__x09_no_blocks_then_a_burst__all_in_order_and_once(world):
    """X-09: no blocks; the outbox fills up to its bound and waits; then 200 blocks at once."""
    sender = world.sender(max_in_flight=4)
    sender.run_once()
    world.plan(12)
    sender.run_once()
    for _ in range(5):
        assert sender.run_once().sent == 0, "bounded while nothing is mined"
    time.sleep(0.35)
    assert sender.status().head_age_seconds > 0.3
    assert sender.status().oldest_unsent_seconds > 0.3
    assert len(attempts_of(world, 0)) == 1, "without blocks nothing is raised"

    world.chain.mine(200)

    world.finish(sender, blocks=40)
    rows = [world.outbox.get(f"effect/{key}") for key in range(12)]
    assert [row.nonce for row in rows] == list(range(12)), "in order"
    world.assert_as_without_faults(12)


def test_halted__x09_head_too_old__nothing_new_is_signed(world):
    """X-09: with a limit set, a standing chain means no new signatures; they go on with it."""
    sender = world.sender(head_stale_after_seconds=1.0)
    sender.run_once()
    time.sleep(1.1)
    world.plan(1)

    with pytest.raises(EnergyGridError, match="nothing new is signed"):
        sender.run_once()

    assert world.state_of(0) is State.PLANNED
    assert sender.status().alarm(AlarmName.BLIND) is not None
    world.chain.mine()
    assert sender.run_once().sent == 1
    world.finish(sender)
    world.assert_as_without_faults(1)


# --- X-19 out of money ----------------------------------------------------------------------------


def test_funds__x19_few_transactions_left__alarm_before_it_is_too_late(world):
    """X-19: the alarm comes at fewer than 50 transactions' worth, while sending goes on."""
    sender = world.sender()
    world.plan(2)
    world.finish(sender)
    assert sender.status().alarm(AlarmName.LOW_FUNDS) is None
    assert sender.status().transactions_left > 50
    gas = world.outbox.typical_gas()
    base = int(world.rpc.block()["baseFeePerGas"], 16)
    world.fund(gas * (2 * base + GWEI) * 20)
    world.plan(1, first=2)

    world.finish(sender)

    status = sender.status()
    assert status.alarm(AlarmName.LOW_FUNDS) is not None
    assert 0 < status.transactions_left < 50
    world.assert_as_without_faults(3)


def test_funds__x19_none_left__nothing_signed_and_goes_on_when_funded(world):
    """X-19: the balance is looked at before signing: no transaction that nobody can pay for."""
    sender = world.sender()
    world.fund(1_000)
    world.plan(2)

    for _ in range(3):
        with pytest.raises(OutOfFundsError, match=world.account.address):
            sender.run_once()

    assert [row.nonce for row in world.outbox.rows()] == [None, None]
    assert sender.status().alarm(AlarmName.LOW_FUNDS) is not None
    assert sender.status().transactions_left == 0
    world.fund(10**20)
    world.finish(sender)
    assert sender.status().alarm(AlarmName.LOW_FUNDS) is None
    world.assert_as_without_faults(2)


def test_funds__x19_a_daemon_that_hurries__no_hot_loop(world, proxies, rpcs):
    """X-19: cycles every 10 ms without money: few requests each, no signature, no broadcast."""
    proxy: FaultProxy = proxies()
    sender = world.sender(rpc=rpcs(Rpc(proxy.url)))
    world.fund(1_000)
    world.plan(50)
    sender.start()
    proxy.methods.clear()
    posts = proxy.posts

    cycles = 20
    for _ in range(cycles):
        with pytest.raises(RetryableError):
            sender.run_once()

    assert proxy.methods["eth_sendRawTransaction"] == 0
    assert proxy.posts - posts <= 8 * cycles
    world.fund(10**20)
    world.finish(sender)
    world.assert_as_without_faults(50)


# --- X-21 two with one key ------------------------------------------------------------------------


def test_second_instance__x21_same_key__lock_refuses(world, tmp_path):
    """X-21: whatever outbox the second one has."""
    world.sender().start()

    with pytest.raises(OutboxBusyError, match="in use by another process"):
        world.sender(outbox=Outbox(tmp_path / "second.sqlite")).start()


def test_second_instance__x21_lock_circumvented__every_effect_once(node, tmp_path):
    """X-21: two machines with one key and the same work; the contract refuses repeats."""
    node.rpc.call("evm_setAutomine", True)
    world = World(node, tmp_path, refuses_repeats=True)
    node.rpc.call("evm_setAutomine", False)
    other = Outbox(tmp_path / "other.sqlite")
    world.plan(10)
    world.plan(10, outbox=other)
    senders = [
        world.sender(confirmations=2, max_in_flight=3),
        world.sender(
            confirmations=2, max_in_flight=3, outbox=other, lock_folder=tmp_path / "elsewhere"
        ),
    ]
    alarms = set()
    for turn in range(200):
        for sender in senders if turn % 2 else senders[::-1]:
            with contextlib.suppress(ForeignTransactionError, NodeBehindError, NodeRefusedError):
                sender.run_once()
            alarms |= {alarm.name for alarm in sender.status().alarms}
        node.mine()
        if not any(
            outbox.count(*(s for s in State if s.is_open)) for outbox in (world.outbox, other)
        ):
            break
    else:
        raise AssertionError("not done")
    for sender in senders:
        sender.stop()

    assert world.counts(10) == [1] * 10
    assert AlarmName.KEY_SHARED in alarms
    for key in range(10):
        ends = {outbox.get(f"effect/{key}").state for outbox in (world.outbox, other)}
        assert State.FINAL in ends, "one of them made it"
        assert ends <= {State.FINAL, State.FAILED}
    node.rpc.call("evm_setAutomine", True)
