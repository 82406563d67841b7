"""Pay with KuCoin in chromium, on the whole local stack: checkout, codes, every end."""

from types import SimpleNamespace

import pytest

from tests.browser.visitor import PHONE
from tests.support.paying import REQUEST, SHOP, Paying

pytestmark = pytest.mark.browser

CHECKOUT = "Pay Demo Shop with KuCoin"
CODES = "Confirm this payment"
TAKEN = "KuCoin is sending your payment"


class Checkout:
    """A payment on its way through the browser."""

    def __init__(self, story, browser_stack, kucoin_user="alice") -> None:
        stack = browser_stack.stack.stack
        self.paying = Paying(None, SimpleNamespace(stack=stack), browser_stack.simulator, None)
        self.paying.connect(kucoin_user)
        self.story, self.stack, self.kucoin_user = story, browser_stack, kucoin_user
        self.page = story.page

    def request(self, **changes):
        return_url = f"{self.stack.broker_url}/kucoin/return?from=checkout"
        body = {"userId": "user-1", **REQUEST, "returnUrl": return_url, **changes}
        return self.stack.call_with_key("/v1/payments", body)

    def open(self, **changes) -> None:
        answer = self.request(**changes)
        assert answer.status_code in (200, 201), answer.text
        self.page.goto(answer.json()["checkoutUrl"])
        self.story.expect(CHECKOUT)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def enter(self, **codes) -> None:
        self.page.get_by_label("Authenticator code").fill(codes["GAV"])
        self.page.get_by_label("E-mail code").fill(codes["EMV"])
        self.press("Confirm and pay 111 USDT")

    def codes(self):
        return self.paying.codes(self.kucoin_user)

    def made(self):
        return self.paying.made(self.kucoin_user)

    def status(self):
        return self.stack.call("GET", f"/v1/payments/{self.paying.id()}").json()["status"]

    def check(self) -> None:
        assert self.story.visitor.find_accessibility_faults() == []
        assert not self.story.visitor.has_horizontal_scroll

    def go_back(self):
        self.page.get_by_role("link", name="Back to Demo Broker").click()
        self.story.expect("Demo Broker")
        return self.story.find_return_query()


@pytest.fixture
def checkout(story, browser_stack) -> Checkout:
    return Checkout(story, browser_stack)


def test_checkout_pay_codes_and_back_to_the_broker(checkout):
    checkout.open()
    facts = checkout.story.get_shown_facts()
    assert facts == {
        "Amount": "100 USDT",
        "To": "Demo Shop",
        "Reference": "invoice 4711",
        "To address": SHOP["address"],
        "Network": "trx",
        "KuCoin’s network fee": "1 USDT",
        "KuCoin’s service fee": "10 USDT",
        "Leaves your account": "111 USDT",
        "Arrives": "100 USDT",
    }
    checkout.check()
    checkout.press("Pay 111 USDT")
    checkout.story.expect(CODES)
    checkout.check()
    checkout.enter(GAV="000000", EMV="000000")
    alert = checkout.page.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == "A code is wrong. 4 tries left."
    checkout.check()
    checkout.enter(**checkout.codes())
    checkout.story.expect(TAKEN)
    checkout.check()
    checkout.page.reload()
    checkout.story.expect(TAKEN)
    query = checkout.go_back()
    assert query["status"] == ["submitted"]
    assert query["payment"] == [checkout.paying.id()]
    assert query["from"] == ["checkout"]
    (made,) = checkout.made()
    assert (made["deducted"], made["received"]) == ("111", "100")


def test_checkout_pressed_twice_pays_once(checkout, browser_stack):
    browser_stack.simulator.patch_user("alice", factors=[])
    checkout.open()
    browser_stack.simulator.add_fault("withdraw", "delay", phase="before", seconds=1.5, times=1)
    button = checkout.page.get_by_role("button", name="Pay 111 USDT")
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    for pause in (400, 0):
        checkout.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
        checkout.page.wait_for_timeout(pause)
    checkout.story.expect(TAKEN)
    asked = browser_stack.find_requests("withdraw")
    assert (len(checkout.made()), len(asked)) == (1, 1)


def test_checkout_in_two_tabs_pays_once(checkout, browser_stack):
    browser_stack.simulator.patch_user("alice", factors=[])
    checkout.open()
    second = checkout.story.visitor.context.new_page()
    second.goto(checkout.page.url)
    checkout.press("Pay 111 USDT")
    checkout.story.expect(TAKEN)
    second.get_by_role("button", name="Pay 111 USDT").click()
    second.get_by_role("heading", level=1, name=TAKEN).wait_for()
    assert len(browser_stack.find_requests("withdraw")) == 1


def test_checkout_refused_by_kucoin_says_why_and_leads_back(checkout, browser_stack):
    checkout.open()
    browser_stack.simulator.add_fault("withdraw", "error", phase="before", code="260325", times=1)
    checkout.press("Pay 111 USDT")
    checkout.story.expect("KuCoin refused the payment")
    assert checkout.page.get_by_text("its owner has to add it at KuCoin").is_visible()
    checkout.check()
    assert checkout.go_back()["status"] == ["failed"]
    assert (checkout.made(), checkout.status()) == ([], "FAILED")


