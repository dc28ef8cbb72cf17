"""announceSuccession, withdrawSuccession, consentToSuccession(WithSignature), objectToSuccession

├── announcing, withdrawing: not the registrar: AccessManagedUnauthorized
├── announcing: unknown or succeeded meter, one announced already, a baseline, another role or zone,
│   a key in use, another signer, impossible numbers: refused
├── consent: of the old owner alone, for this announcement alone, final; also after an objection
└── objection: of the old owner alone, once, before it opens: 30 days
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy_grid.eip712 import digest, domain
from energy_grid.units import Wh
from tests.unit.meter_pages.street import FIRST_SLOT, somebody
from tests.unit.meter_succession.stage import (
    ANNOUNCED,
    DAY_SECONDS,
    PRODUCTION,
    STORAGE,
    ZERO_HASH,
    SuccessionStage,
    slot_at,
)

WEEK = 7 * DAY_SECONDS
MONTH = 30 * DAY_SECONDS


def state(stage: SuccessionStage) -> tuple[int, int, bool, bool]:
    """Opening time, end, consent, objection."""
    found = stage.ask("successionOf", 1)
    return found.openFrom, found.openUntil, found.consented, found.objected


@pytest.mark.parametrize(
    ("owner", "delay"), [("anna", DAY_SECONDS), ("bert", WEEK)], ids=["epoch", "handover"]
)
def test_announce__terms__are_on_record_with_their_delay(
    stage: SuccessionStage, owner: str, delay: int
):
    new = stage.new(owner, kind=STORAGE)

    terms_hash = stage.announce(new)

    (event,) = stage.street.events("SuccessionAnnounced")
    expected = digest(new.registration, domain(stage.street.chain_id, stage.street.meters.address))
    assert terms_hash == expected == stage.ask("registrationDigest", new.registration.as_tuple())
    assert (event.meterId, event.deviceKey, event.owner) == (1, new.address, somebody(owner))
    assert (event.termsHash, event.openFrom) == (terms_hash, ANNOUNCED + delay)
    assert tuple(event.registration) == new.registration.as_tuple()
    found = stage.ask("successionOf", 1)
    assert (found.termsHash, found.announcedAt) == (terms_hash, ANNOUNCED)
    assert state(stage) == (ANNOUNCED + delay, ANNOUNCED + delay + MONTH, False, False)


@pytest.mark.parametrize("actor", ["anna", "bert", "governor", "bridge"])
def test_announce_and_withdraw__not_the_registrar__is_unauthorised(
    stage: SuccessionStage, actor: str
):
    new = stage.new("anna")
    refused = ("AccessManagedUnauthorized", {"caller": somebody(actor)})

    assert stage.refuses(actor, "announceSuccession", 1, *stage.announcement(new)) == refused
    stage.announce(new)
    assert stage.refuses(actor, "withdrawSuccession", 1) == refused


def test_announce__unknown_or_succeeded_meter__reverts(stage: SuccessionStage):
    new = stage.new("anna")
    announcement = stage.announcement(new)
    assert stage.refuses("registrar", "announceSuccession", 2, *announcement) == (
        "UnknownMeter",
        {"meterId": 2},
    )
    stage.announce(new)
    stage.at(ANNOUNCED + DAY_SECONDS)
    stage.read_until(stage.old, slot_at(ANNOUNCED + DAY_SECONDS))
    stage.begin(new, stage.old.slot)
    stage.open(new)

    other = stage.announcement(stage.new("anna", "third"))
    assert stage.refuses("registrar", "announceSuccession", 1, *other) == (
        "AlreadySucceeded",
        {"meterId": 1, "successorId": 2},
    )


def test_announce__twice__only_when_withdrawn_or_over(stage: SuccessionStage):
    stage.announce(stage.new("anna"))
    other = stage.announcement(stage.new("anna", "other"))
    until = ANNOUNCED + DAY_SECONDS + MONTH
    stage.at(until - 1)
    assert stage.refuses("registrar", "announceSuccession", 1, *other) == (
        "AlreadyAnnounced",
        {"meterId": 1, "openUntil": until},
    )

    stage.at(until)
    assert stage.send("registrar", "announceSuccession", 1, *other) != ZERO_HASH


def test_withdraw__announced__nothing_is_left_of_it(stage: SuccessionStage):
    assert stage.refuses("registrar", "withdrawSuccession", 1) == (
        "NothingAnnounced",
        {"meterId": 1},
    )
    terms_hash = stage.announce(stage.new("bert"))

    stage.send("registrar", "withdrawSuccession", 1)

    (event,) = stage.street.events("SuccessionWithdrawn")
    assert (event.meterId, event.termsHash) == (1, terms_hash)
    assert tuple(stage.ask("successionOf", 1)) == (ZERO_HASH, 0, 0, 0, False, False)
    stage.announce(stage.new("bert", "better"))


@pytest.mark.parametrize(
    ("change", "error", "facts"),
    [
        (
            {"first_slot": FIRST_SLOT},
            "BaselineStated",
            {"firstSlot": FIRST_SLOT, "importWh": 0, "exportWh": 0},
        ),
        ({"import_wh": Wh(1)}, "BaselineStated", {"firstSlot": 0, "importWh": 1, "exportWh": 0}),
        ({"export_wh": Wh(1)}, "BaselineStated", {"firstSlot": 0, "importWh": 0, "exportWh": 1}),
        ({"kind": PRODUCTION}, "RoleChanged", {"meterId": 1}),
        ({"zone": 2}, "ZoneMismatch", {"given": 2, "expected": 1}),
        ({"owner": "0x" + "0" * 40}, "ZeroField", {"field": b"owner".ljust(32, b"\0")}),
        (
            {"register_width_wh": Wh(2**40 + 1)},
            "RegisterWidthOutOfRange",
            {"givenWh": 2**40 + 1, "smallestWh": 4_743 * 960, "largestWh": 2**40},
        ),
    ],
    ids=["slot", "import", "export", "role", "zone", "owner", "width"],
)
def test_announce__impossible_terms__reverts(stage: SuccessionStage, change, error, facts):
    new = stage.new("anna")
    terms = replace(new.registration, **change)

    assert stage.refuses(
        "registrar", "announceSuccession", 1, terms.as_tuple(), new.signature(terms)
    ) == (error, facts)


def test_announce__key_in_use_or_another_signer__reverts(stage: SuccessionStage):
    new = stage.new("anna")
    assert stage.refuses(
        "registrar",
        "announceSuccession",
        1,
        new.registration.as_tuple(),
        stage.old.signature(new.registration),
    ) == ("WrongSigner", {"signer": stage.old.address, "expected": new.address})
    same = replace(new.registration, device_key=stage.old.address)
    assert stage.refuses(
        "registrar", "announceSuccession", 1, same.as_tuple(), stage.old.signature(same)
    ) == ("DeviceKeyTaken", {"deviceKey": stage.old.address, "meterId": 1})


def test_consent__old_owner__waits_like_an_epoch(stage: SuccessionStage):
    stage.announce(stage.new("bert"))

    stage.send("anna", "consentToSuccession", 1)

    (event,) = stage.street.events("SuccessionConsented")
    opens = ANNOUNCED + DAY_SECONDS
    assert (event.meterId, event.owner, event.openFrom) == (1, somebody("anna"), opens)
    assert state(stage) == (opens, opens + MONTH, True, False)
    for function in ("consentToSuccession", "objectToSuccession"):
        assert stage.refuses("anna", function, 1) == ("AlreadyDecided", {"meterId": 1})


def test_consent__signed__anybody_sends_it(stage: SuccessionStage):
    terms_hash = stage.announce(stage.new("bert"))
    consent = stage.consent(terms_hash)
    signature = stage.street.sign(consent, "anna")
    separator = domain(stage.street.chain_id, stage.street.meters.address)
    assert stage.ask("successionConsentDigest", consent.as_tuple()) == digest(consent, separator)

    stage.send("anybody", "consentToSuccessionWithSignature", consent.as_tuple(), signature)

    assert state(stage)[0] == ANNOUNCED + DAY_SECONDS


def test_consent__for_another_announcement_or_by_another__reverts(stage: SuccessionStage):
    terms_hash = stage.announce(stage.new("bert"))
    name = "consentToSuccessionWithSignature"
    wrong = stage.consent(terms_hash, ANNOUNCED - 1)
    signature = stage.street.sign(wrong, "anna")
    assert stage.refuses("anybody", name, wrong.as_tuple(), signature) == (
        "OtherTerms",
        {"given": terms_hash, "announced": terms_hash},
    )
    consent = stage.consent(terms_hash)
    for actor in ("bert", "registrar"):
        signature = stage.street.sign(consent, actor)
        assert stage.refuses("anybody", name, consent.as_tuple(), signature) == (
            "SuccessionConsentInvalid",
            {"owner": somebody("anna")},
        )

    # Withdrawn and announced again: the old consent serves no more.
    stage.send("registrar", "withdrawSuccession", 1)
    signature = stage.street.sign(consent, "anna")
    assert stage.refuses("anybody", name, consent.as_tuple(), signature) == (
        "NothingAnnounced",
        {"meterId": 1},
    )
    stage.at(ANNOUNCED + 1)
    stage.announce(stage.new("bert"))
    assert stage.refuses("anybody", name, consent.as_tuple(), signature)[0] == "OtherTerms"


def test_object__old_owner__buys_thirty_days_once(stage: SuccessionStage):
    stage.announce(stage.new("bert"))
    stage.at(ANNOUNCED + WEEK - 1)

    stage.send("anna", "objectToSuccession", 1)

    (event,) = stage.street.events("SuccessionObjected")
    opens = ANNOUNCED + WEEK - 1 + MONTH
    assert (event.meterId, event.owner, event.openFrom) == (1, somebody("anna"), opens)
    assert state(stage) == (opens, opens + MONTH, False, True)
    assert stage.refuses("anna", "objectToSuccession", 1) == ("AlreadyDecided", {"meterId": 1})

    stage.send("anna", "consentToSuccession", 1)
    assert state(stage)[0] == ANNOUNCED + DAY_SECONDS


def test_object__when_it_may_be_opened__reverts(stage: SuccessionStage):
    stage.announce(stage.new("bert"))
    opens = ANNOUNCED + WEEK
    stage.at(opens)

    assert stage.refuses("anna", "objectToSuccession", 1) == (
        "ObjectionTooLate",
        {"blockTimestamp": opens, "openFrom": opens},
    )


@pytest.mark.parametrize("function", ["consentToSuccession", "objectToSuccession"])
@pytest.mark.parametrize("actor", ["bert", "registrar", "anybody"])
def test_consent_and_object__not_the_old_owner__reverts(
    stage: SuccessionStage, function: str, actor: str
):
    stage.announce(stage.new("bert"))

    assert stage.refuses(actor, function, 1) == (
        "NotOldOwner",
        {"meterId": 1, "caller": somebody(actor)},
    )
    assert stage.refuses(actor, function, 2) == ("UnknownMeter", {"meterId": 2})
    assert stage.refuses("anna", function, 2) == ("UnknownMeter", {"meterId": 2})
