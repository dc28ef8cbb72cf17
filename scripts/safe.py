"""Accounts of several owners: `ape run safe create|propose|sign|execute|status --network ...`.

A proposal is a file that the owners send one another; no service is needed (docs/multisig.md).
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
from eth_account.messages import SignableMessage

from energy_grid.deployments import DEPLOYMENTS_FOLDER, Deployment, deployment_path
from energy_grid.errors import EnergyGridError
from energy_grid.rpc import to_hex
from energy_grid.safe import SafeAccount, SafeError, SafeSetup, SafeState, SafeTransaction
from energy_grid.safe import owners as changes
from energy_grid.safe.calls import CallBook
from energy_grid.safe.collecting import judge, require_plain
from energy_grid.safe.creation import predicted_address
from energy_grid.safe.proposal import Proposal
from energy_grid.safe.signatures import OwnerSignature, read
from energy_grid.safe.transaction import domain
from scripts._ape_chain import connected, require_matching_chain, sign_without_asking
from scripts._safe_desk import Desk


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
                path = deployment_path(chain_id, folder)
                deployment = Deployment.read(path, chain_id) if path.exists() else None
                result = run(Desk(provider, rpc, chain_id, deployment), **options)
        except EnergyGridError as error:
            raise click.ClickException(str(error)) from error
        _show(result, as_json)

    # Not with functools.wraps: ape looks for the parameter `provider` behind it and misses it.
    command.__name__, command.__doc__ = run.__name__, run.__doc__
    return command


_safe_option = click.option(
    "--safe", "safe_name", required=True, metavar="NAME|ADDRESS", help="The Safe."
)
_file_argument = click.argument(
    "file", type=click.Path(dir_okay=False, exists=True, path_type=Path)
)


@click.group()
def cli() -> None:
    """Create, and act as, an account of several owners."""


@cli.command()
@account_option(prompt="Account that pays the gas")
@click.option("--owner", "owners", multiple=True, required=True, help="An owner's address.")
@click.option("--threshold", type=int, default=2, show_default=True, help="How many must sign.")
@click.option("--salt", type=int, default=0, help="Tells Safes of the same owners apart.")
@click.option("--address-only", is_flag=True, help="Say where it will be; create nothing.")
@_command
def create(
    desk: Desk,
    account: AccountAPI,
    owners: tuple[str, ...],
    threshold: int,
    salt: int,
    address_only: bool,
) -> dict[str, Any]:
    """Create a Safe at the address that follows from its owners."""
    setup, suite = SafeSetup(owners, threshold, salt), desk.suite()
    if address_only:
        return {"safe": predicted_address(setup, suite, desk.rpc)}
    return _standing(SafeAccount(desk.sender(account).create(setup, suite), desk.rpc).state())


@cli.command()
@_safe_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--nonce", type=int, help="Number of the transaction; default: the next one.")
@click.option("--add-owner", metavar="ADDRESS")
@click.option("--remove-owner", metavar="ADDRESS")
@click.option("--swap-owner", nargs=2, metavar="OLD NEW", help="A lost or stolen key.")
@click.option("--threshold", type=int, help="New threshold, alone or with adding or removing.")
@click.argument("call", required=False)
@_command
def propose(
    desk: Desk,
    safe_name: str,
    out: Path,
    nonce: int | None,
    add_owner: str | None,
    remove_owner: str | None,
    swap_owner: tuple[str, str] | None,
    threshold: int | None,
    call: str | None,
) -> dict[str, Any]:
    """Write a proposal: CALL is like 'Guardian.haltZone(1, 900)', by the deployment's names."""
    state = desk.account_of(safe_name).state()
    book = desk.book(state.safe)
    asked = [one for one in (add_owner, remove_owner, swap_owner, call) if one]
    if len(asked) > 1 or (not asked and threshold is None) or (threshold and (swap_owner or call)):
        raise SafeError("propose one thing", expected="a CALL or one change of the owners")
    to, data = state.safe, b""
    if call:
        to, data = book.encode(call)
    elif add_owner:
        data = changes.add_owner(state, add_owner, threshold)
    elif remove_owner:
        data = changes.remove_owner(state, remove_owner, threshold)
    elif swap_owner:
        data = changes.swap_owner(state, *swap_owner)
    elif threshold is not None:
        data = changes.change_threshold(state, threshold)
    transaction = SafeTransaction(to, data, state.nonce if nonce is None else nonce)
    proposal = Proposal(desk.chain_id, state.safe, book.describe(to, data), transaction)
    if out.exists():
        raise SafeError(f"{out} exists", remedy="Choose another --out: signatures would be lost")
    proposal.write(out)
    return {"file": str(out), **_proposed(proposal, state)}


