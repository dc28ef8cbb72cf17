"""Open pages as files for whoever reveals them: plain JSON, or sealed for the zone's operator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energy_grid import eip712
from energy_grid.eip712 import MeterReading
from energy_grid.pages import MeterPage
from energy_grid.units import MeterId, MilliHertz, MilliVolt, UnixSeconds, Wh
from meter_bridge.errors import SealedDataError, StoreUnavailableError
from meter_bridge.page_store import PageStore, SignedReading

if TYPE_CHECKING:
    from meter_bridge.privacy.boxes import Recipient


def export_pages(
    pages: PageStore, folder: Path, recipient: Recipient | None, about: dict[str, Any]
) -> None:
    """Keep the open pages as files in a folder.

    A file appears whole or not at all; those of pages that have ended are removed.

    Args:
        pages: the bridge's pages.
        folder: where to.
        recipient: seals them for this key, each with its readings as the devices signed them.
        about: chain and contract the signatures are for, readable on the box.

    Raises:
        StoreUnavailableError: the folder cannot be written.
    """
    # Another name for a sealed one: plain files from before a key was configured go away.
    end = "json" if recipient is None else "sealed.json"
    wanted = {f"{page.boundary}-{page.index}.{end}": page for page in pages.open()}
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        present = {path.name for path in folder.glob("*-*.json")}
        for name in wanted.keys() - present:
            part = folder / f"{name}.part"
            part.touch(mode=0o600)
            document = _document(pages, wanted[name], recipient, about)
            part.write_text(json.dumps(document), encoding="utf-8")
            part.replace(folder / name)
        for name in present - wanted.keys():
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnavailableError(
            f"pages cannot be exported to {folder}", found=error.strerror
        ) from None


def as_document(page: MeterPage, *, is_whole: bool = True) -> dict[str, Any]:
    """A page as JSON, for who reveals it: secret until then."""
    document: dict[str, Any] = {
        "bridge": page.bridge,
        "boundary": int(page.boundary),
        "index": page.index,
        "previousBoundary": int(page.previous_boundary),
        "pageHash": "0x" + page.hash().hex(),
    }
    if is_whole:
        document |= {
            "salt": "0x" + page.salt.hex(),
            "signaturesHash": "0x" + page.signatures_hash.hex(),
            "entries": "0x" + page.packed_entries().hex(),
        }
    return document


def as_reading(signed: SignedReading) -> dict[str, Any]:
    """A reading as its device signed it, with the contract's names."""
    reading = signed.reading
    return {
        "meterId": int(reading.meter_id),
        "sequence": reading.sequence,
        "timestamp": int(reading.timestamp),
        "importWh": int(reading.import_wh),
        "exportWh": int(reading.export_wh),
        "frequencyMilliHz": int(reading.frequency_millihz),
        "voltageMilliV": int(reading.voltage_millivolts),
    }


def signers(content: dict[str, Any], about: dict[str, Any]) -> dict[int, str]:
    """Who signed the readings of an opened box, by meter: to be compared with the registered keys.

    Raises:
        SealedDataError: a reading or signature that is none.
    """
    try:
        domain = eip712.domain(about["chainId"], about["smartMeter"])
        return {
            item["meterId"]: eip712.recover(
                MeterReading(
                    MeterId(item["meterId"]),
                    item["sequence"],
                    UnixSeconds(item["timestamp"]),
                    Wh(item["importWh"]),
                    Wh(item["exportWh"]),
                    MilliHertz(item["frequencyMilliHz"]),
                    MilliVolt(item["voltageMilliV"]),
                ),
                domain,
                bytes.fromhex(item["signature"].removeprefix("0x")),
            )
            for item in content["readings"]
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SealedDataError(
            "the box holds no signed readings", expected="a page's readings", found=repr(error)
        ) from None


def _document(
    pages: PageStore, page: MeterPage, recipient: Recipient | None, about: dict[str, Any]
) -> dict[str, Any]:
    if recipient is None:
        return as_document(page)
    from meter_bridge.privacy.boxes import seal

    readings = [
        as_reading(signed) | {"signature": "0x" + signed.signature.hex()}
        for entry in page.entries
        for signed in pages.signed(int(entry.meter_id), page.boundary - 1, page.boundary)
    ]
    shown = about | {"boundary": int(page.boundary), "index": page.index}
    return seal(as_document(page) | {"readings": readings}, shown, recipient)
