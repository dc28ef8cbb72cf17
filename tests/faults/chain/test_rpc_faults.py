"""X-01 and X-02: nodes that are away, turn calls away, answer rubbish, lag or lie."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from energy_grid.errors import ConfigurationError, RetryableError
from energy_grid.outbox import (
    AlarmName,
    NodeBehindError,
    NodeBlindError,
    State,
)
from energy_grid.rpc import NodeAnswerError, NodeBusyError, NodeUnreachableError, Rpc, RpcError
from energy_grid.rpc_pool import PoolPolicy, RpcPool, open_rpc
from tests.utils.anvil import Anvil
from tests.utils.fault_proxy import FaultProxy, Mood, until

QUICK_MOODS = (Mood.DOWN, Mood.BUSY)
BAD_MOODS = [
    pytest.param(mood, marks=() if mood in QUICK_MOODS else pytest.mark.faults_long)
    for mood in Mood
    if mood is not Mood.GOOD
]
QUICK = PoolPolicy(
    survey_seconds=0.1,
    probe_seconds=2.0,
    first_back_off_seconds=0.02,
    longest_back_off_seconds=0.3,
)


def pool_of(*proxies: FaultProxy, policy: PoolPolicy = QUICK) -> RpcPool:
    return RpcPool([proxy.url for proxy in proxies], timeout_seconds=1.5, policy=policy)


# --- X-01 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mood", BAD_MOODS)
def test_one_node__x01_bad_in_each_way__retryable_and_nothing_signed(world, proxies, rpcs, mood):
    """X-01 with one node: an error that says so, no signature, and all is well afterwards."""
    proxy = proxies()
    sender = world.sender(rpc=rpcs(Rpc(proxy.url, timeout_seconds=1.0)))
    sender.start()
    world.plan(2)
    proxy.mood = mood

    with pytest.raises(RetryableError) as caught:
        sender.run_once()

    assert isinstance(caught.value, (NodeUnreachableError, NodeAnswerError))
    assert world.state_of(0) is State.PLANNED
    assert sender.status().alarm(AlarmName.RPC_DOWN) is not None
    proxy.mood = Mood.GOOD
    sender.run_once()
    assert sender.status().alarm(AlarmName.RPC_DOWN) is None
    world.finish(sender)
    world.assert_as_without_faults(2)


def test_one_node__x01_429__says_how_long_to_wait(proxies, rpcs):
    """X-01: the node's own wish is passed on."""
    proxy = proxies()
    proxy.mood = Mood.BUSY

    with pytest.raises(NodeBusyError, match="HTTP 429") as caught:
        rpcs(Rpc(proxy.url)).block_number()
    assert caught.value.retry_after_seconds == 1.0


@pytest.mark.parametrize("mood", BAD_MOODS)
def test_two_nodes__x01_first_goes_bad__second_answers(world, proxies, rpcs, mood):
    """X-01: fails over to the second node, and back when the second one fails."""
    first, second = proxies(), proxies()
    pool = rpcs(pool_of(first, second))
    sender = world.sender(rpc=pool)
    world.plan(4)
    sender.run_once()
    first.mood = mood
    world.chain.mine()

    sender.run_once()

    assert pool.url == second.url
    assert sender.status().rpc_failovers == 1
    assert sender.status().alarm(AlarmName.RPC_DOWN) is None
    first.mood, second.mood = Mood.GOOD, mood
    time.sleep(QUICK.longest_back_off_seconds)
    world.plan(2, first=4)
    world.finish(sender)
    assert pool.url == first.url
    world.assert_as_without_faults(6)


def test_two_nodes__x01_both_down__fails_at_once_and_leaves_them_alone(proxies, rpcs):
    """X-01: back-off with jitter: a caller that hurries does not reach the nodes."""
    first, second = proxies(), proxies()
    policy = PoolPolicy(first_back_off_seconds=0.2, longest_back_off_seconds=10.0)
    pool = rpcs(pool_of(first, second, policy=policy))
    first.mood = second.mood = Mood.DOWN
    end = time.monotonic() + 1.5

    calls = 0
    while time.monotonic() < end:
        calls += 1
        with pytest.raises(NodeUnreachableError, match="none of 2 nodes answers"):
            pool.block_number()
        time.sleep(0.005)

    assert calls > 50
    # 0.2, 0.4, 0.8 ... less jitter; a failure is a probe or a call, and connecting tries once more.
    assert first.posts <= 12, f"{first.posts} requests in 1.5 s"


