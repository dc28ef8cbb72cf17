"""The command line. Heavy imports stay inside the commands that need them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from energy_grid.errors import EnergyGridError
from meter_bridge.cli_support import CONFIG_OPTION, fail, load
from meter_bridge.privacy.commands import privacy


@click.group()
def cli() -> None:
    """Meter bridge: from a meter's telegram to a signed reading on chain."""


@cli.command()
@CONFIG_OPTION
def run(config_path: Path) -> None:
    """Read, check, sign, store and submit until SIGTERM."""
    import asyncio
    import gc

    # The imports below make many objects that live for ever: no need to look through them.
    gc.disable()
    from energy_grid.logs import configure_logs
    from meter_bridge.assembly import (
        assemble,
        meter_locks_for,
        open_meters,
        sending_thread_for,
        store_lock_for,
    )
    from meter_bridge.service import Service

    gc.freeze()
    gc.enable()
    configure_logs()
    try:
        config = load(config_path)
        lock = store_lock_for(config)
        lock.acquire()
        locks = meter_locks_for(config)
        locks.acquire(meter.id for meter in config.meter)
        parts = assemble(config, open_meters(config))
        service = Service(parts, sending_thread_for(config, parts.outbox))
        asyncio.run(service.run())
    except EnergyGridError as error:
        fail(error)


