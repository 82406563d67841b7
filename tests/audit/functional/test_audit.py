"""Who did what: written before what can't be undone, never changed, kept under lock."""

import hashlib
import json

import pytest

from kubroker.audit.model import AuditEntry
from local.gateway.http_api import LOCAL_CALLER
from tests.support.rotation import RotationWorld, refresh_event


def rows(outside, **wanted):
    return [
        row
        for row in outside.entries()
        if all(row.get(name) == value for name, value in wanted.items())
    ]


def fail_audit(outside, **criteria):
    outside.aws.add_fault(
        "error",
        service="dynamodb",
        operation="PutItem",
        match=outside.stack.tables["AuditTable"],
        times=0,
        **criteria,
    )


def test_request_has_its_caller_its_hash_and_its_end(link, outside):
    assert link.open().status == 201
    begun, done = rows(outside, kind="REQUEST")
    assert (begun["outcome"], done["outcome"], done["status"]) == ("BEGUN", "DONE", "201")
    for row in (begun, done):
        assert row["action"] == "POST /v1/connect-sessions"
        assert row["userId"] == "user-1"
        assert row["principal"] == LOCAL_CALLER.user_arn
        assert row["requestId"]
    assert begun["requestHash"] == done["requestHash"]
    AuditEntry.model_validate({**begun, "at": int(begun["at"])})


def test_request_hash_is_that_of_the_body(link, outside):
    body = json.dumps({"userId": "user-1", "nonsense": True})
    link.api.post("/v1/connect-sessions", body=body.encode())
    begun, done = rows(outside, kind="REQUEST")
    assert begun["requestHash"] == hashlib.sha256(body.encode()).hexdigest()
    assert (done["outcome"], done["status"]) == ("REFUSED", "422")


def test_codes_leave_no_hash(money, outside):
    money.connect()
    money.submit()
    assert money.verify().status == 200
    verification = [row for row in rows(outside, kind="REQUEST") if "verification" in row["action"]]
    assert len(verification) == 2
    assert not [row for row in verification if "requestHash" in row]
    submission = [
        row for row in rows(outside, kind="REQUEST") if "verification" not in row["action"]
    ]
    assert all("requestHash" in row for row in submission)


def test_reads_are_not_told(link, outside):
    link.walk("alice", "SPOT")
    before = len(outside.entries())
    link.connection()
    link.api.get("/v1/connections")
    link.api.get("/v1/connections/user-1/timeline")
    link.api.get("/health")
    assert len(outside.entries()) == before


def test_every_opened_secret_is_told(link, outside):
    since = len(outside.aws.read_journal())
    link.walk("alice", "SPOT")
    opened = [
        call
        for call in outside.aws.read_journal()[since:]
        if (call["service"], call["operation"]) == ("kms", "Decrypt")
    ]
    told = rows(outside, kind="SECRET_USE")
    assert len(told) == len(opened) > 0
    assert {row["action"] for row in told} <= {"api-key", "oauth-tokens"}
    assert {row["principal"] for row in told} == {"function/key_creation"}


def test_browser_is_named_as_such(money, outside):
    """The hosted page acts for a user whom nobody signed for."""
    money.connect()
    handle = money.submit().json()["verifyUrl"].rpartition("/")[2]
    page = money.api.get(f"/verify/{handle}")
    assert page.status == 200
    money.api.post(f"/verify/{handle}", form={"GAV": "000000", "EMV": "000000"})
    acts = rows(outside, kind="ACT", action="withdrawal.verify")
    assert {row["principal"] for row in acts} <= {"browser"}


@pytest.mark.parametrize("kind", ["withdrawal", "verification", "disconnect", "session"])
def test_without_an_audit_nothing_is_done(link, money, outside, kind):
    money.connect()
    if kind == "verification":
        money.submit()
        codes = money.codes()
    asked, items = money.asked(), money.store.table.scan()[0]
    before = money.connections.get("user-1")
    fail_audit(outside)
    if kind == "withdrawal":
        answer = money.submit()
    elif kind == "verification":
        answer = money.verify(factors=codes)
    elif kind == "disconnect":
        answer = link.api.delete("/v1/connections/user-1")
    else:
        answer = link.open()
    assert (answer.status, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.header("content-type") == "application/problem+json"
    assert answer.json()["requestId"]
    outside.aws.reset_faults()
    assert money.asked() == asked
    assert money.store.table.scan()[0] == items
    assert money.connections.get("user-1") == before


def test_without_an_audit_no_key_is_asked_for_and_the_message_waits(link, outside, simulator):
    link.start()
    assert link.complete().status == 200
    fail_audit(outside)
    link.create_key()
    assert simulator.journal(route="create_key") == []
    outside.aws.reset_faults()
    outside.aws.release_delayed("kubroker-local-key-creation")
    link.create_key()
    assert link.connection()["status"] == "ACTIVE"
    assert len(simulator.journal(route="create_key")) == 1


def test_lost_note_stops_nothing_and_is_counted(link, outside, capfd):
    """The second entry of a request: what it tells is done already."""
    link.open()
    fail_audit(outside, skip=1)
    assert link.open().status == 201
    assert '"AuditFailed":[1.0]' in capfd.readouterr().out


def test_refresh_goes_on_where_the_audit_is_down(functions, clean_stack, simulator, outside):
    world = RotationWorld(clean_stack, simulator)
    world.link()
    fail_audit(outside)
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.is_current()


def test_entry_is_written_once(link, outside):
    link.open()
    (entry, *_) = rows(outside, kind="REQUEST")
    from kubroker.audit.store import AuditStore
    from kubroker.aws.table import Table

    store = AuditStore(Table(outside.aws.client("dynamodb"), outside.stack.tables["AuditTable"]))
    forged = AuditEntry.model_validate({**entry, "at": 1, "principal": "somebody else"})
    store.append(forged)
    assert rows(outside, kind="REQUEST")[0]["principal"] == entry["principal"]


def test_export_copies_every_entry_once_a_batch(link, outside):
    link.walk("alice", "SPOT")
    before = set(outside.list_objects("AuditBucket"))
    feed = outside.feed("AuditTable")
    while feed.feed_once() is not None:
        pass
    objects = outside.list_objects("AuditBucket")
    new = set(objects) - before
    lines = [json.loads(line) for key in new for line in objects[key].splitlines()]
    assert {line["change"] for line in lines} == {"INSERT"}
    exported = {(line["userId"], line["entryId"], line["outcome"]) for line in lines}
    assert exported == {(r["userId"], r["entryId"], r["outcome"]) for r in outside.entries()}
    assert len(lines) == len(exported)
    outside.feeds.clear()
    while outside.feed("AuditTable").feed_once() is not None:
        pass
    assert set(outside.list_objects("AuditBucket")) == set(objects), "again: the same objects"


def test_export_of_a_change_that_nobody_may_make_shows_it(link, outside):
    link.open()
    (entry, *_) = rows(outside, kind="REQUEST")
    outside.aws.client("dynamodb").delete_item(
        TableName=outside.stack.tables["AuditTable"],
        Key={"userId": {"S": entry["userId"]}, "entryId": {"S": entry["entryId"]}},
    )
    before = set(outside.list_objects("AuditBucket"))
    while outside.feed("AuditTable").feed_once() is not None:
        pass
    objects = outside.list_objects("AuditBucket")
    text = "".join(objects[key] for key in set(objects) - before)
    assert '"change":"REMOVE"' in text
