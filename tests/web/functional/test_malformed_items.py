"""No listing route fails for one malformed item: it is left out, told and counted."""

import time
from typing import Any

import pytest

from kubroker.aws.table import marshal
from tests.support.paying import Paying


@pytest.fixture
def paying(api, functions, simulator, monkeypatch):
    """`user-1` is linked to alice."""
    made = Paying(api, functions, simulator, monkeypatch)
    made.connect()
    return made


def spoil(paying: Paying, table: str, key: dict[str, Any], field: str, value: Any) -> None:
    """An item as no release of ours would have written it."""
    stack = paying.functions.stack
    stack.aws.client("dynamodb").update_item(
        TableName=stack.tables[table],
        Key=marshal(key),
        UpdateExpression="SET #f = :v",
        ExpressionAttributeNames={"#f": field},
        ExpressionAttributeValues=marshal({":v": value}),
    )


def listed(paying: Paying, path: str, name: str, capsys) -> tuple[int, int]:
    """How many rows the list has, and how many it says are missing; each is counted."""
    capsys.readouterr()
    answer = paying.api.get(path)
    assert answer.status == 200, answer.text
    body = answer.json()
    assert capsys.readouterr().out.count('"StoredItemUnreadable":[1.0]') == body["unreadable"]
    return len(body[name]), body["unreadable"]


@pytest.mark.parametrize("query", ["", "?status=ACTIVE"])
def test_connections(paying, query, capsys) -> None:
    paying.connect("bob", user_id="user-2")
    assert listed(paying, f"/v1/connections{query}", "connections", capsys) == (2, 0)
    spoil(paying, "ConnectionsTable", {"userId": "user-2"}, "linkGeneration", "many")
    assert listed(paying, f"/v1/connections{query}", "connections", capsys) == (1, 1)


@pytest.mark.parametrize(("field", "value"), [("sequence", "x"), ("amount", "x"), ("quote", {})])
def test_withdrawals(paying, field, value, capsys) -> None:
    assert paying.submit("one").status == 202
    assert paying.submit("two", amount="20").status == 202
    found = [row["withdrawalId"] for row in paying.api.get(paying.path()).json()["withdrawals"]]
    key = {"userId": "user-1", "withdrawalId": found[0]}
    spoil(paying, "WithdrawalsTable", key, field, value)
    assert listed(paying, paying.path(), "withdrawals", capsys) == (1, 1)


def test_payments(paying, capsys) -> None:
    for key in ("one", "two"):
        assert paying.open(key, reference=key).status == 201
    item = {"userId": "user-1", "withdrawalId": paying.id("one")}
    spoil(paying, "WithdrawalsTable", item, "payment", "none")
    assert listed(paying, "/v1/payments", "payments", capsys) == (1, 1)


def test_timeline(paying, capsys) -> None:
    paying.submit("one")
    path = "/v1/connections/user-1/timeline"
    before, _ = listed(paying, path, "entries", capsys)
    stack = paying.functions.stack
    (row, *_) = stack.aws.client("dynamodb").scan(TableName=stack.tables["AuditTable"])["Items"]
    key = {"userId": row["userId"]["S"], "entryId": row["entryId"]["S"]}
    spoil(paying, "AuditTable", key, "outcome", "PERHAPS")
    assert listed(paying, path, "entries", capsys) == (before - 1, 1)


def test_timeline_goes_on_behind_a_page_that_can_not_be_read(paying) -> None:
    paying.submit("one")
    path = "/v1/connections/user-1/timeline"
    stack = paying.functions.stack
    rows = stack.aws.client("dynamodb").scan(TableName=stack.tables["AuditTable"])["Items"]
    latest = max(row["entryId"]["S"] for row in rows)
    spoil(paying, "AuditTable", {"userId": "user-1", "entryId": latest}, "outcome", "PERHAPS")
    page = paying.api.get(f"{path}?limit=1").json()
    assert (page["entries"], page["unreadable"]) == ([], 1)
    following = paying.api.get(f"{path}?limit=1&cursor={page['nextCursor']}").json()
    assert (len(following["entries"]), following["unreadable"]) == (1, 0)


def test_exports(paying, capsys) -> None:
    for key in ("one", "two"):
        answer = paying.api.post(
            "/v1/exports",
            json={
                "kinds": ["deposits"],
                "format": "csv",
                "from": time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 172_800)),
                "to": time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 86_400)),
                "userIds": ["user-1"],
            },
            headers={"Idempotency-Key": key},
        )
        assert answer.status == 202, answer.text
    head = {"exportId": answer.json()["exportId"], "item": "head"}
    spoil(paying, "ExportsTable", head, "exportState", "PERHAPS")
    assert listed(paying, "/v1/exports", "exports", capsys) == (1, 1)


def test_key_check_goes_past_a_connection_that_can_not_be_read(paying) -> None:
    paying.connect("bob", user_id="user-2")
    spoil(paying, "ConnectionsTable", {"userId": "user-1"}, "linkGeneration", "many")
    watch = paying.functions.call("withdrawal_tracker", {"kind": "check_keys"}, remaining_ms=58_000)
    assert (watch["isFinished"], watch["checked"], watch["unchecked"]) == (True, 1, 1)


def test_disconnect_keeps_the_key_for_a_withdrawal_that_can_not_be_read(paying) -> None:
    paying.no_factors()
    paying.simulator.set_settings(processing_seconds=1000)
    paying.submit("one")
    (row,) = paying.api.get(paying.path()).json()["withdrawals"]
    key = {"userId": "user-1", "withdrawalId": row["withdrawalId"]}
    spoil(paying, "WithdrawalsTable", key, "quote", {})
    answer = paying.api.delete("/v1/connections/user-1")
    assert (answer.status, answer.json()["status"]) == (200, "DISCONNECTING")
