"""The hosted verification page, without a browser: what each state shows, and what a POST does."""

from typing import Any

import pytest

from tests.support.api import ApiResponse
from tests.support.money import ADDRESS, Money


def _link(money: Money, **changes: Any) -> str:
    return str(money.submit(**changes).json()["verifyUrl"]).removeprefix(money.api.base_url)


def _post(money: Money, link: str, **form: str) -> ApiResponse:
    return money.api.post(link, form=form, headers={"Sec-Fetch-Site": "same-origin"})


def _codes(money: Money) -> dict[str, str]:
    return {f"code-{name}": value for name, value in money.codes().items()}


def test_page_shows_what_leaves_where_to_and_asks_for_each_code(money: Money) -> None:
    page = money.api.get(_link(money, feeDeductType="EXTERNAL"))
    assert page.status == 200
    for text in ("100 USDT", ADDRESS, "trx", "1 USDT", "10 USDT", "111 USDT"):
        assert text in page.text
    assert page.text.count('autocomplete="one-time-code"') == 2
    assert 'name="code-GAV"' in page.text
    assert 'name="code-EMV"' in page.text
    policy = page.header("content-security-policy")
    assert "default-src 'none'" in policy
    assert "form-action 'self';" in policy
    assert "script-src" not in policy
    for name, value in {
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
    }.items():
        assert page.header(name) == value


def test_page_shown_many_times_changes_nothing(money: Money) -> None:
    link = _link(money)
    before = money.stored()
    for _ in range(5):
        assert money.api.get(link).status == 200
    assert money.stored() == before
    assert money.asked() == 1


def test_page_with_the_right_codes_leads_to_the_end_and_back_to_the_broker(money: Money) -> None:
    link = _link(money)
    answer = _post(money, link, **_codes(money))
    assert (answer.status, answer.location) == (303, link)
    page = money.api.get(link)
    assert (page.status, "KuCoin is sending it" in page.text) == (200, True)
    assert f"status=submitted&amp;withdrawal={money.id()}" in page.text
    assert "code-GAV" not in page.text
    assert len(money.made()) == 1


def test_page_sent_twice_completes_once(money: Money) -> None:
    link, codes = _link(money), _codes(money)
    assert [_post(money, link, **codes).status for _ in range(3)] == [303] * 3
    assert (len(money.made()), money.asked()) == (1, 2)


def test_page_with_a_wrong_code_says_so_and_never_repeats_it(money: Money) -> None:
    link = _link(money)
    page = _post(money, link, **{"code-GAV": "271828", "code-EMV": "314159"})
    assert page.status == 422
    assert "A code is wrong. 4 tries left." in page.text
    assert 'role="alert"' in page.text
    assert page.text.count('aria-invalid="true"') == 2
    assert "271828" not in page.text
    assert _post(money, link, **_codes(money)).status == 303


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"code-GAV": "123456"},
        {"code-GAV": "", "code-EMV": ""},
        {"code-GAV": "1", "code-EMV": "123456"},
        {"code-GAV": "<script>", "code-EMV": "123456"},
        {"code-GAV": "123456", "code-EMV": "123456", "code-SMS": "123456"},
        {"code-GAV": "١٢٣٤٥٦", "code-EMV": "123456"},
        {"action": "else"},
    ],
    ids=str,
)
def test_page_with_codes_of_another_form_asks_again_and_kucoin_nothing(
    money: Money, form: dict[str, str]
) -> None:
    page = _post(money, _link(money), **form)
    assert (page.status, "Confirm this withdrawal" in page.text) == (422, True)
    assert "<script>" not in page.text
    assert money.asked() == 1


def test_page_of_an_expired_one_offers_new_codes_by_post_only(money: Money) -> None:
    link = _link(money)
    money.later(301)
    page = money.api.get(link)
    assert "The time for these codes is over" in page.text
    assert money.asked() == 1
    old = money.codes()
    assert _post(money, link, action="renew").status == 303
    assert "Confirm this withdrawal" in money.api.get(link).text
    assert money.codes() != old
    assert _post(money, link, **_codes(money)).status == 303
    assert len(money.made()) == 1


def test_page_of_an_expired_one_takes_no_codes(money: Money) -> None:
    link, codes = _link(money), _codes(money)
    money.later(301)
    assert _post(money, link, **codes).status == 303
    assert "The time for these codes is over" in money.api.get(link).text
    assert (money.asked(), money.made()) == (1, [])


def test_page_renewed_for_a_user_who_must_set_up_security_leads_to_kucoin(money: Money) -> None:
    link = _link(money)
    money.later(301)
    money.simulator.patch_user("alice", two_factor=False)
    assert _post(money, link, action="renew").status == 303
    page = money.api.get(link)
    assert "KuCoin wants more security first" in page.text
    assert "/account/security/g2fa?client_id=kubroker-local&amp;redirect_uri=" in page.text


def test_page_of_a_lost_answer_says_not_to_ask_again(money: Money) -> None:
    link, codes = _link(money), _codes(money)
    money.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    assert _post(money, link, **codes).status == 303
    page = money.api.get(link)
    assert "KuCoin’s answer was lost" in page.text
    assert "don’t ask for it a second time" in page.text
    assert "<form" not in page.text


