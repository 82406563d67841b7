"""What KuCoin's history proves, when to look again, and limits as decisions."""

from decimal import Decimal

import pytest

from kubroker.foundation.clock import build_day
from kubroker.withdrawals.limits import WINDOW_RULES, Window, seconds_to_next_day
from kubroker.withdrawals.model import (
    Attempt,
    Checkout,
    QuotedFees,
    Verification,
    Withdrawal,
    WithdrawalState,
)
from kubroker.withdrawals.tracking import (
    HistoryEntry,
    Likeness,
    Reading,
    Verdict,
    compare,
    decide_next_check,
    differs_from_quote,
    find_our_id,
    is_remark_of,
    is_same_payment,
    judge,
    search,
)

ID = "abcdefgh234567xy"
ADDRESS = "TXJ1z9JzJ1rT7xY2q1Z3wEXAMPLE01"
ASKED_MS = 1_000_000_000
MARGIN = 600
CLOSED_MS = ASKED_MS + 5_000 + MARGIN * 1000
NOW = 2_000_000


def _withdrawal(**changes):
    fields = {
        "user_id": "user-1",
        "withdrawal_id": "zyxwvuts765432ab",
        "remark_id": ID,
        "state": WithdrawalState.OUTCOME_UNKNOWN,
        "kucoin_uid": "1",
        "request_hash": "",
        "body": "{}",
        "payment_id": "p",
        "currency": "USDT",
        "address": ADDRESS,
        "amount": "100",
        "withdraw_type": "ADDRESS",
        "chain": "trx",
        "quote": QuotedFees(
            network_fee="1", service_fee="10", value_usdt="100", currency_usd="1", usdt_usd="1",
            read_at=0,
        ),
        "return_url": "https://b.example/",
        "attempt": Attempt(
            attempt_id="a", timestamp_ms=ASKED_MS, submit_until=1, is_verification=False,
            return_to=WithdrawalState.CREATED,
        ),
        "created_at": 0,
        "updated_at": 0,
    }  # fmt: skip
    return Withdrawal(**{**fields, **changes})


def _entry(**changes):
    fields = {
        "kucoin_id": "k1",
        "currency": "USDT",
        "status": "PROCESSING",
        "address": ADDRESS,
        "amount": Decimal(100),
        "fee": None,
        "remark": "",
        "created_at_ms": ASKED_MS,
        "chains": ("trx", "trc20"),
    }
    return HistoryEntry(**{**fields, **changes})


def _reading(*entries, claimed=(), now_ms=CLOSED_MS + 1, proven=True):
    return Reading(
        entries=tuple(entries), claimed=claimed, kucoin_now_ms=now_ms, is_remark_proven=proven
    )


def _judge(withdrawal, reading, now=NOW):
    return judge(withdrawal, reading, margin_seconds=MARGIN, now=now)


@pytest.mark.parametrize("remark", [ID, f"{ID} invoice 7", ID[:12], ID[:15]])
def test_unknown_with_our_remark_in_the_history_is_found(remark):
    entry = _entry(remark=remark)
    reading = _reading(_entry(kucoin_id="k0"), entry, now_ms=0, proven=False)
    assert _judge(_withdrawal(), reading) == (Verdict.FOUND, entry)


@pytest.mark.parametrize(
    "entry",
    [
        _entry(remark=ID[:11]),  # too short a cut
        _entry(remark=f"x{ID}"),
        _entry(remark=f"{ID}x"),
        _entry(remark=f"{ID.upper()}"),
        _entry(remark=ID[:12], amount=Decimal(7)),  # cut, and another payment
        _entry(remark=ID[:12], address="elsewhere"),
        _entry(remark=""),
    ],
    ids=repr,
)
def test_unknown_is_not_found_by_less(entry):
    assert search(_withdrawal(), _reading(entry)).ours is None


UID = {"withdraw_type": "UID", "address": "200000002", "chain": None}
MAIL = {"withdraw_type": "MAIL", "address": "shop@example.com", "chain": None}
PHONE = {"withdraw_type": "PHONE", "address": "49-15155555", "chain": None}
PAYMENT = {
    "payment": Checkout(payee="shop", payee_name="Shop", expires_at=9),
    "fee_deduct_type": "EXTERNAL",
}