def test_checkout_without_funds_says_where_they_are_and_goes_on_once_moved(checkout):
    checkout.open()
    checkout.paying.bring("main", "50")
    checkout.paying.bring("trade", "500")
    checkout.press("Pay 111 USDT")
    alert = checkout.page.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == (
        "Nothing was paid: it takes 111 USDT from your main account at KuCoin, fees included, and "
        "only 50 USDT can be withdrawn there. Your trading account has 500 USDT: move 61 USDT to "
        "the main account at KuCoin, then pay."
    )
    checkout.story.expect(CHECKOUT)
    checkout.check()
    checkout.paying.bring("main", "111")
    checkout.press("Pay 111 USDT")
    checkout.story.expect(CODES)


def test_checkout_whose_fees_rose_shows_them_first(checkout, browser_stack):
    checkout.open()
    browser_stack.simulator.patch_chain("USDT", "trx", minFee="3")
    checkout.press("Pay 111 USDT")
    checkout.page.get_by_role("alert").wait_for()
    assert checkout.story.get_shown_facts()["Leaves your account"] == "113 USDT"
    checkout.check()
    checkout.press("Pay 113 USDT")
    checkout.story.expect(CODES)


def test_checkout_after_its_time_is_over(checkout):
    checkout.open()
    _expire(checkout)
    checkout.press("Pay 111 USDT")
    checkout.story.expect("The time to pay is over")
    checkout.check()
    assert checkout.page.locator("form").count() == 0
    assert checkout.go_back()["status"] == ["expired"]
    assert checkout.status() == "EXPIRED"


def test_checkout_whose_codes_lapsed_gets_new_ones(checkout):
    from kubroker.aws.table import Update

    checkout.open()
    checkout.press("Pay 111 USDT")
    checkout.story.expect(CODES)
    old = checkout.codes()
    key = {"userId": "user-1", "withdrawalId": checkout.paying.id()}
    checkout.paying.store.table.write(Update(key=key, set_={"verification.until": 1}))
    checkout.page.reload()
    checkout.story.expect(CHECKOUT)
    assert checkout.page.get_by_role("heading", name="The time for the codes is over").is_visible()
    checkout.check()
    checkout.press("Pay 111 USDT")
    checkout.story.expect(CODES)
    assert checkout.codes() != old
    checkout.enter(**checkout.codes())
    checkout.story.expect(TAKEN)
    assert len(checkout.made()) == 1


def test_checkout_cancelled_leads_back(checkout):
    checkout.open()
    checkout.press("Cancel this payment")
    checkout.story.expect("The payment was cancelled")
    checkout.check()
    assert checkout.go_back()["status"] == ["cancelled"]
    assert checkout.status() == "CANCELLED"


def test_checkout_left_by_the_link_stays_open(checkout):
    checkout.open()
    assert checkout.go_back()["status"] == ["pending"]
    assert checkout.status() == "OPEN"


def test_checkout_whose_answer_is_lost_says_not_to_pay_again(checkout, browser_stack):
    browser_stack.simulator.patch_user("alice", factors=[])
    checkout.open()
    browser_stack.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    checkout.press("Pay 111 USDT")
    checkout.story.expect("KuCoin’s answer was lost")
    checkout.check()
    assert checkout.page.locator("form").count() == 0
    assert checkout.go_back()["status"] == ["pending"]


def test_checkout_leads_to_the_security_set_up_and_the_payment_goes_on(story, browser_stack):
    checkout = Checkout(story, browser_stack, "carol")
    checkout.open()
    checkout.press("Pay 111 USDT")
    checkout.page.get_by_role("heading", name="KuCoin wants more security first").wait_for()
    checkout.check()
    address = checkout.page.url
    checkout.page.get_by_role("link", name="Set it up at KuCoin").click()
    story.expect("Set up two-factor authentication")
    checkout.page.get_by_role("button", name="Bind an authenticator app for Carol").click()
    story.expect("Demo Broker")
    checkout.page.goto(address)
    checkout.press("Pay 111 USDT")
    story.expect(CODES)
    checkout.enter(**checkout.codes())
    story.expect(TAKEN)
    assert len(checkout.made()) == 1


@pytest.mark.parametrize("width", [320, 360])
def test_checkout_on_a_phone_needs_no_sideways_scrolling(new_story, browser_stack, width):
    options = {**PHONE, "viewport": {"width": width, "height": 640}}
    checkout = Checkout(new_story(**options), browser_stack)
    checkout.open(reference="W" * 60)
    checkout.check()
    for button in checkout.page.locator(".button").all():
        assert button.bounding_box()["height"] >= 44
    checkout.press("Pay 111 USDT")
    checkout.story.expect(CODES)
    checkout.check()
    checkout.enter(**checkout.codes())
    checkout.story.expect(TAKEN)
    checkout.check()


def test_checkout_keyboard_reaches_pay_first(checkout):
    checkout.open()
    reached = []
    for _ in range(3):
        checkout.page.keyboard.press("Tab")
        reached.append(checkout.page.evaluate("document.activeElement.innerText"))
    assert reached == ["Pay 111 USDT", "Cancel this payment", "Back to Demo Broker"]


def _expire(checkout: Checkout) -> None:
    from kubroker.aws.table import Update

    key = {"userId": "user-1", "withdrawalId": checkout.paying.id()}
    checkout.paying.store.table.write(Update(key=key, set_={"payment.expiresAt": 1}))
