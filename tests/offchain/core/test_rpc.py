"""JSON-RPC: answers, batches, and an error for everything that can be wrong with a node."""

from __future__ import annotations

import http.server
import threading

import pytest

from energy_grid.errors import ConfigurationError, FatalError, RetryableError
from energy_grid.rpc import (
    NodeAnswerError,
    NodeUnreachableError,
    ReceiptTimeoutError,
    Rpc,
    RpcResponseError,
    public_url,
)
from tests.utils.anvil import free_port

SENDER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
RECEIVER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture(scope="module")
def chain(anvil):
    return anvil()


def test_call__answers_and_values(chain):
    rpc = chain.rpc

    assert rpc.chain_id() == 31337
    assert rpc.block_number() == 0
    assert rpc.balance(SENDER) == 10_000 * 10**18
    assert rpc.code(SENDER) == b""
    assert rpc.genesis_hash() == rpc.block(0)["hash"]


def test_wait_for_receipts__in_order_of_the_hashes(chain):
    send = {"from": SENDER, "to": RECEIVER, "value": "0x1", "gasPrice": "0x0"}
    hashes = [chain.rpc.call("eth_sendTransaction", send) for _ in range(3)]

    receipts = chain.rpc.wait_for_receipts([hashes[2], hashes[0], hashes[1], hashes[0]])

    assert [receipt["transactionHash"] for receipt in receipts] == [
        hashes[2],
        hashes[0],
        hashes[1],
        hashes[0],
    ]


def test_wait_for_receipt__never_mined__times_out_with_the_hash(chain):
    unknown = "0x" + "ab" * 32

    with pytest.raises(ReceiptTimeoutError, match=unknown):
        chain.rpc.wait_for_receipt(unknown, timeout_seconds=0.1)


def test_batch__many_calls__answers_in_order(chain):
    calls = [("eth_getBalance", [hex(i).replace("0x", "0x" + "0" * (42 - len(hex(i)))), "latest"])
             for i in range(1, 450)]  # fmt: skip
    calls[300] = ("eth_getBalance", [SENDER, "latest"])

    answers = chain.rpc.batch(calls)

    assert len(answers) == 449
    assert int(answers[300], 16) > 10**20
    assert int(answers[299], 16) == 0


def test_batch__one_refused__raises_or_stands_in_its_place(chain):
    calls = [("eth_chainId", []), ("eth_noSuchMethod", []), ("eth_blockNumber", [])]

    answers = chain.rpc.batch(calls, return_errors=True)

    assert answers[0] == "0x7a69"
    assert isinstance(answers[1], RpcResponseError)
    assert answers[1].method == "eth_noSuchMethod"
    assert isinstance(answers[2], str)
    with pytest.raises(RpcResponseError, match="eth_noSuchMethod"):
        chain.rpc.batch(calls)


def test_require_chain_id__other_chain__says_both_ids(chain):
    chain.rpc.require_chain_id(31337)

    with pytest.raises(ConfigurationError, match=r"expected chain id 1, found chain id 31337"):
        chain.rpc.require_chain_id(1)


def test_call__no_node__retryable_and_says_what_to_do():
    port = free_port()

    with pytest.raises(NodeUnreachableError, match=rf"no node answers at http://127.0.0.1:{port}"):
        Rpc(f"http://127.0.0.1:{port}").chain_id()
    assert issubclass(NodeUnreachableError, RetryableError)
    assert issubclass(RpcResponseError, FatalError)


def test_call__another_program_on_the_port__says_so():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    with pytest.raises(NodeAnswerError, match="Is another program listening"):
        Rpc(f"http://127.0.0.1:{server.server_port}").chain_id()
    server.shutdown()
    server.server_close()


def test_url__not_http__refused():
    with pytest.raises(ConfigurationError, match="expected http://host:port"):
        Rpc("localhost:8545")


def test_public_url__keeps_no_key():
    assert public_url("https://user:secret@node.example/v2/key?token=t") == "https://node.example"


def test_error_messages__never_repeat_the_url_path():
    port = free_port()

    with pytest.raises(NodeUnreachableError) as caught:
        Rpc(f"http://127.0.0.1:{port}/v3/topsecretkey").chain_id()

    error: BaseException | None = caught.value
    assert "topsecretkey" not in str(error)
    assert caught.value.__suppress_context__ or "topsecretkey" not in str(error.__context__)
