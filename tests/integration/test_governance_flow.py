"""Governance end to end on a chain: the standard deployment, which nobody but its voters changes.

tariff
├── a slot settles at the old tariff; bounds are proposed, voted, queued, executed; the operator
│   sets a tariff within them with its notice; a slot settles at the new one
├── bounds beyond the hard bounds: told before anything is sent; if insisted, execution fails
└── steps out of turn: refused with what comes next
guardian
└── two of three owners freeze quotes through their Safe; the freeze ends by itself
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from energy_grid import eip712
from energy_grid.contracts import ContractCallError, Contracts
from energy_grid.deployment import LocalSigner
from energy_grid.eip712 import MeterKind, MeterReading, MeterRegistration
from energy_grid.governance import Call, GovernanceError, Proposal, ProposalState, Support
from energy_grid.governance.acting import Acting
from energy_grid.governance.steps import refusals
from energy_grid.safe import SafeAccount, SafeTransaction
from energy_grid.safe.sending import SafeSender
from energy_grid.safe.signatures import sign
from energy_grid.slots import slot_of
from energy_grid.units import MeterId, Slot, UnixSeconds, Watt, Wh, Zone
from tests.utils.anvil import Anvil
from tests.utils.deploying import deploy_on, send_as, test_account

HOUR = 3_600
COIN = 10**6
OPERATOR, PEOPLE, HOME, DEVICE = 1, (2, 3, 4), 5, 6
REGISTRAR = PEOPLE[-1]
OLD_RETAIL, NEW_RETAIL = 320_000, 450_000
NEW_BOUNDS = (400_000, 500_000, 0, 100_000)
USED_WH = 1_000


class Town:
    """The standard deployment, a home with a meter, and three holders of the governance token."""

    def __init__(self, anvil: Anvil, folder: Path) -> None:
        self.anvil, self.rpc, self.folder = anvil, anvil.rpc, folder
        deployment = deploy_on(anvil.rpc, folder, parameters="standard").deployment
        self.contracts = Contracts.load(deployment, anvil.rpc)
        self.acting = [Acting(self.contracts, LocalSigner(test_account(index))) for index in PEOPLE]
        self.home = str(test_account(HOME).address)
        self.imported_wh = 0
        self.sequence = 0

    @property
    def now(self) -> int:
        return self.rpc.timestamp()

    def wait(self, seconds: int) -> None:
        self.anvil.advance_to(self.now + seconds)

    def send(self, index, contract, function, *arguments):
        data = contract.encode(function, *arguments)
        send_as(self.rpc, str(test_account(index).address), contract.address, data)

    def move_in(self) -> None:
        contracts, device = self.contracts, test_account(DEVICE)
        registration = MeterRegistration(
            device_key=device.address,
            owner=self.home,
            zone=Zone(1),
            kind=MeterKind.CONNECTION,
            rated_import_w=Watt(20_000),
            rated_export_w=Watt(20_000),
            register_width_wh=Wh(10**9),
            first_slot=Slot(slot_of(self.now) + 1),
            import_wh=Wh(0),
            export_wh=Wh(0),
        )
        domain = eip712.domain(contracts.deployment.chain_id, contracts.smart_meter.address)
        consent = eip712.sign(registration, domain, bytes(device.key))
        arguments = (registration.as_tuple(), consent)
        self.send(REGISTRAR, contracts.smart_meter, "registerMeter", *arguments)
        money, settlement = contracts.settlement_token, contracts.settlement
        self.send(HOME, settlement, "enrol", self.home)
        self.send(HOME, money, "mint", self.home, 100 * COIN)
        self.send(HOME, money, "approve", settlement.address, 100 * COIN)
        self.send(HOME, settlement, "deposit", 100 * COIN)

    def read(self, slot: int, used_wh: int) -> None:
        """The meter's registers at the beginning of a slot, `used_wh` later than the last ones."""
        contracts = self.contracts
        self.imported_wh += used_wh
        self.sequence += 1
        reading = MeterReading(
            MeterId(1), self.sequence, UnixSeconds(slot * 900), Wh(self.imported_wh), Wh(0)
        )
        domain = eip712.domain(contracts.deployment.chain_id, contracts.smart_meter.address)
        signature = eip712.sign(reading, domain, bytes(test_account(DEVICE).key))
        arguments = (reading.as_tuple(), signature)
        self.send(OPERATOR, contracts.smart_meter, "submitSignedReading", *arguments)

    def price_paid(self, slot: int) -> int:
        """Use energy in a slot, settle it, and see what a kWh has cost."""
        settlement = self.contracts.settlement
        self.anvil.advance_to((slot + 2) * 900)
        self.read(slot, 0)
        self.settle_until(slot)
        before = settlement.call("accountState", self.home).free
        self.read(slot + 1, USED_WH)
        self.settle_until(slot + 1)
        paid = before - settlement.call("accountState", self.home).free
        assert paid * 1_000 % USED_WH == 0
        return paid * 1_000 // USED_WH

    def settle_until(self, slot: int) -> None:
        settlement = self.contracts.settlement
        while settlement.call("accountState", self.home).settledUntil < slot:
            before = settlement.call("accountState", self.home).settledUntil
            self.send(OPERATOR, settlement, "settle", self.home, slot)
            assert settlement.call("accountState", self.home).settledUntil > before

    def bounds(self, *given: int) -> Proposal:
        settlement = self.contracts.settlement
        call = Call(settlement.address, settlement.encode("setTariffBounds", given))
        return Proposal((call,), f"Tariffs within {given}")

    def carried(self, proposal: Proposal, *, although_refused: bool = False) -> int:
        """Propose, vote for it and queue it; the timelock lets it go at the end."""
        first, second, third = self.acting
        first.propose(proposal, although_refused=although_refused)
        self.wait(6 * HOUR + 1)
        first.vote(proposal.id, Support.FOR)
        second.vote(proposal.id, Support.FOR, "cheaper imports")
        third.vote(proposal.id, Support.AGAINST)
        self.wait(36 * HOUR)
        standing = second.queue(proposal.id)
        assert standing.state is ProposalState.QUEUED
        self.wait(24 * HOUR + 1)
        return proposal.id


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    with Anvil() as anvil:
        town = Town(anvil, tmp_path_factory.mktemp("town"))
        for index, acting in zip(PEOPLE, town.acting, strict=True):
            acting.delegate(str(test_account(index).address))
        town.wait(1)
        yield town


