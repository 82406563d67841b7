"""The daily look at API keys: what is gone is marked once and told, and not too much of it."""

import json
import time
from pathlib import Path

import pytest

from kubroker.aws.table import Table
from kubroker.connections.model import ApiKeyState
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.errors import KucoinUnsentError, LostRaceError, StoreError
from kubroker.keys.watch_model import KeyWatch
from tests.support.linked import link_user
from tests.support.outside import Endpoint, Outside

CHECK = {"kind": "check_keys"}
EVENT = Path(__file__).parents[3] / "events/withdrawal_tracker/check_keys.json"


@pytest.fixture
def check(functions):
    """Runs the schedule until the day is finished, or once."""

    def run(*, remaining_ms=58_000):
        return functions.call("withdrawal_tracker", CHECK, remaining_ms=remaining_ms)

    return run


@pytest.fixture
def crowd(functions, simulator):
    """Links so many users; gives their keys by user."""

    def link(number):
        simulator.add_users(number, prefix="crowd")
        return {
            f"user-{place:03d}": link_user(
                functions.stack,
                simulator,
                user_id=f"user-{place:03d}",
                kucoin_user=f"crowd-{place}",
            )
            for place in range(1, number + 1)
        }

    return link


def status(api, user):
    told = api.get(f"/v1/connections/{user}").json()
    return told["status"], told["apiKey"]["state"], told["apiKey"]["code"]


def counts(watch):
    return {name: watch[name] for name in ("checked", "gone", "doubted", "unchecked")}


def test_key_that_was_deleted_is_marked_told_and_rings(
    api, functions, simulator, crowd, check, capsys
):
    endpoint = Endpoint()
    outside = Outside(functions, endpoint)
    keys = crowd(3)
    outside.publish("ConnectionsTable")
    outside.on_bus()
    simulator.delete_key(keys["user-002"]["apiKey"])
    watch = check()
    assert watch["isFinished"] is True
    assert counts(watch) == {"checked": 3, "gone": 1, "doubted": 0, "unchecked": 0}
    assert status(api, "user-002") == ("KEY_GONE", "GONE", "key_gone")
    assert status(api, "user-001") == ("ACTIVE", "ACTIVE", None)
    printed = capsys.readouterr().out
    assert printed.count('"ApiKeyGone":[1.0]') == 1
    outside.publish("ConnectionsTable")
    (event,) = outside.on_bus()
    assert (event["type"], event["userId"]) == ("ApiKeyGone", "user-002")
    assert event["data"] == {"code": "key_gone"}
    outside.deliver()
    assert event in outside.endpoint.bodies()
    endpoint.stop()

    refused = api.get("/v1/connections/user-002/kucoin/api/v1/accounts")
    assert (refused.status, refused.json()["code"]) == (409, "api_key_not_active")
    assert check()["isFinished"] is True
    assert '"ApiKeyGone"' not in capsys.readouterr().out, "a finished day is over"


def test_each_account_pays_one_small_call(simulator, crowd, check):
    crowd(3)
    check()
    entries = simulator.journal(route="check_key")
    assert len(entries) == len({entry["apiKey"] for entry in entries}) == 3


@pytest.mark.parametrize("code", ["400003", "400004"])
def test_one_refusal_alone_is_not_believed(api, simulator, crowd, check, code):
    crowd(1)
    simulator.add_fault("check_key", "error", code=code, msg="no", times=1)
    assert counts(check()) == {"checked": 1, "gone": 0, "doubted": 0, "unchecked": 0}
    assert status(api, "user-001")[0] == "ACTIVE"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "code": "400005", "msg": "signature"},
        {"kind": "error", "code": "400007", "msg": "permission"},
        {"kind": "error", "code": "411100", "msg": "frozen"},
        {"kind": "error", "code": "429000", "msg": "slow", "status": 429},
        {"kind": "error", "code": "500000", "msg": "server", "status": 500},
        {"kind": "garbage"},
        {"kind": "html_403"},
        {"kind": "drop"},
    ],
)
def test_no_other_answer_means_that_it_is_gone(api, simulator, crowd, check, fault):
    crowd(2)
    simulator.add_fault("check_key", times=None, **fault)
    watch = check()
    assert watch["isFinished"] is True
    assert counts(watch) == {"checked": 0, "gone": 0, "doubted": 0, "unchecked": 2}
    assert status(api, "user-001")[0] == status(api, "user-002")[0] == "ACTIVE"


@pytest.mark.parametrize(
    ("tells", "was", "told", "changed"),
    [
        (True, True, False, 1),
        (True, False, True, 1),
        (True, True, True, 0),
        (False, True, False, 0),
    ],
)
def test_limit_to_the_address_book_is_told_as_kucoin_tells_it(
    api, functions, simulator, crowd, check, capsys, tells, was, told, changed
):
    keys = crowd(1)
    functions.stack.aws.client("dynamodb").update_item(
        TableName=functions.stack.tables["ConnectionsTable"],
        Key={"userId": {"S": "user-001"}},
        UpdateExpression="SET apiKeyFacts.isAddressbookOnly = :was",
        ExpressionAttributeValues={":was": {"BOOL": was}},
    )
    simulator.patch_key(keys["user-001"]["apiKey"], isAddressbookOnly=told)
    simulator.set_worlds(key_check_tells_addressbook=tells)
    watch = check()
    assert (watch["checked"], watch["changed"]) == (1, changed)
    facts = api.get("/v1/connections/user-001").json()["apiKey"]["facts"]
    assert facts["isAddressbookOnly"] is (told if tells else was)
    assert capsys.readouterr().out.count('"ApiKeyChanged":[1.0]') == changed
    assert status(api, "user-001") == ("ACTIVE", "ACTIVE", None)


