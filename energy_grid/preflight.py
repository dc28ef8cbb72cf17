"""What a program checks before it starts: ports, node, chain, deployment."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from pathlib import Path

from energy_grid.contracts import Contracts
from energy_grid.deployments import (
    DEPLOYMENTS_FOLDER,
    Deployment,
    DeploymentFileError,
    deployment_path,
)
from energy_grid.errors import ConfigurationError
from energy_grid.rpc import Rpc
from energy_grid.rpc_pool import PoolPolicy, open_rpc
from energy_grid.settings import ChainSettings


class PortTakenError(ConfigurationError):
    """Another program listens on a port this one needs."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that is there, is the right one, and has the contracts."""

    rpc: Rpc
    deployment: Deployment
    contracts: Contracts


def require_free_port(port: int, purpose: str, host: str = "127.0.0.1") -> None:
    """Refuse a port that is taken.

    Raises:
        PortTakenError: another program listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            found = "in use" if error.errno == errno.EADDRINUSE else "no permission for it"
            raise PortTakenError(
                f"port {port} for {purpose}",
                expected=f"{host}:{port} to be free",
                found=found,
                remedy="Stop the program that listens there, or choose another port",
            ) from error


def open_chain(settings: ChainSettings) -> Chain:
    """Connect to the node or nodes, check that chain, deployment file and contracts fit each other.

    Raises:
        NodeUnreachableError: no node answers.
        ConfigurationError: another chain, no or another chain's deployment file, no contracts.
    """
    policy = PoolPolicy(stale_head_seconds=settings.rpc_stale_head_seconds)
    rpc = open_rpc(settings.rpc_url, policy=policy)
    rpc.require_chain_id(settings.chain_id)
    path = deployment_path(settings.chain_id, settings.deployments_folder or DEPLOYMENTS_FOLDER)
    return load_chain(rpc, path)


def load_chain(rpc: Rpc, path: Path) -> Chain:
    """Check that a deployment file belongs to a node's chain, and load the contracts.

    Raises:
        DeploymentFileError: missing, incomplete, of another chain, or of a chain that is gone.
    """
    deployment = Deployment.read(path, rpc.chain_id())
    genesis_hash = rpc.genesis_hash()
    if deployment.genesis_hash != genesis_hash:
        raise DeploymentFileError(
            f"deployment file {path} is of another chain with id {deployment.chain_id}",
            expected=f"genesis block {genesis_hash} (the node's)",
            found=deployment.genesis_hash,
            remedy="A local chain that restarts is a new chain: deploy again",
        )
    contracts = Contracts.load(deployment, rpc)
    for name, record in deployment.contracts.items():
        if not rpc.code(record.address):
            raise DeploymentFileError(
                f"{name} of {path} is not on chain",
                expected=f"code at {record.address}",
                found="none",
                remedy="Deploy again: `ape run deploy --network ...`",
            )
    return Chain(rpc, deployment, contracts)
