"""Payments from the broker's side: opened once, followed, listed, cancelled, expired."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from local.deployment.parameters import PAYEES
from tests.support.paying import REQUEST, SHOP, Paying


def test_open_answers_with_everything_and_asks_kucoin_for_nothing(paying: Paying) -> None:
    answer = paying.open(returnUrl=None)
    assert answer.status == 201, answer.text
    told = answer.json()
    assert told["status"] == "OPEN"
    assert told["paymentId"] == paying.id()
    assert (told["payee"], told["payeeName"]) == ("shop", "Demo Shop")
    assert (told["address"], told["chain"]) == (SHOP["address"], "trx")
    assert told["reference"] == "invoice 4711"
    fees = told["quotedFees"]
    assert (fees["networkFee"], fees["serviceFee"], fees["totalFee"]) == ("1", "10", "11")
    assert (fees["leaves"], fees["arrives"]) == ("111", "100")
    assert told["checkoutUrl"].startswith(f"{paying.api.base_url}/verify/user-1.{paying.id()}.")
    assert (paying.asked(), paying.spent(), paying.made()) == (0, 0, [])
    assert paying.get() == {**told, "checkoutUrl": None, "updatedAt": paying.get()["updatedAt"]}


def test_payment_is_paid_with_two_codes_and_settles(paying: Paying) -> None:
    link = paying.link()
    assert "Pay Demo Shop with KuCoin" in paying.page(link).text
    assert paying.pay(link).location == link
    assert paying.get()["status"] == "OPEN"
    assert "Confirm this payment" in paying.page(link).text
    assert paying.confirm(link).location == link
    assert paying.get()["status"] == "PROCESSING"
    paying.track(4, step=120)
    told = paying.get()
    assert (told["status"], told["fee"]) == ("SETTLED", "11")
    assert told["walletTxId"]
    (made,) = paying.made()
    assert (made["deducted"], made["received"], made["feeDeductType"]) == ("111", "100", "EXTERNAL")
    assert made["remark"] == f"{paying.stored().remark_name} invoice 4711"
    assert paying.spent() == 100


def test_payment_inside_kucoin_gives_the_payee_the_whole_amount(paying: Paying) -> None:
    link = paying.link(payee="shop-uid")
    paying.pay(link, paying.get()["quotedFees"]["totalFee"])
    paying.confirm(link)
    paying.track(4, step=120)
    (made,) = paying.made()
    assert (made["recipient"], made["received"]) == ("erin", "100")
    assert paying.get()["status"] == "SETTLED"


def test_open_with_the_same_key_gives_the_same_payment_and_another_link(paying: Paying) -> None:
    first, second = paying.open(), paying.open()
    assert (first.status, second.status) == (201, 200)
    assert first.json()["paymentId"] == second.json()["paymentId"]
    links = [one.json()["checkoutUrl"] for one in (first, second)]
    assert len(set(links)) == 2
    for link in links:
        assert paying.page(link.removeprefix(paying.api.base_url)).status == 200
    assert len(paying.api.get("/v1/payments").json()["payments"]) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": "101"},
        {"payee": "shop-uid"},
        {"reference": "invoice 4712"},
        {"userId": "user-2"},
        {"returnUrl": "{broker}/other"},
        {"currency": "BTC", "payee": "shop-uid", "amount": "0.001"},
    ],
    ids=str,
)
def test_open_with_another_body_under_the_key_is_refused(
    paying: Paying, addresses: Any, changed: dict[str, str]
) -> None:
    paying.connect("bob", user_id="user-2")
    assert paying.open().status == 201
    told = {name: value.format(broker=addresses.broker) for name, value in changed.items()}
    answer = paying.open(**told)
    assert (answer.status, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert answer.json()["withdrawalId"] == paying.id()
    assert len(paying.api.get("/v1/payments").json()["payments"]) == 1


def test_open_with_the_same_key_of_a_settled_one_tells_how_it_stands(paying: Paying) -> None:
    paying.no_factors()
    paying.pay(paying.link())
    paying.track(4, step=120)
    answer = paying.open()
    assert (answer.status, answer.json()["status"]) == (200, "SETTLED")
    assert answer.json()["checkoutUrl"] is None
    assert (len(paying.made()), paying.asked()) == (1, 1)


def test_key_of_a_withdrawal_is_no_key_of_a_payment(paying: Paying) -> None:
    assert paying.submit("key-1").status == 202
    assert paying.open("key-1", amount="7").status == 201


def test_open_a_name_that_is_not_listed_pays_nobody(paying: Paying) -> None:
    answer = paying.open(payee="evil")
    assert (answer.status, answer.json()["code"]) == (422, "payee_unknown")
    assert answer.json()["allowed"] == ["shop", "shop-uid"]
    answer = paying.open(currency="BTC", amount="0.001")
    assert (answer.status, answer.json()["code"]) == (422, "payee_currency")
    assert answer.json()["allowed"] == ["USDT"]


@pytest.mark.parametrize(
    ("payees", "words"),
    [
        ("[]", "does not have it"),
        ("[{}]", "PaymentPayees, payee 1, id: Field required."),
        (json.dumps([{**SHOP, "chain": None}]), "a payee of withdrawType ADDRESS needs its chain"),
        (json.dumps([SHOP, SHOP]), "PaymentPayees has these ids twice: shop."),
    ],
)
def test_open_where_the_list_is_empty_or_malformed_says_so(
    paying: Paying, payees: str, words: str
) -> None:
    paying.functions.set_environment("withdrawal", PAYMENT_PAYEES=payees)
    answer = paying.open()
    assert words in answer.json()["detail"]
    assert answer.json()["code"] in {"payee_unknown", "configuration_error"}
    assert paying.submit("other").status == 202, "withdrawals go on"


def test_open_needs_the_main_account_to_cover_amount_and_fees(paying: Paying) -> None:
    paying.bring("main", "110.999")
    paying.bring("trade", "0")
    answer = paying.open()
    assert (answer.status, answer.json()["code"]) == (422, "insufficient_balance")
    assert answer.json()["required"] == "111"
    assert answer.json()["mainAccount"] == "110.999"
    assert "trade account" not in answer.json()["detail"]
    paying.bring("main", "111")
    assert paying.open().status == 201, "refused before, the key is still free"


@pytest.mark.parametrize(
    ("trade", "words"),
    [
        ("500", "500 USDT is in the trade account: move at least 11 USDT to the main account"),
        ("11", "move at least 11 USDT"),
        ("10.5", "10.5 USDT is in the trade account, which is not enough either."),
    ],
)
def test_open_says_when_the_funds_sit_in_the_trade_account(
    paying: Paying, trade: str, words: str
) -> None:
    paying.bring("main", "100")
    paying.bring("trade", trade)
    answer = paying.open()
    assert (answer.status, answer.json()["code"]) == (422, "insufficient_balance")
    assert words in answer.json()["detail"]
    assert answer.json()["tradeAccount"] == trade
    assert answer.json()["missing"] == "11"


def test_open_where_the_balance_can_not_be_read_is_refused(paying: Paying) -> None:
    paying.simulator.add_fault("accounts", "error", code="500000", times=9)
    answer = paying.open()
    assert (answer.status, answer.json()["code"]) == (503, "kucoin_unreadable")
    paying.simulator.clear_faults()
    assert paying.open().status == 201


@pytest.mark.parametrize("payee", ["shop", "shop-uid"])
def test_open_where_the_quota_can_not_be_read_is_refused(paying: Paying, payee: str) -> None:
    paying.simulator.add_fault("withdrawal_quotas", "error", code="500000", times=9)
    answer = paying.open(payee=payee)
    assert (answer.status, answer.json()["code"]) == (503, "kucoin_unreadable")


def test_thirty_opened_at_once_with_one_key_are_one_payment_of_one_user(paying: Paying) -> None:
    from kubroker.foundation.errors import KubrokerError
    from kubroker.payments.flow import NewPayment
    from kubroker.payments.payees import parse_payees
    from kubroker.payments.wiring import build_payments

    paying.connect("bob", user_id="user-2")
    function = paying.functions.stack.find_function("withdrawal")
    with paying.functions._environment(function):
        payments = build_payments()[1]
        payee = parse_payees(function.environment["PAYMENT_PAYEES"])[0]

        def open_one(number: int) -> str:
            request = NewPayment(
                user_id=f"user-{1 + number % 2}",
                idempotency_key="key-1",
                payee=payee,
                order=payee.build_order("USDT", Decimal(100)),
                reference="r",
                remark="r",
                return_url="http://localhost/",
            )
            try:
                return payments.open(request).withdrawal.user_id
            except KubrokerError as error:
                return error.code

        with ThreadPoolExecutor(30) as threads:
            told = list(threads.map(open_one, range(30)))
    payer = paying.limits.find_payer(paying.id())
    other = {"user-1": "user-2", "user-2": "user-1"}[str(payer)]
    passing = {"store_unavailable", "kucoin_unreadable", "withdrawals_contended"}
    assert set(told) <= {payer, "idempotency_key_reused", *passing}
    assert payer in told
    assert paying.store.find(str(payer), paying.id())
    assert paying.store.find(other, paying.id()) is None


def test_open_of_the_same_payment_under_another_key_while_one_is_unknown(paying: Paying) -> None:
    paying.no_factors()
    link = paying.link()
    paying.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    paying.pay(link)
    assert paying.get()["status"] == "OUTCOME_UNKNOWN"
    answer = paying.open("key-2")
    assert (answer.status, answer.json()["code"]) == (409, "possible_duplicate")
    assert answer.json()["withdrawalIds"] == [paying.id()]
    assert paying.open("key-2", amount="99").status == 201, "another amount is another payment"
    named = paying.open("key-3", knownDuplicates=[paying.id()])
    assert named.status == 201
    other = named.json()["checkoutUrl"].removeprefix(paying.api.base_url)
    assert paying.pay(other).status == 303
    assert paying.get("key-3")["status"] == "PROCESSING"
    assert len(paying.made()) == 2


def test_opened_before_the_same_payment_went_unknown_is_not_paid(paying: Paying) -> None:
    paying.no_factors()
    first, second = paying.link(), paying.link("key-2")
    paying.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    paying.pay(first)
    page = paying.pay(second)
    assert (page.status, "Another payment of the same amount" in page.text) == (409, True)
    assert (len(paying.made()), paying.get("key-2")["status"]) == (1, "OPEN")


def test_daily_limit_holds_at_opening_and_at_paying(paying: Paying) -> None:
    paying.functions.set_environment("withdrawal", WITHDRAWAL_USDT_PER_DAY="150")
    paying.no_factors()
    answer = paying.open(amount="151")
    assert (answer.status, answer.json()["code"]) == (429, "daily_limit_reached")
    first, second = paying.link(), paying.link("key-2", amount="60")
    assert paying.pay(first).status == 303
    page = paying.pay(second, "7")
    assert (page.status, "more than may be paid from your account today" in page.text) == (
        429,
        True,
    )
    assert (len(paying.made()), paying.spent()) == (1, 100)


def test_switched_off_nothing_is_opened_or_paid(paying: Paying) -> None:
    link = paying.link()
    paying.switch("off")
    paying.functions.forget()
    answer = paying.open("key-2")
    assert (answer.status, answer.json()["code"]) == (503, "withdrawals_switched_off")
    page = paying.pay(link)
    assert (page.status, "Payments are paused" in page.text) == (503, True)
    assert paying.asked() == 0


@pytest.mark.parametrize(
    ("user", "status", "code"),
    [("user-2", 404, "connection_not_found"), ("user-3", 409, "withdrawal_not_granted")],
)
def test_open_for_a_user_who_can_not_pay(paying: Paying, user: str, status: int, code: str) -> None:
    from kubroker.kucoin.permissions import Permission

    paying.connect("bob", user_id="user-3", permissions=(Permission.GENERAL,))
    answer = paying.open(userId=user)
    assert (answer.status, answer.json()["code"]) == (status, code)


def test_cancel_an_open_one_and_again(paying: Paying) -> None:
    paying.link()
    path = f"/v1/payments/{paying.id()}"
    assert paying.api.delete(path).json()["status"] == "CANCELLED"
    assert paying.api.delete(path).json()["status"] == "CANCELLED"
    assert paying.open().json()["status"] == "CANCELLED"


def test_cancel_while_codes_are_wanted_then_codes_do_nothing(paying: Paying) -> None:
    link = paying.link()
    paying.pay(link)
    codes = paying.codes()
    assert paying.api.delete(f"/v1/payments/{paying.id()}").json()["status"] == "CANCELLED"
    assert paying.confirm(link, codes).status == 303
    assert (paying.asked(), paying.made(), paying.spent()) == (1, [], 0)


def test_cancel_one_that_kucoin_has_is_kucoins_decision(paying: Paying) -> None:
    paying.no_factors()
    paying.pay(paying.link())
    assert paying.api.delete(f"/v1/payments/{paying.id()}").status == 200
    paying.track(2, step=120)
    assert paying.get()["status"] == "CANCELLED"
    assert paying.spent() == 0


@pytest.mark.parametrize(
    ("end", "code"), [("EXPIRED", "withdrawal_settled"), ("SETTLED", "withdrawal_settled")]
)
def test_cancel_one_that_is_over_is_refused(paying: Paying, end: str, code: str) -> None:
    link = paying.link()
    if end == "SETTLED":
        paying.no_factors()
        paying.pay(link)
        paying.track(4, step=120)
    else:
        paying.later(1801)
    answer = paying.api.delete(f"/v1/payments/{paying.id()}")
    assert (answer.status, answer.json()["code"]) == (409, code)
    assert paying.get()["status"] == end


def test_unpaid_one_expires_by_itself_and_for_good(paying: Paying) -> None:
    link = paying.link()
    paying.later(1700)
    assert paying.get()["status"] == "OPEN"
    assert paying.stored().next_check_at == paying.stored().created_at + 1800
    paying.later(100)
    paying.track()
    stored = paying.stored()
    assert (stored.state, stored.code) == ("EXPIRED", "checkout_expired")
    assert (stored.payment_status, stored.next_check_at) == ("EXPIRED", None)
    assert "The time to pay is over" in paying.pay(link).text or paying.pay(link).status == 303
    assert "status=expired" in paying.page(link).text
    assert paying.open().json()["status"] == "EXPIRED"
    assert paying.asked() == 0


def test_codes_that_lapse_leave_it_open_until_its_time_is_over(paying: Paying) -> None:
    link = paying.link()
    paying.pay(link)
    old = paying.codes()
    paying.later(301)
    assert paying.get()["status"] == "OPEN"
    paying.track()
    assert paying.stored().next_check_at == paying.stored().created_at + 1800
    assert "Press Pay to get new codes" in paying.page(link).text
    assert paying.spent() == 0, "what is not asked for holds nothing back"
    paying.pay(link)
    assert paying.codes() != old
    paying.later(1500)
    paying.track(2)
    stored = paying.stored()
    assert (stored.state, stored.code, stored.payment_status) == (
        "EXPIRED",
        "checkout_expired",
        "EXPIRED",
    )
    assert paying.asked() == 2


def test_codes_asked_for_in_time_can_be_entered_after_it(paying: Paying) -> None:
    link = paying.link()
    paying.later(1750)
    paying.pay(link)
    paying.later(60)
    assert paying.get()["status"] == "OPEN"
    paying.track()
    assert paying.confirm(link).status == 303
    assert paying.get()["status"] == "PROCESSING"
    assert len(paying.made()) == 1


def test_kucoins_refusal_is_the_end(paying: Paying) -> None:
    link = paying.link()
    paying.simulator.add_fault("withdraw", "error", phase="before", code="260210", times=1)
    paying.pay(link)
    told = paying.get()
    assert (told["status"], told["code"]) == ("FAILED", "withdrawal_disabled")
    assert paying.open().json()["status"] == "FAILED"
    assert paying.spent() == 0


def test_lost_answer_is_found_out_and_never_sent_again(paying: Paying) -> None:
    paying.limits.note_remark("ADDRESS", came_back=True, now=0)
    link = paying.link()
    paying.pay(link)
    codes = paying.codes()
    paying.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    paying.confirm(link, codes)
    assert paying.get()["status"] == "OUTCOME_UNKNOWN"
    for _ in range(3):
        paying.pay(link)
        paying.confirm(link, codes)
    paying.track(6, step=300)
    assert paying.get()["status"] == "SETTLED"
    assert (len(paying.made()), paying.asked()) == (1, 2)


def test_operator_settles_one_of_unknown_outcome_by_its_id(paying: Paying) -> None:
    paying.simulator.set_worlds(remark="dropped")
    paying.no_factors()
    paying.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    paying.pay(paying.link())
    word = {
        "outcome": "SUCCESS",
        "kucoinWithdrawalId": paying.made()[0]["id"],
        "evidence": "KuCoin's support confirmed it",
        "operator": "op",
    }
    answer = paying.api.post(paying.path(paying.id(), "settlement"), json=word)
    assert answer.status == 200, answer.text
    assert paying.get()["status"] == "SETTLED"


def test_get_of_another_id_is_not_found(paying: Paying) -> None:
    withdrawal = paying.submit().json()["withdrawalId"]
    for wrong in ("abcdefgh234567xy", "x", withdrawal, "..", "a" * 300):
        answer = paying.api.get(f"/v1/payments/{wrong}")
        assert (answer.status, answer.json()["code"]) == (404, "payment_not_found"), wrong


def test_list_is_by_time_filtered_and_paged(paying: Paying) -> None:
    paying.connect("bob", user_id="user-2")
    for number in range(5):
        user = "user-2" if number % 2 else "user-1"
        answer = paying.open(
            f"k{number}", userId=user, amount=f"{10 + number}", reference=f"r{number}"
        )
        assert answer.status == 201, answer.text
        paying.later(1)
    assert paying.submit().status == 202, "a withdrawal is no payment"
    paying.api.delete(f"/v1/payments/{paying.id('k4')}")

    def listed(query: str) -> list[str]:
        page = paying.api.get(f"/v1/payments?{query}").json()
        return [one["reference"] for one in page["payments"]]

    assert listed("") == ["r4", "r3", "r2", "r1", "r0"]
    assert listed("userId=user-2") == ["r3", "r1"]
    assert listed("status=OPEN") == ["r3", "r2", "r1", "r0"]
    assert listed("status=CANCELLED&userId=user-1") == ["r4"]
    assert listed("reference=r2") == ["r2"]
    assert listed("reference=r2&userId=user-2") == []
    for query in ("limit=2", "limit=2&status=OPEN", "limit=1&userId=user-1"):
        told, cursor = [], ""
        while True:
            page = paying.api.get(f"/v1/payments?{query}{cursor}").json()
            assert len(page["payments"]) <= int(query[len("limit=")])
            told += [one["reference"] for one in page["payments"]]
            if page["nextCursor"] is None:
                break
            cursor = f"&cursor={page['nextCursor']}"
        assert told == listed(query.replace("limit=2", "limit=50").replace("limit=1&", "")), query


def test_list_by_status_tells_nothing_that_lapsed_a_moment_ago(paying: Paying) -> None:
    paying.link()
    paying.later(1800)
    assert paying.api.get("/v1/payments?status=OPEN").json()["payments"] == []
    (one,) = paying.api.get("/v1/payments").json()["payments"]
    assert one["status"] == "EXPIRED"


def test_last_ten_links_work(paying: Paying) -> None:
    links = [paying.link() for _ in range(11)]
    assert [paying.page(link).status for link in links] == [404] + [200] * 10


def test_withdrawals_of_a_user_name_payments_as_such(paying: Paying) -> None:
    paying.link()
    (one,) = paying.api.get(paying.path()).json()["withdrawals"]
    assert (one["withdrawalId"], one["kind"], one["reference"]) == (
        paying.id(),
        "payment",
        "invoice 4711",
    )


def test_payees_of_the_local_stack_are_what_is_asked_for_here() -> None:
    assert {payee["id"] for payee in PAYEES} == {"shop", "shop-uid"}
    assert REQUEST["payee"] == "shop"


def test_claim_after_its_time_is_refused_however_the_press_came_there(paying: Paying) -> None:
    from kubroker.foundation.errors import ConflictError
    from kubroker.withdrawals.claims import ClaimRequest, WithdrawalClaims
    from kubroker.withdrawals.tries import WithdrawalTries

    paying.link()
    payment = paying.stored()
    claims = WithdrawalClaims(
        paying.store,
        paying.connections,
        paying.limits,
        usdt_per_day=Decimal(1000),
        tries=WithdrawalTries(paying.limits, per_record=20, per_day=60),
    )
    wish = ClaimRequest(
        is_verification=False, quote=None, acknowledged=frozenset(), timestamp_ms=lambda: 1
    )
    with pytest.raises(ConflictError) as caught:
        claims.claim(payment, wish, now=payment.created_at + 1800)
    assert caught.value.code == "payment_expired"
    assert paying.stored() == payment
