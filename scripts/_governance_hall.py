"""What the commands of `ape run governance` share: the chain and its contracts by name."""

from __future__ import annotations

from dataclasses import dataclass

from ape.api import AccountAPI, ProviderAPI

from energy_grid.contracts import Contracts
from energy_grid.governance import Call
from energy_grid.governance.acting import Acting
from energy_grid.rpc import to_hex
from energy_grid.safe.calls import CallBook
from energy_grid.safe.errors import SafeError
from scripts._ape_chain import ApeSigner, sign_without_asking

MIN_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Hall:
    """What every command works with."""

    provider: ProviderAPI
    contracts: Contracts
    book: CallBook

    def acting(self, account: AccountAPI) -> Acting:
        """Steps with an account of ape."""
        sign_without_asking(account)
        timeout = self.provider.network.transaction_acceptance_timeout
        signer = ApeSigner(account, self.provider)
        return Acting(self.contracts, signer, timeout_seconds=max(timeout, MIN_TIMEOUT_SECONDS))

    def shown(self, call: Call) -> str:
        """A call as people read it; what nobody knows is shown as it is."""
        try:
            return self.book.describe(call.target, call.data, call.value_wei)
        except SafeError:
            return f"unknown: {to_hex(call.data)} to {call.target}"
