"""The checkout page, without a browser: what each state shows, and what a POST does."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.paying import BROWSER, SHOP, Paying

FORM = "application/x-www-form-urlencoded"


def test_page_shows_what_is_paid_to_whom_every_fee_and_what_arrives(paying: Paying) -> None:
    page = paying.page(paying.link())
    assert page.status == 200
    for name, value in {
        "Amount": "100 USDT",
        "To": "Demo Shop",
        "Reference": "invoice 4711",
        "Network": "trx",
        "KuCoin’s network fee": "1 USDT",
        "KuCoin’s service fee": "10 USDT",
        "Leaves your account": "111 USDT",
        "Arrives": "100 USDT",
    }.items():
        assert f"<dt>{name}</dt><dd>{value}</dd>" in page.text
    assert str(SHOP["address"]) in page.text
    assert ">Pay 111 USDT</button>" in page.text
    assert "code-" not in page.text
    policy = page.header("content-security-policy")
    assert "default-src 'none'" in policy
    assert "form-action 'self';" in policy
    assert "script-src" not in policy
    for name, value in {
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
    }.items():
        assert page.header(name) == value


def test_page_shown_many_times_changes_nothing_and_asks_kucoin_nothing(paying: Paying) -> None:
    link = paying.link()
    before, asked = paying.stored(), len(paying.simulator.journal())
    for _ in range(5):
        assert paying.page(link).status == 200
    assert paying.stored() == before
    assert len(paying.simulator.journal()) == asked


def test_pay_leads_to_codes_then_back_to_the_broker(paying: Paying) -> None:
    link = paying.link()
    answer = paying.pay(link)
    assert (answer.status, answer.location) == (303, link)
    page = paying.page(link)
    assert "Confirm this payment" in page.text
    assert "Confirm and pay 111 USDT" in page.text
    assert page.text.count('autocomplete="one-time-code"') == 2
    assert f"status=pending&amp;payment={paying.id()}" in page.text
    assert paying.confirm(link).location == link
    page = paying.page(link)
    assert "KuCoin is sending your payment" in page.text
    assert f"status=submitted&amp;payment={paying.id()}" in page.text
    assert "<form" not in page.text


def test_wrong_code_says_so_and_the_right_one_goes_on(paying: Paying) -> None:
    link = paying.link()
    paying.pay(link)
    page = paying.confirm(link, {"GAV": "271828", "EMV": "314159"})
    assert (page.status, "A code is wrong. 4 tries left." in page.text) == (422, True)
    assert "Confirm this payment" in page.text
    assert "271828" not in page.text
    assert paying.confirm(link).status == 303
    assert len(paying.made()) == 1


def test_pressed_many_times_and_from_an_old_tab_asks_once(paying: Paying) -> None:
    link = paying.link()
    assert [paying.pay(link).status for _ in range(3)] == [303] * 3
    assert paying.asked() == 1
    codes = paying.codes()
    assert [paying.confirm(link, codes).status for _ in range(3)] == [303] * 3
    assert paying.pay(link).status == 303, "the first page was still open in another tab"
    assert (paying.asked(), len(paying.made())) == (2, 1)


def test_two_links_of_one_payment_pay_once(paying: Paying) -> None:
    paying.no_factors()
    links = [paying.link(), paying.link()]
    assert [paying.pay(link).status for link in links] == [303, 303]
    assert (paying.asked(), len(paying.made())) == (1, 1)


def test_twenty_presses_at_once_ask_kucoin_once(paying: Paying) -> None:
    from kubroker.foundation.errors import KubrokerError
    from kubroker.payments.wiring import build_payments

    paying.no_factors()
    paying.link()
    function = paying.functions.stack.find_function("withdrawal")
    with paying.functions._environment(function):
        payments = build_payments()[1]

        def press(_: int) -> str:
            try:
                payment = payments.get(paying.id())
                return str(payments.pay(payment, shown_fees="11").state)
            except KubrokerError as error:
                return error.code

        with ThreadPoolExecutor(20) as threads:
            states = set(threads.map(press, range(20)))
    assert states <= {"SUBMITTED", "SUBMITTING", "store_unavailable", "kucoin_unreadable"}
    assert (paying.asked(), len(paying.made()), paying.spent()) == (1, 1, 100)


@pytest.mark.parametrize(
    ("main", "trade", "words"),
    [
        ("50", "500", "Your trading account has 500 USDT: move 61 USDT to the main account"),
        ("50", "60", "Your trading account has 60 USDT, which is not enough either."),
        ("50", "0", "only 50 USDT can be withdrawn there."),
    ],
)
def test_funds_that_went_elsewhere_are_told_and_can_be_put_right(
    paying: Paying, main: str, trade: str, words: str
) -> None:
    link = paying.link()
    paying.bring("main", main)
    paying.bring("trade", trade)
    page = paying.pay(link)
    assert (page.status, words in page.text) == (422, True)
    assert "it takes 111 USDT from your main account" in page.text
    assert 'role="alert"' in page.text
    assert (paying.asked(), paying.spent(), paying.get()["status"]) == (0, 0, "OPEN")
    paying.bring("main", "111")
    assert paying.pay(link).status == 303
    assert paying.asked() == 1


def test_fees_that_rose_are_shown_before_they_are_paid(paying: Paying) -> None:
    link = paying.link()
    paying.simulator.patch_chain("USDT", "trx", minFee="3")
    page = paying.pay(link)
    assert (page.status, "KuCoin’s fees have changed" in page.text) == (409, True)
    assert "<dd>113 USDT</dd>" in page.text
    assert ">Pay 113 USDT</button>" in page.text
    assert paying.asked() == 0
    assert paying.pay(link).status == 409, "the other tab shows the old figures still"
    assert paying.pay(link, "13").status == 303
    assert paying.asked() == 1
    assert paying.get()["quotedFees"]["totalFee"] == "13"


def test_fees_that_fell_or_hardly_rose_are_paid(paying: Paying) -> None:
    link = paying.link()
    paying.simulator.patch_chain("USDT", "trx", minFee="1.1")
    assert paying.pay(link).status == 303


@pytest.mark.parametrize(
    "fees", ["", "x", "-1", "1e9", "NaN", "Infinity", "0", "<b>", "٩٩", " ", "9" * 5000]
)
def test_fees_of_another_form_are_no_fees_that_were_seen(paying: Paying, fees: str) -> None:
    link = paying.link()
    assert (paying.pay(link, fees).status, paying.asked()) == (409, 0)


def test_payee_taken_off_the_list_since_is_not_paid(paying: Paying) -> None:
    link = paying.link()
    paying.functions.set_environment("withdrawal", PAYMENT_PAYEES="[]")
    page = paying.pay(link)
    assert (page.status, "The recipient can’t be paid any more" in page.text) == (409, True)
    moved = json.dumps([{**SHOP, "address": "TAnotherAddress00"}])
    paying.functions.set_environment("withdrawal", PAYMENT_PAYEES=moved)
    assert paying.pay(link).status == 409
    assert paying.asked() == 0


def test_payee_taken_off_the_list_since_is_not_paid_by_codes(paying: Paying) -> None:
    link = paying.link()
    paying.pay(link)
    codes = paying.codes()
    paying.functions.set_environment("withdrawal", PAYMENT_PAYEES="[]")
    page = paying.confirm(link, codes)
    assert (page.status, "The recipient can’t be paid any more" in page.text) == (409, True)
    path = paying.path(paying.id(), "verification")
    assert paying.api.post(path, json={"factors": codes}).json()["code"] == "payee_not_listed"
    assert (paying.asked(), paying.made()) == (1, [])


def test_account_linked_anew_since_does_not_pay(paying: Paying) -> None:
    from kubroker.aws.table import Update

    link = paying.link()
    paying.connections.table.write(
        Update(key={"userId": "user-1"}, set_={"kucoinUid": "200000099"})
    )
    page = paying.pay(link)
    assert (page.status, "linked another KuCoin account" in page.text) == (409, True)
    assert paying.asked() == 0


def test_account_disconnected_since_does_not_pay(paying: Paying) -> None:
    link = paying.link()
    assert paying.api.delete("/v1/connections/user-1").status == 200
    page = paying.pay(link)
    assert (page.status, "is not linked any more" in page.text) == (409, True)
    assert (paying.asked(), paying.get()["status"]) == (0, "OPEN")


def test_cancelled_by_the_user_is_cancelled(paying: Paying) -> None:
    link = paying.link()
    assert paying.post(link, action="cancel").location == link
    page = paying.page(link)
    assert "The payment was cancelled" in page.text
    assert f"status=cancelled&amp;payment={paying.id()}" in page.text
    assert paying.pay(link).status == 303
    assert (paying.asked(), paying.get()["status"]) == (0, "CANCELLED")


def test_cancelled_after_it_was_paid_changes_nothing(paying: Paying) -> None:
    paying.no_factors()
    link = paying.link()
    paying.pay(link)
    assert paying.post(link, action="cancel").status == 303
    assert paying.get()["status"] == "PROCESSING"
    assert paying.simulator.journal(route="withdrawal_cancel") == []


def test_time_that_is_over_ends_it(paying: Paying) -> None:
    link = paying.link()
    paying.later(1801)
    for answer in (paying.pay(link), paying.post(link, action="cancel"), paying.confirm(link, {})):
        assert answer.status == 303
    page = paying.page(link)
    assert "The time to pay is over" in page.text
    assert "<form" not in page.text
    assert paying.asked() == 0


def test_security_that_kucoin_wants_first_then_paid(paying: Paying) -> None:
    link = paying.link()
    paying.simulator.patch_user("alice", two_factor=False)
    assert paying.pay(link).status == 303
    page = paying.page(link)
    assert "KuCoin wants more security first" in page.text
    assert "/account/security/g2fa?client_id=kubroker-local&amp;redirect_uri=" in page.text
    assert paying.get()["status"] == "OPEN"
    paying.simulator.patch_user("alice", two_factor=True)
    assert paying.pay(link).status == 303
    assert paying.confirm(link).status == 303
    assert len(paying.made()) == 1


def test_refusal_tells_kucoins_reason(paying: Paying) -> None:
    link = paying.link()
    paying.simulator.add_fault("withdraw", "error", phase="before", code="260325", times=1)
    paying.pay(link)
    page = paying.page(link)
    assert "KuCoin refused the payment" in page.text
    assert "its owner has to add it at KuCoin" in page.text
    assert "status=failed" in page.text


def test_lost_answer_says_not_to_pay_again(paying: Paying) -> None:
    paying.no_factors()
    link = paying.link()
    paying.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    assert paying.pay(link).status == 303
    page = paying.page(link)
    assert "KuCoin’s answer was lost" in page.text
    assert "don’t pay a second time" in page.text
    assert "<form" not in page.text


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (("withdraw", "rate_limit", {"phase": "before"}), 429, "KuCoin takes no more requests"),
        (("accounts", "error", {"code": "500000", "times": 9}), 503, "does not tell balance"),
        (("prices", "error", {"code": "500000", "times": 9}), 503, "does not tell balance"),
        (("withdraw", "refuse", {}), 503, "KuCoin can’t be reached"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_kucoin_that_is_busy_or_away_leaves_it_open(
    paying: Paying, fault: Any, status: int, words: str
) -> None:
    route, kind, fields = fault
    link = paying.link()
    if kind == "refuse":
        paying.functions.set_environment("withdrawal", KUCOIN_REST_URL="http://127.0.0.1:9")
        words, status = "does not tell balance", 503
    else:
        paying.simulator.add_fault(route, kind, **{"times": 1, **fields})
    page = paying.pay(link)
    assert (page.status, words in page.text) == (status, True)
    assert (paying.made(), paying.get()["status"]) == ([], "OPEN")


def test_page_escapes_whatever_it_shows(paying: Paying) -> None:
    page = paying.page(paying.link(reference="<b>x</b>&\"'"))
    assert "<b>x" not in page.text
    assert "&lt;b&gt;x" in page.text


@pytest.mark.parametrize(
    "change",
    [
        lambda link: link[:-1],
        lambda link: link + "A",
        lambda link: link[:-1] + ("A" if link[-1] != "A" else "B"),
        lambda link: link.replace("user-1", "user-2"),
        lambda link: link.replace(".", "%2E", 1) + "%00",
    ],
)
@pytest.mark.parametrize("action", ["look", "pay", "cancel"])
def test_page_of_another_link_is_not_found(paying: Paying, action: str, change: Any) -> None:
    link = change(paying.link())
    page = paying.page(link) if action == "look" else paying.post(link, action=action, fees="11")
    assert (page.status, "This link is not valid" in page.text) == (404, True)
    assert (paying.asked(), paying.get()["status"]) == (0, "OPEN")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, b"action=pay&fees=11", 403),
        ({"Sec-Fetch-Site": "same-site"}, b"action=pay&fees=11", 403),
        ({"Content-Type": "application/json"}, b'{"action": "pay"}', 400),
        ({}, b"\xff\xfe", 400),
        ({}, b"a=1&" * 40, 400),
        ({}, b"x" * 70_000, 400),
        ({}, b"action=pay&action=cancel&fees=11", 303),
        ({}, b"action=PAY&fees=11", 303),
        ({}, b"", 303),
        ({}, b"fees=11", 303),
    ],
    ids=lambda value: str(value)[:40],
)
def test_page_takes_its_own_form_only(
    paying: Paying, headers: dict[str, str], body: bytes, status: int
) -> None:
    page = paying.api.post(
        paying.link(), body=body, headers={"Content-Type": FORM, **BROWSER, **headers}
    )
    assert page.status == status
    assert (paying.asked(), paying.get()["status"]) == (0, "OPEN")
