"""What owners read before they sign: calls as text, errors as sentences.

CallBook
├── text to data and back: numbers, addresses by name, bytes, text, truth, lists, structs
├── data with anything added, or to an unknown contract or function: not described, so not signed
├── wei sent along are shown
└── no call, too few arguments, no address: refused with what was expected
errors → every code of the contracts has a sentence
owners → places in the Safe's list; what would be no Safe is refused
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from eth_abi.abi import encode

from energy_grid.abi import Abi
from energy_grid.safe import SafeError, SafeState, owners
from energy_grid.safe.abi import SAFE_ABI
from energy_grid.safe.calls import CallBook, KnownContract
from energy_grid.safe.creation import SENTINEL
from energy_grid.safe.errors import MEANINGS, sentence
from energy_grid.safe.suite import PACKAGE_FOLDER

BANK = "0x00000000000000000000000000000000000000b1"
FRIEND = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
OTHER = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
THIRD = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"


def function(name: str, *inputs: tuple[str, Any]) -> dict[str, Any]:
    return {"type": "function", "name": name, "outputs": [], "inputs": [
        {"name": key, "type": kind} if isinstance(kind, str)
        else {"name": key, "type": kind[0], "components": kind[1]}
        for key, kind in inputs
    ]}  # fmt: skip


POINT = [{"name": "x", "type": "uint8"}, {"name": "known", "type": "bool"}]
BOOK = CallBook(
    {
        "Bank": KnownContract(
            FRIEND,
            Abi(
                "Bank",
                [
                    function("pay", ("to", "address"), ("amount", "uint256")),
                    function("note", ("text", "string"), ("key", "bytes32"), ("signed", "int16")),
                    function("many", ("list", "uint8[]"), ("points", ("tuple[]", POINT))),
                ],
            ),
        ),
        "Other": KnownContract(OTHER, Abi("Other", [function("stop")])),
    }
)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (f"Bank.pay({THIRD}, 1_000)", f"Bank.pay(to={THIRD}, amount=1000)"),
        ("Bank.pay(Other, 0)", "Bank.pay(to=Other, amount=0)"),
        (
            f'Bank.note("it\'s \\") so", 0x{"0a" * 32}, -7)',
            f"Bank.note(text='it\\'s \") so', key=0x{'0a' * 32}, signed=-7)",
        ),
        (
            "Bank.many([1, 2], [(3, true), [4, false]])",
            "Bank.many(list=[1, 2], points=[[3, true], [4, false]])",
        ),
        ("Other.stop()", "Other.stop()"),
    ],
)
def test_call__written__is_shown_as_what_it_does(written: str, shown: str) -> None:
    to, data = BOOK.encode(written)

    assert BOOK.describe(to, data) == shown


def test_describe__wei_sent_along__shown() -> None:
    to, data = BOOK.encode("Other.stop()")

    assert BOOK.describe(to, data, 5) == "Other.stop() with 5 wei"


def test_describe__what_is_not_exactly_a_known_call__refused() -> None:
    to, data = BOOK.encode(f"Bank.pay({THIRD}, 1)")
    dirty = data[:4] + b"\1" + data[5:]

    for where, what in ((to, data + b"\0"), (to, dirty), (to, data[:-1]), (OTHER, data), (to, b"")):
        with pytest.raises(SafeError, match="nobody can tell what this call does"):
            BOOK.describe(where, what)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("stop()", "this is no call"),
        ("Other.stop", "this is no call"),
        ("Other.stop(); Other.stop()", "this is no call"),
        ("Bank.pay(to=Other, amount=1)", "this is no call"),
        ("Nobody.stop()", "no contract Nobody: expected one of Bank, Other"),
        ("Bank.pay(Other)", r"expected \(address to, uint256 amount\), found 1 arguments"),
        (f"Bank.pay({FRIEND.lower()}, 1)", "an address with checksum or a contract's name"),
        ("Bank.pay(Nobody, 1)", "an address with checksum or a contract's name"),
        ("Bank.pay(Other, print(1))", "argument: expected uint256, found print"),
        ("Bank.note('a', 0xzz, 1)", "this is no call"),
        ("Bank.note('a', 'zz', 1)", "bytes in hex"),
        ("Bank.many([1], [(1, true, 2)])", "argument: expected"),
    ],
)
def test_encode__wrong__says_what_was_expected(written: str, message: str) -> None:
    with pytest.raises(SafeError, match=message):
        BOOK.encode(written)


def test_errors__every_code_of_the_contracts__has_a_sentence() -> None:
    sources = [
        path.read_text()
        for path in (PACKAGE_FOLDER / "contracts").rglob("*.sol")
        if "test" not in path.relative_to(PACKAGE_FOLDER / "contracts").parts
    ]
    codes = {code for text in sources for code in re.findall(r'"(GS\d{3})"', text)}

    assert codes == set(MEANINGS)


def test_errors__revert_data__as_a_sentence_only_if_it_is_the_safes() -> None:
    def data(text: str) -> bytes:
        return bytes.fromhex("08c379a0") + encode(["string"], [text])

    assert sentence(data("GS026")) == f"GS026: {MEANINGS['GS026']}"
    assert sentence(data("GS999")) == "GS999: a code this version does not know"
    assert sentence(data("something GS026")) is None
    assert sentence(b"") is None
    assert sentence(bytes.fromhex("12345678")) is None


def test_owners__changes__name_who_stands_before() -> None:
    state = SafeState(1, BANK, (FRIEND, OTHER), 2, 0)
    decoded = {
        "swap": SAFE_ABI.decode_call(owners.swap_owner(state, OTHER, THIRD)),
        "remove": SAFE_ABI.decode_call(owners.remove_owner(state, FRIEND, 1)),
        "add": SAFE_ABI.decode_call(owners.add_owner(state, THIRD)),
    }

    assert decoded["swap"] == (
        "swapOwner",
        {"prevOwner": FRIEND, "oldOwner": OTHER, "newOwner": THIRD},
    )
    assert decoded["remove"] == (
        "removeOwner",
        {"prevOwner": SENTINEL, "owner": FRIEND, "_threshold": 1},
    )
    assert decoded["add"] == ("addOwnerWithThreshold", {"owner": THIRD, "_threshold": 2})


def test_owners__what_would_be_no_safe__refused() -> None:
    state = SafeState(1, BANK, (FRIEND, OTHER), 2, 0)

    for change, message in (
        (lambda: owners.remove_owner(state, FRIEND), "threshold"),
        (lambda: owners.remove_owner(state, THIRD, 1), "is no owner"),
        (lambda: owners.swap_owner(state, FRIEND, OTHER), "different ones"),
        (lambda: owners.add_owner(state, FRIEND), "different ones"),
        (lambda: owners.add_owner(state, SENTINEL), "checksum addresses"),
        (lambda: owners.change_threshold(state, 0), "threshold"),
        (lambda: owners.change_threshold(state, 3), "threshold"),
    ):
        with pytest.raises(SafeError, match=message):
            change()
