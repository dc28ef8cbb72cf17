"""The property I-46: what `energy_grid.replay` rebuilds from logs is the state of the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from energy_grid.abi import Event
from energy_grid.curves import Curve
from energy_grid.model.book import LOT_WH
from energy_grid.replay import Constants, Replay
from tests.invariants.chain import Request
from tests.invariants.machine_certificates import CertificateProperties
from tests.invariants.properties import checks
from tests.invariants.world import World

SLOTS_COMPARED = 200
EVERY = 4
"""Rebuilding reads all logs since the deployment: every fourth example does it."""


class ReplayProperties(CertificateProperties):
    """What an indexer sees."""

    examples = 0

    @checks("I-46")
    def i46_events_rebuild_the_state(self) -> int:
        """From the first block on, by logs alone; then compared view by view."""
        replay = rebuilt(self.world)
        found = differences_of_replay(self.world, replay)
        assert not found, "; ".join(found[:5])
        return replay.events_applied


def rebuilt(world: World) -> Replay:
    """All logs of the deployment, replayed."""
    contracts = world.chain.contracts
    addresses = {role: record.address for role, record in contracts.deployment.contracts.items()}
    # The tests hand out settlement tokens without a transfer.
    addresses.pop("SettlementToken")
    replay = Replay(addresses, Constants(world.model.ledger.treasury.address, LOT_WH))
    replay.apply_all(events_with_times(world))
    return replay


def events_with_times(world: World) -> list[tuple[Event, int]]:
    """Every event of every contract so far, with the time of its block."""
    contracts = world.chain.contracts
    logs = world.chain.rpc.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
    found = []
    for log in logs:
        found += [
            (event, int(log["blockTimestamp"], 16))
            for event in contracts.decode_logs({"logs": [log]})
        ]
    return found


def differences_of_replay(world: World, replay: Replay) -> list[str]:
    """Where the rebuilt state is not the chain's, in words."""
    questions: list[tuple[str, Request, Callable[[Any], Any], Any]] = []
    for ask in (_of_money, _of_market, _of_meters, _of_tokens, _of_votes, _of_roles):
        questions += ask(world, replay)
    answers = world.chain.ask([request for _, request, _, _ in questions])
    return [
        f"{what}: chain {view(answer)}, rebuilt {known}"
        for (what, _, view, known), answer in zip(questions, answers, strict=True)
        if view(answer) != known
    ]


Question = tuple[str, Request, Callable[[Any], Any], Any]
"""What, the view to ask, how to read its answer, what the replay says."""


def _plain(answer: Any) -> Any:
    return answer


def _of_money(world: World, replay: Replay) -> list[Question]:
    contract, known = world.settlement, replay.settlement
    questions: list[Question] = [
        ("tracked total", (contract, "trackedTotal", ()), _plain, known.tracked),
        ("clearing", (contract, "clearing", ()), _plain, known.clearing),
        ("number of accounts", (contract, "accountCount", ()), _plain, len(known.by_id)),
    ]
    for address, account in known.accounts.items():
        fields = (
            account.account_id, account.zone, account.settled_until, account.metered_from,
            account.metered_until, account.capacity_w, account.free, account.locked,
            account.security, account.arrears, account.metered, account.is_operator,
        )  # fmt: skip
        questions.append(
            (
                f"account {world.name_of(address)}",
                (contract, "accountState", (address,)),
                lambda s: (
                    s.accountId, s.zone, s.settledUntil, s.meteredFrom, s.meteredUntil,
                    s.capacityW, s.free, s.locked, s.security, s.arrears, s.metered, s.isOperator,
                ),
                fields,
            )
        )  # fmt: skip
        questions.append(
            (
                f"defaulted stretch of {world.name_of(address)}",
                (contract, "defaultedStretch", (address,)),
                lambda s: (s.fromSlot, s.assumedImportWh),
                (account.defaulted_from, account.assumed_import_wh),
            )
        )
    for number, zone in known.zones.items():
        questions.append(
            (
                f"zone {number}",
                (contract, "zoneState", (number,)),
                lambda s: (s.operator, s.bond, s.claims, s.claimCount),
                (zone.operator, zone.bond, zone.owed, len(zone.claims)),
            )
        )
        for position, claim in zone.claims.items():
            request = (contract, "claimAt", (number, position))
            questions.append((f"claim {position} of zone {number}", request, tuple, claim))
    return questions


