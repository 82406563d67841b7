"""The drawing of states, ids, and amounts."""

from decimal import Decimal

import pytest

from kubroker.foundation.amounts import (
    find_amount,
    format_amount,
    has_decimals,
    parse_amount,
    round_up,
)
from kubroker.withdrawals.ids import (
    build_remark,
    derive_payment_id,
    derive_withdrawal_id,
    hash_request,
    normalize_destination,
    parse_verify_handle,
)
from kubroker.withdrawals.model import (
    FINAL,
    GIVES_BACK,
    IN_FLIGHT,
    RESUBMITTABLE,
    TRACKED,
    TRANSITIONS,
    Verification,
    WithdrawalState,
    check_transition,
)

S = WithdrawalState


def test_transitions_out_of_an_unknown_outcome_never_lead_to_submitting():
    assert S.SUBMITTING not in TRANSITIONS[S.OUTCOME_UNKNOWN]
    # what the tracker or an operator may write never leads to another request
    reached, waiting = set(), [S.SUBMITTED, S.NOT_DONE, S.SUCCESS, S.FAILURE, S.CANCELLED]
    while waiting:
        state = waiting.pop()
        if state in reached:
            continue
        reached.add(state)
        waiting += TRANSITIONS[state]
    assert S.SUBMITTING not in reached


def test_transitions_have_just_these_ends():
    assert {S.SUCCESS, S.FAILURE, S.CANCELLED, S.REJECTED, S.NOT_DONE} == FINAL
    assert FINAL - {S.SUCCESS} == GIVES_BACK


def test_claims_are_possible_only_from_what_is_definitely_not_done():
    sources = {state for state, following in TRANSITIONS.items() if S.SUBMITTING in following}
    assert sources == RESUBMITTABLE | {S.VERIFICATION_REQUIRED}
    assert not sources & (IN_FLIGHT | FINAL | {S.SUBMITTED})


def test_everything_open_is_tracked():
    assert set(S) - FINAL - {S.EXPIRED, S.SECURITY_SETUP_REQUIRED} == TRACKED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (S.OUTCOME_UNKNOWN, S.SUBMITTING),
        (S.SUBMITTED, S.SUBMITTING),
        (S.SUBMITTED, S.NOT_DONE),
        (S.REJECTED, S.SUBMITTING),
        (S.NOT_DONE, S.SUBMITTED),
        (S.SUCCESS, S.FAILURE),
        (S.CREATED, S.SUBMITTED),
        (S.SUBMITTING, S.NOT_DONE),
    ],
)
def test_transition_that_is_not_drawn_is_refused(before, after):
    with pytest.raises(ValueError, match=f"from {before} to {after}"):
        check_transition(before, after)


def test_id_is_sixteen_plain_characters_and_only_of_its_user_and_key():
    ids = {derive_withdrawal_id(user, key) for user in ("a", "b") for key in ("1", "2", "b:1")}
    assert len(ids) == 6
    assert derive_withdrawal_id("user-1", "key-1") == derive_withdrawal_id("user-1", "key-1")
    assert all(len(one) == 16 and one.isascii() and one.isalnum() for one in ids)


@pytest.mark.parametrize(
    ("text", "remark"), [(None, "abc"), ("", "abc"), ("invoice 1", "abc invoice 1")]
)
def test_remark_begins_with_our_id(text, remark):
    assert build_remark("abc", text) == remark


def test_payment_is_the_same_however_amount_and_address_are_written():
    same = derive_payment_id("1", "USDT", "0xabc", Decimal("1.50"))
    assert same == derive_payment_id("1", "USDT", "0xabc", Decimal("1.5"))
    others = [
        ("2", "USDT", "0xabc", Decimal("1.5")),
        ("1", "USDC", "0xabc", Decimal("1.5")),
        ("1", "USDT", "0xabd", Decimal("1.5")),
        ("1", "USDT", "0xabc", Decimal("1.51")),
    ]
    assert same not in {derive_payment_id(*other) for other in others}


def test_request_hash_tells_fields_apart_and_forgets_what_is_not_given():
    assert hash_request({"a": "1", "b": None}) == hash_request({"a": "1"})
    assert hash_request({"a": "1", "b": "2"}) == hash_request({"b": "2", "a": "1"})
    assert hash_request({"a": "1"}) != hash_request({"b": "1"})
    assert hash_request({"a": "1', 'b"}) != hash_request({"a": "1", "b": ""})


