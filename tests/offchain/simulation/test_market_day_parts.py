"""The market day's parts without a chain: meters, audit, report, error messages, exit code."""

from __future__ import annotations

import dataclasses
import json
import socket
from datetime import date
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from eth_account import Account
from rich.console import Console

from energy_grid import eip712
from energy_grid.eip712 import MeterKind
from energy_grid.products import Period, Product
from scripts import market_day
from simulation.market_day import anvil, audit
from simulation.market_day.auctions import AuctionFacts
from simulation.market_day.engine import EngineProcess
from simulation.market_day.errors import AnvilError, EngineProcessError
from simulation.market_day.facts import ChainFacts, MeterFacts, Trade
from simulation.market_day.fleet import build_fleet
from simulation.market_day.gas import GasUse
from simulation.market_day.keys import DayKeys, key_of, write_keystore
from simulation.market_day.market_report import AuctionReport, HourPrices, LineReport
from simulation.market_day.options import Options
from simulation.market_day.picture import draw_day
from simulation.market_day.report import DayReport, HourLine, MemberLine, Tariff
from simulation.market_day.residuals import Kind, Residual, total
from simulation.market_day.tables import print_report
from simulation.market_day.treasury import Withdrawal

SLOTS = range(1_629_408, 1_629_408 + 96)
BUYER, SELLER, OPERATOR, POOL = "0xB", "0xS", "0xO", "0xC"


# --- Keys and meters ------------------------------------------------------------------------------


def test_keys__seed__fixes_all_and_no_two_are_equal():
    keys = DayKeys.derive(3, 5)
    assert keys == DayKeys.derive(3, 5)
    addresses = [account.address for account in keys.everybody()]
    assert len(set(addresses)) == len(addresses) == 11
    assert addresses[0] != DayKeys.derive(4, 5).governor.address


def test_write_keystore__opens_with_its_password_only(tmp_path):
    account = key_of(1, "meter", 7)
    file = tmp_path / "key.json"
    write_keystore(account, "right", file)
    content = json.loads(file.read_text())
    assert bytes(Account.decrypt(content, "right")) == bytes(account.key)
    with pytest.raises(ValueError, match="MAC mismatch"):
        Account.decrypt(content, "wrong")
    assert file.stat().st_mode & 0o077 == 0


def test_fleet__storage_home__has_a_production_meter_and_devices_sign_their_registration(
    summer_day,
):
    keys = DayKeys.derive(1, len(summer_day.homes))
    fleet = build_fleet(summer_day, keys.members, 1)
    storage = sum(bool(home.battery_wh) for home in summer_day.homes)
    assert len(fleet) == len(summer_day.homes) + storage
    assert sum(meter.kind is MeterKind.PRODUCTION for meter in fleet) == storage
    assert [meter.meter_id for meter in fleet] == list(range(1, len(fleet) + 1))
    assert len({meter.registration.device_key for meter in fleet}) == len(fleet)
    for meter in fleet:
        assert meter.registration.zone == summer_day.zones.zone_of(meter.home)
    assert sum(meter.dialect == "luxembourg_encrypted" for meter in fleet) >= 3
    domain = eip712.domain(31_337, "0x" + "11" * 20)
    for meter in fleet:
        signature = eip712.sign(meter.registration, domain, bytes(meter.device.key))
        assert eip712.recover(meter.registration, domain, signature) == meter.device.address


def test_fleet__connection_and_production__print_what_the_home_did(summer_day):
    keys = DayKeys.derive(1, len(summer_day.homes))
    fleet = build_fleet(summer_day, keys.members, 1)
    by_number = {energies.home.number: energies for energies in summer_day.energies}
    for meter in fleet:
        start = meter.virtual.registers.at(SLOTS.start * 900)
        end = meter.virtual.registers.at(SLOTS.stop * 900)
        energies = by_number[meter.home.number]
        exported = end.total_export_wh - start.total_export_wh
        if meter.kind is MeterKind.PRODUCTION:
            assert exported == energies.production_wh.sum()
            assert end.total_import_wh == start.total_import_wh
        else:
            assert exported == energies.export_wh.sum()
            assert end.total_import_wh - start.total_import_wh == energies.import_wh.sum()
        assert (start.total_import_wh, start.total_export_wh) == (
            meter.registration.import_wh,
            meter.registration.export_wh,
        )


