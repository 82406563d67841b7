"""An export's life: asked for again, resumed, revived, given up, over, gone."""

import time

import pytest

from kubroker.aws.table import marshal, unmarshal
from kubroker.exports.flow import RESEND_SECONDS, STALLED_SECONDS, STILL_SECONDS
from kubroker.exports.model import HEAD, HEAD_GRACE_SECONDS, INDEX
from kubroker.foundation.errors import StoreError
from tests.exports.functional.living import show
from tests.exports.functional.story import KINDS, Story
from tests.support.forked_stack import Point, Standstill
from tests.support.linked import link_user
from tests.support.outside import Outside

DAY = 86_400
PAYOUT = {"currency": "USDT", "chain": "trx", "account": "main", "userIds": ["user-0"]}


@pytest.fixture
def story(world):
    return Story(world)


def test_running_one_is_sent_again_only_after_a_quarter_of_an_hour(story):
    story.plan()
    assert story.ask()["state"] == "RUNNING"
    story.stand_still(RESEND_SECONDS - 60)
    story.ask()
    assert story.waiting() == 0
    story.stand_still(RESEND_SECONDS)
    for _ in range(2):
        assert story.ask()["state"] == "RUNNING"
        assert story.waiting() == 1
    story.expect_ready()


def test_two_who_ask_at_once_send_one_message(story, forked):
    """The first has seen that it stands still when the second asks, and sends."""
    story.plan()
    story.stand_still(RESEND_SECONDS)
    event = {"kind": "resume_export", "exportId": story.id}
    point = Point("about to touch", {"operation": "UpdateItem", "match": "updatedAt"})
    aws, simulator = story.functions.stack.aws, story.world.simulator
    first = Standstill(aws, simulator, point, lambda: forked.invoke("export", event))
    story.ask()
    assert story.waiting() == 1
    assert first.go_on().payload == {"exportId": story.id, "state": "RUNNING"}
    assert story.waiting() == 1
    story.expect_ready()


def test_unplanned_one_is_sent_again_at_once(story):
    story.lose()
    assert story.ask()["state"] == "RUNNING"
    assert story.waiting() == 1
    story.expect_ready()


@pytest.mark.parametrize("is_failed", [False, True], ids=["still", "failed"])
def test_message_that_could_not_be_sent_is_sent_when_asked_again(story, is_failed):
    story.plan()
    story.stand_still(RESEND_SECONDS)
    if is_failed:
        story.fail()
    aws = story.functions.stack.aws
    aws.add_fault("error", service="sqs", operation="SendMessage", times=0)
    answer = story.world.open(kinds=KINDS, to=show(story.end_ms))
    assert (answer.status, answer.json()["code"]) == (503, "store_unavailable")
    aws.reset_faults()
    assert story.ask()["state"] == "RUNNING"
    assert story.waiting() == 1
    story.expect_ready()


@pytest.mark.parametrize("is_invoked", [False, True], ids=["request", "invocation"])
def test_failed_one_is_resumed_where_it_was(story, is_invoked):
    story.plan()
    story.fail()
    assert story.world.get(story.id)["code"] == "bad_request"
    if is_invoked:
        assert story.resume().payload == {"exportId": story.id, "state": "RUNNING"}
    else:
        assert story.ask()["state"] == "RUNNING"
    export = story.world.get(story.id)
    assert (export["state"], export["code"]) == ("RUNNING", None)
    assert story.waiting() == 1
    story.expect_ready()


def test_what_is_over_or_unknown_is_not_resumed(story):
    story.expect_ready()
    cancelled = story.world.open("two", kinds=KINDS).json()["exportId"]
    story.world.api.delete(f"/v1/exports/{cancelled}")
    story.lose()
    before = story.items()
    for export_id, code in (
        (story.id, "ConflictError"),
        (cancelled, "ConflictError"),
        ("0" * 32, "NotFoundError"),
        (INDEX, "NotFoundError"),
    ):
        result = story.resume(export_id)
        assert (result.function_error, result.payload["errorType"]) == ("Unhandled", code)
    assert story.items() == before
    assert story.world.get(cancelled)["state"] == "CANCELLED"
    assert story.waiting() == 0


@pytest.mark.parametrize("is_planned", [False, True], ids=["unplanned", "planned"])
def test_what_stood_still_for_a_day_is_revived(story, is_planned):
    if is_planned:
        story.plan()
    story.lose()
    story.stand_still(STILL_SECONDS, begun=STALLED_SECONDS - 60)
    story.look()
    assert story.waiting() == 1
    story.expect_ready()


