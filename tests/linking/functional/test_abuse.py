"""What impatient users, lost messages and other people's links can't break."""

import time
from urllib.parse import urlsplit

import pytest

from tests.support.api import ApiResponse
from tests.support.linking import Link

KEY = "/v1/connections/user-1/api-key"


def post_choice(link: Link, *permissions: str, **headers: str) -> ApiResponse:
    form = {"permissions": list(permissions)}
    return link.api.post(link.connect_path, form=form, cookies=link.cookies, headers=headers)


def attempt(link: Link) -> dict:
    return link.connection()["apiKey"]["attempt"]


def code_shown(link: Link, path: str = "") -> str | None:
    return link.api.get(f"{path or link.connect_path}/status").json()["code"]


# A button that is pressed twice, before the first answer is there.


def test_consent_page_brings_the_cookie_that_its_form_binds(link: Link) -> None:
    link.open()
    page = link.api.get(link.connect_path)
    link.cookies |= page.cookies
    assert len(page.set_cookies) == 1
    assert link.api.get(link.connect_path, cookies=link.cookies).set_cookies == []
    assert post_choice(link, "SPOT").cookies == page.cookies


def test_consent_sent_twice_leads_to_one_login_whichever_is_worked_first(link: Link) -> None:
    link.open()
    link.cookies |= link.api.get(link.connect_path).cookies
    first, second = post_choice(link, "SPOT"), post_choice(link, "SPOT")
    assert first.status == second.status == 303
    assert first.location == second.location
    link.choose("SPOT")
    link.authorize("alice", permissions=["SPOT"])
    assert link.come_back().status == 303
    assert post_choice(link, "SPOT").status == 200, "no consent once the state is spent"


def test_consent_with_another_choice_has_another_state(link: Link) -> None:
    link.open()
    link.choose("SPOT")
    first = link.state
    link.choose("FUTURES")
    second = link.state
    link.choose("FUTURES", addressbookOnly="true")
    assert len({first, second, link.state}) == 3


@pytest.mark.parametrize("value", ["", "x", "a" * 42, "a" * 44, "a" * 42 + "="])
def test_consent_takes_no_cookie_that_is_not_ours(link: Link, value: str) -> None:
    link.open()
    name = f"kubroker-{link.session_id}"
    link.cookies = {name: value}
    assert link.choose("SPOT").status == 303
    assert link.cookies[name] != value


@pytest.mark.parametrize("site", ["cross-site", "same-site", "made-up"])
def test_consent_form_of_another_site_is_refused(link: Link, site: str) -> None:
    link.open()
    answer = post_choice(link, "SPOT", **{"Sec-Fetch-Site": site})
    assert answer.status == 403
    assert answer.set_cookies == []
    assert post_choice(link, "SPOT", **{"Sec-Fetch-Site": "same-origin"}).status == 303


# A login link that is passed on.


def test_login_passed_on_to_another_person_spends_nothing(link: Link) -> None:
    """Mallory consents in her browser, and makes Alice log in at KuCoin with that state."""
    link.open()
    link.choose("SPOT")
    link.authorize("alice", permissions=["SPOT"])
    answer = link.api.get(link.callback)
    assert (answer.status, answer.set_cookies) == (403, [])
    assert "Reference: other_browser" in answer.text
    assert link.simulator.journal(route="token") == []


def test_page_that_waits_for_the_first_callback_asks_no_route_but_itself(link: Link) -> None:
    aws = link.functions.stack.aws
    link.open()
    link.choose("SPOT")
    link.authorize("alice", permissions=["SPOT"])
    aws.add_fault(service="dynamodb", operation="UpdateItem", match="staged", times=9, kind="error")
    failed = link.come_back()
    aws.reset_faults()
    assert (failed.status, "Reference: internal_error" in failed.text) == (503, True)
    assert 'data-status-path=""' in link.come_back().text


# Messages that were never sent.


def test_key_request_whose_message_was_lost_is_sent_again_when_asked_again(link: Link) -> None:
    link.walk("alice", "SPOT")
    aws = link.functions.stack.aws
    aws.add_fault(service="sqs", operation="SendMessage", times=3, kind="error")
    assert link.api.post(KEY, json={"permissions": []}).status == 503
    aws.reset_faults()
    link.create_key()
    assert attempt(link)["state"] == "REQUESTED"
    answer = link.api.post(KEY, json={"permissions": []})
    assert (answer.status, answer.json()["code"]) == (409, "key_creation_in_progress")
    link.create_key()
    assert attempt(link)["state"] == "DONE"
    assert len(link.simulator.journal(route="create_key")) == 2


def test_second_link_behind_a_lost_message_gets_through(link: Link) -> None:
    link.walk("alice", "SPOT")
    aws = link.functions.stack.aws
    aws.add_fault(service="sqs", operation="SendMessage", times=3, kind="error")
    link.api.post(KEY, json={"permissions": []})
    aws.reset_faults()
    link.start("alice", "SPOT")
    assert link.complete().status == 409
    link.create_key()
    assert link.complete().status == 200
    link.create_key()
    assert attempt(link)["state"] == "DONE"