@cli.command()
@account_option(prompt="Owner who signs")
@click.option("--yes", is_flag=True, help="Do not ask: what is signed was looked at already.")
@_file_argument
@_command
def sign(desk: Desk, account: AccountAPI, yes: bool, file: Path) -> dict[str, Any]:
    """Look at the proposal in FILE and add a signature to it."""
    proposal = desk.proposal_of(file)
    state = SafeAccount(proposal.safe, desk.rpc).state(proposal.hash)
    _require_signable(proposal, state, desk.book(proposal.safe), str(account.address))
    if not yes:
        number = proposal.transaction.nonce
        click.echo(f"{proposal.call}\n  by {proposal.safe}, number {number}", err=True)
        click.confirm(f"  {to_hex(proposal.hash)}\nSign?", abort=True, err=True)
    sign_without_asking(account)
    proposal = proposal.with_signature(_signature(account, proposal))
    proposal.write(file)
    return {"file": str(file), **_proposed(proposal, state)}


@cli.command()
@account_option(prompt="Account that pays the gas")
@_file_argument
@_command
def execute(desk: Desk, account: AccountAPI, file: Path) -> dict[str, Any]:
    """Execute the proposal in FILE once enough owners have signed; anybody may."""
    proposal = desk.proposal_of(file)
    safe = SafeAccount(proposal.safe, desk.rpc)
    _require_as_described(proposal, desk.book(proposal.safe))
    done = desk.sender(account).execute(safe, proposal.transaction, proposal.signatures)
    return {
        "executed": proposal.call,
        "safe": proposal.safe,
        "nonce": proposal.transaction.nonce,
        "hash": done.safe_hash,
        "transaction": done.transaction,
        "block": done.block,
        "gas_used": done.gas_used,
    }


@cli.command()
@click.option("--safe", "safe_name", metavar="NAME|ADDRESS", help="A Safe, without a proposal.")
@click.argument(
    "file", required=False, type=click.Path(dir_okay=False, exists=True, path_type=Path)
)
@_command
def status(desk: Desk, safe_name: str | None, file: Path | None) -> dict[str, Any]:
    """Show a Safe, or who has signed the proposal in FILE and what it does."""
    if (safe_name is None) == (file is None):
        raise SafeError("status of one thing", expected="--safe or a FILE")
    if safe_name is not None:
        return _standing(desk.account_of(safe_name).state())
    assert file is not None
    proposal = desk.proposal_of(file)
    _require_as_described(proposal, desk.book(proposal.safe))
    return _proposed(proposal, SafeAccount(proposal.safe, desk.rpc).state(proposal.hash))


# --- Signing --------------------------------------------------------------------------------------


def _require_signable(proposal: Proposal, state: SafeState, book: CallBook, owner: str) -> None:
    _require_as_described(proposal, book)
    require_plain(proposal.transaction)
    if owner not in state.owners:
        raise SafeError(
            f"{owner} is no owner of {state.safe}",
            expected=f"one of {', '.join(state.owners)}",
            remedy="Choose another --account",
        )
    if proposal.transaction.nonce < state.nonce:
        raise SafeError(
            "this proposal is done with: its number is used",
            expected=f"number {state.nonce} or later",
            found=proposal.transaction.nonce,
            remedy="Propose it anew",
        )


def _require_as_described(proposal: Proposal, book: CallBook) -> None:
    """The text in the file is for people; it must say what the data does."""
    transaction = proposal.transaction
    found = book.describe(transaction.to, transaction.data, transaction.value)
    if found != proposal.call:
        raise SafeError(
            "the proposal does something else than it says",
            expected=proposal.call,
            found=found,
            remedy="Do not sign it; ask who proposed it",
        )


def _signature(account: AccountAPI, proposal: Proposal) -> OwnerSignature:
    message = SignableMessage(
        b"\x01", domain(proposal.chain_id, proposal.safe), proposal.transaction.struct_hash()
    )
    signature = account.sign_message(message)
    if signature is None:
        raise SafeError(f"{account.address} did not sign", expected="a signature")
    r, s = (bytes(part).rjust(32, b"\0") for part in (signature.r, signature.s))
    given = read(proposal.hash, r + s + bytes([signature.v]))
    if given.owner != account.address:
        raise SafeError(
            "the signature is of another key", expected=account.address, found=given.owner
        )
    return given


# --- Showing --------------------------------------------------------------------------------------


def _standing(state: SafeState) -> dict[str, Any]:
    return {
        "safe": state.safe,
        "chain_id": state.chain_id,
        "owners": list(state.owners),
        "threshold": state.threshold,
        "nonce": state.nonce,
    }


def _proposed(proposal: Proposal, state: SafeState) -> dict[str, Any]:
    collected = judge(proposal.transaction, state, proposal.signatures)
    return {
        "call": proposal.call,
        "safe": proposal.safe,
        "nonce": proposal.transaction.nonce,
        "next_nonce": state.nonce,
        "hash": to_hex(proposal.hash),
        "signed_by": [one.owner for one in collected.valid],
        "not_counting": [f"{owner}: {why}" for owner, why in collected.rejected],
        "threshold": collected.threshold,
        "missing": collected.missing,
    }


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        lines = value if isinstance(value, list) else [value]
        click.echo(f"{name.replace('_', ' '):<13} " + f"\n{'':<14}".join(map(str, lines or ["-"])))
