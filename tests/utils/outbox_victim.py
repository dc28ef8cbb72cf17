"""A process that empties an outbox and kills itself at a chosen moment.

python -m tests.utils.outbox_victim OUTBOX LOCKS URL KEY RECEIVER COUNT EDGE OCCURRENCE
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from eth_account import Account

from energy_grid.outbox import FeePolicy, Outbox, Sender
from energy_grid.rpc import Rpc


def main() -> None:
    path, locks, url, key, receiver, count, edge, occurrence = sys.argv[1:]
    left = int(occurrence)

    def kill_myself(name: str) -> None:
        nonlocal left
        if name == edge:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    outbox = Outbox(path)
    for number in range(int(count)):
        outbox.enqueue(f"gift/{number}", receiver, b"", value=number + 1)
    sender = Sender(
        outbox,
        Rpc(url),
        Account.from_key(key),
        confirmations=0,
        fees=FeePolicy(priority_fee_wei=0),
        lock_folder=Path(locks),
        on_edge=kill_myself,
    )
    with sender:
        sender.drain(timeout_seconds=30)


if __name__ == "__main__":
    main()
