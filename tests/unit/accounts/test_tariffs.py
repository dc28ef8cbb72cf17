"""Tariffs set by the operator within what governance allows

├── each within its bounds, two days ahead; several may wait; the settlement of a slot uses its own
├── announcing again for the same slot replaces what waits there, never anything before it
└── bounds that become narrower hold for what is set from then on; what was announced stays
"""

from __future__ import annotations

import pytest

from tests.unit.accounts.stage import (
    BOUNDS,
    FEED_IN,
    MONEY,
    RETAIL,
    SECURITY,
    ZONE,
    AccountStage,
    address_of,
)
from tests.utils.revm import Refused

NOTICE_SLOTS = 192


def set_tariff(stage: AccountStage, slot: int, retail: int, feed_in: int = FEED_IN) -> None:
    """The operator of the zone announces."""
    stage.do("operator 1", "setTariff", ZONE, slot, retail, feed_in)


def short_price(stage: AccountStage, slot: int) -> int:
    """What a missing kWh costs in a slot."""
    price: int = stage.ask("imbalancePrices", ZONE, slot)[0]
    return price


def test_set_tariff__several_wait__each_slot_settles_at_its_own(stage: AccountStage):
    first = stage.slot + NOTICE_SLOTS
    for number, retail in enumerate((400_000, 250_000, 500_000)):
        set_tariff(stage, first + number, retail)
    stage.after((NOTICE_SLOTS - 1) * 900)
    stage.member("anna", "meter")

    for _ in range(5):
        stage.read("meter", 1_000, 0)
    stage.do("anybody", "settle", address_of("anna"), stage.slot)

    paid = RETAIL + 400_000 + 250_000 + 500_000 + 500_000
    assert stage.account("anna").free == MONEY - SECURITY - paid


def test_set_tariff__same_slot_again__replaces_what_waits(stage: AccountStage):
    first = stage.slot + NOTICE_SLOTS
    set_tariff(stage, first, 400_000)
    set_tariff(stage, first, 300_000)

    assert [short_price(stage, first + k) for k in (-1, 0, 1)] == [RETAIL, 300_000, 300_000]
    with pytest.raises(Refused, match="TariffOutOfOrder") as error:
        stage.after(-900)
        set_tariff(stage, first - 1, 300_000)
    assert error.value.arguments == {"given": first - 1, "latest": first}


def test_set_tariff__a_slot_too_soon__is_refused(stage: AccountStage):
    slot = stage.slot + NOTICE_SLOTS - 1

    with pytest.raises(Refused, match="TariffNoticeTooShort") as error:
        set_tariff(stage, slot, 400_000)

    assert error.value.arguments == {"given": slot, "allowed": slot + 1}


def test_set_tariff_bounds__narrower_than_what_is_set__hold_from_the_next_tariff_on(
    stage: AccountStage,
):
    """Members rely on what was announced; governance cannot change prices behind their backs."""
    first = stage.slot + NOTICE_SLOTS
    set_tariff(stage, first, 800_000)
    narrow = (100_000, 300_000, 0, 50_000)

    stage.do("governor", "setTariffBounds", narrow)

    assert tuple(stage.ask("tariffBounds")) == narrow
    assert short_price(stage, stage.slot) == RETAIL
    assert short_price(stage, first) == 800_000
    for retail, feed_in, given, lowest, highest in (
        (310_000, 50_000, 310_000, 100_000, 300_000),
        (300_000, 51_000, 51_000, 0, 50_000),
    ):
        with pytest.raises(Refused, match="TariffOutOfBounds") as error:
            set_tariff(stage, first, retail, feed_in)
        assert error.value.arguments == {"given": given, "lowest": lowest, "highest": highest}
    set_tariff(stage, first, 300_000, 50_000)
    assert short_price(stage, first) == 300_000


@pytest.mark.parametrize("actor", ["operator 2", "governor", "stranger"])
def test_set_tariff__not_the_operator_of_the_zone__is_refused(stage: AccountStage, actor: str):
    with pytest.raises(Refused, match="NotTheOperator") as error:
        stage.do(actor, "setTariff", ZONE, stage.slot + NOTICE_SLOTS, RETAIL, FEED_IN)

    assert error.value.arguments == {"caller": address_of(actor), "zone": ZONE}


def test_set_tariff_bounds__not_the_governor__is_unauthorised(stage: AccountStage):
    with pytest.raises(Refused, match="AccessManagedUnauthorized"):
        stage.do("operator 1", "setTariffBounds", BOUNDS)