def test_other_try_whose_message_was_lost_is_sent_again_by_another_press(link: Link) -> None:
    link.walk("bob", "SPOT", "FUTURES")
    aws = link.functions.stack.aws
    aws.add_fault(service="sqs", operation="SendMessage", times=3, kind="error")
    assert post_choice(link, "SPOT").status == 503
    aws.reset_faults()
    assert post_choice(link, "SPOT").status == 303
    link.create_key()
    assert link.connection()["status"] == "ACTIVE"


# Trying again with fewer.


def test_other_try_keeps_what_the_broker_requires(link: Link) -> None:
    link.walk("bob", "FUTURES", permissions={"offered": ["FUTURES"], "required": ["SPOT"]})
    assert attempt(link)["code"] == "permission_mismatch"
    assert post_choice(link).status == 303
    assert attempt(link)["permissions"] == ["GENERAL", "SPOT"]


def test_other_try_needs_a_mismatch(link: Link) -> None:
    link.walk("dave", "SPOT")
    before = attempt(link)
    assert post_choice(link).status == 303
    assert attempt(link) == before
    assert code_shown(link) == "key_limit_reached"


def test_other_try_after_another_account_makes_no_key(link: Link) -> None:
    link.walk("alice", "SPOT")
    link.walk("bob", "SPOT")
    assert code_shown(link) == "account_mismatch"
    post_choice(link)
    link.create_key()
    assert code_shown(link) == "account_mismatch"
    assert len(link.simulator.journal(route="create_key")) == 2


# The address book.


def test_addressbook_choice_can_be_taken_back_before_the_login(link: Link) -> None:
    link.open()
    link.choose("WITHDRAWAL", addressbookOnly="true")
    link.choose("WITHDRAWAL")
    link.authorize("alice", permissions=["WITHDRAWAL"])
    link.come_back()
    link.complete()
    link.create_key()
    assert link.connection()["apiKey"]["facts"]["isAddressbookOnly"] is False
    assert len(link.simulator.journal(route="create_key")) == 1


def test_addressbook_choice_of_the_broker_can_not_be_taken_back(link: Link) -> None:
    link.open(isAddressbookOnly=True)
    link.choose("WITHDRAWAL")
    link.authorize("alice", permissions=["WITHDRAWAL"], isAddressbookOnly=True)
    link.come_back()
    link.complete()
    link.create_key()
    assert link.connection()["apiKey"]["facts"]["isAddressbookOnly"] is True
    assert len(link.simulator.journal(route="create_key")) == 1


# Pages of links that are over.


def test_page_of_the_link_in_use_stays_connected_when_another_link_fails(link: Link) -> None:
    link.walk("alice", "SPOT")
    first = link.connect_path
    link.walk("bob", "SPOT")
    assert code_shown(link) == "account_mismatch"
    assert code_shown(link, first) == "connected"
    page = link.api.get(first).text
    assert "Spot trading" in page
    assert "account_mismatch" not in page


def test_page_of_a_replaced_link_is_used(link: Link) -> None:
    link.walk("alice", "SPOT")
    first = link.connect_path
    link.walk("alice", "SPOT")
    assert code_shown(link, first) == "session_used"
    assert code_shown(link) == "connected"


def test_status_page_of_a_repeated_completion_replaces_the_first_one(link: Link) -> None:
    link.start()
    first, second = (urlsplit(link.complete().json()["statusPageUrl"]).path for _ in range(2))
    assert link.api.get(f"{first}/status").status == 404
    assert link.api.get(first).status == 404
    assert link.api.get(f"{second}/status").status == 200
    link.create_key()
    link.api.delete("/v1/connections/user-1")
    assert code_shown(link, second) == "session_used"


def test_page_of_a_lost_answer_says_when_kucoin_was_asked(link: Link, monkeypatch) -> None:
    began = int(time.time())
    link.start()
    link.complete()
    monkeypatch.setattr("time.time", lambda: began + 300)
    link.simulator.add_fault("create_key", "drop", phase="after", times=1)
    link.create_key()
    monkeypatch.setattr("time.time", lambda: began + 500)
    asked = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(began + 300))
    assert f'datetime="{asked}"' in link.api.get(link.connect_path).text


def test_session_that_ttl_took_leaves_the_connection(link: Link) -> None:
    link.walk("alice", "SPOT")
    swept = link.functions.stack.aws.sweep_expired_items(time.time() + 8 * 86_400)
    assert swept == 1
    assert link.api.get(link.connect_path).status == 404
    assert link.complete().json()["code"] == "session_not_found"
    assert link.connection()["status"] == "ACTIVE"


def test_permissions_that_the_old_creation_has_not_are_refused_at_once(link: Link) -> None:
    for name in ("connect", "key_creation"):
        link.functions.set_environment(name, KUCOIN_KEY_VERSION="v1")
    answer = link.open(permissions={"offered": ["WITHDRAWAL"]})
    assert (answer.status, answer.json()["code"]) == (422, "permission_not_available")
    link.walk("alice", "SPOT", permissions={"offered": ["SPOT"]})
    answer = link.api.post(KEY, json={"permissions": ["WITHDRAWAL"]})
    assert (answer.status, answer.json()["field"]) == (422, "permissions")