@pytest.fixture(autouse=True)
def _as_before(town):
    snapshot = town.anvil.snapshot()
    yield
    town.anvil.revert(snapshot)
    town.imported_wh = town.sequence = 0


def test_tariff__bounds_decided_and_tariff_set__the_next_settlement_uses_it(town):
    settlement = town.contracts.settlement
    town.move_in()
    slot = slot_of(town.now) + 2
    assert town.price_paid(slot) == OLD_RETAIL

    done = town.acting[2].execute(town.carried(town.bounds(*NEW_BOUNDS)))

    assert done.state is ProposalState.EXECUTED
    assert tuple(settlement.call("tariffBounds")) == NEW_BOUNDS
    from_slot = slot_of(town.now) + 193
    arguments = (1, from_slot, NEW_RETAIL, 80_000)
    with pytest.raises(ContractCallError) as refused:
        too_dear = (1, from_slot, NEW_BOUNDS[1] + 1_000, 80_000)
        settlement.call("setTariff", *too_dear, sender=str(test_account(OPERATOR).address))
    assert refused.value.reason.name == "TariffOutOfBounds"
    assert dict(refused.value.reason.arguments) == {
        "given": NEW_BOUNDS[1] + 1_000,
        "lowest": NEW_BOUNDS[0],
        "highest": NEW_BOUNDS[1],
    }
    town.send(OPERATOR, settlement, "setTariff", *arguments)
    assert town.price_paid(from_slot - 2) == OLD_RETAIL
    assert town.price_paid(from_slot + 1) == NEW_RETAIL


def test_tariff__bounds_beyond_the_hard_bounds__told_before_and_refused_at_execution(town):
    before = tuple(town.contracts.settlement.call("tariffBounds"))
    proposal = town.bounds(400_000, 2**48, 0, 100_000)
    nonce = town.rpc.nonce(str(test_account(PEOPLE[0]).address))

    with pytest.raises(
        GovernanceError, match="would refuse what is proposed: found call 1: InvalidTariffBounds"
    ):
        town.acting[0].propose(proposal)
    assert town.rpc.nonce(str(test_account(PEOPLE[0]).address)) == nonce, "nothing was sent"

    proposal_id = town.carried(proposal, although_refused=True)
    with pytest.raises(
        GovernanceError, match=r"GridGovernor\.execute would fail: found InvalidTariffBounds"
    ):
        town.acting[0].execute(proposal_id)
    assert tuple(town.contracts.settlement.call("tariffBounds")) == before