def test_wrong_address_is_told_to_the_operator(simulator, crowd, check, capsys):
    keys = crowd(1)
    simulator.patch_key(keys["user-001"]["apiKey"], ipWhitelist=["203.0.113.9"])
    assert counts(check())["unchecked"] == 1
    assert '"AddressRefused":[1.0]' in capsys.readouterr().out


def test_too_many_at_once_are_not_believed(api, simulator, crowd, check, capsys):
    keys = crowd(12)
    for user in sorted(keys)[:9]:
        simulator.delete_key(keys[user]["apiKey"])
    watch = check()
    assert counts(watch) == {"checked": 12, "gone": 5, "doubted": 4, "unchecked": 0}
    states = [status(api, user)[0] for user in sorted(keys)]
    assert states == ["KEY_GONE"] * 5 + ["ACTIVE"] * 7
    assert capsys.readouterr().out.count('"ApiKeysDoubted":[1.0]') == 4


@pytest.mark.parametrize(
    ("checked", "gone", "is_believable"),
    [(0, 0, True), (5, 4, True), (5, 5, False), (250, 5, False), (251, 5, True), (1000, 20, False)],
)
def test_five_or_two_percent_are_believed(checked, gone, is_believable):
    watch = KeyWatch(day="2025-06-16", checked=checked, gone=gone)
    assert watch.is_believable is is_believable


def test_run_that_is_cut_short_goes_on_with_the_next(functions, simulator, crowd, check):
    keys = crowd(12)
    aws = functions.stack.aws
    aws.add_fault("error", operation="UpdateItem", match="key-watch", skip=1, times=0)
    with pytest.raises(StoreError):
        check()
    aws.reset_faults()
    asked = len(simulator.journal(route="check_key"))
    assert asked == 10, "the second page was looked at and not kept"
    assert check(remaining_ms=19_000)["isFinished"] is False
    watch = check()
    assert watch["isFinished"] is True
    assert counts(watch)["checked"] == 12
    entries = simulator.journal(route="check_key")
    assert {entry["apiKey"] for entry in entries} == {key["apiKey"] for key in keys.values()}
    assert len(entries) == 17


def test_kucoin_that_can_not_be_reached_ends_the_run_and_marks_nothing(
    api, functions, simulator, crowd, check
):
    crowd(1)
    dead = {"KUCOIN_REST_URL": "http://127.0.0.1:9"}
    functions.set_environment("withdrawal_tracker", **dead)
    with pytest.raises(KucoinUnsentError):
        check()
    functions.overrides.clear()
    functions.forget()
    assert status(api, "user-001")[0] == "ACTIVE"
    assert counts(check())["checked"] == 1


def test_key_that_can_not_be_opened_is_counted_and_the_others_are_checked(
    functions, simulator, crowd, check
):
    crowd(2)
    functions.stack.aws.client("dynamodb").update_item(
        TableName=functions.stack.tables["ConnectionsTable"],
        Key={"userId": {"S": "user-001"}},
        UpdateExpression="SET apiKeyCiphertext = :x",
        ExpressionAttributeValues={":x": {"B": b"damaged"}},
    )
    assert counts(check()) == {"checked": 1, "gone": 0, "doubted": 0, "unchecked": 1}


def test_those_without_a_key_in_use_are_not_looked_at(functions, simulator, check):
    for user, state in (("left", "DISCONNECTED"), ("waiting", "CONNECTING")):
        link_user(functions.stack, simulator, user_id=user, connection_status=state)
    assert counts(check())["checked"] == 0
    assert simulator.journal(route="check_key") == []


def test_key_that_was_swapped_meanwhile_is_not_marked(functions, simulator):
    store = ConnectionStore(
        Table(functions.stack.aws.client("dynamodb"), functions.stack.tables["ConnectionsTable"])
    )
    link_user(functions.stack, simulator)
    old = store.get("user-1")
    link_user(functions.stack, simulator)
    with pytest.raises(LostRaceError):
        store.mark_key_gone(old, code="key_gone", now=int(time.time()))
    new = store.get("user-1")
    assert new.api_key_state is ApiKeyState.ACTIVE
    marked = store.mark_key_gone(new, code="key_gone", now=int(time.time()))
    assert (marked.api_key_state, marked.sequence) == (ApiKeyState.GONE, new.sequence + 1)
    with pytest.raises(LostRaceError):
        store.mark_key_gone(new, code="key_gone", now=int(time.time()))


def test_golden_event_is_the_schedules(functions):
    event = json.loads(EVENT.read_text())
    assert functions.call("withdrawal_tracker", event, remaining_ms=58_000)["isFinished"] is True