@cli.command()
@CONFIG_OPTION
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def check(config_path: Path, as_json: bool) -> None:
    """Look at everything a run needs: node, chain, relayer, store, clock, meters, sources."""
    from meter_bridge.preflight import run_checks

    try:
        checks = list(run_checks(load(config_path)))
    except EnergyGridError as error:
        fail(error)
    if as_json:
        document = {
            "good": all(check.is_good for check in checks),
            "checks": [
                {"name": check.name, "good": check.is_good, "detail": check.detail}
                for check in checks
            ],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table("check", "", "detail", title="Meter bridge preflight")
        for item in checks:
            table.add_row(item.name, "[green]ok[/]" if item.is_good else "[red]no[/]", item.detail)
        Console().print(table)
    if not all(check.is_good for check in checks):
        sys.exit(1)


@cli.command()
@CONFIG_OPTION
@click.argument("meter_id", type=int)
@click.confirmation_option(prompt="Is it certain that no other bridge signs for this meter?")
def adopt(config_path: Path, meter_id: int) -> None:
    """Go on from the chain's record of a meter, for a store that is new or was restored."""
    from meter_bridge.assembly import assemble, meter_locks_for, open_meters, store_lock_for
    from meter_bridge.chain import ChainRegistry

    try:
        config = load(config_path)
        wanted = [meter for meter in config.meter if meter.id == meter_id]
        if not wanted:
            raise click.BadParameter(f"no meter {meter_id} in {config_path}")
        config = config.model_copy(update={"meter": tuple(wanted)})
        lock, locks = store_lock_for(config), meter_locks_for(config)
        lock.acquire()
        locks.acquire([meter_id])
        parts = assemble(config, open_meters(config))
        registry = ChainRegistry(parts.contract, parts.lookup_rpc)
        parts.engine.register(registry.meters([meter_id]))
        after = parts.engine.adopt(meter_id)
    except EnergyGridError as error:
        fail(error)
    click.echo(f"meter {meter_id}: boundaries after {after} (unix seconds) will be signed")


@cli.command()
@CONFIG_OPTION
@click.argument("page_id", metavar="BOUNDARY/INDEX")
@click.option("--meter", "meter_id", type=int, help="Only this meter's entry, with its signature.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def page(config_path: Path, page_id: str, meter_id: int | None, as_json: bool) -> None:
    """Show a page as whoever reveals it needs it, or one meter's entry as its owner needs it.

    Works beside a running bridge. What a page holds is secret until it is revealed.
    """
    from meter_bridge.page_views import entry_view, open_page, page_view

    try:
        store, found = open_page(load(config_path), page_id)
        document = page_view(found) if meter_id is None else entry_view(store, found, meter_id)
    except EnergyGridError as error:
        fail(error)
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("field", "value", title=f"Page {page_id}")
    for name, value in document.items():
        table.add_row(name, str(value))
    Console().print(table)


@cli.command("mqtt-acl")
@CONFIG_OPTION
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--by-certificate",
    is_flag=True,
    help="Client certificates are the identity (common name = user): no passwords.",
)
def mqtt_acl(config_path: Path, folder: Path, by_certificate: bool) -> None:
    """Write mosquitto's ACL, passwords and listener into FOLDER: each meter its own topic only."""
    from meter_bridge.broker_access import write_access

    try:
        written = write_access(load(config_path), folder, by_certificate=by_certificate)
    except EnergyGridError as error:
        fail(error)
    for path in written:
        click.echo(path)


@cli.group()
def keys() -> None:
    """Device keys and their registration."""


@keys.command("new")
@click.argument("keystore", type=click.Path(path_type=Path))
@click.option("--password-file", type=click.Path(path_type=Path), required=True)
def keys_new(keystore: Path, password_file: Path) -> None:
    """Make a device key in a new KEYSTORE file and print its address."""
    from meter_bridge.keys import DeviceKey, read_secret_file

    try:
        password = read_secret_file(password_file, "password")
        click.echo(DeviceKey.create(keystore, password).address)
    except EnergyGridError as error:
        fail(error)


@keys.command("register")
@click.argument("keystore", type=click.Path(path_type=Path))
@click.option("--password-file", type=click.Path(path_type=Path), required=True)
@click.option("--deployment", type=click.Path(path_type=Path), required=True)
@click.option("--owner", required=True, help="Account whose energy the meter measures.")
@click.option("--zone", type=click.IntRange(1, 65_535), required=True)
@click.option(
    "--kind",
    type=click.Choice(["CONNECTION", "CONNECTION_WITH_STORAGE", "PRODUCTION"]),
    default="CONNECTION",
    show_default=True,
)
@click.option("--rated-import-w", type=click.IntRange(0), required=True)
@click.option("--rated-export-w", type=click.IntRange(0), required=True)
@click.option("--register-width-wh", type=click.IntRange(1), default=10**9, show_default=True)
@click.option(
    "--first-boundary",
    type=click.IntRange(0),
    help="Unix time, a multiple of 900, at which the registers below stand.",
)
@click.option("--import-wh", type=click.IntRange(0))
@click.option("--export-wh", type=click.IntRange(0))
@click.option(
    "--announce",
    is_flag=True,
    help="For announceSuccession: where the registers will stand is not known yet.",
)
def keys_register(
    keystore: Path,
    password_file: Path,
    deployment: Path,
    owner: str,
    zone: int,
    kind: str,
    rated_import_w: int,
    rated_export_w: int,
    register_width_wh: int,
    first_boundary: int | None,
    import_wh: int | None,
    export_wh: int | None,
    announce: bool,
) -> None:
    """Print as JSON what SmartMeter needs of a new meter, signed by the device.

    The registrar sends it with registerMeter; where it follows another meter, with
    announceSuccession (--announce), and later anybody with openSuccession.
    """
    from energy_grid.deployments import Deployment
    from energy_grid.slots import is_aligned, slot_of
    from meter_bridge.keys import DeviceKey, read_secret_file
    from meter_bridge.registration import MeterKind, Registration, sign_registration

    baseline = (first_boundary, import_wh, export_wh)
    if announce == any(value is not None for value in baseline) or (
        not announce and None in baseline
    ):
        raise click.UsageError(
            "expected either --announce or --first-boundary, --import-wh and --export-wh"
        )
    first_boundary, import_wh, export_wh = (value or 0 for value in baseline)
    if not is_aligned(first_boundary):
        raise click.BadParameter("--first-boundary: expected a multiple of 900")
    try:
        key = DeviceKey.open(keystore, read_secret_file(password_file, "password"))
        deployed = Deployment.read(deployment)
        registration = Registration(
            deviceKey=key.address,
            owner=owner,
            zone=zone,
            kind=int(MeterKind[kind]),
            ratedImportW=rated_import_w,
            ratedExportW=rated_export_w,
            registerWidthWh=register_width_wh,
            firstSlot=int(slot_of(first_boundary)),
            importWh=import_wh,
            exportWh=export_wh,
        )
        signed = sign_registration(
            key, registration, deployed.chain_id, deployed.address_of("SmartMeter")
        )
    except EnergyGridError as error:
        fail(error)
    click.echo(json.dumps(signed.as_json(), indent=2))


cli.add_command(privacy)
