"""Typed data of signed orders: what the contract hashes, recovers and reads from a batch.

digest
├── of any curve, units and product: that of the Python module, whatever stands in memory
└── through the market: signedOrderDigest, eip712Domain
signer
├── both parities: the account
├── s in the upper half, or r out of range: nobody
└── another digest: somebody else
read
├── an item: its fields, and where the next one begins
└── too short, too many steps, a step above 39 bits: BatchMalformed
"""

from __future__ import annotations

import ape
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energy_grid import eip712, signed_orders
from energy_grid.curves import Curve, MarketUnits, Step
from energy_grid.products import Period, Product
from energy_grid.signed_orders import AuctionOrder, SignedOrder, pack_batch
from tests.offchain.core.test_curves import curves
from tests.unit.signed_orders.relay import with_high_s

on_chain = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
KEY = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
SIGNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
HOUR = Product.auction(7, Period.HOUR, 1_920_000)
CURVE = Curve(HOUR, (Step.buy(3, 20), Step.sell(7, 30)))
LARGEST = 2**64 - 1

products = st.builds(
    lambda zone, period, number: Product.auction(zone, period, 384 + number * period.slots),
    st.integers(1, 2**16 - 1),
    st.sampled_from(Period),
    st.integers(0, 5_000),
)
units = st.builds(
    MarketUnits,
    st.integers(1, LARGEST),
    st.integers(1, LARGEST // 1_000).map(lambda thousands: thousands * 1_000),
)


@pytest.fixture(scope="session")
def harness(project, accounts):
    return accounts[0].deploy(project.OrderTypedDataHarness)


@pytest.fixture(scope="session")
def domain(harness, chain):
    return signed_orders.domain(chain.chain_id, harness.address)


def packed(curve, signed_at):
    return signed_at << 216 | len(curve.steps) << 212 | curve.pack()


def signed(curve=CURVE, signed_at=5):
    return SignedOrder.sign(
        curve,
        signed_at,
        units=MarketUnits(),
        domain_separator=signed_orders.domain(1, SIGNER),
        private_key=KEY,
    )


def test_domain_separator__that_of_python(harness, domain):
    assert harness.domainSeparator() == domain


@on_chain
@given(products.flatmap(curves), st.integers(0, 2**40 - 1), units)
def test_digest__any_order_and_units__that_of_python(harness, domain, curve, signed_at, units):
    order = AuctionOrder.of(curve, signed_at, units)

    found = harness.digest(packed(curve, signed_at), units.lot_wh, units.tick_size)

    assert found == eip712.digest(order, domain)


def test_signed_order_digest__market__that_of_python(market, desk, product):
    curve = Curve(product, (Step.buy(30, 20), Step.buy(31, 10), Step.sell(70, 30)))
    for given_curve in (curve, Curve(product)):
        order = AuctionOrder.of(given_curve, 77, MarketUnits())
        assert market.signedOrderDigest(given_curve.pack(), 77) == eip712.digest(order, desk.domain)


def test_eip712_domain__market__describes_what_is_signed(market, chain):
    described = market.eip712Domain()

    assert (described.fields, described.name, described.version) == (
        b"\x0f",
        signed_orders.DOMAIN_NAME,
        "1",
    )
    assert (described.chainId, described.verifyingContract) == (chain.chain_id, market.address)
    assert (described.salt, described.extensions) == (b"\0" * 32, [])


def test_signer__both_parities__the_account(harness):
    parities = set()
    for signed_at in range(12):
        order = signed(signed_at=signed_at)
        digest = eip712.digest(
            AuctionOrder.of(CURVE, signed_at, MarketUnits()), signed_orders.domain(1, SIGNER)
        )
        parities.add(order.signature[32] >> 7)
        assert harness.signer(digest, order.signature[:32], order.signature[32:]) == SIGNER
    assert parities == {0, 1}


def test_signer__high_s_or_r_out_of_range__nobody(harness):
    order = signed()
    digest = eip712.digest(
        AuctionOrder.of(CURVE, 5, MarketUnits()), signed_orders.domain(1, SIGNER)
    )
    high = with_high_s(order).signature
    nobody = "0x" + "00" * 20

    highest_allowed = (int.from_bytes(high[32:], "big") - 1).to_bytes(32, "big")

    assert harness.signer(digest, high[:32], high[32:]) == nobody
    assert harness.signer(digest, high[:32], highest_allowed) not in (nobody, SIGNER)
    for r in (b"\0" * 32, b"\xff" * 32):
        assert harness.signer(digest, r, order.signature[32:]) == nobody


def test_read__items_of_all_lengths__fields_and_next(harness):
    steps = (Step.buy(3, 10), Step.buy(4, 2**28 - 1), Step.sell(7, 30), Step.sell(1023, 11))
    items = [signed(Curve(HOUR, steps[:count]), 2**40 - 1 - count) for count in range(5)]
    data = pack_batch(items)
    offset = 0
    for item in items:
        found = harness.read(data, offset)

        assert found.signedAt == item.signed_at
        assert found.productId == item.curve.product.id
        assert found.count == len(item.curve.steps)
        assert found.steps == item.curve.packed_steps
        assert found.r + found.vs == item.signature
        offset += 77 + 5 * len(item.curve.steps)
        assert found.next == offset
    assert offset == len(data)


def test_read__cut_off_anywhere__batch_malformed(harness):
    data = pack_batch([signed(), signed()])
    length = len(data) // 2
    for cut in (length + 1, length + 64, length + 76, length + 77, 2 * length - 1):
        with ape.reverts(harness.BatchMalformed, offset=length, length=cut):
            harness.read(data[:cut], length)


def test_read__five_steps_or_step_above_39_bits__batch_malformed(harness):
    item = signed().pack()
    five = item[:76] + b"\x05" + item[77:] + b"\0" * 15
    too_large = item[:77] + bytes([item[77] | 0x80]) + item[78:]
    for data in (five, too_large):
        with ape.reverts(harness.BatchMalformed, offset=0, length=len(data)):
            harness.read(data, 0)
