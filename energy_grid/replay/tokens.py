"""Balances of an ERC-20, and its votes if it has any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import ClassVar, Final

from energy_grid.abi import Event
from energy_grid.replay.reducer import Handler, Reducer, require

NOBODY: Final = "0x" + "00" * 20


class TokenReplay(Reducer):
    """Any ERC-20: `EnergyToken`, `GovernanceToken`, shares of assets, the settlement token."""

    PASSED_OVER: ClassVar[frozenset[str]] = frozenset(
        {"AuthorityUpdated", "EIP712DomainChanged", "Minted"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.balances: Counter[str] = Counter()
        self.allowances: dict[tuple[str, str], int] = {}
        self.retired: Counter[str] = Counter()
        self.delegates: dict[str, str] = {}
        self.votes: dict[str, int] = {}
        self.supply = 0

    def handlers(self) -> Mapping[str, Handler]:
        """See `Reducer`."""
        return {
            "Approval": self._approval,
            "DelegateChanged": self._delegate,
            "DelegateVotesChanged": self._votes,
            "Retired": self._retired,
            "Transfer": self._transfer,
        }

    def _transfer(self, event: Event, _now: int) -> None:
        giver, taker, value = (event.arguments[name] for name in ("from", "to", "value"))
        if giver == NOBODY:
            self.supply += value
        else:
            self.balances[giver] -= value
            held = self.balances[giver]
            require(held >= 0, f"balance of {giver}", expected=">= 0", found=held)
        if taker == NOBODY:
            self.supply -= value
        else:
            self.balances[taker] += value

    def _approval(self, event: Event, _now: int) -> None:
        """What `approve` and `permit` set; `transferFrom` lowers it without saying so."""
        self.allowances[event.owner, event.spender] = event.value

    def _retired(self, event: Event, _now: int) -> None:
        self.retired[event.holder] += event.energyWh

    def _delegate(self, event: Event, _now: int) -> None:
        self.delegates[event.delegator] = event.toDelegate

    def _votes(self, event: Event, _now: int) -> None:
        self.votes[event.delegate] = event.newVotes
