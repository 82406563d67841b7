"""Workers of linking are killed after each step: what the user sees, what is left, what comes next.

Each function call is a process of its own; a stand-in holds one of its requests, the process gets
SIGKILL, and what was held before its work is never done. What follows runs on a clock of its own.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.api import ApiClient
from tests.support.forked_stack import ForkedFunctions, Point, Standstill
from tests.support.linking import Link

QUEUE = "kubroker-local-key-creation"
LEASE_OF_A_KEY = 46
LEASE_OF_AN_EXCHANGE = 31
UPDATE = {"service": "dynamodb", "operation": "UpdateItem"}
TRANSACTION = {"service": "dynamodb", "operation": "TransactWriteItems"}
SEND = {"service": "sqs", "operation": "SendMessage"}
DATA_KEY = {"service": "kms", "operation": "GenerateDataKey"}
AFTER = {"phase": "after"}


class Crash:
    """The linking story, of which one act runs in processes that can be killed."""

    def __init__(self, link: Link, forked: ForkedFunctions) -> None:
        self.link = link
        self._forked = forked
        self._api = ApiClient(forked, link.api.base_url)

    def stand(self, act: Callable[[Link], Any], point: Point) -> Standstill:
        """Runs the act until it stands at the point."""
        aside = Link(**{**vars(self.link), "api": self._api, "functions": self._forked})
        return Standstill(
            self.link.functions.stack.aws, self.link.simulator, point, lambda: act(aside)
        )

    def kill(self, act: Callable[[Link], Any], point: Point, function: str) -> Any:
        return self.stand(act, point).kill(self._forked, function)

    def redeliver(self) -> None:
        """Whatever is delayed or in flight becomes visible, and is worked."""
        self.link.functions.stack.aws.release_delayed(QUEUE)
        self.link.create_key()

    def item(self, table: str) -> dict[str, Any]:
        name = self.link.functions.stack.tables[table]
        (item,) = self.link.functions.stack.aws.client("dynamodb").scan(TableName=name)["Items"]
        return item

    def count(self, route: str) -> int:
        """How often KuCoin was asked."""
        return len(self.link.simulator.journal(route=route))

    def keys(self) -> int:
        return len([k for k in self.link.simulator.state()["keys"] if k["user"] == "alice"])

    def page(self) -> str:
        return self.link.api.get(self.link.connect_path).text

    def end(self) -> str | None:
        return self.link.api.get(f"{self.link.connect_path}/status").json()["code"]

    def link_again(self) -> Any:
        """The user starts again at the broker."""
        self.link.cookies = {}
        return self.link.walk("alice", "SPOT")


@pytest.fixture
def crash(link: Link, forked: ForkedFunctions) -> Crash:
    return Crash(link, forked)


@pytest.fixture
def at_kucoin(crash: Crash) -> Crash:
    """The user has just granted; the browser is about to come back."""
    crash.link.open()
    crash.link.choose("SPOT")
    crash.link.authorize("alice", permissions=["SPOT"])
    return crash


@pytest.fixture
def authorized(at_kucoin: Crash) -> Crash:
    """The browser is back at the broker with a completion code."""
    at_kucoin.link.come_back()
    return at_kucoin


@pytest.fixture
def completed(authorized: Crash) -> Crash:
    """The queue has a key to create."""
    authorized.link.complete()
    return authorized


@pytest.fixture
def later(monkeypatch) -> Callable[[float], None]:
    """Moves the functions' clock."""

    def move(seconds: float) -> None:
        moment = time.time() + seconds
        monkeypatch.setattr("time.time", lambda: moment)

    return move


def named(point: Point) -> str:
    return point.name


# Callback: 1 the state is consumed, 2 the code is exchanged, 3 the pair is staged.


@pytest.mark.parametrize(
    "point",
    [
        Point("data key made", DATA_KEY | AFTER),
        Point("shredding scheduled", SEND | AFTER),
        Point("about to consume the state", UPDATE | {"match": "EXCHANGING"}),
    ],
    ids=named,
)
def test_callback_killed_before_the_state_is_spent_works_when_loaded_again(
    at_kucoin: Crash, point: Point
) -> None:
    answer = at_kucoin.kill(Link.come_back, point, "oauth_callback")
    assert answer.status == 500
    assert at_kucoin.item("ConnectSessionsTable")["sessionStatus"]["S"] == "AUTHORIZING"
    assert at_kucoin.link.come_back().status == 303
    assert at_kucoin.link.complete().status == 200
    at_kucoin.link.create_key()
    assert at_kucoin.link.connection()["status"] == "ACTIVE"
    assert at_kucoin.count("token") == 1


