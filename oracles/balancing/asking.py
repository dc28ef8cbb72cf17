"""Asks contracts many things of one block at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from energy_grid.contracts import Contract
from energy_grid.rpc import Rpc, RpcResponseError

Question = tuple[str, tuple[Any, ...]]
"""Function and arguments."""


class Asker:
    """Views of a contract, many in one request.

    Args:
        rpc: the node.
        contract: who is asked.
    """

    def __init__(self, rpc: Rpc, contract: Contract) -> None:
        self._rpc = rpc
        self._contract = contract

    def ask(self, questions: Sequence[Question], block: int) -> list[Any]:
        """Answers in the order of the questions.

        Raises:
            RpcError: the node is away, or the contract refuses one of them.
        """
        answers = self._rpc.batch(
            [self._contract.request(name, *given, block=block) for name, given in questions]
        )
        return [
            self._contract.decode_answer(name, answer)
            for (name, _), answer in zip(questions, answers, strict=True)
        ]

    def try_out(self, questions: Sequence[Question], block: int) -> list[Any]:
        """The same; None for what the contract refuses."""
        answers = self._rpc.batch(
            [self._contract.request(name, *given, block=block) for name, given in questions],
            return_errors=True,
        )
        return [
            None
            if isinstance(answer, RpcResponseError)
            else self._contract.decode_answer(name, answer)
            for (name, _), answer in zip(questions, answers, strict=True)
        ]