def test_two_nodes__x01_back_after_an_outage__resumes_within_a_block(world, proxies, rpcs):
    """X-01: both nodes away for a while; sending resumes within a block's time (12 s) of return."""
    first, second = proxies(), proxies()
    sender = world.sender(rpc=rpcs(pool_of(first, second)))
    sender.start()
    world.plan(3)
    first.mood = second.mood = Mood.BROKEN
    for _ in range(20):
        with pytest.raises(RetryableError):
            sender.run_once()
        time.sleep(0.05)
    assert sender.status().blind_seconds > 0.9
    second.mood = Mood.GOOD

    def resumed() -> bool:
        try:
            return sender.run_once().sent > 0
        except RetryableError:
            return False

    assert until(resumed) < 5.0
    world.finish(sender)
    world.assert_as_without_faults(3)


def test_two_nodes__x01_blind_for_too_long__signs_nothing_new_but_goes_on_broadcasting(
    world, proxies, rpcs
):
    """X-01: only a node that lags answers: reads go on, new signatures do not."""
    good, late = proxies(), proxies()
    world.chain.mine(30)
    late.lies.blocks_behind = 20
    pool = rpcs(pool_of(good, late))
    sender = world.sender(rpc=pool, blind_after_seconds=0.5)
    sender.run_once()
    good.mood = Mood.DOWN
    world.plan(1)
    time.sleep(0.6)

    with pytest.raises(NodeBlindError, match="nothing new is signed"):
        sender.run_once()

    assert world.state_of(0) is State.PLANNED
    assert sender.status().alarm(AlarmName.BLIND) is not None
    good.mood = Mood.GOOD
    time.sleep(QUICK.longest_back_off_seconds)
    assert sender.run_once().sent == 1
    assert sender.status().alarm(AlarmName.BLIND) is None
    world.finish(sender)
    world.assert_as_without_faults(1)


