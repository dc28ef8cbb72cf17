"""Calls into code of others: the settlement token, and an owner that is a contract."""

from __future__ import annotations

import pytest

from energy_grid.successions import SuccessionConsent
from energy_grid.units import MeterId, UnixSeconds
from tests.unit.accounts.stage import DAY_SECONDS, MONEY, SECURITY, START, AccountStage, address_of

FREE = MONEY - SECURITY


@pytest.mark.parametrize("function", ["takeRecovered", "withdrawAll", "deposit", "cancelRecovery"])
def test_take_recovered__token_reenters__is_paid_once(function: str) -> None:
    """The recipient is the token itself, so what it calls back it may call."""
    stage = AccountStage(("MockReentrantToken", 6))
    stage.member("anna", "meter")
    stage.do("anna", "nameRecoveryHelper", address_of("safe"))
    recipient = stage.token.address
    stage.do("safe", "requestRecovery", address_of("anna"), recipient)
    stage.after(7 * DAY_SECONDS)
    encode, settlement = stage.settlement.abi.encode, stage.settlement.address
    arguments = {
        "takeRecovered": (address_of("anna"),),
        "withdrawAll": (recipient,),
        "deposit": (1,),
        "cancelRecovery": (),
    }[function]
    stage.token.send(address_of("x"), "arm", settlement, encode(function, *arguments))

    outer = encode("takeRecovered", address_of("anna"))
    stage.token.send(address_of("x"), "act", settlement, outer)

    (reentered,) = stage.token.events("Reentered")
    error = stage.settlement.abi.decode_error(bytes(reentered.answer))
    assert not reentered.success
    assert error is not None
    expected = (
        "NothingRequested" if function == "cancelRecovery" else "ReentrancyGuardReentrantCall"
    )
    assert error.name == expected
    assert stage.token.ask("balanceOf", recipient) == FREE
    assert stage.account("anna").free == 0
    stage.check_conservation()


def test_consent__reentering_owner__cannot_write_and_consents_once(stage: AccountStage) -> None:
    """ERC-1271 is asked by a static call: the wallet says yes only if every call failed."""
    wallet = stage.chain.deploy("MockReentrantWallet")
    stage.register("meter", wallet.address)
    stage.announce("meter", "reader", "bert")
    meter_id = stage.devices["meter"][0]
    encode, meters = stage.meters.abi.encode, stage.meters.address
    calls = [encode(name, meter_id) for name in ("consentToSuccession", "objectToSuccession")]
    wallet.send(address_of("x"), "arm", [meters] * 2, calls)
    terms_hash = stage.meters.ask("successionOf", meter_id).termsHash
    consent = SuccessionConsent(MeterId(meter_id), terms_hash, UnixSeconds(START))

    stage.meters.send(
        address_of("x"), "consentToSuccessionWithSignature", consent.as_tuple(), b"any"
    )

    state = stage.meters.ask("successionOf", meter_id)
    assert (state.consented, state.objected) == (True, False)
    assert state.openFrom == START + DAY_SECONDS
