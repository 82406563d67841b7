"""The consent page's form: what is sent, what is chosen, what is said."""

import pytest

from kubroker.kucoin.permissions import Permission
from kubroker.linking.consent_page import render_consent
from kubroker.web.page_models import Broker, ConsentPage
from kubroker.web.return_url import build_return_url
from tests.support.gallery import BACK, EVERY, KUCOIN, Outline

P = Permission


def render(offered, required=(), **kwargs):
    page = ConsentPage(
        Broker("Northwind"),
        "/connect/a.b",
        "anna@example.com",
        offered,
        required,
        BACK,
        KUCOIN,
        **kwargs,
    )
    return Outline(render_consent(page).body)


def get_inputs(outline, kind):
    return [
        (box["name"], box["value"], "checked" in box, "required" in box)
        for box in outline.all("input")
        if box["type"] == kind
    ]


def test_consent_nothing_optional_is_preselected():
    outline = render(EVERY)
    boxes = get_inputs(outline, "checkbox")
    assert [value for _, value, _, _ in boxes] == [
        "SPOT", "MARGIN", "FUTURES", "EARN", "FLEXIBLE_TRANSFERS", "UNIFIED", "WITHDRAWAL", "true",
    ]  # fmt: skip
    assert not any(is_checked or is_required for _, _, is_checked, is_required in boxes)
    assert get_inputs(outline, "hidden") == []


def test_consent_required_permission_is_sent_without_a_choice():
    outline = render([P.SPOT, P.FUTURES], [P.SPOT])
    assert get_inputs(outline, "hidden") == [("permissions", "SPOT", False, False)]
    assert [value for _, value, _, _ in get_inputs(outline, "checkbox")] == ["FUTURES"]
    assert "Needed by Northwind" in outline.text


def test_consent_required_withdrawal_still_wants_the_users_own_tick():
    outline = render([P.WITHDRAWAL], [P.WITHDRAWAL])
    assert ("permissions", "WITHDRAWAL", False, True) in get_inputs(outline, "checkbox")
    assert get_inputs(outline, "hidden") == []
    assert "allow it, or cancel" in outline.text


def test_consent_withdrawal_shows_its_fee():
    text = " ".join(render([P.WITHDRAWAL]).text.split())
    assert "10 % of the amount, at least 1 and at most 30 USDT" in text
    assert "plus KuCoin’s network fee" in text


def test_consent_withdrawal_not_offered_is_named_as_out_of_reach():
    outline = render([P.SPOT])
    assert "Withdraw anything from your KuCoin account" in outline.text
    assert "WITHDRAWAL" not in str(outline.tags)
    assert "addressbookOnly" not in str(outline.tags)


def test_consent_addressbook_only_of_the_broker_can_not_be_widened():
    outline = render([P.WITHDRAWAL], is_addressbook_only=True)
    assert ("addressbookOnly", "true", False, False) in get_inputs(outline, "hidden")
    assert "addressbookOnly" not in [name for name, *_ in get_inputs(outline, "checkbox")]


@pytest.mark.parametrize("permission", [p for p in Permission if p is not P.GENERAL])
def test_consent_each_permission_is_explained(permission):
    outline = render([permission])
    assert "See your account" in outline.text
    labels = {label["for"] for label in outline.all("label")}
    assert f"permission-{permission.value.lower().replace('_', '-')}" in labels


def test_consent_form_posts_to_its_own_link_and_cancel_goes_back():
    cancel_url = build_return_url(BACK, status="refused", code="refused_by_user")
    page = ConsentPage(Broker("N"), "/connect/a.b", "x", [], [], cancel_url, KUCOIN)
    outline = Outline(render_consent(page).body)
    assert outline.all("form") == [{"method": "post", "action": "/connect/a.b"}]
    assert [a["href"] for a in outline.all("a")] == [cancel_url]


def test_consent_names_account_and_kucoins_host():
    text = render([P.SPOT]).text
    assert "anna@example.com" in text
    assert "www.kucoin.com" in text