# --- Audit ----------------------------------------------------------------------------------------


def _slot(account, slot, *, bought=0, sold=0, imported=0, exported=0, cost=0, proceeds=0, minted=0):
    return SimpleNamespace(
        account=account,
        slot=slot,
        basis=1,
        boughtWh=bought,
        soldWh=sold,
        importWh=imported,
        exportWh=exported,
        cost=cost,
        proceeds=proceeds,
        networkFee=4 if bought else 0,
        tradingFee=1 if bought else 0,
        imbalance=0,
        unlocked=0,
        mintedWh=minted,
        givenWh=minted,
    )


def _state(free, *, operator=False):
    return SimpleNamespace(free=free, locked=0, security=0, arrears=0, isOperator=operator)


def _facts() -> ChainFacts:
    """Buyer and seller trade 100 Wh at 0.15 in the first slot; all of it is proven."""
    first = SLOTS.start
    slots = [_slot(BUYER, first, bought=100, imported=100, cost=15_000)]
    slots += [_slot(SELLER, first, sold=100, exported=100, proceeds=15_000, minted=100)]
    slots += [_slot(account, slot) for slot in SLOTS[1:] for account in (BUYER, SELLER)]
    product = Product.continuous(1, Period.QUARTER_HOUR, first)
    return ChainFacts(
        accounts=(OPERATOR, BUYER, SELLER),
        states={
            OPERATOR: _state(4, operator=True),
            BUYER: _state(84_995),
            SELLER: _state(115_000),
        },
        treasury="0xT",
        treasury_free=1,
        treasury_withdrawn=0,
        zone_bonds=500,
        clearing=0,
        tracked_total=200_500,
        token_balance=200_500,
        deposits={OPERATOR: 500, BUYER: 100_000, SELLER: 100_000},
        withdrawn=0,
        slots=tuple(slots),
        trades=(Trade(product, 100, 150_000),),
        auctions=AuctionFacts((), (1, 2), (900, 900), {}, 0, 0, 1, 1_000),
        meters=(
            MeterFacts(1, BUYER, 0, (5_000, 0), (5_100, 0), SLOTS.stop * 900, 96),
            MeterFacts(2, SELLER, 0, (0, 7_000), (0, 7_100), SLOTS.stop * 900, 96),
        ),
        claims=(),
        retirements=(SimpleNamespace(account=BUYER, slot=first, energyWh=100),),
        minted_wh=100,
        retired_wh=100,
        token_supply_wh=0,
        token_balances_wh={OPERATOR: 0, BUYER: 0, SELLER: 0, POOL: 0},
    )


_UNCERTIFIED = _slot(SELLER, SLOTS.start, sold=100, exported=100, proceeds=15_000)
"""The sale of `_facts` without the certificates it minted."""


def _left(facts: ChainFacts) -> dict[str, int]:
    residuals = audit.audit(facts, SLOTS)
    return {residual.rule: residual.amount for residual in residuals if residual.amount}


def test_audit__clean_day__leaves_nothing():
    assert _left(_facts()) == {}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"minted_wh": 101}, Kind.ENERGY),
        ({"retired_wh": 99}, Kind.ENERGY),
        ({"token_supply_wh": 1}, Kind.ENERGY),
        ({"token_balances_wh": {POOL: 1}}, Kind.ENERGY),
        ({"retirements": ()}, Kind.ENERGY),
        ({"slots": (_facts().slots[0], _UNCERTIFIED, *_facts().slots[2:])}, Kind.ENERGY),
        ({"trades": ()}, Kind.ENERGY),
        ({"tracked_total": 200_501}, Kind.MONEY),
        ({"token_balance": 200_499}, Kind.MONEY),
        ({"clearing": 1}, Kind.MONEY),
        ({"treasury_free": 2}, Kind.MONEY),
        ({"treasury_withdrawn": 1}, Kind.MONEY),
        ({"zone_bonds": 499}, Kind.MONEY),
        ({"withdrawn": 1}, Kind.MONEY),
        ({"deposits": {BUYER: 1}}, Kind.MONEY),
        ({"slots": _facts().slots[1:]}, Kind.SLOTS),
        ({"slots": _facts().slots[:-1]}, Kind.SLOTS),
    ],
)
def test_audit__one_thing_wrong__is_found(change, kind):
    residuals = audit.audit(dataclasses.replace(_facts(), **change), SLOTS)
    assert total(residuals, kind) > 0