def test_look_that_could_not_send_revives_when_it_comes_again(story):
    story.plan()
    story.stand_still(STILL_SECONDS)
    aws = story.functions.stack.aws
    aws.add_fault("error", operation="SendMessage", match="plan_export", times=0)
    with pytest.raises(StoreError):
        story.look()
    aws.reset_faults()
    story.look()
    assert story.waiting() == 1


@pytest.mark.parametrize("is_planned", [False, True], ids=["unplanned", "planned"])
def test_what_moves_is_left_alone(story, is_planned):
    if is_planned:
        story.plan()
    story.lose()
    story.stand_still(STILL_SECONDS - 60, begun=STALLED_SECONDS + DAY)
    before = story.items()
    story.look()
    assert story.items() == before
    assert story.waiting() == 0


def test_daily_look_walks_every_page(story, world):
    """A hundred later ones that are over come before it."""
    story.plan()
    story.stand_still(STILL_SECONDS)
    head, entry = story.head(), {"exportId": INDEX, "ttl": int(time.time()) + DAY}
    created_at = int(head["createdAt"]) + STILL_SECONDS + 1
    writes = []
    for number in range(100):
        other = {**head, "exportId": f"{number:032x}", "exportState": "READY"}
        name = f"{created_at:010d}#{number:032x}"
        writes += [other, {**entry, "item": name}]
    requests = [{"PutRequest": {"Item": marshal(item)}} for item in writes]
    for start in range(0, len(requests), 25):
        batch = {story.table: requests[start : start + 25]}
        story.database.batch_write_item(RequestItems=batch)
    assert world.api.get("/v1/exports?limit=100").json()["nextCursor"]
    story.look()
    assert story.waiting() == 1


def test_what_was_begun_a_week_ago_and_stands_still_is_given_up(story, endpoint):
    outside = Outside(story.functions, endpoint)
    story.plan()
    story.stand_still(STILL_SECONDS, begun=STALLED_SECONDS)
    for _ in range(2):
        story.look()
        assert story.waiting() == 0
    export = story.world.get(story.id)
    assert (export["state"], export["code"]) == ("FAILED", "export_stalled")
    outside.publish("ExportsTable")
    told = [(event["type"], event["data"]) for event in outside.on_bus()]
    assert told == [("ExportFailed", {"exportId": story.id, "code": "export_stalled"})]
    story.ask()
    story.expect_ready()


def test_what_is_kept_no_longer_is_gone_and_its_key_is_used_up(story):
    story.expect_ready()
    now = int(time.time())
    story.change(ttl=now + HEAD_GRACE_SECONDS, createdAt=now - 30 * DAY, updatedAt=now - 29 * DAY)
    path = f"/v1/exports/{story.id}"
    for method in ("GET", "DELETE"):
        answer = story.world.api.request(method, path)
        assert (answer.status, answer.json()["code"]) == (404, "export_not_found")
    assert story.world.api.get("/v1/exports").json()["exports"] == []
    answer = story.world.open(kinds=KINDS, to=show(story.end_ms))
    assert (answer.status, answer.json()["code"]) == (422, "idempotency_key_expired")
    assert story.resume().payload["errorType"] == "NotFoundError"
    assert story.waiting() == 0


def test_key_of_a_cancelled_one_stays_cancelled(story):
    story.plan()
    assert story.world.api.delete(f"/v1/exports/{story.id}").json()["state"] == "CANCELLED"
    story.stand_still(STILL_SECONDS, begun=STALLED_SECONDS)
    assert story.ask()["state"] == "CANCELLED"
    story.look()
    assert story.waiting() == 0
    assert story.head()["exportState"] == "CANCELLED"


def test_kept_days_are_the_settings(world, functions):
    functions.set_environment("export", EXPORT_RETENTION_DAYS="20")
    story = Story(world)
    story.expect_ready()
    head, kept_until = story.head(), story.head()["createdAt"] + 20 * DAY
    assert head["ttl"] == kept_until + HEAD_GRACE_SECONDS
    ends = {item["item"].partition("#")[0]: item["ttl"] for item in story.items()}
    del ends[HEAD]
    assert set(ends) >= {"unit", "part", "file", "assembly", "users"}
    assert set(ends.values()) == {kept_until}


def test_payouts_are_kept_as_long(functions, api, simulator):
    functions.set_environment("deposit_address", EXPORT_RETENTION_DAYS="20")
    link_user(functions.stack, simulator, user_id="user-0")
    answer = api.post("/v1/payouts", json=PAYOUT, headers={"Idempotency-Key": "one"})
    assert answer.status == 202, answer.text
    table = functions.stack.tables["PayoutsTable"]
    items = functions.stack.aws.client("dynamodb").scan(TableName=table)["Items"]
    (head, part) = sorted(map(unmarshal, items), key=lambda item: "createdAt" not in item)
    assert head["ttl"] == part["ttl"] == head["createdAt"] + 20 * DAY
