"""The meter's messages have the same digest in Python and in the contract."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energy_grid import eip712
from energy_grid.eip712 import MeterDay, MeterKind, MeterReading, MeterRegistration
from tests.utils.deploying import contracts_on

uint = {bits: st.integers(0, 2**bits - 1) for bits in (16, 32, 40, 64)}
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
readings = st.builds(
    MeterReading, uint[32], uint[32], uint[40], uint[64], uint[64], uint[32], uint[32]
)
days = st.builds(
    MeterDay,
    meter_id=uint[32],
    first_sequence=uint[32],
    day_start=uint[40],
    import_wh=uint[64],
    export_wh=uint[64],
    words=st.lists(st.binary(min_size=32, max_size=32), max_size=24).map(tuple),
    frequency_millihz=uint[32],
    voltage_millivolts=uint[32],
)
registrations = st.builds(
    MeterRegistration,
    addresses,
    addresses,
    uint[16],
    st.sampled_from(MeterKind),
    uint[32],
    uint[32],
    uint[64],
    uint[32],
    uint[64],
    uint[64],
)
on_chain = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def smart_meter(anvil, tmp_path_factory):
    chain = anvil()
    return contracts_on(chain.rpc, tmp_path_factory.mktemp("deployments")).smart_meter


@pytest.fixture(scope="module")
def domain(smart_meter):
    return eip712.domain(31337, smart_meter.address)


@on_chain
@given(readings)
def test_reading_digest__python__equals_contract(smart_meter, domain, reading):
    assert smart_meter.call("readingDigest", reading) == eip712.digest(reading, domain)


@on_chain
@given(days)
def test_day_digest__python__equals_contract(smart_meter, domain, day):
    assert smart_meter.call("dayDigest", day) == eip712.digest(day, domain)


@on_chain
@given(registrations)
def test_registration_digest__python__equals_contract(smart_meter, domain, registration):
    found = smart_meter.call("registrationDigest", registration)

    assert found == eip712.digest(registration, domain)


def test_domain__as_the_contract_describes_itself(smart_meter):
    described = smart_meter.call("eip712Domain")

    assert (described.name, described.version) == (eip712.DOMAIN_NAME, eip712.DOMAIN_VERSION)
    assert (described.chainId, described.verifyingContract) == (31337, smart_meter.address)
