"""The way back from KuCoin: state, browser, code, and what a repeated callback shows."""

from urllib.parse import quote

import pytest

from tests.support.linking import Link


@pytest.fixture
def consented(link: Link) -> Link:
    link.open()
    link.choose("SPOT")
    return link


def sessions(link: Link) -> list[dict]:
    return link.functions.stack.aws.client("dynamodb").scan(
        TableName="kubroker-local-connect-sessions"
    )["Items"]


def test_callback_replayed_shows_the_first_outcome_and_spends_nothing(consented: Link) -> None:
    consented.authorize("alice", permissions=["SPOT"])
    first, second = consented.come_back(), consented.come_back()
    assert first.status == second.status == 303
    assert first.location == second.location
    assert len(consented.simulator.journal(route="token")) == 1


def test_callback_keeps_the_query_of_the_return_url(link: Link) -> None:
    link.return_url += "?theme=dark&x=%C3%A9"
    link.open()
    link.choose("SPOT")
    link.authorize("alice", permissions=["SPOT"])
    location = link.come_back().location
    assert location.startswith(f"{link.return_url}&status=authorized&session={link.session_id}&")


def test_callback_in_another_browser_spends_nothing(consented: Link) -> None:
    consented.authorize("alice", permissions=["SPOT"])
    cookies, consented.cookies = consented.cookies, {}
    answer = consented.come_back()
    assert answer.status == 403
    assert "other_browser" in answer.text
    assert consented.simulator.journal(route="token") == []
    consented.cookies = cookies
    assert consented.come_back().status == 303


@pytest.mark.parametrize("query", ["success=false&state={}", "state={}", "state={}&code="])
def test_callback_without_a_code_is_a_refusal(consented: Link, query: str) -> None:
    consented.callback = "/oauth/callback?" + query.format(consented.state)
    answer = consented.come_back()
    assert answer.status == 200
    assert "refused_by_user" in answer.text
    assert consented.api.get(consented.connect_path).text.count("refused_by_user")


def test_callback_cancelled_at_kucoin_is_a_refusal(consented: Link) -> None:
    consented.authorize("alice", cancel=True)
    assert "refused_by_user" in consented.come_back().text


@pytest.mark.parametrize("state", ["", "x", "a" * 22 + "." + "b" * 43, "é" * 66, "%00"])
def test_callback_with_a_foreign_state_leads_nowhere(link: Link, state: str) -> None:
    answer = link.api.get(f"/oauth/callback?code=c&state={quote(state)}")
    assert answer.status == 410
    assert "session_expired" in answer.text


def test_callback_after_ten_minutes_has_expired(consented: Link, monkeypatch) -> None:
    import time

    consented.authorize("alice", permissions=["SPOT"])
    moment = time.time() + 601
    monkeypatch.setattr("time.time", lambda: moment)
    answer = consented.come_back()
    assert answer.status == 410
    assert consented.simulator.journal(route="token") == []


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ({"kind": "status_5xx"}, "kucoin_unreachable"),
        ({"kind": "drop"}, "kucoin_unreachable"),
        ({"kind": "garbage"}, "kucoin_unreachable"),
        ({"kind": "html_403"}, "kucoin_unreachable"),
        ({"kind": "rate_limit"}, "kucoin_unreachable"),
        ({"kind": "no_refresh_token"}, "authorization_failed"),
        ({"kind": "error", "code": "invalid_grant"}, "authorization_failed"),
        ({"kind": "error", "code": "invalid_client"}, "authorization_failed"),
    ],
)
def test_callback_whose_exchange_fails_ends_and_stays_ended(
    consented: Link, fault: dict[str, str], end: str
) -> None:
    consented.simulator.add_fault("token", times=1, **fault)
    consented.authorize("alice", permissions=["SPOT"])
    assert end in consented.come_back().text
    assert end in consented.come_back().text
    assert len(consented.simulator.journal(route="token")) == 1
    assert "staged" not in sessions(consented)[0]


@pytest.mark.parametrize("answer", [3600, -1, 0, 10**9, None, "soon"])
def test_callback_believes_no_absurd_expiry(consented: Link, answer: object) -> None:
    consented.simulator.add_fault("token", "expires_in", times=1, value=answer)
    consented.authorize("alice", permissions=["SPOT"])
    consented.come_back()
    consented.complete()
    consented.create_key()
    assert consented.connection()["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("service", "operation"), [("kms", "GenerateDataKey"), ("sqs", "SendMessage")]
)
def test_callback_while_aws_is_down_spends_nothing_and_works_later(
    consented: Link, service: str, operation: str
) -> None:
    aws = consented.functions.stack.aws
    aws.add_fault(service=service, operation=operation, times=3, kind="error")
    consented.authorize("alice", permissions=["SPOT"])
    assert consented.come_back().status == 503
    assert consented.simulator.journal(route="token") == []
    aws.reset_faults()
    assert consented.come_back().status == 303


def test_callback_whose_staging_fails_is_over_once_its_lease_is(
    consented: Link, monkeypatch
) -> None:
    import time

    aws = consented.functions.stack.aws
    consented.authorize("alice", permissions=["SPOT"])
    aws.add_fault(service="dynamodb", operation="UpdateItem", match="staged", times=9, kind="error")
    assert consented.come_back().status == 503
    aws.reset_faults()
    waiting = consented.come_back()
    assert "authorization_failed" not in waiting.text
    moment = time.time() + 31
    monkeypatch.setattr("time.time", lambda: moment)
    assert "authorization_failed" in consented.come_back().text
    assert len(consented.simulator.journal(route="token")) == 1
