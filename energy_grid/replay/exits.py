"""Winding down and recovering accounts: what `Settlement` tells when everybody leaves.

From the wind-down on an imbalance moves no money: it joins the net balance of the account with the
operator of its zone, which is paid when the account is closed and the zone is counted up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from energy_grid.abi import Event
from energy_grid.replay.reducer import Handler
from energy_grid.replay.settlement import SettlementReplay


class ExitReplay(SettlementReplay):
    """`Settlement` to its end.

    Attributes:
        void_from: first slot that is void; 0 while the market goes on.
        nets: what operators owe accounts, < 0 what accounts owe, since the wind-down.
        closed: accounts that are closed.
        helpers: who may ask for an account's money from when on.
        requests: who gets it from when on.
    """

    def __init__(self, treasury: str) -> None:
        super().__init__(treasury)
        self.void_from = 0
        self.nets: Counter[str] = Counter()
        self.closed: set[str] = set()
        self.helpers: dict[str, tuple[str, int]] = {}
        self.requests: dict[str, tuple[str, int]] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """See `Reducer`."""
        return {
            **super().handlers(),
            "AccountClosed": self._closed,
            "ClaimGathered": self._gathered,
            "ExitPaid": self._exit_paid,
            "PotEmptied": self._pot_emptied,
            "RecoveryCancelled": self._recovery_cancelled,
            "RecoveryHelperNamed": self._helper_named,
            "RecoveryRequested": self._recovery_requested,
            "WindDownStarted": self._wind_down,
            "ZoneFinalized": self._finalized,
        }

    def charge(self, address: str, imbalance: int) -> None:
        """See `SettlementReplay`; noted instead of paid once the market is wound down."""
        if self.void_from:
            self.nets[address] -= imbalance
        else:
            super().charge(address, imbalance)

    def _wind_down(self, event: Event, _now: int) -> None:
        self.void_from = event.fromSlot

    def _gathered(self, event: Event, _now: int) -> None:
        del self.zone(event.zone).claims[event.position]
        self.nets[event.account] += event.amount

    def _closed(self, event: Event, _now: int) -> None:
        account = self.account(event.account)
        account.free, account.arrears = event.free, event.arrears
        account.locked = account.security = account.defaulted_from = account.assumed_import_wh = 0
        account.metered = False
        self.operator_of(event.zone).free += event.paid
        self.nets[event.account] = event.claim
        self.closed.add(event.account)

    def _finalized(self, event: Event, _now: int) -> None:
        zone, operator = self.zone(event.zone), self.operator_of(event.zone)
        zone.bond = event.pot
        operator.free, operator.security = event.surplus, 0

    def _exit_paid(self, event: Event, _now: int) -> None:
        self.account(event.account).free += event.paid
        self.zone(event.zone).bond -= event.paid
        self.nets[event.account] = 0

    def _pot_emptied(self, event: Event, _now: int) -> None:
        self.zone(event.zone).bond = 0
        self.operator_of(event.zone).free += event.remainder

    # --- recovery; the money itself goes by `Withdrawn` ---

    def _helper_named(self, event: Event, _now: int) -> None:
        self.helpers[event.account] = (event.current, event.fromTime)

    def _recovery_requested(self, event: Event, _now: int) -> None:
        self.requests[event.account] = (event.to, event.openFrom)

    def _recovery_cancelled(self, event: Event, _now: int) -> None:
        self.requests.pop(event.account, None)
