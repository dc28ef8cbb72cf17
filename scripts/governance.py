"""Decide and carry out: `ape run governance propose|vote|queue|execute|status --network ...`.

What may be decided, by whom and how long it takes: docs/operations.md and docs/roles.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from ape.api import AccountAPI, ProviderAPI
from ape.cli import account_option, network_option
from ape.logging import LogLevel, logger

from energy_grid.contracts import Contracts
from energy_grid.deployments import DEPLOYMENTS_FOLDER, Deployment, deployment_path
from energy_grid.errors import EnergyGridError
from energy_grid.governance import (
    Call,
    Proposal,
    Standing,
    Support,
    find,
    proposals,
    standing,
)
from energy_grid.governance.steps import clock, next_step, refusals
from energy_grid.safe.calls import call_book
from scripts._ape_chain import compiled_contracts, connected, require_matching_chain
from scripts._governance_hall import Hall


def _command(run: Callable[..., dict[str, Any]]) -> Any:
    """Connect, run, and show what came of it, as JSON if asked."""

    @network_option()
    @click.option(
        "--deployments",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=DEPLOYMENTS_FOLDER,
        help="Folder of the deployment files.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    def command(provider: ProviderAPI, folder: Path, as_json: bool, **options: Any) -> None:
        if as_json:
            logger.set_level(LogLevel.ERROR)  # ape logs on standard output
        try:
            with connected(provider) as rpc:
                chain_id = require_matching_chain(provider, rpc)
                deployment = Deployment.read(deployment_path(chain_id, folder), chain_id)
                artifacts = compiled_contracts()
                contracts = Contracts.load(deployment, rpc, artifacts)
                book = call_book(deployment, artifacts, contracts.timelock.address)
                result = run(Hall(provider, contracts, book), **options)
        except EnergyGridError as error:
            raise click.ClickException(str(error)) from error
        click.echo(json.dumps(result, indent=2) if as_json else _lines(result))

    # Not with functools.wraps: ape looks for the parameter `provider` behind it and misses it.
    command.__name__, command.__doc__ = run.__name__, run.__doc__
    return command


@click.group()
def cli() -> None:
    """Decide as holders of the governance token."""


@cli.command()
@account_option(prompt="Holder of tokens")
@click.option("--to", metavar="ADDRESS", help="Who votes; default: the holder.")
@_command
def delegate(hall: Hall, account: AccountAPI, to: str | None) -> dict[str, Any]:
    """Let an address vote with the account's tokens; without this they do not vote."""
    to = to or str(account.address)
    return {"votes_of": to, "transaction": hall.acting(account).delegate(to)}


@cli.command()
@account_option(prompt="Account that proposes")
@click.option("--description", required=True, help="What it is for; voters read it.")
@click.option("--dry-run", is_flag=True, help="Say what it does and whether it would work.")
@click.option("--although-refused", is_flag=True, help="Propose calls that would fail today.")
@click.argument("calls", nargs=-1, required=True)
@_command
def propose(
    hall: Hall,
    account: AccountAPI,
    description: str,
    dry_run: bool,
    although_refused: bool,
    calls: tuple[str, ...],
) -> dict[str, Any]:
    """Propose CALLS, like 'Settlement.setTariffBounds([0, 500000, 0, 100000])'."""
    proposal = Proposal(tuple(Call(*hall.book.encode(call)) for call in calls), description)
    if dry_run:
        reasons = refusals(hall.contracts, proposal)
        return {
            "id": str(proposal.id),
            "calls": [hall.shown(call) for call in proposal.calls],
            "refused": [reason for reason in reasons if reason is not None],
        }
    acting = hall.acting(account)
    return _standing(hall, acting.propose(proposal, although_refused=although_refused))


@cli.command()
@account_option(prompt="Account that votes")
@click.option("--reason", default="", help="Kept on chain.")
@click.argument("proposal_id", type=int)
@click.argument("support", type=click.Choice(["for", "against", "abstain"]))
@_command
def vote(
    hall: Hall, account: AccountAPI, reason: str, proposal_id: int, support: str
) -> dict[str, Any]:
    """Vote on PROPOSAL_ID."""
    acting = hall.acting(account)
    return _standing(hall, acting.vote(proposal_id, Support[support.upper()], reason))


def _step_command(name: str, text: str) -> None:
    @cli.command(name=name, help=text)
    @account_option(prompt="Account that pays the gas")
    @click.argument("proposal_id", type=int)
    @_command
    def step(hall: Hall, account: AccountAPI, proposal_id: int) -> dict[str, Any]:
        return _standing(hall, getattr(hall.acting(account), name)(proposal_id))


_step_command("queue", "Hand the decided PROPOSAL_ID to the timelock; anybody may.")
_step_command("execute", "Carry out PROPOSAL_ID once the timelock lets it go; anybody may.")
_step_command("cancel", "Take PROPOSAL_ID back before voting begins; its proposer alone may.")


@cli.command()
@click.argument("proposal_id", type=int, required=False)
@_command
def status(hall: Hall, proposal_id: int | None) -> dict[str, Any]:
    """Show PROPOSAL_ID, or all proposals."""
    contracts = hall.contracts
    if proposal_id is not None:
        return _standing(hall, standing(contracts, *find(contracts, proposal_id)))
    return {
        "proposals": [
            _standing(hall, standing(contracts, proposal, proposer))
            for proposal, proposer in proposals(contracts)
        ]
    }


def _standing(hall: Hall, found: Standing) -> dict[str, Any]:
    eta = found.executable_from
    return {
        "id": str(found.proposal.id),
        "state": found.state.name,
        "next": next_step(found),
        "description": found.proposal.description,
        "calls": [hall.shown(call) for call in found.proposal.calls],
        "proposer": found.proposer,
        "votes_from": clock(found.votes_from),
        "votes_until": clock(found.votes_until),
        "executable_from": clock(eta) if eta else None,
        "for": str(found.in_favour),
        "against": str(found.against),
        "abstain": str(found.abstain),
        "quorum": None if found.quorum is None else str(found.quorum),
    }


def _lines(result: dict[str, Any]) -> str:
    if "proposals" in result:
        return "\n\n".join(map(_lines, result["proposals"])) or "no proposals"
    lines = []
    for name, value in result.items():
        values = value if isinstance(value, list) else ["-" if value is None else value]
        lines.append(
            f"{name.replace('_', ' '):<16}" + f"\n{'':<16}".join(map(str, values or ["-"]))
        )
    return "\n".join(lines)
