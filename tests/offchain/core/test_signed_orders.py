"""Signed auction orders: digest against an independent encoder, signature, packed batch."""

from __future__ import annotations

import dataclasses

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from energy_grid import eip712, signed_orders
from energy_grid.curves import Curve, MarketUnits, Step
from energy_grid.errors import InvalidValueError
from energy_grid.products import Period, Product
from energy_grid.signed_orders import AuctionOrder, SignedOrder, pack_batch, unpack_batch
from tests.offchain.core.test_curves import curves

KEY = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
SIGNER = Account.from_key(KEY).address
MARKET = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DOMAIN = signed_orders.domain(31337, MARKET)
UNITS = MarketUnits(lot_wh=5, tick_size=2_000)
HOUR = Product.auction(7, Period.HOUR, 1_920_000)
CURVE = Curve(HOUR, (Step.buy(3, 20), Step.sell(7, 30)))
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

times = st.integers(0, 2**40 - 1)


def independent_digest(order: AuctionOrder, chain_id=31337, market=MARKET):
    encoded = encode_typed_data(
        domain_data={
            "name": "energy-grid EnergyTrading",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": market,
        },
        message_types={
            "AuctionOrder": [
                {"type": "uint16", "name": "zone"},
                {"type": "uint8", "name": "period"},
                {"type": "uint32", "name": "startSlot"},
                {"type": "uint40", "name": "signedAt"},
                {"type": "AuctionStep[]", "name": "steps"},
            ],
            "AuctionStep": [
                {"type": "bool", "name": "sell"},
                {"type": "uint256", "name": "energyWh"},
                {"type": "uint256", "name": "pricePerKWh"},
            ],
        },
        message_data={
            "zone": order.zone,
            "period": int(order.period),
            "startSlot": order.start_slot,
            "signedAt": order.signed_at,
            "steps": [
                {
                    "sell": step.sell,
                    "energyWh": step.energy_wh,
                    "pricePerKWh": step.price_per_kwh,
                }
                for step in order.steps
            ],
        },
    )
    return _hash_eip191_message(encoded)


def signed(curve=CURVE, signed_at=1_700_000_000, key=KEY):
    return SignedOrder.sign(curve, signed_at, units=UNITS, domain_separator=DOMAIN, private_key=key)


@given(curves(HOUR), times)
def test_digest__equals_the_independent_one(curve, signed_at):
    order = AuctionOrder.of(curve, signed_at, UNITS)

    assert eip712.digest(order, DOMAIN) == independent_digest(order)


def test_type__as_specified():
    assert signed_orders.ORDER_TYPE == (
        "AuctionOrder(uint16 zone,uint8 period,uint32 startSlot,uint40 signedAt,"
        "AuctionStep[] steps)AuctionStep(bool sell,uint256 energyWh,uint256 pricePerKWh)"
    )


@given(curves(HOUR), times)
def test_order__readable_form__comes_back(curve, signed_at):
    order = AuctionOrder.of(curve, signed_at, UNITS)

    assert order.curve(UNITS) == curve
    assert order.product == curve.product


def test_order__of_the_hour__shows_energy_over_the_whole_hour():
    order = AuctionOrder.of(CURVE, 1, UNITS)

    assert [(step.sell, step.energy_wh, step.price_per_kwh) for step in order.steps] == [
        (False, 20 * 5 * 4, 6_000),
        (True, 30 * 5 * 4, 14_000),
    ]


@given(curves(HOUR), times)
def test_sign__recovered_by_us_and_by_eth_account(curve, signed_at):
    order = signed(curve, signed_at)

    assert order.signer(UNITS, DOMAIN) == SIGNER
    message = AuctionOrder.of(curve, signed_at, UNITS)
    other = Account._recover_hash(
        independent_digest(message), signature=signed_orders.expanded(order.signature)
    )
    assert other == SIGNER


