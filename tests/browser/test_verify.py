"""The verification page and the security set-up in chromium, on the whole local stack."""

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.visitor import PHONE
from tests.support.money import ORDER, Money

pytestmark = pytest.mark.browser

QUESTION = "Confirm this withdrawal"
SENT = "KuCoin is sending it"


class Payment:
    """A withdrawal on its way through the browser."""

    def __init__(self, story, browser_stack, kucoin_user="alice") -> None:
        stack = browser_stack.stack.stack
        self.money = Money(None, SimpleNamespace(stack=stack), browser_stack.simulator, None)
        self.money.connect(kucoin_user)
        self.story, self.stack, self.kucoin_user = story, browser_stack, kucoin_user
        self.return_url = f"{browser_stack.broker_url}/kucoin/return?from=payment"

    def submit(self):
        return self.stack.call_with_key(
            "/v1/connections/user-1/withdrawals",
            {**ORDER, "returnUrl": self.return_url},
        )

    def open(self) -> None:
        answer = self.submit()
        assert answer.status_code == 202, answer.text
        self.story.page.goto(answer.json()["verifyUrl"])
        self.story.expect(QUESTION)

    def enter(self, **codes) -> None:
        page = self.story.page
        page.get_by_label("Authenticator code").fill(codes["GAV"])
        page.get_by_label("E-mail code").fill(codes["EMV"])

    def confirm(self) -> None:
        self.story.page.get_by_role("button", name="Confirm and send 100 USDT").click()

    def codes(self):
        return self.money.codes(self.kucoin_user)

    def made(self):
        return self.money.made(self.kucoin_user)

    def go_back(self):
        self.story.page.get_by_role("link", name="Back to Demo Broker").click()
        self.story.expect("Demo Broker")
        return self.story.find_return_query()


@pytest.fixture
def payment(story, browser_stack) -> Payment:
    return Payment(story, browser_stack)


def test_verify_wrong_code_then_right_then_back_to_the_broker(payment):
    payment.open()
    facts = payment.story.get_shown_facts()
    assert facts["Amount"] == "100 USDT"
    assert facts["To address"] == ORDER["address"]
    assert facts["Leaves your account"] == "111 USDT"
    assert payment.story.visitor.find_accessibility_faults() == []
    payment.enter(GAV="000000", EMV="000000")
    payment.confirm()
    alert = payment.story.page.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == "A code is wrong. 4 tries left."
    assert payment.story.page.get_by_label("E-mail code").input_value() == ""
    assert payment.story.visitor.find_accessibility_faults() == []
    payment.enter(**payment.codes())
    payment.confirm()
    payment.story.expect(SENT)
    assert payment.story.visitor.find_accessibility_faults() == []
    payment.story.page.reload()
    payment.story.expect(SENT)
    query = payment.go_back()
    assert query["status"] == ["submitted"]
    assert query["withdrawal"] == [payment.money.id()]
    assert query["from"] == ["payment"]
    assert len(payment.made()) == 1


def test_verify_pressed_twice_sends_once(payment, browser_stack):
    payment.open()
    payment.enter(**payment.codes())
    browser_stack.simulator.add_fault("withdraw", "delay", phase="before", seconds=1.5, times=1)
    button = payment.story.page.get_by_role("button", name="Confirm and send 100 USDT")
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    for pause in (400, 0):
        payment.story.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
        payment.story.page.wait_for_timeout(pause)
    payment.story.expect(SENT)
    asked = browser_stack.find_requests("withdraw")
    assert (len(payment.made()), len(asked)) == (1, 2)


def test_verify_after_its_time_gets_new_codes(payment, browser_stack):
    payment.open()
    old = payment.codes()
    _expire(payment)
    payment.story.page.reload()
    payment.story.expect("The time for these codes is over")
    assert payment.story.visitor.find_accessibility_faults() == []
    payment.story.page.get_by_role("button", name="Get new codes").click()
    payment.story.expect(QUESTION)
    assert payment.codes() != old
    payment.enter(**payment.codes())
    payment.confirm()
    payment.story.expect(SENT)
    assert len(payment.made()) == 1


def test_verify_whose_answer_is_lost_says_not_to_ask_again(payment, browser_stack):
    payment.open()
    payment.enter(**payment.codes())
    browser_stack.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    payment.confirm()
    payment.story.expect("KuCoin’s answer was lost")
    assert payment.story.visitor.find_accessibility_faults() == []
    assert payment.story.page.locator("form").count() == 0
    assert payment.go_back()["status"] == ["pending"]


def test_verify_on_a_phone_needs_no_sideways_scrolling(new_story, browser_stack):
    payment = Payment(new_story(**PHONE), browser_stack)
    payment.open()
    assert not payment.story.visitor.has_horizontal_scroll
    for name in ("Authenticator code", "E-mail code"):
        assert payment.story.page.get_by_label(name).bounding_box()["height"] >= 44
    payment.enter(**payment.codes())
    payment.confirm()
    payment.story.expect(SENT)
    assert not payment.story.visitor.has_horizontal_scroll


def test_security_set_up_leads_to_kucoin_and_back_and_the_withdrawal_goes_on(story, browser_stack):
    payment = Payment(story, browser_stack, "carol")
    answer = payment.submit()
    assert (answer.status_code, answer.json()["code"]) == (409, "security_setup_required")
    link = answer.json()["link"]
    assert link.startswith(f"{browser_stack.stack.simulator_url}/account/security/g2fa?")
    assert parse_qs(urlsplit(link).query)["redirect_uri"] == [payment.return_url]
    story.page.goto(link)
    story.expect("Set up two-factor authentication")
    story.page.get_by_role("button", name="Bind an authenticator app for Carol").click()
    story.expect("Demo Broker")
    assert story.find_return_query()["from"] == ["payment"]
    payment.open()
    payment.enter(**payment.codes())
    payment.confirm()
    story.expect(SENT)
    assert len(payment.made()) == 1


def _expire(payment: Payment) -> None:
    """KuCoin's time for the codes, and ours, is over."""
    from kubroker.aws.table import Update

    key = {"userId": "user-1", "withdrawalId": payment.money.id()}
    payment.money.store.table.write(Update(key=key, set_={"verification.until": 1}))