def test_anvil_stopped__x01_sigstop__fails_over_and_resumes(world, proxies, rpcs):
    """X-01: the first node's process stands still; the second chain view is the same node's proxy,
    so with both gone the outbox waits and goes on when the process does."""
    proxy = proxies()
    sender = world.sender(rpc=rpcs(Rpc(proxy.url, timeout_seconds=1.5)))
    world.plan(2)
    sender.run_once()
    world.plan(1, first=2)

    os.kill(world.chain.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(NodeUnreachableError, match="does not answer"):
            sender.run_once()
    finally:
        os.kill(world.chain.process.pid, signal.SIGCONT)

    assert world.state_of(2) is State.PLANNED
    world.finish(sender)
    world.assert_as_without_faults(3)


def test_broadcast__x01_first_node_swallows_transactions__others_have_them(world, proxies, rpcs):
    """X-01: every node gets what is broadcast, so one that keeps it to itself holds nothing up."""
    swallowing, honest = proxies(), proxies()
    swallowing.swallows = True
    sender = world.sender(rpc=rpcs(pool_of(swallowing, honest)))
    world.plan(1)

    sender.run_once()

    until(lambda: int(world.rpc.call("txpool_status")["pending"], 16) == 1)
    world.finish(sender)
    world.assert_as_without_faults(1)


# --- X-02 -----------------------------------------------------------------------------------------


def test_one_node__x02_twenty_blocks_behind__outbox_wins(world, proxies, rpcs):
    """X-02: no nonce is used again, nothing is taken back, alarm "rpc lag"."""
    proxy = proxies()
    sender = world.sender(rpc=rpcs(Rpc(proxy.url)), confirmations=2)
    world.chain.mine(30)
    world.plan(3)
    world.finish(sender, blocks=2)
    world.plan(2, first=3)
    before = [(row.state, row.nonce) for row in world.outbox.rows()]
    proxy.lies.blocks_behind = 20

    for _ in range(3):
        with pytest.raises(NodeBehindError, match="lags behind"):
            sender.run_once()

    assert [(row.state, row.nonce) for row in world.outbox.rows()] == before
    assert "block" in sender.status().alarm(AlarmName.RPC_LAG).detail
    proxy.lies.blocks_behind = 0
    world.finish(sender)
    assert sender.status().alarm(AlarmName.RPC_LAG) is None
    world.assert_as_without_faults(5)
    assert [row.nonce for row in world.outbox.rows()] == [0, 1, 2, 3, 4]


def test_one_node__x02_lower_nonce__outbox_wins(world, proxies, rpcs):
    """X-02: the head is right but the count of transactions is not."""
    proxy = proxies()
    sender = world.sender(rpc=rpcs(Rpc(proxy.url)), confirmations=2)
    world.plan(3)
    world.finish(sender, blocks=2)
    world.plan(1, first=3)
    proxy.lies.nonces_less = 2

    with pytest.raises(NodeBehindError, match="expected at least 3 transactions"):
        sender.run_once()

    assert world.state_of(3) is State.PLANNED
    proxy.lies.nonces_less = 0
    world.finish(sender)
    world.assert_as_without_faults(4)


def test_two_nodes__x02_first_lags__second_answers(world, proxies, rpcs):
    """X-02: the lag is seen by comparing, before anything is asked of the node."""
    late, good = proxies(), proxies()
    world.chain.mine(30)
    late.lies.blocks_behind = 20
    sender = world.sender(rpc=rpcs(pool_of(late, good)))
    world.plan(2)

    world.finish(sender)

    assert "blocks behind" in sender.status().alarm(AlarmName.RPC_LAG).detail
    assert sender.rpc.url == good.url
    world.assert_as_without_faults(2)


def test_two_nodes__x02_first_counts_less__second_answers(world, proxies, rpcs):
    """X-02: a node that is not behind and yet counts less is found by comparing twice."""
    liar, good = proxies(), proxies()
    sender = world.sender(rpc=rpcs(pool_of(liar, good)), confirmations=2)
    world.plan(3)
    world.finish(sender, blocks=2)
    liar.lies.nonces_less = 2
    world.plan(1, first=3)

    def done() -> bool:
        try:
            return not sender.run_once().waiting
        except NodeBehindError:
            return False
        finally:
            world.chain.mine()

    until(done, pause=0.06)
    assert sender.rpc.url == good.url
    world.assert_as_without_faults(4)


@pytest.mark.parametrize("lie", [{"chain_id": 5}, {"genesis": "0x" + "ab" * 32}])
def test_pool__x02_node_of_another_chain__never_asked(world, proxies, rpcs, lie):
    """X-02: chain id and genesis block decide which nodes belong together."""
    alien, good = proxies(), proxies()
    for name, value in lie.items():
        setattr(alien.lies, name, value)
    pool = rpcs(pool_of(good, alien))
    pool.require_chain_id(31337)
    alien.methods.clear()
    good.mood = Mood.DOWN

    with pytest.raises(NodeUnreachableError, match="serves another chain"):
        pool.block_number()

    assert alien.methods["eth_sendRawTransaction"] == 0
    good.mood = Mood.GOOD
    time.sleep(QUICK.longest_back_off_seconds)
    assert pool.genesis_hash() == world.rpc.genesis_hash()


def test_pool__x02_all_of_another_chain__configuration_error(proxies, rpcs):
    """X-02: that is no outage but a mistake in the settings."""
    one, two = proxies(), proxies()

    with pytest.raises(ConfigurationError, match="expected chain id 5, found chain ids"):
        rpcs(pool_of(one, two)).require_chain_id(5)


def test_open_rpc__x02_list_of_urls__one_or_several(proxies, rpcs):
    """A setting names one node or several with commas between them."""
    one, two = proxies(), proxies()

    single = rpcs(open_rpc(f" {one.url} "))
    several = rpcs(open_rpc(f"{one.url}, {two.url},"))

    assert type(single) is Rpc
    assert isinstance(several, RpcPool)
    assert [endpoint.url for endpoint in several.endpoints] == [one.url, two.url]
    with pytest.raises(ConfigurationError, match="named twice"):
        open_rpc(f"{one.url},{one.url}")
    with pytest.raises(ConfigurationError):
        open_rpc(" , ")


def test_two_real_nodes__x01_one_killed__no_error_reaches_the_caller(world, proxies, rpcs):
    """X-01: a node that is gone for good while another thread asks all the time."""
    first, second = proxies(), proxies()
    pool = rpcs(pool_of(first, second))
    errors: list[RpcError] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                pool.block_number()
            except RpcError as error:
                errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.2)
    first.close()
    first.mood = Mood.DOWN
    time.sleep(0.4)
    stop.set()
    thread.join(5)

    assert not errors
    assert pool.url == second.url


def test_head_watchdog__x01_no_new_block__not_trusted_and_nothing_signed(proxies):
    """X-01: nodes that are alive but blind: their heads do not move. They still answer, but that
    counts as blind."""
    policy = PoolPolicy(survey_seconds=0.05, probe_seconds=5.0, stale_head_seconds=0.3)
    with Anvil(free_gas=False, arguments=("--no-mining",)) as still:
        proxy, other = FaultProxy(still.url), FaultProxy(still.url)
        pool = RpcPool([proxy.url, other.url], policy=policy)

        def both_still() -> bool:
            pool.block_number()
            return [("no new block" in problem) for problem in pool.problems()] == [True, True]

        until(both_still, pause=0.06)
        before = pool.blind_seconds()
        time.sleep(0.1)
        pool.block_number()
        assert pool.blind_seconds() >= before + 0.1
        pool.close()
        proxy.close()
        other.close()
