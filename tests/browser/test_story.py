"""The whole local stack in chromium: linking, and every way it can end."""

import pytest

from tests.browser.visitor import PHONE

pytestmark = pytest.mark.browser

CONNECTED = "Your KuCoin account is connected"
MISMATCH = "KuCoin did not allow all permissions"


def test_story_to_connected_and_disconnected(story, browser_stack):
    story.start()
    assert story.visitor.find_accessibility_faults() == []
    assert "anna@example.com" in story.page.locator(".account").inner_text()
    story.consent("Futures trading")
    story.log_in_at_kucoin("alice")
    story.authorize()
    story.expect(CONNECTED)
    assert story.visitor.find_accessibility_faults() == []
    granted = story.page.locator("main .title").all_inner_texts()
    assert granted == ["See your account", "Spot trading", "Futures trading"]
    query = story.go_back_to_broker()
    assert query["status"] == ["connected"]
    [created] = browser_stack.find_requests("create_key")
    groups = created["body"]["authGroupMap"]
    assert {name for name, is_asked in groups.items() if is_asked} == {
        "API_COMMON", "API_SPOT", "API_FUTURES",
    }  # fmt: skip
    assert story.get_shown_facts() == {
        "Status": "ACTIVE", "Key": "ACTIVE", "Permissions": "GENERAL, SPOT, FUTURES",
    }  # fmt: skip
    story.page.get_by_role("button", name="Disconnect").click()
    story.expect("Disconnected")
    story.page.get_by_role("link", name="Back").click()
    assert story.get_shown_facts()["Status"] == "DISCONNECTED"
    assert story.visitor.find_accessibility_faults() == []


def test_story_cancel_at_ours_goes_back_refused(story):
    story.start()
    story.page.get_by_role("link", name="Cancel").click()
    story.expect("Demo Broker")
    query = story.find_return_query()
    assert (query["status"], query["code"]) == (["refused"], ["refused_by_user"])
    assert story.get_shown_facts()["Status"] == "NOT CONNECTED"
    assert "refused" in story.page.get_by_role("status").inner_text()


def test_story_cancel_at_kucoin_shows_its_end(story):
    story.start()
    story.consent()
    story.page.get_by_role("button", name="Cancel").click()
    story.expect("You cancelled")
    assert story.visitor.find_accessibility_faults() == []
    query = story.go_back_to_broker()
    assert (query["status"], query["code"]) == (["refused"], ["refused_by_user"])
    assert story.get_shown_facts()["Status"] == "NOT CONNECTED"


def test_story_account_without_futures_tries_again_with_fewer(story):
    story.walk("bob", "Futures trading", "Earn")
    story.expect(MISMATCH)
    assert story.visitor.find_accessibility_faults() == []
    assert story.page.get_by_role("heading", name="Most likely: Futures trading").is_visible()
    assert not story.page.get_by_label("Futures trading").is_checked()
    assert story.page.get_by_label("Earn").is_checked()
    story.page.get_by_role("button", name="Try again with these").click()
    story.expect(CONNECTED)
    story.go_back_to_broker()
    assert story.get_shown_facts()["Permissions"] == "GENERAL, SPOT, EARN"


def test_story_mismatch_button_leads_back_failed(story):
    story.walk("bob", "Futures trading")
    story.expect(MISMATCH)
    query = story.go_back_to_broker()
    assert (query["status"], query["code"]) == (["failed"], ["permission_mismatch"])
    assert story.get_shown_facts()["Status"] == "FAILED"


def test_story_withdrawal_with_address_book(story, browser_stack):
    story.start()
    assert not story.page.get_by_label("Allow withdrawals").is_checked()
    story.page.get_by_label("Allow withdrawals").check()
    story.consent("Only to my address book")
    story.log_in_at_kucoin("alice")
    story.authorize("Withdrawal", "Only to addresses in my address book")
    story.expect(CONNECTED)
    story.go_back_to_broker()
    assert story.get_shown_facts()["Permissions"] == "GENERAL, SPOT, WITHDRAWAL"


def test_story_too_many_keys(story):
    story.walk("dave")
    story.expect("Your KuCoin account has too many API keys")
    assert story.go_back_to_broker()["code"] == ["key_limit_reached"]


