"""Each page by itself, with its own headers: accessibility, width, policy, keyboard, progress."""

import json

import pytest

from tests.browser.visitor import PHONE
from tests.support.gallery import BACK, build_every_page

pytestmark = pytest.mark.browser

LONG = "A broker with a name that is as long as sixty letters can be"
HOST = "https://connect.example"
PAGES = build_every_page()


def serve(visitor, answer, path="/connect/a.b"):
    """Shows an answer as the network would bring it."""
    visitor.context.route(
        f"{HOST}{path}",
        lambda route: route.fulfill(
            status=answer.status, headers=dict(answer.headers), body=answer.body
        ),
    )
    visitor.page.goto(HOST + path)
    return visitor


def wait_on(visitor):
    """The progress page of a slow machine may ask before its test is over: nothing is new."""
    state = json.dumps({"state": "CREATING", "code": None, "final": False})
    visitor.context.route(
        f"{HOST}/connect/a.b/status",
        lambda route: route.fulfill(body=state, content_type="application/json"),
    )
    return visitor


@pytest.mark.parametrize("name", PAGES)
def test_page_has_no_accessibility_fault_and_no_complaint(new_visitor, name):
    visitor = serve(wait_on(new_visitor()), PAGES[name])
    assert visitor.find_accessibility_faults() == []


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone_with_the_longest_names(new_visitor, name):
    pages = build_every_page(LONG, label="W" * 60, key_name="k" * 60)
    visitor = serve(wait_on(new_visitor(**PHONE)), pages[name])
    assert not visitor.has_horizontal_scroll
    visitor.page.set_viewport_size({"width": 320, "height": 600})  # WCAG 1.4.10, reflow
    assert not visitor.has_horizontal_scroll
    for button in visitor.page.locator(".button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44


def test_consent_address_book_is_asked_once_withdrawals_are_allowed(new_visitor):
    page = serve(new_visitor(), PAGES["consent"]).page
    assert not page.get_by_label("Only to my address book").is_visible()
    page.get_by_label("Allow withdrawals").check()
    assert page.get_by_label("Only to my address book").is_visible()


def test_consent_whole_row_can_be_hit(new_visitor):
    page = serve(new_visitor(), PAGES["consent"]).page
    box = page.get_by_label("Futures trading")
    page.locator(".row", has=box).click(position={"x": 40, "y": 40})
    assert box.is_checked()


def test_consent_keyboard_reaches_every_control_in_reading_order(new_visitor):
    page = serve(new_visitor(), PAGES["consent"]).page
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.value || document.activeElement.innerText")
        )
    expected = [
        "MARGIN", "FUTURES", "EARN", "FLEXIBLE_TRANSFERS", "UNIFIED", "WITHDRAWAL",
        "Continue to KuCoin", "Cancel",
    ]  # fmt: skip
    assert reached[: len(expected)] == expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_consent_focus_can_be_seen(new_visitor, scheme):
    page = serve(new_visitor(color_scheme=scheme), PAGES["consent"]).page
    page.keyboard.press("Tab")
    outline = page.evaluate(
        "getComputedStyle(document.activeElement.parentElement.querySelector('label'), '::before')"
        ".outlineStyle"
    )
    assert outline == "solid"


def test_progress_polls_until_the_end_is_there(new_visitor):
    visitor = new_visitor()
    asked = []

    def answer_status(route):
        asked.append(route.request.headers)
        is_final = len(asked) >= 3
        if is_final:
            visitor.context.unroute(f"{HOST}/connect/a.b")
            visitor.context.route(
                f"{HOST}/connect/a.b",
                lambda again: again.fulfill(
                    headers=dict(PAGES["connected"].headers), body=PAGES["connected"].body
                ),
            )
        state = {"state": "CREATING", "code": None, "final": is_final}
        route.fulfill(body=json.dumps(state), content_type="application/json")

    visitor.context.route(f"{HOST}/connect/a.b/status", answer_status)
    page = serve(visitor, PAGES["progress"]).page
    assert page.get_by_role("status").inner_text() == "Waiting for KuCoin…"
    page.get_by_role("heading", name="Your KuCoin account is connected").wait_for()
    assert len(asked) == 3
    assert all("referer" not in headers for headers in asked)


def test_progress_lost_connection_is_told_and_tried_again(new_visitor):
    visitor = new_visitor()
    asked = []

    def answer_status(route):
        asked.append(1)
        state = {"state": "CREATING", "code": None, "final": False}
        if len(asked) == 1:
            route.fulfill(status=503, body="{}")
        else:
            route.fulfill(body=json.dumps(state), content_type="application/json")

    visitor.context.route(f"{HOST}/connect/a.b/status", answer_status)
    page = serve(visitor, PAGES["progress"]).page
    page.get_by_text("The connection to the server was lost. Trying again…").wait_for()
    page.get_by_text("Waiting for KuCoin…").wait_for()
    assert len(visitor.complaints) == 1
    assert "503" in visitor.complaints.pop()


def test_progress_without_scripts_loads_itself_again(new_visitor):
    visitor = new_visitor(java_script_enabled=False)
    loads = []
    visitor.page.on("request", lambda request: loads.append(request.url))
    serve(visitor, PAGES["progress"])
    with visitor.page.expect_navigation(timeout=10_000):
        pass
    assert loads[:2] == [f"{HOST}/connect/a.b"] * 2


def test_progress_reduced_motion_turns_slowly(new_visitor):
    visitor = wait_on(new_visitor(reduced_motion="reduce"))
    page = serve(visitor, PAGES["progress"]).page
    steps = page.evaluate(
        "getComputedStyle(document.querySelector('.spinner')).animationTimingFunction"
    )
    assert steps == "steps(12)"


def test_end_button_leads_back_with_the_outcome(new_visitor):
    visitor = new_visitor()
    visitor.context.route(
        "https://broker.example/**",
        lambda route: route.fulfill(body="<link rel=icon href='data:,'>", content_type="text/html"),
    )
    page = serve(visitor, PAGES["key_limit_reached"]).page
    page.get_by_role("link", name="Back to Northwind").click()
    page.wait_for_url(f"{BACK}&status=failed&code=key_limit_reached&session=anna")