@pytest.mark.parametrize(
    ("point", "asked"),
    [
        (Point("state consumed", UPDATE | AFTER | {"match": "EXCHANGING"}), 0),
        (Point("code sent", kucoin=("token", "before")), 1),
        (Point("code exchanged", kucoin=("token", "after")), 1),
        (Point("about to stage", UPDATE | {"match": "completionHash"}), 1),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_callback_killed_after_the_state_is_spent_ends_and_the_user_starts_again(
    at_kucoin: Crash, later: Callable[[float], None], point: Point, asked: int
) -> None:
    link = at_kucoin.link
    answer = at_kucoin.kill(Link.come_back, point, "oauth_callback")
    assert answer.status == 500
    waiting = link.api.get(link.callback, cookies=link.cookies)
    assert (waiting.status, 'data-status-path=""' in waiting.text) == (200, True)
    later(LEASE_OF_AN_EXCHANGE)
    for text in (link.come_back().text, at_kucoin.page()):
        assert "Reference: authorization_failed" in text
        assert f"status=failed&amp;code=authorization_failed&amp;session={link.session_id}" in text
    assert at_kucoin.count("token") == asked
    later(700)
    at_kucoin.redeliver()
    item = at_kucoin.item("ConnectSessionsTable")
    assert (item["sessionStatus"]["S"], "staged" in item) == ("ENDED", False)
    assert link.complete(completionCode="0" * 64).status == 403
    assert at_kucoin.link_again()["status"] == "ACTIVE"


def test_callback_killed_after_staging_leads_to_the_same_completion_code(at_kucoin: Crash) -> None:
    point = Point("pair staged", UPDATE | AFTER | {"match": "completionHash"})
    assert at_kucoin.kill(Link.come_back, point, "oauth_callback").status == 500
    assert at_kucoin.item("ConnectSessionsTable")["sessionStatus"]["S"] == "AUTHORIZED"
    assert at_kucoin.link.come_back().status == 303
    assert at_kucoin.link.complete().status == 200
    at_kucoin.link.create_key()
    assert at_kucoin.link.connection()["status"] == "ACTIVE"
    assert at_kucoin.count("token") == 1


def test_callback_killed_after_staging_and_left_alone_is_shredded(
    at_kucoin: Crash, later: Callable[[float], None]
) -> None:
    point = Point("pair staged", UPDATE | AFTER | {"match": "completionHash"})
    at_kucoin.kill(Link.come_back, point, "oauth_callback")
    assert "staged" in at_kucoin.item("ConnectSessionsTable")
    later(700)
    at_kucoin.redeliver()
    item = at_kucoin.item("ConnectSessionsTable")
    assert (item["sessionStatus"]["S"], "staged" in item) == ("ENDED", False)
    assert "Reference: session_expired" in at_kucoin.link.come_back().text


# Completion: 1 the transaction is done, 2 the message is sent.


@pytest.mark.parametrize(
    ("point", "status"),
    [
        (Point("about to link", TRANSACTION), "AUTHORIZED"),
        (Point("linked, no message", TRANSACTION | AFTER), "COMPLETED"),
        (Point("about to send", SEND), "COMPLETED"),
        (Point("message sent", SEND | AFTER), "COMPLETED"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_completion_killed_anywhere_works_when_it_is_repeated(
    authorized: Crash, point: Point, status: str
) -> None:
    assert authorized.kill(Link.complete, point, "connect").status == 500
    assert authorized.item("ConnectSessionsTable")["sessionStatus"]["S"] == status
    assert "Setting up your connection" in authorized.page()
    assert authorized.link.complete().status == 200
    authorized.link.create_key()
    assert authorized.link.connection()["status"] == "ACTIVE"
    assert (authorized.end(), authorized.keys()) == ("connected", 1)


def test_completion_killed_before_its_message_is_picked_up_by_the_sessions_end(
    authorized: Crash, later: Callable[[float], None]
) -> None:
    point = Point("linked, no message", TRANSACTION | AFTER)
    authorized.kill(Link.complete, point, "connect")
    authorized.link.create_key()
    assert authorized.link.connection()["status"] == "CONNECTING"
    later(700)
    authorized.redeliver()
    assert authorized.link.connection()["status"] == "ACTIVE"
    assert (authorized.end(), authorized.keys()) == ("connected", 1)


# Key creation: 1 claimed, 2 created at KuCoin, 3 stored, 4 checked, 5 swapped in.


@pytest.mark.parametrize(
    "point",
    [
        Point("data key made", DATA_KEY | AFTER),
        Point("about to claim", UPDATE | {"match": "CREATING"}),
    ],
    ids=named,
)
def test_key_killed_before_the_claim_is_made_by_the_next_delivery(
    completed: Crash, point: Point
) -> None:
    completed.kill(Link.create_key, point, "key_creation")
    assert completed.count("create_key") == 0
    completed.redeliver()
    assert completed.link.connection()["status"] == "ACTIVE"
    assert completed.count("create_key") == completed.keys() == 1


@pytest.mark.parametrize(
    ("point", "asked", "keys"),
    [
        (Point("claimed", UPDATE | AFTER | {"match": "CREATING"}), 0, 0),
        (Point("asked", kucoin=("create_key", "before")), 1, 0),
        (Point("created", kucoin=("create_key", "after")), 1, 1),
        (Point("about to store", UPDATE | {"match": "STORED"}), 1, 1),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_key_killed_after_the_claim_is_unknown_and_never_asked_for_again(
    completed: Crash, later: Callable[[float], None], point: Point, asked: int, keys: int
) -> None:
    link = completed.link
    completed.kill(Link.create_key, point, "key_creation")
    completed.redeliver()
    assert link.connection()["apiKey"]["state"] == "CREATING"
    assert "Setting up your connection" in completed.page()
    later(LEASE_OF_A_KEY)
    for redelivery in (False, True):
        if redelivery:
            completed.redeliver()
        assert link.connection()["apiKey"]["state"] == "OUTCOME_UNKNOWN"
        assert "Reference: key_outcome_unknown" in completed.page()
    assert (completed.count("create_key"), completed.keys()) == (asked, keys)
    item = completed.item("ConnectionsTable")
    assert item["connectionStatus"]["S"] == "FAILED"
    assert "dataKey" not in item["keyAttempt"]["M"]
    assert completed.link_again()["status"] == "ACTIVE"
    assert (completed.count("create_key"), completed.keys()) == (asked + 1, keys + 1)


@pytest.mark.parametrize(
    ("point", "checks"),
    [
        (Point("stored", UPDATE | AFTER | {"match": "STORED"}), 1),
        (Point("checked", kucoin=("check_key", "after")), 2),
        (Point("about to swap", UPDATE | {"match": "ACTIVE"}), 2),
        (Point("swapped in", UPDATE | AFTER | {"match": "ACTIVE"}), 1),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_key_killed_once_stored_is_checked_by_the_next_delivery_not_made_again(
    completed: Crash, point: Point, checks: int
) -> None:
    completed.kill(Link.create_key, point, "key_creation")
    completed.redeliver()
    assert completed.link.connection()["status"] == "ACTIVE"
    assert (completed.end(), completed.keys()) == ("connected", 1)
    assert (completed.count("create_key"), completed.count("check_key")) == (1, checks)
    assert "dataKey" not in completed.item("ConnectionsTable")["keyAttempt"]["M"]


def test_key_stored_whose_message_was_given_up_is_picked_up_by_the_sessions_end(
    completed: Crash, later: Callable[[float], None]
) -> None:
    link = completed.link
    completed.kill(
        Link.create_key, Point("stored", UPDATE | AFTER | {"match": "STORED"}), "key_creation"
    )
    queue = link.functions.stack.queues["KeyCreationQueue"]
    sqs = link.functions.stack.aws.client("sqs")
    link.functions.stack.aws.release_delayed(QUEUE)
    for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]:
        if "create_key" in message["Body"]:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    later(700)
    completed.redeliver()
    assert link.connection()["status"] == "ACTIVE"
    assert completed.keys() == 1


# Two at once.


def test_two_callbacks_at_once_spend_one_code_and_lead_to_one_place(at_kucoin: Crash) -> None:
    late = at_kucoin.stand(
        Link.come_back, Point("about to consume", UPDATE | {"match": "EXCHANGING"})
    )
    first = at_kucoin.link.come_back()
    loser = late.go_on()
    assert (first.status, loser.status) == (303, 200)
    assert 'data-status-path=""' in loser.text
    assert at_kucoin.link.come_back().location == first.location
    assert at_kucoin.count("token") == 1


def test_callback_while_the_first_one_asks_kucoin_waits(at_kucoin: Crash) -> None:
    first = at_kucoin.stand(Link.come_back, Point("asking", kucoin=("token", "after")))
    waiting = at_kucoin.link.api.get(at_kucoin.link.callback, cookies=at_kucoin.link.cookies)
    assert (waiting.status, 'data-status-path=""' in waiting.text) == (200, True)
    assert first.go_on().status == 303
    assert at_kucoin.link.come_back().status == 303
    assert at_kucoin.count("token") == 1


def test_two_completions_at_once_make_one_connection_and_one_key(authorized: Crash) -> None:
    late = authorized.stand(Link.complete, Point("about to link", TRANSACTION))
    assert authorized.link.complete().status == 200
    loser = late.go_on()
    assert (loser.status, loser.json()["code"]) == (409, "link_in_progress")
    assert authorized.link.complete().status == 200
    authorized.link.create_key()
    assert authorized.link.connection()["linkGeneration"] == 1
    assert authorized.count("create_key") == authorized.keys() == 1


def test_two_deliveries_at_once_ask_once(completed: Crash) -> None:
    first = completed.stand(Link.create_key, Point("asking", kucoin=("create_key", "after")))
    completed.redeliver()
    first.go_on()
    assert completed.link.connection()["status"] == "ACTIVE"
    assert completed.count("create_key") == completed.keys() == 1


def test_two_deliveries_that_both_found_it_waiting_ask_once(completed: Crash) -> None:
    late = completed.stand(Link.create_key, Point("about to claim", UPDATE | {"match": "CREATING"}))
    completed.redeliver()
    assert completed.link.connection()["status"] == "ACTIVE"
    late.go_on()
    assert completed.link.connection()["status"] == "ACTIVE"
    assert completed.count("create_key") == completed.keys() == 1


def test_second_link_does_not_overtake_a_key_that_is_asked_for_meanwhile(crash: Crash) -> None:
    link = crash.link
    link.walk("alice", "SPOT")
    link.cookies = {}
    link.start("alice", "SPOT")
    second = crash.stand(Link.complete, Point("about to link", TRANSACTION))
    assert link.api.post("/v1/connections/user-1/api-key", json={"permissions": []}).status == 202
    loser = second.go_on()
    assert (loser.status, loser.json()["code"]) == (409, "link_in_progress")
    link.create_key()
    assert link.complete().status == 200
    link.create_key()
    assert link.connection()["apiKey"]["attempt"]["state"] == "DONE"
    assert crash.count("create_key") == crash.keys() == 3


def test_second_link_while_a_key_is_asked_for_is_a_conflict(crash: Crash) -> None:
    link = crash.link
    link.walk("alice", "SPOT")
    link.cookies = {}
    link.start("alice", "SPOT")
    link.api.post("/v1/connections/user-1/api-key", json={"permissions": []})
    asking = crash.stand(Link.create_key, Point("asking", kucoin=("create_key", "after")))
    answer = link.complete()
    assert (answer.status, answer.json()["code"]) == (409, "link_in_progress")
    asking.go_on()
    assert link.complete().status == 200
    link.create_key()
    assert link.connection()["apiKey"]["attempt"]["state"] == "DONE"


def test_disconnect_while_kucoin_makes_the_key_wins_and_names_the_key(completed: Crash) -> None:
    link = completed.link
    asking = completed.stand(Link.create_key, Point("asking", kucoin=("create_key", "after")))
    receipt = link.api.delete("/v1/connections/user-1").json()
    assert receipt["possiblyLostKeyAt"]
    asking.go_on()
    completed.redeliver()
    assert link.connection()["status"] == "DISCONNECTED"
    item = completed.item("ConnectionsTable")
    assert "ciphertext" not in item["keyAttempt"]["M"]
    assert not {"apiKeyCiphertext", "tokenCiphertext"} & set(item)
    (key,) = [k for k in link.simulator.state()["keys"] if k["user"] == "alice"]
    receipt = link.api.delete("/v1/connections/user-1").json()
    assert [facts["hint"] for facts in receipt["deleteAtKucoin"]] == [key["apiKey"][-4:]]
    assert receipt["possiblyLostKeyAt"] is None
    assert completed.link_again()["status"] == "ACTIVE"


def test_disconnect_while_the_new_key_is_checked_wins(completed: Crash) -> None:
    link = completed.link
    checking = completed.stand(Link.create_key, Point("checking", kucoin=("check_key", "after")))
    receipt = link.api.delete("/v1/connections/user-1").json()
    assert len(receipt["deleteAtKucoin"]) == 1
    checking.go_on()
    completed.redeliver()
    assert link.connection()["status"] == "DISCONNECTED"
    assert not {"apiKeyCiphertext", "tokenCiphertext"} & set(completed.item("ConnectionsTable"))