def test_story_lost_answer_says_what_to_delete(story, browser_stack):
    browser_stack.simulator.add_fault("create_key", "drop", phase="after")
    story.walk()
    story.expect("KuCoin’s answer was lost")
    assert story.visitor.find_accessibility_faults() == []
    assert story.page.locator("time").count() == 1
    assert story.go_back_to_broker()["code"] == ["key_outcome_unknown"]


def test_story_link_again_where_kucoin_allows_one_key_names_the_old_one(story, browser_stack):
    story.walk()
    story.expect(CONNECTED)
    browser_stack.simulator.set_worlds(one_key_per_broker=True)
    story.walk()
    story.expect("KuCoin already has a key for Demo Broker")
    assert "kubroker" in story.page.locator(".steps code").inner_text()
    assert story.go_back_to_broker()["code"] == ["key_name_taken"]
    assert story.get_shown_facts()["Status"] == "ACTIVE", "the old connection stays"


def test_story_kucoin_unreachable(story, browser_stack):
    browser_stack.simulator.add_fault("token", "status_5xx", phase="before")
    story.walk()
    story.expect("KuCoin can’t be reached right now")
    assert story.go_back_to_broker()["code"] == ["kucoin_unreachable"]


def test_story_expired_link(story, browser_stack):
    connect_url = story.start()
    browser_stack.expire_sessions()
    story.page.get_by_role("button", name="Continue to KuCoin").click()
    story.expect("This link has expired")
    story.page.goto(connect_url)
    story.expect("This link has expired")
    assert story.visitor.find_accessibility_faults() == []
    assert story.go_back_to_broker()["status"] == ["expired"]


def test_story_link_that_never_was(story, browser_stack):
    story.page.goto(f"{browser_stack.gateway_url}/connect/{'a' * 22}.{'b' * 43}")
    story.expect("This link has expired")
    assert story.page.locator("a").count() == 0


def test_story_on_a_phone_never_scrolls_sideways(new_story):
    story = new_story(**PHONE, has_touch=True, is_mobile=True)
    story.start()
    assert not story.visitor.has_horizontal_scroll
    story.consent("Futures trading")
    assert not story.visitor.has_horizontal_scroll
    story.log_in_at_kucoin("bob")
    assert not story.visitor.has_horizontal_scroll
    story.authorize()
    story.expect(MISMATCH)
    assert not story.visitor.has_horizontal_scroll
    story.page.get_by_role("button", name="Try again with these").tap()
    story.expect(CONNECTED)
    assert not story.visitor.has_horizontal_scroll
    story.go_back_to_broker()
    assert not story.visitor.has_horizontal_scroll


def press(page, key, text):
    """Tab to the control with this text, and press the key there."""
    for _ in range(30):
        focused = page.evaluate(
            "(document.activeElement.labels?.[0] || document.activeElement).innerText"
        )
        if (focused or "").startswith(text):
            page.keyboard.press(key)
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {text!r} by keyboard")


def test_story_by_keyboard_only(story):
    story.page.goto(story.broker_url)
    press(story.page, "Enter", "Connect KuCoin")
    story.expect("Connect KuCoin to Demo Broker")
    press(story.page, "Space", "Futures trading")
    press(story.page, "Enter", "Continue to KuCoin")
    story.expect("Log in to KuCoin")
    press(story.page, "Enter", "Log in as Alice")
    story.page.get_by_role("button", name="Authorize").wait_for()
    press(story.page, "Enter", "Authorize")
    story.expect(CONNECTED)
    press(story.page, "Enter", "Back to Demo Broker")
    story.expect("Demo Broker")
    assert story.get_shown_facts()["Permissions"] == "GENERAL, SPOT, FUTURES"


def test_story_without_scripts(new_story):
    story = new_story(java_script_enabled=False)
    story.walk()
    story.expect(CONNECTED)
    story.go_back_to_broker()
    assert story.get_shown_facts()["Status"] == "ACTIVE"


def test_story_dark_and_reduced_motion(new_story):
    story = new_story(color_scheme="dark", reduced_motion="reduce")
    story.walk()
    story.expect(CONNECTED)