@pytest.mark.parametrize(
    ("withdrawal", "entry", "likeness"),
    [
        ({}, {}, "SAME"),
        ({}, {"address": ADDRESS.upper()}, "SAME"),
        ({}, {"chains": ("trx",)}, "SAME"),
        ({}, {"amount": Decimal(89)}, "SAME"),  # both fees taken from it
        ({}, {"amount": Decimal(95), "fee": Decimal(5)}, "SAME"),
        ({}, {"amount": Decimal("100.01")}, "OTHER"),
        ({}, {"amount": Decimal(0)}, "OTHER"),
        ({}, {"amount": None}, "UNSURE"),
        ({}, {"address": ""}, "UNSURE"),
        ({}, {"address": "TElsewhere"}, "OTHER"),
        ({}, {"chains": ()}, "UNSURE"),
        ({}, {"chains": ("eth", "erc20")}, "OTHER"),
        ({}, {"currency": "USDC"}, "OTHER"),
        ({}, {"memo": "7"}, "OTHER"),
        ({"memo": "7"}, {"memo": "7"}, "SAME"),
        ({"memo": "7"}, {"memo": "8"}, "OTHER"),
        ({"memo": "7"}, {"memo": None}, "UNSURE"),
        ({"fee_deduct_type": "EXTERNAL"}, {"amount": Decimal(89)}, "OTHER"),  # the payee lacks 11
        ({"fee_deduct_type": "EXTERNAL"}, {"amount": Decimal(111)}, "OTHER"),
        ({}, {"amount": Decimal(101)}, "OTHER"),  # fees are never on top of what is told
        (UID, {"address": "200000002", "chains": ()}, "SAME"),
        (UID, {"address": "200000003"}, "OTHER"),
        (UID, {"address": "20*****02"}, "UNSURE"),
        (UID, {"address": ""}, "UNSURE"),
        (MAIL, {"address": "Shop@Example.com"}, "SAME"),
        (MAIL, {"address": "me@example.com"}, "OTHER"),
        (MAIL, {"address": "s***@example.com"}, "UNSURE"),
        (PHONE, {"address": "49-15155555"}, "SAME"),
        (PHONE, {"address": "15155555"}, "UNSURE"),
    ],
)  # fmt: skip
def test_entry_is_like_a_withdrawal_in_all_its_facts(withdrawal, entry, likeness):
    assert compare(_withdrawal(**withdrawal), _entry(**entry)) is Likeness(likeness)


@pytest.mark.parametrize(
    "facts", [{"address": "TElsewhere"}, {"amount": Decimal(7)}, {"currency": "BTC"}]
)
def test_our_remark_beside_other_facts_is_forged_and_never_not_done(facts):
    entry = _entry(remark=f"{ID} invoice 7", **facts)
    withdrawal = _withdrawal(first_empty_reading_at=1)
    assert _judge(withdrawal, _reading(entry)) == (Verdict.FORGED, entry)
    # told once, and not forgotten where the entry is not shown any more
    assert (
        _judge(_withdrawal(first_empty_reading_at=1, forged_at=5), _reading())[0] is Verdict.STUCK
    )


def test_our_remark_beside_the_payment_is_ours_whatever_was_forged():
    forged, ours = _entry(remark=ID, amount=Decimal(1)), _entry(kucoin_id="k2", remark=ID)
    assert _judge(_withdrawal(forged_at=5), _reading(forged, ours)) == (Verdict.FOUND, ours)


def test_our_remark_where_not_all_is_shown_is_enough_for_a_withdrawal_not_for_a_payment():
    entry = _entry(remark=ID, address="20*****02")
    assert _judge(_withdrawal(**UID), _reading(entry)) == (Verdict.FOUND, entry)
    assert _judge(_withdrawal(**UID, **PAYMENT), _reading(entry)) == (Verdict.STUCK, None)
    cut = _entry(remark=ID[:12], address="20*****02")
    assert _judge(_withdrawal(**UID), _reading(cut)) == (Verdict.STUCK, None)


def test_of_two_entries_that_are_the_same_neither_is_taken():
    two = [_entry(kucoin_id=name, remark=ID) for name in ("k1", "k2")]
    assert _judge(_withdrawal(), _reading(*two)) == (Verdict.STUCK, None)
    assert _judge(_withdrawal(), _reading(*two, claimed={"k1"}))[0] is Verdict.FOUND


def test_entry_that_another_record_holds_is_not_ours():
    entry = _entry(remark=ID)
    withdrawal = _withdrawal(first_empty_reading_at=1)
    assert _judge(withdrawal, _reading(entry, claimed={"k1"}))[0] is Verdict.NOT_DONE


def test_record_of_an_earlier_release_has_its_own_id_in_the_remark():
    withdrawal = _withdrawal(remark_id=None)
    entry = _entry(remark=withdrawal.withdrawal_id)
    assert search(withdrawal, _reading(entry)).ours == entry


def test_unknown_waits_until_kucoin_can_not_take_it_any_more():
    for now_ms in (0, ASKED_MS, CLOSED_MS):
        assert _judge(_withdrawal(), _reading(now_ms=now_ms)) == (Verdict.WAIT, None)
    assert _judge(_withdrawal(), _reading(now_ms=CLOSED_MS + 1))[0] is Verdict.FIRST_EMPTY


