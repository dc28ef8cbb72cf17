"""Reads one moment of the ledger: accounts and pools of one block, by events and views."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from energy_grid.abi import Event
from energy_grid.contracts import Contracts
from energy_grid.rpc import RpcResponseError
from energy_grid.settled_slots import certificate_entries, spread
from energy_grid.slots import slot_of
from oracles.runtime.following import Follower
from oracles.settling.decide import Account, Ledger, Pool

ENTRY_SLOTS: Final = 4_096
"""Entries of pools are kept this long; older ones claim themselves."""
_DEFAULTED: Final = 3
"""`SettlementBasis` of a slot without a reading in time."""
_GONE: Final = ("CertificatesClaimed", "EnergyRetired")


class LedgerReader:
    """Follows the settlement contract.

    Attributes:
        defaulted_slots: slots seen settled by default.
        corrections: corrections of defaulted slots seen.
        lapsed: corrections that came too late, seen.

    Args:
        contracts: the deployment.
        most_slots: how far ahead an account is tried out.
    """

    def __init__(self, contracts: Contracts, most_slots: int) -> None:
        self._settlement = contracts.settlement
        self._market = contracts.energy_trading
        self._rpc = contracts.rpc
        self._most_slots = most_slots
        first_block = contracts.deployment.contracts["Settlement"].block or 0
        self._follower = Follower(self._rpc, [self._settlement], first_block)
        self._start_anew()

    def _start_anew(self) -> None:
        self._zones: dict[str, int] = {}
        self._entries: dict[int, dict[str, bool]] = {}
        self.defaulted_slots = 0
        self.corrections = 0
        self.lapsed = 0

    def read(self) -> tuple[Ledger, tuple[str, ...]]:
        """The ledger as of the newest block, and what could not be found out.

        Raises:
            RpcError: the node is away or behind.
        """
        head = self._rpc.block("latest")
        block, now = int(head["number"], 16), int(head["timestamp"], 16)
        events, was_reset = self._follower.read(block, str(head["hash"]))
        if was_reset:
            self._start_anew()
        self._note(events)
        slot = int(slot_of(now))
        accounts, problems = self._accounts(slot, block)
        return Ledger(now, slot, accounts, self._pools(slot, block)), problems

    # --- events -----------------------------------------------------------------------------------

    def _note(self, events: Iterable[Event]) -> None:
        for event in spread(events):
            if event.name == "AccountEnrolled":
                self._zones[event.account] = int(event.zone)
            elif event.name in _GONE:
                self._forget(event.slot, event.account)
            elif event.name == "DefaultCorrected":
                self.corrections += 1
            elif event.name == "CorrectionLapsed":
                self.lapsed += 1
            elif event.name == "SlotSettled":
                self.defaulted_slots += event.basis == _DEFAULTED
                for entered_slot, entered in certificate_entries([event]).items():
                    self._entries.setdefault(entered_slot, {}).update(entered)

    def _forget(self, slot: int, account: str) -> None:
        entered = self._entries.get(slot)
        if entered is not None:
            entered.pop(account, None)
            if not entered:
                del self._entries[slot]

    # --- views ------------------------------------------------------------------------------------

    def _accounts(self, slot: int, block: int) -> tuple[tuple[Account, ...], tuple[str, ...]]:
        """Accounts that settling now would bring further."""
        addresses = list(self._zones)
        states = self._ask([("accountState", (address,)) for address in addresses], block)
        behind = [
            (address, state)
            for address, state in zip(addresses, states, strict=True)
            if state.settledUntil < slot and not state.isOperator
        ]
        # Tried out: the contract itself knows best how far it gets.
        calls = [
            ("settle", (address, min(slot, state.settledUntil + self._most_slots)))
            for address, state in behind
        ]
        reached = self._ask(calls, block, may_fail=True)
        accounts, problems = [], []
        for (address, state), until in zip(behind, reached, strict=True):
            if isinstance(until, RpcResponseError):
                problems.append(f"account {address} cannot be settled: {self._reason(until)}")
            elif until > state.settledUntil:
                accounts.append(
                    Account(
                        number=int(state.accountId),
                        address=address,
                        zone=int(state.zone),
                        settled_until=int(state.settledUntil),
                        ready_until=int(until),
                    )
                )
        return tuple(accounts), tuple(problems)

    def _pools(self, slot: int, block: int) -> tuple[Pool, ...]:
        """Closed pools that something was given to and that owe somebody."""
        for old in [one for one in self._entries if one < slot - ENTRY_SLOTS]:
            del self._entries[old]
        zones = sorted({self._zones[a] for entered in self._entries.values() for a in entered})
        regions = dict(
            zip(zones, self._ask([("regionOf", (z,)) for z in zones], block, self._market),
                strict=True)
        )  # fmt: skip
        places = sorted(
            {
                (int(regions[self._zones[account]]), entered_slot)
                for entered_slot, entered in self._entries.items()
                for account in entered
            }
        )
        pools = self._ask([("certificatePool", place) for place in places], block)
        found = []
        for (region, at), pool in zip(places, pools, strict=True):
            if not pool.closed:
                continue
            here = tuple(sorted(a for a in self._entries[at] if regions[self._zones[a]] == region))
            if pool.givenWh:
                found.append(Pool(region, at, here))
            else:
                for account in here:
                    self._forget(at, account)
        return tuple(found)

    def _ask(
        self,
        calls: list[tuple[str, tuple[Any, ...]]],
        block: int,
        contract: Any = None,
        *,
        may_fail: bool = False,
    ) -> list[Any]:
        asked = contract or self._settlement
        answers = self._rpc.batch(
            [asked.request(name, *arguments, block=block) for name, arguments in calls],
            return_errors=may_fail,
        )
        return [
            answer if isinstance(answer, Exception) else asked.decode_answer(call[0], answer)
            for call, answer in zip(calls, answers, strict=True)
        ]

    def _reason(self, error: RpcResponseError) -> str:
        data = getattr(error, "data", b"")
        return str(self._settlement.decode_error(data)) if data else error.text
