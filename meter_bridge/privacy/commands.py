"""`python -m meter_bridge privacy ...`. Heavy imports stay inside the commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from energy_grid.errors import EnergyGridError
from meter_bridge.cli_support import CONFIG_OPTION, fail, load

if TYPE_CHECKING:
    from meter_bridge.config import BridgeConfig

_JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group()
def privacy() -> None:
    """Encryption of the store, erasure, and boxes for the operator."""


@privacy.command("new-key")
@click.argument("key_file", type=click.Path(path_type=Path))
def new_key(key_file: Path) -> None:
    """Make the KEY_FILE of a store. Keep a copy apart: without it the store is lost."""
    from meter_bridge.privacy.keyring import Keyring

    try:
        ring = Keyring.create(key_file)
    except EnergyGridError as error:
        fail(error)
    click.echo(ring.active.key_id)


@privacy.command()
@CONFIG_OPTION
@_JSON_OPTION
def status(config_path: Path, as_json: bool) -> None:
    """Show which keys wrap the store's data keys; proves that the key file opens it."""
    from meter_bridge.privacy.upkeep import standing

    try:
        found = standing(*_store_and_key(load(config_path)))
    except EnergyGridError as error:
        fail(error)
    document = {
        "active": found.active,
        "retiring": list(found.retiring),
        "dataKeys": found.wrapping,
        "erased": found.erased,
    }
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for name, value in document.items():
        click.echo(f"{name}: {value}")


@privacy.command()
@CONFIG_OPTION
def migrate(config_path: Path) -> None:
    """Encrypt a plain store, while its bridge is stopped. Interrupted: run it again."""
    from meter_bridge.privacy.sealing import migrate as migrate_store

    try:
        config = load(config_path)
        path, key_file = _store_and_key(config)
        with _locked(config):
            count = migrate_store(path, key_file)
    except EnergyGridError as error:
        fail(error)
    click.echo(f"{count} rows encrypted; copies made before are still plain: destroy them")


@privacy.command()
@CONFIG_OPTION
def rotate(config_path: Path) -> None:
    """Wrap the data keys with a new key and forget the old one, beside a running bridge.

    Interrupted: run it again, it finishes what was begun. Copy the key file anew afterwards.
    """
    from rich.progress import Progress

    from meter_bridge.privacy.upkeep import rotate as rotate_keys

    try:
        path, key_file = _store_and_key(load(config_path))
        with Progress(transient=True) as progress:
            task = progress.add_task("data keys", total=None)
            count = rotate_keys(
                path,
                key_file,
                lambda done, total: progress.update(task, completed=done, total=total),
            )
    except EnergyGridError as error:
        fail(error)
    click.echo(f"{count} data keys wrapped anew; copy {key_file} anew")


@privacy.command()
@CONFIG_OPTION
@click.argument("meter_id", type=click.IntRange(0))
@click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Only periods of 30 days that ended before this UTC date.",
)
@click.confirmation_option(prompt="Erased raw data cannot be brought back. Erase them?")
def erase(config_path: Path, meter_id: int, before: datetime | None) -> None:
    """Erase the raw data of a meter by destroying their keys; METER_ID 0 means pages.

    All of a meter: take it out of the configuration and stop the bridge first. Then rotate, and
    destroy the old copies of the key file, so that copies of the store are erased as well.
    """
    from meter_bridge.privacy.upkeep import erase as erase_keys

    try:
        config = load(config_path)
        path, key_file = _store_and_key(config)
        if before is None:
            if meter_id == 0 or any(meter.id == meter_id for meter in config.meter):
                raise click.UsageError(
                    f"{meter_id} is still served: name --before, or take the meter out of "
                    f"{config_path}"
                )
            with _locked(config):
                count = erase_keys(path, key_file, meter_id, None)
        else:
            end = int(before.replace(tzinfo=UTC).timestamp())
            count = erase_keys(path, key_file, meter_id, end)
    except EnergyGridError as error:
        fail(error)
    click.echo(f"{count} data keys destroyed; run `privacy rotate` for copies of the store")


@privacy.command()
@CONFIG_OPTION
@click.argument("meter_id", type=click.IntRange(1))
@click.argument("boundary", type=click.IntRange(0))
@_JSON_OPTION
def findings(config_path: Path, meter_id: int, boundary: int, as_json: bool) -> None:
    """Show what the log of an encrypted store leaves out: why a snapshot was remarkable."""
    from meter_bridge.assembly import open_store

    try:
        found = open_store(load(config_path)).findings(meter_id, boundary)
    except EnergyGridError as error:
        fail(error)
    if as_json:
        rows = [{"rule": f.rule, "severity": f.severity.value, "message": f.message} for f in found]
        click.echo(json.dumps(rows, indent=2))
        return
    for finding in found:
        click.echo(f"{finding.rule} {finding.severity.value}: {finding.message}")


@privacy.command("new-operator-key")
@click.argument("private_key_file", type=click.Path(path_type=Path))
def new_operator_key(private_key_file: Path) -> None:
    """Make an operator's PRIVATE_KEY_FILE and print the public key for the bridges."""
    from meter_bridge.privacy.boxes import create_recipient

    try:
        click.echo(create_recipient(private_key_file).public_key.hex())
    except EnergyGridError as error:
        fail(error)


@privacy.command("open")
@click.argument("box", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", "key_file", type=click.Path(path_type=Path), required=True)
def open_command(box: Path, key_file: Path) -> None:
    """Open a sealed page with the operator's key and print it, with who signed each reading."""
    from meter_bridge.errors import SealedDataError
    from meter_bridge.page_exports import signers
    from meter_bridge.privacy.boxes import open_box

    try:
        try:
            document = json.loads(box.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SealedDataError(f"{box} cannot be read", found=error) from None
        content = open_box(document, key_file)
        signed_by = signers(content, document["about"])
    except EnergyGridError as error:
        fail(error)
    for reading in content["readings"]:
        reading["signedBy"] = signed_by[reading["meterId"]]
    click.echo(json.dumps(content, indent=2))


@contextmanager
def _locked(config: BridgeConfig) -> Iterator[None]:
    """No bridge runs on the store meanwhile."""
    from meter_bridge.assembly import store_lock_for

    lock = store_lock_for(config)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _store_and_key(config: BridgeConfig) -> tuple[Path, Path]:
    from meter_bridge.assembly import key_file_of
    from meter_bridge.errors import BridgeConfigurationError

    key_file = key_file_of(config)
    if key_file is None:
        raise BridgeConfigurationError(
            "no section [privacy]",
            expected="key_file in [privacy]",
            remedy="Make one with `python -m meter_bridge privacy new-key FILE` and name it there",
        )
    return config.store.path, key_file