def test_audit__register_moved_more_than_was_settled__is_found():
    facts = _facts()
    buyer = dataclasses.replace(facts.meters[0], latest_wh=(5_103, 0))
    left = _left(dataclasses.replace(facts, meters=(buyer, facts.meters[1])))
    assert left == {"metered: register movement - energy settled, summed over accounts": 3}


def test_audit__money_still_locked__is_found():
    facts = _facts()
    states = dict(facts.states)
    states[BUYER] = SimpleNamespace(**{**vars(states[BUYER]), "locked": 7, "free": 84_988})
    assert _left(dataclasses.replace(facts, states=states)) == {"still locked after settlement": 7}


def test_audit__two_opposite_faults__do_not_cancel_out():
    residuals = [Residual(Kind.MONEY, "a", 5), Residual(Kind.MONEY, "b", -5)]
    assert total(residuals, Kind.MONEY) == 10


# --- Report ---------------------------------------------------------------------------------------


_PRICE_FIELDS = ("price_low", "price_mean", "price_high", "matched_mean")
_NO_PRICES = (None,) * len(_PRICE_FIELDS)


def _auction_report() -> AuctionReport:
    """Prices part between the zones in every fourth hour; at night there are none."""
    prices = tuple(
        HourPrices(
            hour,
            zone,
            None if hour < 5 else 150_000 + 30_000 * (zone == 2 and hour % 4 == 0),
            (None if hour < 5 else 140_000,) * 4,
        )
        for hour in range(24)
        for zone in (1, 2)
    )
    return AuctionReport(240, 238, 150, 1_000, 9_600, 7_200, prices, 500, 2)


def _report(residual: int = 0) -> DayReport:
    prices = (90_000, 150_000, 200_000, 160_000)
    hours = tuple(
        HourLine(
            hour,
            imported_wh=2_000,
            exported_wh=3_000,
            traded_wh=800,
            hour_auction_wh=400,
            quarter_auction_wh=300,
            matched_wh=100,
            local_wh=700,
            line_wh=-225 if hour > 20 else 900,
            **dict(zip(_PRICE_FIELDS, prices if hour > 5 else _NO_PRICES, strict=True)),
        )
        for hour in range(24)
    )
    return DayReport(
        options=Options(day=date(2016, 6, 21)),
        homes=2,
        slots=SLOTS,
        readings_accepted=96,
        matches=34,
        matched_wh=2_400,
        auctions=_auction_report(),
        line=LineReport("the busbar", 187_000, 900, (225,) * 84 + (-225,) * 12, 96, 30_000),
        energy_minted_wh=10,
        energy_retired_wh=5,
        local_wh=16_800,
        members=(
            MemberLine(
                1, 1, "prosumer", "eager", False, 0, 72_000, 0, 19_200, 0, 9_000_000, 8_000_000
            ),
            MemberLine(
                3, 2, "consumer", "patient", True, 48_000, 0, 19_200, 0, 16_800, -9_000, -10_000
            ),
        ),
        hours=hours,
        cash_by_hour=tuple(
            (name, tuple(range(24)))
            for name in (
                "paid to neighbours",
                "paid to the grid operator",
                "received from the grid operator",
            )
        ),
        residuals=(Residual(Kind.MONEY, "ledgers - deposits", residual),),
        gas={"placeOrders": GasUse(3, 50_000, 60_000), "placeOrders, per order": GasUse(3, 5, 6)},
        physics={
            "voltage_min_millivolts": 228_000,
            "voltage_max_millivolts": 240_000,
            "voltage_min_millivolts_by_slot": [228_000] * 96,
            "voltage_max_millivolts_by_slot": [240_000] * 96,
            "line_loading_max_percent": 50.0,
            "transformer_loading_max_percent": 30.0,
            "losses_wh": 1_234,
        },
        operator_income=1,
        network_fees=2,
        trading_fees=3,
        treasury=Withdrawal("0xT", 3, 2, 3),
        tariffs={1: Tariff(320_000, 80_000), 2: Tariff(340_000, 90_000)},
        unit_digits=6,
    )


