"""Linking, as the broker and the browser see it."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.linking import Link


def test_link_ends_in_an_active_connection_that_kucoin_accepts(link: Link) -> None:
    connection = link.walk("alice", "SPOT", "FUTURES")
    facts = connection["apiKey"]["facts"]
    assert connection["status"] == "ACTIVE"
    assert connection["authorization"]["state"] == "LIVE"
    assert facts["permissions"] == ["GENERAL", "SPOT", "FUTURES"]
    assert facts["checkedAt"] is not None
    assert connection["kucoinUid"] == str(link.simulator.state()["users"][0]["uid"])
    checks = link.simulator.journal(route="check_key")
    assert [entry["outcome"] for entry in checks] == ["200000"]
    assert [(entry["signature"], entry["partner"]) for entry in checks] == [("held", "held")]


def test_open_session_answers_with_a_link_of_its_own(link: Link) -> None:
    first = link.open(ttlSeconds=60).json()
    second = link.open().json()
    assert first["sessionId"] != second["sessionId"]
    assert first["connectUrl"].startswith(f"{link.api.base_url}/connect/{first['sessionId']}.")
    assert first["expiresAt"].endswith("Z")


def test_consent_page_shows_the_offer_and_changes_nothing(link: Link) -> None:
    link.open(permissions={"offered": ["SPOT", "WITHDRAWAL"], "required": ["FUTURES"]})
    before = link.functions.stack.aws.client("dynamodb").scan(
        TableName="kubroker-local-connect-sessions"
    )["Items"]
    for _ in range(2):
        page = link.api.get(link.connect_path)
    after = link.functions.stack.aws.client("dynamodb").scan(
        TableName="kubroker-local-connect-sessions"
    )["Items"]
    assert page.status == 200
    assert "Main account" in page.text
    assert 'value="WITHDRAWAL"' in page.text
    assert 'value="MARGIN"' not in page.text
    assert before == after
    assert "default-src 'none'" in page.header("content-security-policy")


def test_consent_sends_the_browser_to_kucoin_with_a_bound_cookie(link: Link) -> None:
    link.open()
    answer = link.choose("SPOT")
    location = urlsplit(answer.location)
    query = parse_qs(location.query)
    assert answer.status == 303
    assert location.path == "/oauth"
    assert query["response_type"] == ["code"]
    assert query["scope"] == ["OAUTH_CREATE_API"]
    assert f"redirect_uri={link.api.base_url}/oauth/callback" in location.query
    (cookie,) = answer.set_cookies
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_consent_cookie_on_https_has_the_host_prefix(link: Link) -> None:
    link.functions.set_environment("connect", KUBROKER_PUBLIC_BASE_URL="https://connect.example")
    link.open()
    (cookie,) = link.choose("SPOT").set_cookies
    assert cookie.startswith("__Host-kubroker-")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_consent_in_a_second_browser_is_refused(link: Link) -> None:
    link.open()
    link.choose("SPOT")
    link.cookies = {}
    answer = link.choose("SPOT")
    assert answer.status == 403
    assert "other_browser" in answer.text


def test_consent_again_in_the_same_browser_replaces_the_state(link: Link) -> None:
    link.open()
    link.choose("SPOT")
    link.authorize("alice", permissions=["SPOT"])
    link.choose("SPOT", "FUTURES")
    answer = link.come_back()
    assert answer.status == 410
    assert "session_used" in answer.text


def test_consent_of_something_not_offered_is_refused(link: Link) -> None:
    link.open(permissions={"offered": ["SPOT"], "required": []})
    answer = link.choose("SPOT", "WITHDRAWAL")
    assert answer.status == 422
    assert not link.cookies


def test_required_permissions_are_asked_for_whatever_was_chosen(link: Link) -> None:
    link.open(permissions={"offered": ["SPOT"], "required": ["EARN"]})
    link.choose()
    link.authorize("alice", permissions=["SPOT", "EARN"])
    link.come_back()
    link.complete()
    link.create_key()
    assert link.connection()["apiKey"]["facts"]["permissions"] == ["GENERAL", "EARN"]


def test_completion_answers_with_a_status_page(link: Link) -> None:
    link.start()
    answer = link.complete()
    path = urlsplit(answer.json()["statusPageUrl"]).path
    assert link.api.get(f"{path}/status").json() == {
        "state": "completed",
        "code": None,
        "final": False,
    }
    assert link.api.get(path).status == 200
    link.create_key()
    assert link.api.get(f"{path}/status").json() == {
        "state": "done",
        "code": "connected",
        "final": True,
    }
    page = link.api.get(path)
    assert "code=connected" in page.text
    assert "status=connected" in page.text


def test_completion_again_with_the_same_code_gives_the_current_state(link: Link) -> None:
    link.start()
    first, second = link.complete(), link.complete()
    link.create_key()
    third = link.complete()
    assert [answer.status for answer in (first, second, third)] == [200, 200, 200]
    assert third.json()["connection"]["status"] == "ACTIVE"
    assert len(link.simulator.journal(route="create_key")) == 1


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"userId": "somebody-else"}, 403, "user_mismatch"),
        ({"completionCode": "0" * 64}, 403, "completion_code_invalid"),
    ],
)
def test_completion_for_another_user_or_code_links_nothing(
    link: Link, changed: dict[str, str], status: int, code: str
) -> None:
    link.start()
    answer = link.complete(**changed)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert link.connection()["code"] == "connection_not_found"


def test_completion_before_the_user_authorized_is_a_conflict(link: Link) -> None:
    link.open()
    link.completion_code = "0" * 64
    answer = link.complete()
    assert answer.json()["code"] in {"session_not_authorized", "completion_code_invalid"}


def test_forwarded_link_ties_nothing_to_the_sender(link: Link) -> None:
    """Mallory opens a session for herself and makes Alice walk through it."""
    link.user_id = "mallory"
    link.start("alice", "SPOT")
    # Alice's browser comes back to the broker, where Alice is logged in.
    answer = link.complete(userId="alice-at-broker")
    link.create_key()
    assert answer.json()["code"] == "user_mismatch"
    for user_id in ("mallory", "alice-at-broker"):
        assert link.api.get(f"/v1/connections/{user_id}").status == 404
    assert link.simulator.journal(route="create_key") == []


def test_pair_that_nobody_redeems_is_shredded(link: Link, monkeypatch) -> None:
    link.start()
    code = link.completion_code
    monkeypatch.setattr("time.time", _later(700))
    link.functions.stack.aws.release_delayed("kubroker-local-key-creation")
    link.create_key()
    (item,) = link.functions.stack.aws.client("dynamodb").scan(
        TableName="kubroker-local-connect-sessions"
    )["Items"]
    assert "staged" not in item
    link.completion_code = code
    assert link.complete().status == 410


def test_completion_code_expires_before_the_pair_is_shredded(link: Link, monkeypatch) -> None:
    link.start()
    monkeypatch.setattr("time.time", _later(601))
    answer = link.complete()
    assert (answer.status, answer.json()["code"]) == (410, "session_expired")


def test_link_expires(link: Link, monkeypatch) -> None:
    link.open(ttlSeconds=60)
    monkeypatch.setattr("time.time", _later(61))
    page = link.api.get(link.connect_path)
    assert page.status == 410
    assert "session_expired" in page.text
    assert link.choose("SPOT").status == 410


def test_health_names_the_stage(link: Link) -> None:
    answer = link.api.get("/health")
    assert answer.json() == {"status": "ok", "stage": "local"}


def _later(seconds: int):
    import time

    moment = time.time() + seconds
    return lambda: moment


def test_consent_form_may_lead_to_every_origin_of_kucoins_login(link: Link) -> None:
    link.functions.set_environment(
        "connect", KUCOIN_PROTOCOL_OVERRIDES='{"login_origins": ["https://www.kucoin.example"]}'
    )
    link.open()
    policy = link.api.get(link.connect_path).header("content-security-policy")
    (form_action,) = [part for part in policy.split("; ") if part.startswith("form-action")]
    assert "https://www.kucoin.example" in form_action
    assert "'self'" in form_action
