"""Each end: what it says, its HTTP status, the way back, and trying again."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from kubroker.kucoin.permissions import Permission
from kubroker.linking.end_page import END_CODES, render_end
from kubroker.linking.wording import find_likely_cause
from kubroker.web import document
from kubroker.web.page_models import Broker, EndPage
from tests.linking.unit.test_consent import get_inputs
from tests.support.gallery import BACK, KUCOIN, Outline

P = Permission
BROKER = Broker("Northwind")

ENDS = {
    "connected": (200, "connected"),
    "refused_by_user": (200, "refused"),
    "session_expired": (410, "expired"),
    "session_used": (410, "failed"),
    "other_browser": (403, "failed"),
    "permission_mismatch": (200, "failed"),
    "addressbook_mismatch": (200, "failed"),
    "key_limit_reached": (200, "failed"),
    "key_name_taken": (200, "failed"),
    "kucoin_unreachable": (503, "failed"),
    "key_outcome_unknown": (200, "failed"),
    "account_mismatch": (200, "failed"),
    "authorization_failed": (200, "failed"),
    "internal_error": (500, "failed"),
}


def render(code, **kwargs):
    answer = render_end(EndPage(BROKER, code, BACK, "s1", **kwargs))
    return Outline(answer.body)


def get_text(outline):
    return " ".join(outline.text.split())


def test_ends_table_names_every_code():
    assert set(ENDS) == END_CODES


@pytest.mark.parametrize("code", ENDS)
def test_end_has_status_and_way_back(code):
    answer = render_end(EndPage(BROKER, code, BACK, "s1"))
    http_status, status = ENDS[code]
    assert answer.status == http_status
    links = [a["href"] for a in Outline(answer.body).all("a")]
    assert len(links) == 1
    assert links[0].startswith("https://broker.example/back?")
    assert parse_qs(urlsplit(links[0]).query) == {
        "a": ["1"], "status": [status], "code": [code], "session": ["s1"],
    }  # fmt: skip


@pytest.mark.parametrize("code", ENDS)
def test_end_has_no_unfilled_field(code):
    outline = render(code)
    assert not re.search(r"[{}]", outline.text)


@pytest.mark.parametrize("code", sorted(set(ENDS) - {"connected"}))
def test_end_says_what_to_do_next(code):
    assert "What to do next" in render(code).text


def test_end_without_known_session_has_no_way_back():
    answer = render_end(EndPage(BROKER, "session_expired", None))
    assert Outline(answer.body).all("a") == []


def test_end_unknown_code_is_an_error():
    with pytest.raises(KeyError):
        render_end(EndPage(BROKER, "nonsense", BACK))


@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        ([P.WITHDRAWAL, P.EARN, P.MARGIN, P.FUTURES], P.FUTURES),
        ([P.SPOT, P.UNIFIED, P.MARGIN], P.MARGIN),
        ([P.EARN, P.UNIFIED], P.UNIFIED),
        ([P.EARN, P.FLEXIBLE_TRANSFERS], P.FLEXIBLE_TRANSFERS),
        ([P.WITHDRAWAL, P.EARN], P.EARN),
        ([P.SPOT, P.WITHDRAWAL], P.WITHDRAWAL),
        ([P.GENERAL, P.SPOT], None),
    ],
)
def test_find_likely_cause_takes_the_most_frequent_first(asked, cause):
    assert find_likely_cause(asked) is cause


def test_mismatch_names_cause_and_offers_fewer():
    outline = render(
        "permission_mismatch",
        permissions=(P.SPOT, P.FUTURES, P.WITHDRAWAL),
        retry_action="/connect/a.b",
        retry_permissions=(P.SPOT, P.FUTURES, P.WITHDRAWAL),
        form_origins=KUCOIN,
    )
    assert "Most likely: Futures trading" in outline.text
    assert outline.all("form") == [{"method": "post", "action": "/connect/a.b"}]
    boxes = get_inputs(outline, "checkbox")
    assert ("permissions", "SPOT", True, False) in boxes
    assert ("permissions", "WITHDRAWAL", False, False) in boxes, "never preselected"
    assert ("permissions", "FUTURES", False, False) in boxes, "the likely cause is left off"
    assert "addressbookOnly" not in str(boxes), "the grant at KuCoin has settled it"


def test_mismatch_of_a_required_permission_has_no_way_with_fewer():
    outline = render(
        "permission_mismatch",
        permissions=(P.SPOT, P.FUTURES),
        retry_action="/connect/a.b",
        retry_permissions=(P.SPOT, P.FUTURES),
        required=(P.FUTURES,),
        form_origins=KUCOIN,
    )
    assert "Northwind can’t work without this permission" in get_text(outline)
    assert outline.all("form") == []
    assert len(outline.all("a")) == 1


def test_mismatch_given_cause_wins_over_guess():
    outline = render("permission_mismatch", permissions=(P.FUTURES,), likely_cause=P.WITHDRAWAL)
    assert "Most likely: Withdrawals" in outline.text
    assert "address book" in outline.text


def test_connected_says_what_was_granted_and_what_was_not():
    outline = render(
        "connected",
        permissions=(P.SPOT,),
        missing=(P.MARGIN, P.EARN, P.FUTURES),
        old_key_name="northwind_1",
    )
    text = get_text(outline)
    assert "See your account" in text
    assert "Spot trading" in text
    assert "Not included: Margin trading, Futures trading and Earn." in text
    assert "Please delete the key northwind_1" in text


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"key_name": "northwind_1"}, "the key northwind_1"),
        (
            {"occurred_at": datetime(2025, 11, 25, 7, 20, tzinfo=UTC)},
            "a key for Northwind that was created at about 25 November 2025, 07:20 UTC",
        ),
        (
            {"occurred_at": datetime(2025, 11, 25, 1, 5, tzinfo=timezone(timedelta(hours=2)))},
            "24 November 2025, 23:05 UTC",
        ),
        ({}, "the key that was created for Northwind"),
    ],
)
@pytest.mark.parametrize("code", ["key_outcome_unknown", "key_name_taken"])
def test_end_says_which_key_to_delete(code, facts, says):
    assert says in get_text(render(code, **facts))


def test_account_mismatch_names_the_new_key_for_deletion():
    assert "northwind_2" not in get_text(render("account_mismatch"))
    text = get_text(render("account_mismatch", key_name="northwind_2"))
    assert "In the account that you just used, delete the key northwind_2" in text


_OF_ALL_PAGES = ("document.py", "icons.py", "page_models.py", "return_url.py", "style.py")


def test_pages_modules_need_no_template_engine_and_no_pydantic():
    folder = Path(document.__file__).parents[1]
    pages = [*folder.glob("*/*_page.py"), *(folder / "web" / name for name in _OF_ALL_PAGES)]
    assert len(pages) > 10
    for source in pages:
        assert not re.search(
            r"^(from|import) (pydantic|jinja2|boto3)", source.read_text(), re.MULTILINE
        )