def test_report__json__has_the_promised_keys():
    content = json.loads(json.dumps(_report().as_json()))
    assert content["local_supply_share"] == 0.35
    assert content["trades"] == 1_034
    assert content["energy_traded_wh"] == 19_200
    assert content["auctions"]["cleared"] == 240
    assert content["auctions"]["prices"][17] == {
        "hour": 8,
        "zone": 2,
        "hour_units_per_kwh": 180_000,
        "quarter_hour_units_per_kwh": [140_000] * 4,
    }
    assert content["interconnector"]["forward_wh"] == 84 * 225
    assert content["interconnector"]["back_wh"] == 12 * 225
    assert content["signed_orders"] == {"placed": 500, "skipped": 2}
    assert content["gas"]["placeOrders"] == {"n": 3, "median": 50_000, "max": 60_000}
    assert {
        "homes",
        "slots",
        "readings_accepted",
        "trades",
        "energy_traded_wh",
        "energy_minted_wh",
        "energy_retired_wh",
        "money_residual_units",
        "energy_residual_wh",
        "local_supply_share",
        "gas",
    } <= content.keys()


def test_print_report__eighty_columns__cuts_nothing_off():
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_report(console, _report())
    text = console.export_text()
    assert "…" not in text
    assert "energy 0 Wh, money 0 units, open slots 0" in text
    assert "240 cleared, 238 of them coupled" in text
    assert "500 relayed and placed, 2 refused" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert " 3* " in text


def test_draw_day__report__is_a_picture(tmp_path):
    draw_day(_report(), tmp_path / "day.png")
    assert (tmp_path / "day.png").read_bytes().startswith(b"\x89PNG")


# --- Command --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("residual", "exit_code"), [(0, 0), (3, 1)])
def test_command__residual__decides_the_exit_code(monkeypatch, residual, exit_code):
    monkeypatch.setattr(market_day, "compiled_contracts", lambda: None)

    def run(_options, _console, show):
        show(_report(residual))
        return _report(residual)

    monkeypatch.setattr(market_day, "run_market_day", run)
    result = CliRunner().invoke(market_day.cli, [])
    assert result.exit_code == exit_code
    assert ("What is off" in result.output) is bool(residual)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--date", "2017-01-01"], "expected a date from 2016-01-01 to 2016-12-31"),
        (["--homes", "33"], "grid semiurb4 has 32 homes"),
        (["--grid", "atlantis"], "is not one of"),
        (["--date", "yesterday"], "does not match the format"),
    ],
)
def test_command__impossible_wish__says_what_is_possible(monkeypatch, tmp_path, arguments, message):
    monkeypatch.setattr(market_day, "compiled_contracts", lambda: None)
    monkeypatch.setattr("simulation.market_day.run.Artifacts.load", lambda: None)
    result = CliRunner().invoke(market_day.cli, ["--out", str(tmp_path), *arguments])
    assert result.exit_code != 0
    assert message in result.output.replace("\n", " ")


def test_anvil__port_taken__says_so(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AnvilError, match=f"port {port} is taken"):
            anvil.Anvil(1_466_000_000, tmp_path / "log", port)


