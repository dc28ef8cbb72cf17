"""Deploying and verifying the contracts, without ape: `scripts/deploy.py` brings chain and keys.

- `parameters`: what a deployment is configured with, from a readable file
- `roles`: who may call what; `roles_page` makes `docs/roles.md` of it
- `access`: who may call what on a chain, compared with `roles`
- `journal`: the deployment file while it is written; sends so that any interruption can be resumed
- `plan`: which contracts, in which order, with which arguments
- `governing`, `governance`: who decides, as parameters and on a chain
- `checks`: what must be true on chain; the source of both wiring and verification
- `migration`: what a successor of the market keeps and follows
- `deployer`: deploy what is missing, wire what differs
"""

from energy_grid.deployment.check import Check
from energy_grid.deployment.checks import verify
from energy_grid.deployment.deployer import DeploymentReport, deploy, hand_over
from energy_grid.deployment.journal import Journal, LocalSigner, Signer
from energy_grid.deployment.parameters import Parameters
from energy_grid.deployment.plan import Plan

__all__ = [
    "Check",
    "DeploymentReport",
    "Journal",
    "LocalSigner",
    "Parameters",
    "Plan",
    "Signer",
    "deploy",
    "hand_over",
    "verify",
]