def test_tariff__nobody_but_the_timelock__changes_the_bounds(town):
    settlement = town.contracts.settlement
    proposal = town.bounds(*NEW_BOUNDS)
    deployer = str(test_account(0).address)
    for sender in (deployer, town.contracts.governor.address, town.contracts.guardian.address):
        with pytest.raises(ContractCallError) as refused:
            settlement.call("setTariffBounds", NEW_BOUNDS, sender=sender)
        assert refused.value.reason.name == "AccessManagedUnauthorized"
    assert refusals(town.contracts, proposal) == [None]


def test_steps__out_of_turn__refused_with_what_comes_next(town):
    first, second, _ = town.acting
    proposal = town.bounds(*NEW_BOUNDS)
    stranger = Acting(town.contracts, LocalSigner(test_account(7)))

    with pytest.raises(GovernanceError, match="too few votes to propose"):
        stranger.propose(proposal)
    first.propose(proposal)
    with pytest.raises(GovernanceError, match=r"found PENDING\. Next: vote from"):
        second.vote(proposal.id, Support.FOR)
    assert first.cancel(proposal.id).state is ProposalState.CANCELED
    with pytest.raises(GovernanceError, match="propose it anew with another description"):
        first.queue(proposal.id)
    with pytest.raises(GovernanceError, match="the governor has no proposal 7"):
        first.queue(7)

    again = Proposal(proposal.calls, "Tariffs within bounds, once more")
    first.propose(again)
    town.wait(6 * HOUR + 1)
    first.vote(again.id, Support.FOR)
    town.wait(36 * HOUR)
    queued = second.queue(again.id)
    with pytest.raises(GovernanceError, match="the timelock still holds this proposal"):
        second.execute(again.id)
    waiting = town.contracts.timelock.call(
        "isOperationPending", again.operation(town.contracts.governor.address)
    )
    assert (waiting, queued.executable_from) == (True, town.now + 24 * HOUR)


def test_guardian__two_of_three_owners_freeze_quotes__ends_by_itself(town):
    contracts, rpc = town.contracts, town.rpc
    prices, guardian = contracts.price_oracle, contracts.guardian
    safe = SafeAccount(contracts.deployment.address_of("GuardianSafe"), rpc)
    until = town.now + 71 * HOUR
    freeze = SafeTransaction(guardian.address, guardian.encode("freezeQuotes", 1, until), 0)
    digest = safe.state().hash_of(freeze)
    signatures = [sign(digest, bytes(test_account(index).key)) for index in PEOPLE[:2]]
    sender = SafeSender(rpc, LocalSigner(test_account(7)))

    sender.execute(safe, freeze, signatures)

    assert prices.call("pricingOf", 1).frozenUntil == until
    with pytest.raises(ContractCallError) as refused:
        prices.call("quote", 1)
    assert refused.value.reason.name == "QuotingFrozen"
    with pytest.raises(ContractCallError) as refused:
        guardian.call("freezeQuotes", 1, until + 2 * HOUR, sender=safe.address)
    assert refused.value.reason.name == "RateLimited"
    town.anvil.advance_to(until + 1)
    assert prices.call("quote", 1) is not None
    assert prices.call("pricingOf", 1).frozenUntil <= town.now


def test_script__proposal_and_status__as_people_read_them(anvil, tmp_path):
    chain = anvil(chain_id=31415)
    deployment = deploy_on(chain.rpc, tmp_path, parameters="standard").deployment
    contracts = Contracts.load(deployment, chain.rpc)
    call = "Settlement.setTariffBounds([400000, 500000, 0, 100000])"
    ape = str(Path(sys.executable).with_name("ape"))
    place = ("--network", "ethereum:devnet:node", "--deployments", str(tmp_path))

    def run(*arguments):
        return subprocess.run(
            [ape, "run", "governance", *arguments, *place, "--json"],
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "ENERGY_GRID_DEVNET_URI": chain.url, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    Acting(contracts, LocalSigner(test_account(2))).delegate(str(test_account(2).address))
    chain.advance_to(chain.rpc.timestamp() + 1)

    made = run("propose", "--account", "TEST::2", "--description", "Tariffs", call)
    assert made.returncode == 0, made.stdout + made.stderr
    proposal = json.loads(made.stdout)
    assert proposal["state"] == "PENDING"
    assert proposal["calls"] == ["Settlement.setTariffBounds(_0=[400000, 500000, 0, 100000])"]
    shown = run("status", proposal["id"])
    assert json.loads(shown.stdout) == proposal
