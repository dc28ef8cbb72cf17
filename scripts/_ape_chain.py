"""The chain and the keys as ape gives them, for the deployment's own code.

Transactions go out raw and are waited for by receipt: ape's own way of deploying loses its way on
chains that mine by the clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ape
from ape.api import AccountAPI, ProviderAPI
from ape.exceptions import ApeException, NetworkMismatchError
from ape_accounts.accounts import KeyfileAccount
from ape_ethereum.provider import Web3Provider
from requests import RequestException
from web3.types import RPCEndpoint

from energy_grid.artifacts import BUILD_FILE, Artifacts
from energy_grid.deployments import PROJECT_ROOT
from energy_grid.errors import ConfigurationError
from energy_grid.rpc import Json, NodeUnreachableError, Rpc


class ProviderRpc(Rpc):
    """`Rpc` through the connection of an ape provider, whatever it is made of."""

    def __init__(self, provider: Web3Provider) -> None:
        super().__init__("http://localhost")
        self.url = getattr(provider, "connection_str", None) or provider.name
        self._provider = provider

    def post(self, payload: Json) -> Json:
        """Send a request or a batch through the provider."""
        if isinstance(payload, list):
            return [self._one(request) for request in payload]
        return self._one(payload)

    def _one(self, request: dict[str, Any]) -> Json:
        endpoint = self._provider.web3.provider
        try:
            answer = endpoint.make_request(RPCEndpoint(request["method"]), request["params"])
        except (RequestException, ConnectionError) as error:
            raise NodeUnreachableError(
                f"the node of {network_name(self._provider)} does not answer",
                found=type(error).__name__,
                remedy="Start the node or correct its URI",
            ) from None
        return {**answer, "id": request["id"]}


class ApeSigner:
    """An ape account: test account, keyfile or hardware wallet."""

    def __init__(self, account: AccountAPI, provider: ProviderAPI) -> None:
        self._account = account
        self._ecosystem = provider.network.ecosystem

    @property
    def address(self) -> str:
        """Checksum address."""
        return str(self._account.address)

    def sign(self, transaction: dict[str, Any]) -> bytes:
        """The raw signed transaction."""
        fields = {
            "type": transaction["type"],
            "chainId": transaction["chainId"],
            "nonce": transaction["nonce"],
            "value": transaction["value"],
            "gas": transaction["gas"],
            "maxFeePerGas": transaction["maxFeePerGas"],
            "maxPriorityFeePerGas": transaction["maxPriorityFeePerGas"],
            "data": transaction["data"],
            "from": self.address,
        }
        if "to" in transaction:
            fields["to"] = transaction["to"]
        signed = self._account.sign_transaction(self._ecosystem.create_transaction(**fields))
        if signed is None:
            raise ConfigurationError(f"{self.address} did not sign", expected="a signature")
        return bytes(signed.serialize_transaction())


@contextmanager
def connected(provider: ProviderAPI) -> Iterator[ProviderRpc]:
    """Connect to the network that `--network` names, and refuse any other chain.

    Raises:
        NodeUnreachableError: no node.
        ConfigurationError: the node's chain is not the network's.
    """
    name = network_name(provider)
    try:
        # Entered by hand: errors of the commands inside must not pass for errors of connecting.
        connection = provider.network.use_provider(provider)
        connection.__enter__()
    except NetworkMismatchError as error:
        found = re.search(r"chain ID '(\d+)'", str(error))
        raise ConfigurationError(
            f"the node of {name} serves another chain",
            expected=f"chain id {provider.network.chain_id} (ape-config.yaml)",
            found=f"chain id {found.group(1)}" if found else str(error),
            remedy="Point the network's URI to the right node",
        ) from None
    except ApeException as error:
        raise NodeUnreachableError(
            f"no node of {name} answers",
            found=type(error).__name__,
            remedy="Start the node, or correct its URI (see .env.example)",
        ) from None
    try:
        if not isinstance(provider, Web3Provider):
            raise ConfigurationError(f"the provider of {name} has no JSON-RPC")
        yield ProviderRpc(provider)
    finally:
        connection.__exit__(None, None, None)


def require_matching_chain(provider: ProviderAPI, rpc: Rpc) -> int:
    """Refuse a node whose chain is not the one the network is configured for.

    Returns:
        The chain's id.
    """
    configured, found = provider.network.chain_id, rpc.chain_id()
    if configured != found:
        raise ConfigurationError(
            f"the node of {network_name(provider)} serves another chain",
            expected=f"chain id {configured} (ape-config.yaml)",
            found=f"chain id {found}",
            remedy="Point the network's URI to the right node",
        )
    return found


def sign_without_asking(account: AccountAPI) -> None:
    """Unlock a keyfile once, instead of confirming every transaction.

    The passphrase comes from `APE_ACCOUNTS_<alias>_PASSPHRASE` or is asked for.
    """
    if isinstance(account, KeyfileAccount):
        account.set_autosign(True)


def compiled_contracts() -> Artifacts:
    """The build output, compiled first if sources have changed since."""
    sources = (PROJECT_ROOT / "contracts").rglob("*.sol")
    changed = max(source.stat().st_mtime for source in sources if ".cache" not in source.parts)
    if not BUILD_FILE.exists() or BUILD_FILE.stat().st_mtime < changed:
        ape.project.load_contracts()
    return Artifacts.load()


def network_name(provider: ProviderAPI) -> str:
    """`ecosystem:network`; ape's own name of a choice repeats the node's URI, key and all."""
    return f"{provider.network.ecosystem.name}:{provider.network.name}"