@pytest.mark.parametrize("tries", [0, 1, 4, 5, 6])
def test_tries_left_never_fall_below_zero(tries):
    verification = Verification(
        transaction_id="t", all_factors=[], sent_factors=[], until=0, wrong_tries=tries
    )
    assert verification.tries_left == max(0, 5 - tries)


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "user.abc.def",
        "user-1.aaaaaaaaaaaaaaaa",
        f"user-1.aaaaaaaaaaaaaaaa.{'A' * 42}",
        f"user-1.aaaaaaaaaaaaaaaa.{'A' * 44}",
        f"user/1.aaaaaaaaaaaaaaaa.{'A' * 43}",
        f"user-1.AAAAAAAAAAAAAAAA.{'A' * 43}",
        f"user-1.aaaaaaaaaaaaaaaa.{'A' * 43}\n",
        f"{'u' * 129}.aaaaaaaaaaaaaaaa.{'A' * 43}",
    ],
)
def test_verify_handle_of_another_form_is_none(handle):
    assert parse_verify_handle(handle) is None


def test_verify_handle_splits():
    handle = f"user-1.aaaaaaaaaaaaaaaa.{'A' * 43}"
    assert parse_verify_handle(handle) == ("user-1", "aaaaaaaaaaaaaaaa", "A" * 43)


@pytest.mark.parametrize(
    "text",
    ["", "1e3", "-1", "+1", ".5", "5.", "1,5", " 1", "1 ", "0x1", "NaN", "Infinity", "01", "1_0",
     "1" * 21, "0." + "1" * 19, "\u0661", "1\n", "--1", "1.2.3"],
)  # fmt: skip
def test_amount_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match="decimal"):
        parse_amount(text)


@pytest.mark.parametrize("text", ["0", "0.1", "10", "1" * 20, "0." + "0" * 17 + "1"])
def test_amount_is_exact_and_written_as_it_was(text):
    assert format_amount(parse_amount(text)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1.500", "1.5"), ("100", "100"), ("1E+3", "1000"), ("0.000", "0"), ("1E-8", "0.00000001")],
)
def test_amount_is_written_without_exponent_and_needless_zeros(amount, text):
    assert format_amount(Decimal(amount)) == text


@pytest.mark.parametrize("value", [None, True, 1.5, "abc", "-1", "NaN", "Infinity", [], {}])
def test_amount_from_kucoin_that_is_none_is_none(value):
    assert find_amount(value) is None


@pytest.mark.parametrize(("value", "amount"), [("1.5", "1.5"), (2, "2"), (Decimal("0.1"), "0.1")])
def test_amount_from_kucoin(value, amount):
    assert find_amount(value) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "decimals", "rounded"),
    [("1.001", 2, "1.01"), ("1.00", 2, "1"), ("0.1", 0, "1"), ("1.0000000001", 9, "1.000000001")],
)
def test_round_up_never_falls_below(amount, decimals, rounded):
    assert round_up(Decimal(amount), decimals) == Decimal(rounded)


@pytest.mark.parametrize(
    ("amount", "decimals", "fits"),
    [("1.10", 1, True), ("1.11", 1, False), ("1", 0, True), ("1.0", 0, True), ("0.5", 0, False)],
)
def test_has_decimals(amount, decimals, fits):
    assert has_decimals(Decimal(amount), decimals) is fits


@pytest.mark.parametrize(
    ("withdraw_type", "forms"),
    [
        ("ADDRESS", ["0xAbC", "0xabc", " 0xABC "]),
        ("MAIL", ["Bob@Example.com", "bob@example.com"]),
        ("UID", ["200000002", "0200000002"]),
        (
            "PHONE",
            ["44-7700900123", "+44-7700900123", "44 7700900123", "447700900123", "0044-7700900123"],
        ),
    ],
)
def test_one_destination_has_one_form(withdraw_type, forms):
    assert len({normalize_destination(withdraw_type, form) for form in forms}) == 1


def test_other_destinations_stay_others():
    assert normalize_destination("ADDRESS", "0123") != normalize_destination("ADDRESS", "123")
    assert normalize_destination("PHONE", "44-1") != normalize_destination("PHONE", "45-1")
