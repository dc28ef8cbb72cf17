"""What a page says, for whoever reveals it, and for the owner of one meter in it."""

from __future__ import annotations

from typing import Any

from energy_grid.pages import MeterPage
from meter_bridge.assembly import open_store
from meter_bridge.config import BridgeConfig
from meter_bridge.errors import RegistryError
from meter_bridge.page_exports import as_document, as_reading
from meter_bridge.page_store import PageStore


def open_page(config: BridgeConfig, page_id: str) -> tuple[PageStore, MeterPage]:
    """A page of the configured store by `boundary/index`.

    Raises:
        RegistryError: no such page.
    """
    boundary, _, index = page_id.partition("/")
    if not (boundary.isdecimal() and (index or "0").isdecimal() and config.store.path.exists()):
        raise RegistryError(
            f"no page {page_id}",
            expected="BOUNDARY/INDEX, unix seconds and number, and an existing store",
            found=f"{page_id}, {config.store.path}",
        )
    store = PageStore(open_store(config))
    found = store.get(int(boundary), int(index or "0"))
    if found is None:
        places = [f"{page.boundary}/{page.index}" for page in store.open()[-10:]]
        raise RegistryError(
            f"no page {page_id}",
            expected="a page in the store, the newest open ones: " + (", ".join(places) or "none"),
            found="none",
        )
    return store, found


def page_view(page: MeterPage) -> dict[str, Any]:
    """All that `SmartMeter.revealPage` takes, and the entries in words."""
    return as_document(page) | {
        "readings": [
            {
                "meterId": int(entry.meter_id),
                "sequence": entry.sequence,
                "importWh": int(entry.import_wh),
                "exportWh": int(entry.export_wh),
            }
            for entry in page.entries
        ]
    }


def entry_view(store: PageStore, page: MeterPage, meter_id: int) -> dict[str, Any]:
    """A meter's entry and the reading its device signed for it, and of the page only the hash.

    Raises:
        RegistryError: the page has no such meter.
    """
    place = page.place_of(meter_id)
    signed = store.signed(meter_id, page.boundary - 1, page.boundary)
    if place is None or not signed:
        raise RegistryError(
            f"page {page.boundary}/{page.index} says nothing of meter {meter_id}",
            expected=f"one of {len(page.entries)} meters",
            found=meter_id,
        )
    return as_document(page, is_whole=False) | {
        "place": place,
        "reading": as_reading(signed[0]),
        "signature": "0x" + signed[0].signature.hex(),
    }