@pytest.mark.parametrize(
    "domain",
    [
        signed_orders.domain(1, MARKET),
        signed_orders.domain(31337, SIGNER),
        eip712.domain(31337, MARKET),
    ],
)
def test_signer__other_chain_market_or_contract__somebody_else(domain):
    assert signed().signer(UNITS, domain) != SIGNER


@pytest.mark.parametrize(
    "changes",
    [
        {"signed_at": 1_700_000_001},
        {"curve": Curve(HOUR, (Step.buy(3, 20), Step.sell(7, 31)))},
        {"curve": Curve(HOUR, (Step.buy(2, 20), Step.sell(7, 30)))},
        {"curve": Curve(HOUR.in_zone(8), CURVE.steps)},
        {"curve": Curve(HOUR)},
    ],
)
def test_signer__anything_altered__somebody_else(changes):
    assert dataclasses.replace(signed(), **changes).signer(UNITS, DOMAIN) != SIGNER


def test_compact__both_parities__expand_again():
    parities = set()
    for signed_at in range(20):
        full = eip712.sign(AuctionOrder.of(CURVE, signed_at, UNITS), DOMAIN, KEY)
        packed = signed_orders.compact(full)
        parities.add(packed[32] >> 7)
        assert signed_orders.expanded(packed) == full
    assert parities == {0, 1}


def test_compact__high_s_or_malformed__refused():
    full = eip712.sign(AuctionOrder.of(CURVE, 1, UNITS), DOMAIN, KEY)
    s = int.from_bytes(full[32:64], "big")
    high = full[:32] + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([55 - full[64]])

    with pytest.raises(InvalidValueError, match="high s"):
        signed_orders.compact(high)
    for malformed in (full[:64], full[:64] + b"\x00"):
        with pytest.raises(InvalidValueError, match="malformed"):
            signed_orders.compact(malformed)


@given(
    st.lists(
        st.builds(SignedOrder, curves(HOUR), times, st.binary(min_size=64, max_size=64)),
        max_size=5,
    )
)
def test_batch__packed__comes_back(orders):
    data = pack_batch(orders)

    assert unpack_batch(data) == orders
    assert len(data) == sum(77 + 5 * len(order.curve.steps) for order in orders)


def test_item__bytes__as_specified():
    order = signed(signed_at=0x0102030405)

    item = order.pack()

    assert item[:64] == order.signature
    assert item[64:69] == bytes([1, 2, 3, 4, 5])
    assert item[69:76] == HOUR.id.to_bytes(7, "big")
    assert item[76] == 2
    assert item[77:82] == (3 << 28 | 20).to_bytes(5, "big")
    assert item[82:] == (1 << 38 | 7 << 28 | 30).to_bytes(5, "big")


@pytest.mark.parametrize("cut", [1, 5, 76, 86])
def test_unpack_batch__cut_off__refused(cut):
    with pytest.raises(InvalidValueError):
        unpack_batch(signed().pack()[:-cut])


def test_unpack_batch__five_steps__refused():
    item = bytearray(signed().pack() + bytes(15))
    item[76] = 5

    with pytest.raises(InvalidValueError, match="too many steps"):
        unpack_batch(bytes(item))


@pytest.mark.parametrize(("signature", "signed_at"), [(b"", 1), (bytes(64), 2**40)])
def test_signed_order__malformed__refused(signature, signed_at):
    with pytest.raises(InvalidValueError):
        SignedOrder(CURVE, signed_at, signature)


@given(
    st.lists(
        st.builds(signed_orders.PlacedOrder, st.integers(1, 2**24 - 1), times, curves(HOUR)),
        max_size=4,
    )
)
def test_unpack_placed__entries_of_the_event__come_back(placed):
    data = b"".join(
        one.account_id.to_bytes(3, "big")
        + one.signed_at.to_bytes(5, "big")
        + one.curve.pack().to_bytes(27, "big")
        for one in placed
    )

    assert signed_orders.unpack_placed(data) == placed


def test_unpack_placed__cut_off__refused():
    with pytest.raises(InvalidValueError, match="cut off"):
        signed_orders.unpack_placed(bytes(36))
