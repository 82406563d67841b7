"""How a payment stands, whether the account covers it, and which fees count as seen."""

from decimal import Decimal

import pytest

from kubroker.foundation.errors import UnprocessableError
from kubroker.payments.model import Balances, check_covered, is_fee_as_shown
from kubroker.withdrawals.model import (
    Attempt,
    Checkout,
    QuotedFees,
    Verification,
    Withdrawal,
    WithdrawalState,
)
from kubroker.withdrawals.payment_status import PaymentStatus, derive_payment_status

S, P = WithdrawalState, PaymentStatus
EXPIRES_AT = 1_000


def build(state: WithdrawalState, *, verify_until: int = 2_000) -> Withdrawal:
    quote = QuotedFees(
        network_fee="1",
        service_fee="10",
        value_usdt="100",
        currency_usd="1",
        usdt_usd="1",
        read_at=1,
    )
    return Withdrawal(
        user_id="user-1",
        withdrawal_id="abcdefgh234567ab",
        state=state,
        kucoin_uid="1",
        request_hash="h",
        body="{}",
        payment_id="p",
        currency="USDT",
        address="T",
        amount="100",
        withdraw_type="ADDRESS",
        return_url="https://www.broker.example/back",
        quote=quote,
        payment=Checkout(payee="shop", payee_name="Shop", expires_at=EXPIRES_AT),
        attempt=Attempt(
            attempt_id="a",
            timestamp_ms=1,
            submit_until=1_500,
            is_verification=False,
            return_to=S.CREATED,
        ),
        verification=Verification(
            transaction_id="t", all_factors=[["GAV"]], sent_factors=[], until=verify_until
        ),
        created_at=1,
        updated_at=1,
    )


# State → status before and after its time.
STATUSES = {
    S.CREATED: (P.OPEN, P.EXPIRED),
    S.EXPIRED: (P.OPEN, P.EXPIRED),
    S.SECURITY_SETUP_REQUIRED: (P.OPEN, P.EXPIRED),
    S.VERIFICATION_REQUIRED: (P.OPEN, P.OPEN),
    S.SUBMITTING: (P.PROCESSING, P.PROCESSING),
    S.SUBMITTED: (P.PROCESSING, P.PROCESSING),
    S.SUCCESS: (P.SETTLED, P.SETTLED),
    S.FAILURE: (P.FAILED, P.FAILED),
    S.REJECTED: (P.FAILED, P.FAILED),
    S.NOT_DONE: (P.FAILED, P.FAILED),
    S.CANCELLED: (P.CANCELLED, P.CANCELLED),
    S.OUTCOME_UNKNOWN: (P.OUTCOME_UNKNOWN, P.OUTCOME_UNKNOWN),
}


@pytest.mark.parametrize("state", S)
def test_status_before_and_after_its_time(state: WithdrawalState) -> None:
    payment = build(state)
    found = tuple(derive_payment_status(payment, now) for now in (EXPIRES_AT - 1, EXPIRES_AT))
    assert found == STATUSES[state]


def test_status_of_lapsed_ones() -> None:
    assert derive_payment_status(build(S.SUBMITTING), 1_500) is P.OUTCOME_UNKNOWN
    codes = build(S.VERIFICATION_REQUIRED, verify_until=500)
    assert derive_payment_status(codes, 500) is P.OPEN
    assert derive_payment_status(codes, EXPIRES_AT) is P.EXPIRED


@pytest.mark.parametrize(
    ("main", "trade", "withdrawable", "words"),
    [
        ("111", "0", "1000", None),
        ("111", "0", "111", None),
        ("1000", "0", "110.99", "111 USDT has to leave the main account, fees included; 110.99"),
        ("110.99", "0", "1000", "110.99 USDT can."),
        ("110.99", "0.01", "1000", "0.01 USDT is in the trade account: move at least 0.01 USDT"),
        ("0", "111", "0", "111 USDT is in the trade account: move at least 111 USDT"),
        ("1", "109", "1000", "109 USDT is in the trade account, which is not enough either."),
    ],
)
def test_account_covers_or_says_where_the_funds_are(
    main: str, trade: str, withdrawable: str, words: str | None
) -> None:
    balances = Balances(main=Decimal(main), trade=Decimal(trade))
    limit = Decimal(withdrawable)
    if words is None:
        check_covered(Decimal(111), "USDT", balances, limit)
        return
    with pytest.raises(UnprocessableError) as caught:
        check_covered(Decimal(111), "USDT", balances, limit)
    assert caught.value.code == "insufficient_balance"
    assert words in caught.value.message
    assert ("missing" in caught.value.members) == ("trade account" in words)


@pytest.mark.parametrize(
    ("shown", "now", "is_seen"),
    [
        ("11", "11", True),
        ("11", "10", True),
        ("11", "11.11", True),
        ("11", "11.12", False),
        ("0", "0", True),
        ("0", "0.1", False),
        (None, "0", False),
    ],
)
def test_fees_as_shown_are_those_or_less_or_a_hundredth_more(
    shown: str | None, now: str, is_seen: bool
) -> None:
    seen = None if shown is None else Decimal(shown)
    assert is_fee_as_shown(seen, Decimal(now)) is is_seen