def test_page_of_a_refused_one_tells_kucoins_reason(money: Money) -> None:
    link, codes = _link(money), _codes(money)
    money.simulator.add_fault("withdraw", "error", phase="before", code="260325", times=1)
    _post(money, link, **codes)
    page = money.api.get(link)
    assert "KuCoin refused the withdrawal" in page.text
    assert "its owner has to add it at KuCoin" in page.text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "rate_limit"}, "KuCoin takes no more requests"),
        ({"kind": "error", "code": "400002"}, "KuCoin takes no more requests"),
    ],
    ids=["limit", "clock"],
)
def test_page_when_kucoin_is_busy_says_to_come_again(
    money: Money, fault: dict[str, str], words: str
) -> None:
    link, codes = _link(money), _codes(money)
    money.simulator.add_fault("withdraw", **fault, phase="before", times=1)
    page = _post(money, link, **codes)
    assert (page.status, words in page.text) == (429, True)
    assert _post(money, link, **codes).status == 303


def test_page_when_withdrawals_are_switched_off(money: Money) -> None:
    link, codes = _link(money), _codes(money)
    money.switch("off")
    money.functions.forget()
    page = _post(money, link, **codes)
    assert (page.status, "switched withdrawals off" in page.text) == (503, True)
    assert money.made() == []


def test_page_of_a_cancelled_one(money: Money) -> None:
    link, codes = _link(money), _codes(money)
    money.api.delete(money.path(money.id()))
    assert _post(money, link, **codes).status == 303
    page = money.api.get(link)
    assert "The withdrawal was cancelled" in page.text
    assert "status=cancelled" in page.text


def test_page_for_others_names_no_default_chain_inside_kucoin(money: Money) -> None:
    uid = {"withdrawType": "UID", "address": "200000002", "chain": None}
    page = money.api.get(_link(money, **uid))
    assert "To KuCoin user" in page.text
    assert "200000002" in page.text
    assert "<dt>Network</dt>" not in page.text


def test_page_where_fees_depend_on_the_balance_says_both(money: Money) -> None:
    page = money.api.get(_link(money))
    for text in ("<dd>111 USDT</dd>", "<dd>100 USDT</dd>"):
        assert text in page.text
    assert "then 100 USDT leaves and 89 USDT arrives" in page.text


def test_page_where_the_way_of_the_fees_is_asked_for_says_one(money: Money) -> None:
    page = money.api.get(_link(money, feeDeductType="INTERNAL"))
    assert "<dd>89 USDT</dd>" in page.text
    assert "If your balance" not in page.text


def test_page_escapes_whatever_it_shows(money: Money) -> None:
    hostile = "<b>x</b>&\"'"
    page = money.api.get(_link(money, memo=hostile))
    assert "<b>x" not in page.text
    assert "&lt;b&gt;x" in page.text


@pytest.mark.parametrize(
    "change",
    [
        lambda link: link[:-1],
        lambda link: link + "A",
        lambda link: link[:-1] + ("A" if link[-1] != "A" else "B"),
        lambda link: link.replace("user-1", "user-2"),
        lambda link: "/verify/x",
        lambda link: "/verify/" + "." * 80,
        lambda link: link.replace(".", "%2E", 1) + "%00",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_page_of_another_link_is_not_found(money: Money, method: str, change: Any) -> None:
    link = change(_link(money))
    form = _codes(money) if method == "POST" else None
    headers = {"Sec-Fetch-Site": "same-origin"}
    page = money.api.request(method, link, form=form, headers=headers)
    assert (page.status, "This link is not valid" in page.text) == (404, True)
    assert money.made() == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, b"code-GAV=123456&code-EMV=123456", 403),
        ({"Sec-Fetch-Site": "same-site"}, b"code-GAV=123456&code-EMV=123456", 403),
        ({"Content-Type": "application/json"}, b"{}", 400),
        ({"Content-Type": "text/plain"}, b"code-GAV=1", 400),
        ({}, b"\xff\xfe", 400),
        ({}, b"a=1&" * 40, 400),
        ({}, b"x" * 70_000, 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_page_takes_its_own_form_only(
    money: Money, headers: dict[str, str], body: bytes, status: int
) -> None:
    link = _link(money)
    sent = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Sec-Fetch-Site": "same-origin",
        **headers,
    }
    page = money.api.post(link, body=body, headers=sent)
    assert (page.status, "<h1>" in page.text) == (status, True)
    assert money.asked() == 1


def test_page_of_an_old_link_renews_nothing(money: Money) -> None:
    link = _link(money)
    money.later(3601)
    page = money.api.get(link)
    assert "The time for this withdrawal is over" in page.text
    assert "Get new codes" not in page.text
    assert _post(money, link, action="renew").status == 409
    assert (money.asked(), money.made()) == (1, [])


def test_page_renews_nothing_beside_the_same_payment_made_since(money: Money) -> None:
    link = _link(money)
    money.later(301)
    assert money.submit("key-2").status == 202
    assert money.verify("key-2").status == 200
    page = _post(money, link, action="renew")
    assert (page.status, "is there already" in page.text) == (409, True)
    answer = money.submit()
    assert (answer.status, answer.json()["withdrawalIds"]) == (409, [money.id("key-2")])
    assert (len(money.made()), money.asked()) == (1, 3)
    assert money.submit(knownDuplicates=[money.id("key-2")]).status == 202
