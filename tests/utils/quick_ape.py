"""Ape's bookkeeping, worked out once in a test run instead of at every call.

Ape builds a class for each network of `ape-config.yaml` whenever a transaction is encoded, and
requests looks through the whole environment for proxies at every call: a third of the time of
the contract tests. Neither can change what a test sees.
"""

from __future__ import annotations

import os
from typing import Any

from ape.api.networks import EcosystemAPI


def remember_networks() -> None:
    """Build the configured networks of an ecosystem once for each configuration."""
    build = EcosystemAPI._custom_networks.fget  # type: ignore[attr-defined]
    known: dict[tuple[str, str], Any] = {}

    def custom_networks(self: EcosystemAPI) -> Any:
        key = (self.name, repr(self.network_manager.custom_networks))
        if key not in known:
            known[key] = build(self)
        return dict(known[key])

    EcosystemAPI._custom_networks = property(custom_networks)  # type: ignore[assignment]


def ask_no_proxy_for_loopback() -> None:
    """Tests talk to this computer only."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host for host in given.split(",") if host]
    for host in ("127.0.0.1", "localhost"):
        if host not in hosts:
            hosts.append(host)
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(hosts)