def test_unknown_takes_two_empty_readings_five_minutes_apart():
    withdrawal = _withdrawal(first_empty_reading_at=NOW - 299)
    assert _judge(withdrawal, _reading())[0] is Verdict.WAIT
    withdrawal = _withdrawal(first_empty_reading_at=NOW - 300)
    assert _judge(withdrawal, _reading())[0] is Verdict.NOT_DONE


@pytest.mark.parametrize(
    "entry",
    [
        _entry(),
        _entry(amount=Decimal(89)),  # what arrives
        _entry(amount=Decimal(99)),  # less the network fee
        _entry(amount=Decimal(111)),  # with the fees
        _entry(amount=Decimal(95), fee=Decimal(5)),
        _entry(amount=None),
        _entry(address=ADDRESS.upper()),
        _entry(remark="something else"),
        _entry(remark="zzzzzzzz234567zz"),
    ],
    ids=repr,
)
def test_unknown_with_an_unclaimed_entry_of_the_same_payment_is_stuck(entry):
    withdrawal = _withdrawal(first_empty_reading_at=1)
    assert _judge(withdrawal, _reading(entry))[0] is Verdict.STUCK
    assert _judge(withdrawal, _reading(entry, claimed={"k1"}))[0] is Verdict.NOT_DONE


@pytest.mark.parametrize(
    "entry",
    [
        _entry(amount=Decimal("100.000001")),
        _entry(address="elsewhere"),
        _entry(currency="USDC"),
    ],
    ids=repr,
)
def test_unknown_is_not_kept_by_another_payment(entry):
    withdrawal = _withdrawal(first_empty_reading_at=1)
    assert _judge(withdrawal, _reading(entry))[0] is Verdict.NOT_DONE


def test_unknown_to_a_person_suspects_every_address():
    withdrawal = _withdrawal(withdraw_type="MAIL", address="bob@example.com")
    assert is_same_payment(withdrawal, _entry(address="b***@example.com"))


def test_unknown_without_proof_of_the_remark_is_never_not_done():
    withdrawal = _withdrawal(first_empty_reading_at=1)
    assert _judge(withdrawal, _reading(proven=False))[0] is Verdict.STUCK


def test_unknown_without_an_attempt_is_stuck():
    assert _judge(_withdrawal(attempt=None), _reading())[0] is Verdict.STUCK


@pytest.mark.parametrize(
    ("remark", "is_ours"),
    [(ID, True), (f"{ID} x", True), (f"{ID}x", False), (f" {ID}", False), ("", False)],
)
def test_remark_is_ours_by_its_whole_id(remark, is_ours):
    assert is_remark_of(remark, ID) is is_ours
    assert (find_our_id(remark) == ID) is is_ours


@pytest.mark.parametrize(
    ("checks", "pause"), [(0, 60), (1, 90), (2, 135), (5, 455), (11, 3600), (200, 3600)]
)
def test_next_check_backs_off_to_an_hour(checks, pause):
    withdrawal = _withdrawal(state=WithdrawalState.SUBMITTED, checks=checks)
    assert decide_next_check(withdrawal, now=NOW) == NOW + pause


def test_next_check_of_what_ends_by_itself_is_its_end():
    submitting = _withdrawal(state=WithdrawalState.SUBMITTING)
    assert decide_next_check(submitting, now=0) == 1
    verification = Verification(transaction_id="t", all_factors=[], sent_factors=[], until=77)
    waiting = _withdrawal(state=WithdrawalState.VERIFICATION_REQUIRED, verification=verification)
    assert decide_next_check(waiting, now=0) == 77
    assert decide_next_check(_withdrawal(state=WithdrawalState.CREATED), now=0) == 3600


@pytest.mark.parametrize(("fee", "differs"), [("11", False), ("1", False), ("10", True)])
def test_fee_differs_unless_it_is_both_or_the_network_fee(fee, differs):
    assert differs_from_quote(_withdrawal(), Decimal(fee)) is differs


@pytest.mark.parametrize(
    ("started_at", "count", "now", "wait"),
    [
        (None, 0, 100, None),
        (100, 2, 109, None),
        (100, 3, 100, 10),
        (100, 3, 109, 1),
        (100, 3, 110, None),  # the window is over: the next request opens a new one
        (100, 9, 111, None),
    ],
)
def test_window_counts_from_its_first_request(started_at, count, now, wait):
    window = Window(limit_id="x", rule=WINDOW_RULES[0], started_at=started_at, count=count)
    assert window.find_wait(now) == wait


def test_windows_are_kucoins():
    assert [(rule.seconds, rule.maximum) for rule in WINDOW_RULES] == [(10, 3), (86_400, 50)]


def test_day_is_utc():
    assert (build_day(86_399), build_day(86_400)) == ("1970-01-01", "1970-01-02")
    assert (seconds_to_next_day(86_399), seconds_to_next_day(86_400)) == (1, 86_400)
