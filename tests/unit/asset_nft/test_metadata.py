"""Metadata: JSON and a drawing, all from the chain.

tokenURI
├── name, attributes and picture of what is on record
├── before anything is on record: no bars, no months
└── the picture is XML, for every kind; bars keep inside it; numbers of any size
"""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from tests.unit.asset_nft.stage import (
    ALICE,
    BATTERY,
    CAROL,
    FIRST_DAY,
    MAINTAINER,
    NEVER,
    RATED_W,
    SLOTS_PER_DAY,
    SPEC,
    START,
    AssetStage,
)

KINDS = (
    "Solar plant", "Wind turbine", "Hydro plant", "Cogeneration", "Battery", "Charger",
    "Heat pump", "Energy asset",
)  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def metadata(stage: AssetStage, asset_id: int) -> dict[str, Any]:
    uri = stage.assets.ask("tokenURI", asset_id)
    found: dict[str, Any] = json.loads(decoded(uri, "application/json"))
    return found


def decoded(uri: str, media_type: str) -> str:
    head, data = uri.split(",")
    assert head == f"data:{media_type};base64"
    return base64.b64decode(data, validate=True).decode()


def texts(picture: ElementTree.Element) -> list[str]:
    return [str(element.text) for element in picture.iter(f"{SVG}text")]


def bars(picture: ElementTree.Element) -> list[tuple[int, int, int]]:
    """x, y and height of the bars; the first rectangle is the ground."""
    rectangles = list(picture.iter(f"{SVG}rect"))[1:]
    return [(int(one.attrib["x"]), int(one.attrib["y"]), int(one.attrib["height"]))
            for one in rectangles]  # fmt: skip


def test_uri__what_is_on_record(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    last_of_june = FIRST_DAY + 29
    device.slot = last_of_june * SLOTS_PER_DAY - 1
    stage.read(device, [0])
    stage.read(device, [10] * 96 + [20] * 96)
    stage.day_is_final(last_of_june + 1)
    for day in (last_of_june, last_of_june + 1):
        stage.record(asset_id, day)
    stage.assets.send(ALICE.address, "setPermission", asset_id, MAINTAINER, CAROL.address, NEVER)
    entry = (0, START, START + 9_000_000, CAROL.address, b"\1" * 32, "")
    signature = CAROL.sign(stage.assets.ask("maintenanceDigest", asset_id, entry))
    stage.assets.send(CAROL.address, "logMaintenance", asset_id, entry, signature)

    found = metadata(stage, asset_id)
    assert found["name"] == "Solar plant #1"
    assert {one["trait_type"]: one["value"] for one in found["attributes"]} == {
        "Kind": "Solar plant",
        "Cell": "u33d",
        "Rated power (W)": RATED_W,
        "Commissioned": SPEC[3],
        "Meter": device.meter_id,
        "Verified production (Wh)": 2_880,
        "Next maintenance": START + 9_000_000,
    }
    picture = ElementTree.fromstring(decoded(found["image"], "image/svg+xml"))
    assert texts(picture) == [
        "Solar plant #1", "9.8 kW \u00b7 u33d", "since 2025-06", "2.8 kWh", "verified production",
        "2025-08", "2026-07",
    ]  # fmt: skip
    assert bars(picture) == [(34 + 280, 340 - 56, 56), (34 + 308, 340 - 111, 111)]


def test_uri__nothing_on_record__no_bars(stage: AssetStage) -> None:
    asset_id = stage.register(stage.meter(), spec=(BATTERY, 999, b"0000", 0))
    found = metadata(stage, asset_id)
    picture = ElementTree.fromstring(decoded(found["image"], "image/svg+xml"))

    assert "Next maintenance" not in {one["trait_type"] for one in found["attributes"]}
    assert texts(picture) == [
        "Battery #1", "0.9 kW \u00b7 0000", "since 1970-01", "0.0 kWh", "verified production",
    ]  # fmt: skip
    assert bars(picture) == []


@pytest.mark.parametrize("kind", range(8))
def test_uri__every_kind__has_its_name_and_its_drawing(stage: AssetStage, kind: int) -> None:
    asset_id = stage.register(stage.meter(), spec=(kind, 1, b"u33d", START))
    found = metadata(stage, asset_id)
    drawings = set()
    libraries = stage.chain.deploy("AssetLibrariesHarness")
    for one in range(8):
        spec = (one, 1, b"u33d", START)
        drawings.add(libraries.ask("svg", "x", spec, 0, [0] * 12, 0))

    assert found["name"] == f"{KINDS[kind]} #1"
    assert len(drawings) == 8
    for drawing in drawings:
        ElementTree.fromstring(drawing)


@pytest.mark.parametrize("largest", [1, 109, 2**64, 2**200])
def test_bars__keep_inside_the_picture(stage: AssetStage, largest: int) -> None:
    libraries = stage.chain.deploy("AssetLibrariesHarness")
    months = [largest * part // 11 for part in range(12)]
    svg = libraries.ask("svg", "x", SPEC, 2026 * 12 + 11, months, 2**256 - 1)
    picture = ElementTree.fromstring(svg)
    found = bars(picture)

    assert len(found) == sum(month != 0 for month in months)
    for x, y, height in found:
        assert 32 <= x <= 366 - 22
        assert 340 - 111 <= y < y + height == 340
    assert texts(picture)[-2:] == ["2026-01", "2026-12"]