def _of_market(world: World, replay: Replay) -> list[Question]:
    contract, known = world.trading, replay.trading
    questions: list[Question] = []
    places = {(product, account) for product, account, _ in known.orders}
    for product, account in places:
        records = [
            known.orders[product, account, index]
            for index in range(sum(key[:2] == (product, account) for key in known.orders))
        ]
        questions.append(
            (
                f"orders of account {account} in product {product}",
                (contract, "recordsOf", (account, product)),
                lambda views: [
                    (v.orderId, v.limitTick, v.openLots, v.filledLots, v.cancelledLots)
                    for v in views
                ],
                [
                    (r.order_id, r.limit_tick, r.open_lots, r.filled_lots, r.cancelled_lots)
                    for r in records
                ],
            )
        )
    for (account, product), curve in known.curves.items():
        steps = [(bool(s.side), s.limit_tick, s.lots) for s in Curve.unpack(curve.packed).steps]
        request = (contract, "curveOf", (account, product))
        where = f"of account {account} in product {product}"
        fields = (steps, curve.decided_at)
        questions.append((f"curve {where}", request, _steps_and_time, fields))
        if curve.claimed:
            fill = (curve.sells, curve.filled_lots) if curve.filled_lots else (False, 0)
            questions.append((f"fill {where}", request, _fill, fill))
    for product, lots in known.matched_lots.items():
        request = (contract, "matchedLots", (product,))
        questions.append((f"lots matched in {product}", request, _plain, lots))
    for product, price in known.prices.items():
        questions.append(
            (
                f"price of {product}",
                (contract, "auctionResult", (product,)),
                lambda v: (v.cleared, v.priceTick, v.boughtLots),
                (True, price[2], price[3]),
            )
        )
    for account_, delegate in known.delegates.items():
        request = (contract, "delegateOf", (account_,))
        questions.append((f"delegate of {account_}", request, _plain, delegate))
    for zone, region in known.regions.items():
        questions.append((f"region of {zone}", (contract, "regionOf", (zone,)), _plain, region))
    for zone, halt in known.halts.items():
        fields = (halt.scope, halt.from_slot, halt.to_slot, halt.expires_at)
        if halt.expires_at <= world.chain.now:  # the contract forgets those by itself
            fields = (0, 0, 0, 0)
        questions.append((f"halt of {zone}", (contract, "haltOf", (zone,)), tuple, fields))
    for account_, voided in known.voided_at.items():
        request = (contract, "voidedAt", (account_,))
        questions.append((f"voided by {account_}", request, _plain, voided))
    return questions


def _steps_and_time(view: Any) -> Any:
    return [(step.sell, step.limitTick, step.lots) for step in view.steps], view.signedAt


def _fill(view: Any) -> Any:
    return (view.filledSell, view.filledLots) if view.filledLots else (False, 0)


def _of_meters(world: World, replay: Replay) -> list[Question]:
    contract = world.meters
    questions: list[Question] = []
    for meter_id, meter in replay.meters.meters.items():
        latest = (meter_id, *meter.latest)
        request = (contract, "latestReading", (meter_id,))
        questions.append((f"latest reading of meter {meter_id}", request, tuple, latest))
        questions.append(
            (
                f"meter {meter_id}",
                (contract, "meterInfo", (meter_id,)),
                lambda v: (
                    v.deviceKey, v.owner, v.zone, v.kind, v.status, v.firstSlot,
                    v.registerWidthWh, v.skippedSequences,
                ),
                (
                    meter.device_key, meter.owner, meter.zone, meter.kind, meter.status,
                    meter.first_slot, meter.width_wh, meter.skipped_sequences,
                ),
            )
        )  # fmt: skip
        for slot, energy in list(meter.slots.items())[-SLOTS_COMPARED:]:
            request = (contract, "slotEnergy", (meter_id, slot))
            questions.append((f"slot {slot} of meter {meter_id}", request, tuple, energy))
    return questions


def _of_tokens(world: World, replay: Replay) -> list[Question]:
    contract, known = world.certificates, replay.certificates
    questions: list[Question] = [
        ("certificates", (contract, "totalSupply", ()), _plain, known.supply)
    ]
    for holder, balance in known.balances.items():
        request = (contract, "balanceOf", (holder,))
        questions.append((f"certificates of {world.name_of(holder)}", request, _plain, balance))
    return questions


def _of_votes(world: World, replay: Replay) -> list[Question]:
    contract, known = world.chain.contracts["GovernanceToken"], replay.governance
    questions: list[Question] = [("votes", (contract, "totalSupply", ()), _plain, known.supply)]
    for holder, balance in known.balances.items():
        request = (contract, "balanceOf", (holder,))
        questions.append((f"governance tokens of {holder}", request, _plain, balance))
    for delegate, votes in known.votes.items():
        request = (contract, "getVotes", (delegate,))
        questions.append((f"votes of {delegate}", request, _plain, votes))
    for holder, delegate in known.delegates.items():
        request = (contract, "delegates", (holder,))
        questions.append((f"delegate of {holder}", request, _plain, delegate))
    return questions


def _of_roles(world: World, replay: Replay) -> list[Question]:
    contract, known = world.chain.contracts.access_manager, replay.authority
    questions: list[Question] = []
    for role, members in known.members.items():
        for account in members:
            held = account in known.holders(role, world.chain.now)
            request = (contract, "hasRole", (role, account))
            questions.append((f"role {role} of {account}", request, lambda v: v[0], held))
    for (target, selector), role in known.functions.items():
        request = (contract, "getTargetFunctionRole", (target, selector))
        questions.append((f"role for {selector.hex()} of {target}", request, _plain, role))
    return questions
