"""The way back from KuCoin: state, browser, code, and what a repeated callback shows."""

import time
from urllib.parse import quote

import pytest

from kubroker.aws.table import Table
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.errors import GoneError, LostRaceError
from kubroker.kucoin.permissions import Permission
from kubroker.linking.model import SessionStatus
from kubroker.linking.sessions import ConnectSessions
from kubroker.linking.store import SessionStore
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


def test_redirects_of_the_browser_tell_nobody_where_it_was(link: Link) -> None:
    """The address holds the state, or the completion code: no Referer and no cache gets it."""
    link.open()
    to_kucoin = link.choose("SPOT")
    link.authorize("alice", permissions=["SPOT"])
    for answer in (to_kucoin, link.come_back()):
        assert answer.status == 303
        assert answer.header("referrer-policy") == "no-referrer"
        assert answer.header("cache-control") == "no-store"
    assert link.completion_code


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


class Shop:
    """The store of sessions and what consent does with it, beside the functions."""

    def __init__(self, link: Link) -> None:
        stack = link.functions.stack
        client, tables = stack.aws.client("dynamodb"), stack.tables
        self.link = link
        self.sessions = SessionStore(Table(client, tables["ConnectSessionsTable"]))
        connections = ConnectionStore(Table(client, tables["ConnectionsTable"]))
        self.use_case = ConnectSessions(self.sessions, connections, unavailable=frozenset())

    def get(self):
        return self.sessions.find(self.link.session_id)

    def consume(self, session) -> None:
        self.sessions.consume_state(
            session.session_id, state_hash=session.state_hash, now=int(time.time())
        )

    def consent(self, session):
        """The same browser chooses something else."""
        (secret,) = self.link.cookies.values()
        return self.use_case.consent(
            session,
            chosen=[Permission.FUTURES],
            is_addressbook_only=False,
            browser_secret=secret,
            now=int(time.time()),
        )


def test_consent_again_while_a_callback_exchanges_its_code_takes_nothing_from_it(
    consented: Link,
) -> None:
    """The form was read before the callback consumed the state, and is worked after it."""
    shop = Shop(consented)
    seen = shop.get()
    shop.consume(seen)
    exchanging = shop.get()
    with pytest.raises(GoneError):
        shop.consent(seen)
    assert shop.get() == exchanging
    assert exchanging.session_status is SessionStatus.EXCHANGING
    answer = consented.choose("FUTURES")
    assert (answer.status, answer.location) == (200, "")
    assert shop.get() == exchanging


def test_consent_again_before_a_callback_consumes_its_state_makes_that_state_void(
    consented: Link,
) -> None:
    """What would be exchanged was granted for a choice that is no longer the user's."""
    shop = Shop(consented)
    seen = shop.get()
    shop.consent(seen)
    chosen_anew = shop.get()
    with pytest.raises(LostRaceError):
        shop.consume(seen)
    assert shop.get() == chosen_anew
    assert chosen_anew.session_status is SessionStatus.AUTHORIZING


def test_fault_of_ours_around_the_exchange_is_not_told_as_kucoins_refusal(
    consented: Link, monkeypatch
) -> None:
    """An internal error, seen by alarms; nobody is told that KuCoin refused."""

    def broken(*_: object, **__: object) -> None:
        raise TypeError("a programming error")

    consented.authorize("alice", permissions=["SPOT"])
    with monkeypatch.context() as patched:
        patched.setattr("kubroker.kucoin.oauth.parse_token_pair", broken)
        answer = consented.come_back()
    assert answer.status == 500
    assert "authorization_failed" not in answer.text
    session = Shop(consented).get()
    assert (session.session_status, session.end_code) == (SessionStatus.EXCHANGING, None)