def test_find_anvil__nowhere__says_what_to_do(monkeypatch):
    monkeypatch.setattr(anvil.sys, "executable", "/nowhere/python")
    monkeypatch.setattr(anvil.shutil, "which", lambda _name: None)
    with pytest.raises(AnvilError, match="Run `make setup`"):
        anvil.find_anvil()


def test_anvil__bad_program__tells_its_output(monkeypatch, tmp_path):
    program = tmp_path / "anvil"
    program.write_text("#!/bin/sh\necho cannot start today\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(anvil, "find_anvil", lambda: str(program))
    with pytest.raises(AnvilError, match="cannot start today"):
        anvil.Anvil(1_466_000_000, tmp_path / "log").start()


# --- The engine's process -------------------------------------------------------------------------


_FINE = '{"failed": 0, "refused": [], "problems": []}'


def _engine(monkeypatch, tmp_path, program):
    """An engine whose program is a few lines of Python of our own."""
    script = tmp_path / "oracles" / "engine.py"
    script.parent.mkdir()
    (script.parent / "__init__.py").touch()
    script.write_text("import json, os, sys\n" + program)
    monkeypatch.setattr("simulation.market_day.engine.PROJECT_ROOT", tmp_path)
    chain = SimpleNamespace(rpc=SimpleNamespace(url="http://127.0.0.1:1"), chain_id=31_337)
    return EngineProcess(chain, key_of(1, "engine"), tmp_path, tmp_path / "run")


def test_engine__each_round__sends_a_line_and_reads_the_answer(monkeypatch, tmp_path):
    program = f"""
for line in sys.stdin:
    print(line.strip(), file=sys.stderr, flush=True)
    print('{_FINE}', flush=True)
"""
    with _engine(monkeypatch, tmp_path, program) as engine:
        engine.work()
        engine.work()
    assert engine.log_file.read_text() == '{"signed_orders": ""}\n' * 2


def test_engine__settings_of_the_user__are_kept_from_it(monkeypatch, tmp_path):
    monkeypatch.setenv("EG_RPC_URL", "https://mainnet.example")
    monkeypatch.setenv("EG_ENGINE_PRIVATE_KEY", "0x01")
    program = f"""
print({{k: v for k, v in os.environ.items() if k.startswith("EG_")}}, file=sys.stderr, flush=True)
for line in sys.stdin:
    print('{_FINE}', flush=True)
"""
    with _engine(monkeypatch, tmp_path, program) as engine:
        engine.work()
    settings = engine.log_file.read_text()
    assert "mainnet" not in settings
    assert "PRIVATE_KEY" not in settings
    assert "'EG_RPC_URL': 'http://127.0.0.1:1'" in settings


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("print('cannot go on', file=sys.stderr)\nsys.exit(3)\n", "cannot go on"),
        ("input()\nprint('cannot go on', file=sys.stderr)\nsys.exit(3)\n", "exit 3"),
        ("input()\nprint('hello', flush=True)\ninput()\n", "answered b'hello'"),
        ("input()\nprint('{}', flush=True)\ninput()\n", "answered b'{}'"),
        (
            f"input()\nprint('{_FINE.replace('0', '2')}', flush=True)\ninput()\n",
            "could not do everything",
        ),
        (
            f"input()\nprint('{_FINE.replace('[]', '[1]')}', flush=True)\ninput()\n",
            "could not do everything",
        ),
    ],
)
def test_engine__stops_or_talks_nonsense__says_so(monkeypatch, tmp_path, program, message):
    with (
        _engine(monkeypatch, tmp_path, program) as engine,
        pytest.raises(EngineProcessError, match=message),
    ):
        engine.work()


def test_engine__no_answer__is_not_waited_for_for_ever(monkeypatch, tmp_path):
    monkeypatch.setattr("simulation.market_day.engine.ROUND_TIMEOUT_SECONDS", 0.2)
    program = "for line in sys.stdin: pass\n"
    with (
        _engine(monkeypatch, tmp_path, program) as engine,
        pytest.raises(EngineProcessError, match=r"did not answer within 0\.2 s"),
    ):
        engine.work()
