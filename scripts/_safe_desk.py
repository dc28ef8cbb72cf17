"""What the commands of `ape run safe` share: the chain, its deployment file, its Safes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ape.api import AccountAPI, ProviderAPI
from eth_utils.address import is_checksum_address

from energy_grid.contracts import Contracts
from energy_grid.deployment.plan import DEVELOPMENT_CHAIN_IDS
from energy_grid.deployment.safes import SUITE_NAMES, suite_of
from energy_grid.deployments import CONTRACT_NAMES, Deployment
from energy_grid.rpc import Rpc, to_hex
from energy_grid.safe import SafeAccount, SafeError, SafeSuite
from energy_grid.safe.abi import SAFE_TYPE
from energy_grid.safe.calls import CallBook, call_book
from energy_grid.safe.proposal import Proposal
from energy_grid.safe.sending import SafeSender
from energy_grid.safe.suite import configured_suite
from scripts._ape_chain import ApeSigner, compiled_contracts, sign_without_asking

MIN_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Desk:
    """What every command works with."""

    provider: ProviderAPI
    rpc: Rpc
    chain_id: int
    deployment: Deployment | None

    def account_of(self, name: str) -> SafeAccount:
        """A Safe by its name in the deployment file, or by its address."""
        if is_checksum_address(name):
            return SafeAccount(name, self.rpc)
        records = {} if self.deployment is None else self.deployment.contracts
        safes = [key for key, record in records.items() if record.contract == SAFE_TYPE]
        if name not in safes:
            raise SafeError(
                f"no Safe {name}",
                expected=f"a checksum address, or one of: {', '.join(safes) or 'none recorded'}",
                remedy="Name it with --safe",
            )
        return SafeAccount(records[name].address, self.rpc)

    def proposal_of(self, path: Path) -> Proposal:
        """A proposal for this chain."""
        proposal = Proposal.read(path)
        if proposal.chain_id != self.chain_id:
            raise SafeError(
                f"proposal {path} is for another chain",
                expected=f"chain id {proposal.chain_id}",
                found=f"chain id {self.chain_id}",
                remedy="Choose its network with --network",
            )
        return proposal

    def book(self, safe: str) -> CallBook:
        """Contracts that can be named in calls of a Safe."""
        return call_book(self.deployment, compiled_contracts(), safe)

    def suite(self) -> SafeSuite:
        """Where this chain has the contracts of Safe."""
        recorded = {} if self.deployment is None else self.deployment.contracts
        if self.deployment is not None and recorded.keys() >= {*SUITE_NAMES}:
            return suite_of(self.deployment)
        if self.chain_id in DEVELOPMENT_CHAIN_IDS:
            raise SafeError(
                "this development chain has no contracts of Safe",
                expected=f"{', '.join(SUITE_NAMES)} in its deployment file",
                remedy="Deploy first: `ape run deploy --network ...`",
            )
        return configured_suite()

    def sender(self, account: AccountAPI) -> SafeSender:
        """Sends with an account of ape."""
        sign_without_asking(account)
        timeout = self.provider.network.transaction_acceptance_timeout
        signer = ApeSigner(account, self.provider)
        return SafeSender(
            self.rpc,
            signer,
            describe_error=self._describe_error(),
            timeout_seconds=max(timeout, MIN_TIMEOUT_SECONDS),
        )

    def _describe_error(self) -> Callable[[bytes], str]:
        """Errors of the deployment's contracts by name, where there is a complete one."""
        if self.deployment is None or not self.deployment.contracts.keys() >= {*CONTRACT_NAMES}:
            return to_hex
        contracts = Contracts.load(self.deployment, self.rpc, compiled_contracts())
        return lambda data: str(contracts.decode_error(data))
