"""What a Safe executes, with real signatures and the code that public networks have.

execTransaction
├── threshold reached by different owners: executed once, nonce + 1, event
│   ├── by typed data, by eth_sign, by approval on chain, by executing oneself
│   ├── in any sender's transaction
│   └── an owner that is a Safe signs through ERC-1271
├── too few: GS020
├── duplicate, unsorted, stranger's: GS026
├── signed for another nonce, chain, Safe or content: GS026
├── replayed: GS026
├── owner removed meanwhile: GS026
├── contract signature with garbage: GS021 ... GS024
├── the call within fails: all of it reverts with the reason, the number stays free
└── a high s is one more form of the same signature, not a second owner
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_keys.constants import SECPK1_N
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

from energy_grid.rpc import to_hex
from energy_grid.safe import Operation, SafeError, SafeSetup, SafeTransaction, signatures
from energy_grid.safe.collecting import require_executable
from energy_grid.safe.signatures import OwnerSignature, approval, pack
from energy_grid.safe.transaction import NOBODY
from tests.unit.safe.stage import (
    ANNA,
    ANYBODY,
    BERT,
    CLEO,
    DEPLOYER,
    PAYEE,
    STRANGER,
    SafeStage,
    refused_with,
)
from tests.utils.revm import Refused


def by_address(*people: Any) -> list[Any]:
    return sorted(people, key=lambda one: to_canonical_address(one.address))


@pytest.mark.parametrize("signers", [(ANNA, BERT), (BERT, CLEO), (CLEO, ANNA)])
def test_execute__two_of_three__once(stage: SafeStage, signers: tuple[Any, ...]) -> None:
    payment = stage.payment(5)
    given = stage.signed(payment, *signers)
    digest = stage.state().hash_of(payment)

    stage.execute(payment, given)

    (event,) = stage.safe.events("ExecutionSuccess")
    assert (event.txHash, event.payment) == (digest, 0)
    assert stage.paid() == 5
    assert stage.safe.ask("nonce") == payment.nonce + 1
    with refused_with("GS026"):
        stage.execute(payment, given)
    assert stage.paid() == 5


def test_execute__all_three__the_first_two_suffice(stage: SafeStage) -> None:
    payment = stage.payment(5)

    stage.execute(payment, stage.signed(payment, ANNA, BERT, CLEO))

    assert stage.paid() == 5


@pytest.mark.parametrize("signers", [(), (ANNA,), (CLEO,)])
def test_execute__below_the_threshold__refused(stage: SafeStage, signers: Any) -> None:
    payment = stage.payment()
    given = stage.signed(payment, *signers)

    with refused_with("GS020"):
        stage.execute(payment, given)
    with pytest.raises(SafeError, match=rf"expected 2 of 3 owners, found {len(signers)}"):
        require_executable(payment, stage.state(), given)


def test_execute__cut_off_signatures__refused(stage: SafeStage) -> None:
    payment = stage.payment()

    with refused_with("GS020"):
        stage.execute(payment, pack(stage.signed(payment, ANNA, BERT))[:-1])


def test_execute__one_owner_twice__refused(stage: SafeStage) -> None:
    payment = stage.payment()
    (one,) = stage.signed(payment, ANNA)

    with refused_with("GS026"):
        stage.execute(payment, one.signature * 2)
    with pytest.raises(SafeError, match="two signatures of one owner"):
        pack([one, one])
    with pytest.raises(SafeError, match="expected 2 of 3 owners, found 1"):
        require_executable(payment, stage.state(), [one, one])


def test_execute__the_same_with_high_s__no_second_owner(stage: SafeStage) -> None:
    payment = stage.payment()
    low, other = stage.signed(payment, ANNA, BERT)
    s = int.from_bytes(low.signature[32:64], "big")
    high = low.signature[:32] + (SECPK1_N - s).to_bytes(32, "big") + bytes([55 - low.signature[64]])

    for both in (low.signature + high, high + low.signature):
        with refused_with("GS026"):
            stage.execute(payment, both)
    with pytest.raises(SafeError, match="high s"):
        signatures.read(stage.state().hash_of(payment), high)

    # The Safe takes it instead of the low one: harmless, the number is used up either way.
    stage.execute(payment, pack([replace(low, signature=high), other]))
    with refused_with("GS026"):
        stage.execute(payment, pack([low, other]))
    assert stage.paid() == 1


def test_execute__unsorted__refused(stage: SafeStage) -> None:
    payment = stage.payment()
    first, second = stage.signed(payment, *by_address(ANNA, BERT))

    with refused_with("GS026"):
        stage.execute(payment, second.signature + first.signature)
    stage.execute(payment, first.signature + second.signature)


def test_execute__stranger_among_the_signers__refused(stage: SafeStage) -> None:
    payment = stage.payment()
    given = stage.signed(payment, ANNA, STRANGER)

    with refused_with("GS026"):
        stage.execute(payment, given)
    with pytest.raises(SafeError, match="is no owner"):
        require_executable(payment, stage.state(), given)


@pytest.mark.parametrize(
    "elsewhere", [{"chain_id": 31_337}, {"safe": STRANGER.address}, {"nonce": 1}]
)
def test_execute__signed_for_another_place_or_number__refused(
    stage: SafeStage, elsewhere: dict[str, Any]
) -> None:
    payment = stage.payment()
    given = stage.signed(payment, ANNA, BERT, **elsewhere)

    with refused_with("GS026"):
        stage.execute(payment, given)
    with pytest.raises(SafeError, match="or of another transaction than"):
        require_executable(payment, stage.state(), given)


def test_execute__on_a_second_safe_of_the_same_owners__refused(stage: SafeStage) -> None:
    twin = stage.create(SafeSetup(stage.state().owners, 2, salt=1))
    payment = stage.payment()
    given = stage.signed(payment, ANNA, BERT)

    with refused_with("GS026"):
        stage.execute(payment, given, safe=twin)
    stage.execute(payment, given)


@pytest.mark.parametrize(
    "change",
    [
        {"to": PAYEE},
        {"value": 1},
        {"data": b"\1"},
        {"operation": Operation.DELEGATE_CALL},
        {"safe_tx_gas": 1},
        {"base_gas": 1},
        {"gas_price": 1},
        {"gas_token": PAYEE},
        {"refund_receiver": PAYEE},
    ],
)
def test_execute__any_field_altered__refused(stage: SafeStage, change: dict[str, Any]) -> None:
    payment = stage.payment()
    given = stage.signed(payment, ANNA, BERT)

    with refused_with("GS026"):
        stage.execute(replace(payment, **change), given)


def test_execute__signer_removed_meanwhile__refused(stage: SafeStage) -> None:
    later = stage.payment(nonce=1)
    given = stage.signed(later, ANNA, CLEO)
    owners = stage.state().owners
    removal = stage.to_itself(
        "removeOwner", owners[owners.index(CLEO.address) - 1], CLEO.address, 2
    )
    stage.execute(removal, stage.signed(removal, ANNA, BERT))

    with refused_with("GS026"):
        stage.execute(later, given)
    with pytest.raises(SafeError, match=f"{CLEO.address}: is no owner"):
        require_executable(later, stage.state(), given)
    stage.execute(later, stage.signed(later, ANNA, BERT))


def test_execute__eth_sign__counts(stage: SafeStage) -> None:
    payment = stage.payment()
    digest = stage.state().hash_of(payment)
    prefixed = keccak(b"\x19Ethereum Signed Message:\n32" + digest)
    raw = signatures.sign(prefixed, ANNA.key).signature
    given = OwnerSignature(ANNA.address, raw[:64] + bytes([raw[64] + 4]))

    assert signatures.read(digest, given.signature) == given
    stage.execute(payment, [given, *stage.signed(payment, BERT)])

    assert stage.paid() == 1


def test_execute__approved_on_chain__counts_for_that_hash_only(stage: SafeStage) -> None:
    payment, other = stage.payment(1), stage.payment(2)
    digest = stage.state().hash_of(payment)
    stage.safe.send(ANNA.address, "approveHash", digest)

    with refused_with("GS025"):
        stage.execute(other, [approval(ANNA.address), *stage.signed(other, BERT)])
    assert stage.safe.ask("approvedHashes", ANNA.address, digest) == 1
    stage.execute(payment, [approval(ANNA.address), *stage.signed(payment, BERT)])

    assert stage.paid() == 1


def test_execute__by_an_owner__needs_one_signature_less_of_others(stage: SafeStage) -> None:
    payment = stage.payment()
    given = [approval(ANNA.address), *stage.signed(payment, BERT)]

    with refused_with("GS025"):
        stage.execute(payment, given)
    stage.execute(payment, given, sender=ANNA.address)

    assert stage.paid() == 1


def test_approve_hash__by_a_stranger__refused(stage: SafeStage) -> None:
    with refused_with("GS030"):
        stage.safe.send(STRANGER.address, "approveHash", bytes(32))


@pytest.mark.parametrize(
    ("pointer", "tail", "code"),
    [
        (0, b"", "GS021"),
        (129, b"", "GS021"),
        (130, b"", "GS022"),
        (2**256 - 33, b"", "GS022"),
        (130, (1).to_bytes(32, "big"), "GS023"),
    ],
)
def test_execute__contract_signature_with_garbage__refused(
    stage: SafeStage, pointer: int, tail: bytes, code: str
) -> None:
    payment = stage.payment()
    word = to_canonical_address(ANNA.address).rjust(32, b"\0")
    forged = OwnerSignature(ANNA.address, word + pointer.to_bytes(32, "big") + b"\0")
    first = by_address(ANNA, BERT)[0]
    given = [forged, *stage.signed(payment, BERT)] if first is ANNA else [forged, forged]
    packed = b"".join(one.signature for one in given)

    with refused_with(code):
        stage.execute(payment, packed + tail)


def test_execute__safe_as_owner__signs_through_erc_1271(stage: SafeStage) -> None:
    """Also what the fallback handler is for."""
    household = stage.create(SafeSetup((STRANGER.address,), 1))
    pair = stage.create(SafeSetup((household.address,), 1))
    stage.token.send(DEPLOYER, "mint", pair.address, 1)
    payment = stage.payment(nonce=0)
    digest = stage.state(pair).hash_of(payment)
    message = keccak(
        b"\x19\x01"
        + household.ask("domainSeparator")
        + keccak(keccak(text="SafeMessage(bytes message)") + keccak(digest))
    )
    inner = signatures.sign(message, STRANGER.key).signature
    head = to_canonical_address(household.address).rjust(32, b"\0") + (65).to_bytes(32, "big")

    for wrong in (signatures.sign(digest, STRANGER.key), signatures.sign(message, ANNA.key)):
        outer = head + b"\0" + (65).to_bytes(32, "big") + wrong.signature
        with refused_with("GS026"):
            stage.execute(payment, outer, safe=pair)
    assert household.ask("isValidSignature", digest, inner) == bytes.fromhex("1626ba7e")
    stage.execute(payment, head + b"\0" + (65).to_bytes(32, "big") + inner, safe=pair)

    assert stage.paid() == 1


def test_execute__call_within_fails__nothing_happens_and_the_number_stays_free(
    stage: SafeStage,
) -> None:
    payment = stage.payment(10**9)

    with pytest.raises(Refused) as refusal:
        stage.execute(payment, stage.signed(payment, ANNA, BERT))

    error = stage.token.abi.decode_error(bytes.fromhex(str(refusal.value).split("0x")[1]))
    assert error is not None and error.name == "ERC20InsufficientBalance"
    assert stage.safe.ask("nonce") == payment.nonce


def test_require_executable__delegate_call_or_refund__never(stage: SafeStage) -> None:
    """The Safe would do it if enough owners signed; no tool here lets them."""
    for change in (
        {"operation": Operation.DELEGATE_CALL},
        {"gas_price": 1},
        {"refund_receiver": PAYEE},
        {"safe_tx_gas": 1},
    ):
        hostile = replace(stage.payment(), **change)
        given = stage.signed(hostile, ANNA, BERT)

        with pytest.raises(SafeError, match="more than make a call"):
            require_executable(hostile, stage.state(), given)


def test_require_executable__not_its_turn__says_which_number_is_next(stage: SafeStage) -> None:
    early = stage.payment(nonce=1)
    given = stage.signed(early, ANNA, BERT)

    with pytest.raises(SafeError, match=r"is not next: expected number 0, found 1"):
        require_executable(early, stage.state(), given)
    first = stage.payment()
    stage.execute(first, stage.signed(first, ANNA, BERT))
    with pytest.raises(SafeError, match=r"its number is used: expected number 1, found 0"):
        require_executable(first, stage.state(), given)
    stage.execute(early, require_executable(early, stage.state(), given))


def test_set_up__again_or_on_the_shared_code__refused(stage: SafeStage) -> None:
    mine = ([STRANGER.address], 1, NOBODY, b"", NOBODY, NOBODY, 0, NOBODY)

    for safe in (stage.safe, stage.singleton):
        with refused_with("GS200"):
            safe.send(STRANGER.address, "setup", *mine)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("addOwnerWithThreshold", (STRANGER.address, 1)),
        ("changeThreshold", (1,)),
        ("swapOwner", (ANNA.address, BERT.address, STRANGER.address)),
        ("removeOwner", (ANNA.address, BERT.address, 1)),
    ],
)
def test_owner_management__by_an_owner_alone__refused(
    stage: SafeStage, function: str, arguments: tuple[Any, ...]
) -> None:
    for sender in (ANNA.address, ANYBODY):
        with refused_with("GS031"):
            stage.safe.send(sender, function, *arguments)


def test_hash__of_the_contract__is_that_of_python(stage: SafeStage) -> None:
    state = stage.state()
    odd = SafeTransaction(
        STRANGER.address, b"\x07" * 33, 9, 2**200, Operation.DELEGATE_CALL, 1, 2, 3, PAYEE, ANYBODY
    )

    assert to_hex(state.hash_of(odd)) == to_hex(
        stage.safe.ask("getTransactionHash", *odd.call_tuple(), odd.nonce)
    )
