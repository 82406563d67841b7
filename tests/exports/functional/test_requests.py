"""What is asked of exports and archives: every refusal has its code, and none is an error."""

import json

import pytest

from kubroker.exports.archive.model import ARCHIVED_KINDS
from kubroker.exports.views import MAX_EXPORT_BYTES
from kubroker.exports.windows import ARCHIVE_SETTLE_MS
from kubroker.foundation.cursors import build_cursor
from tests.exports.functional.living import show

GOOD = {
    "userIds": ["user-0"],
    "kinds": ["deposits"],
    "from": "2025-01-01T00:00:00Z",
    "to": "2025-01-02T00:00:00Z",
    "format": "csv",
}
HUGE = 10**30
UNFIT = {
    "nothing": {},
    "no users": {**GOOD, "userIds": None},
    "empty users": {**GOOD, "userIds": []},
    "both": {**GOOD, "allUsers": True},
    "user twice": {**GOOD, "userIds": ["a", "a"]},
    "user with a slash": {**GOOD, "userIds": ["a/b"]},
    "user of another type": {**GOOD, "userIds": [1]},
    "too many users": {**GOOD, "userIds": [f"u{n}" for n in range(10_001)]},
    "allUsers as text": {**GOOD, "userIds": None, "allUsers": "true"},
    "no kinds": {**GOOD, "kinds": []},
    "unknown kind": {**GOOD, "kinds": ["orders"]},
    "kind twice": {**GOOD, "kinds": ["deposits", "deposits"]},
    "kind of another type": {**GOOD, "kinds": [None]},
    "format": {**GOOD, "format": "xlsx"},
    "unknown field": {**GOOD, "symbol": "BTC-USDT"},
    "from after to": {**GOOD, "from": "2025-01-03T00:00:00Z"},
    "from is to": {**GOOD, "from": "2025-01-02T00:00:00Z"},
    "too long": {**GOOD, "from": "2014-06-01T00:00:00Z"},
    "too early": {**GOOD, "from": "2010-06-01T00:00:00Z", "to": "2010-06-02T00:00:00Z"},
    "future": {**GOOD, "to": "2099-01-02T00:00:00Z", "from": "2099-01-01T00:00:00Z"},
    "no such day": {**GOOD, "from": "2025-02-30T00:00:00Z"},
    "no such hour": {**GOOD, "from": "2025-01-01T24:61:00Z"},
    "other zone": {**GOOD, "from": "2025-01-01T00:00:00+01:00"},
    "number as time": {**GOOD, "from": HUGE},
    "other digits": {**GOOD, "from": "2025-0\u0661-01T00:00:00Z"},
    "line break": {**GOOD, "from": "2025-01-01T00:00:00Z\n"},
}


@pytest.mark.parametrize("body", UNFIT.values(), ids=UNFIT)
def test_order_that_does_not_fit_is_refused(world, body):
    body = {name: value for name, value in body.items() if value is not None}
    answer = world.api.post("/v1/exports", json=body, headers={"Idempotency-Key": "one"})
    assert answer.status in (400, 422), answer.text
    assert answer.json()["code"] in {"invalid_body", "invalid_value", "duplicate_user"}
    assert world.api.get("/v1/exports").json() == {
        "exports": [],
        "unreadable": 0,
        "nextCursor": None,
    }


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", "\x00", "[" * 5000])
def test_body_that_is_no_object_is_refused(world, text):
    headers = {"Idempotency-Key": "one", "content-type": "application/json"}
    answer = world.api.request("POST", "/v1/exports", body=text.encode(), headers=headers)
    assert answer.status in (400, 422), answer.text


@pytest.mark.parametrize("key", [None, "", "x" * 65, "\u00e9"])
def test_key_that_is_none_is_refused(world, key):
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = world.api.post("/v1/exports", json=GOOD, headers=headers)
    assert answer.status == 400
    assert answer.json()["code"] in {"idempotency_key_missing", "idempotency_key_malformed"}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("export_id", ["0" * 32, "x", "0" * 33, "head", "A" * 32])
def test_export_that_is_not_there_is_not_found(world, method, export_id):
    answer = world.api.request(method, f"/v1/exports/{export_id}")
    assert (answer.status, answer.json()["code"]) == (404, "export_not_found")


ENTRY = f"1735689600#{'0' * 32}"
BAD_QUERIES = {
    "limit of none": ("limit=0", 422, "invalid_value"),
    "limit too large": ("limit=101", 422, "invalid_value"),
    "limit huge": (f"limit={'9' * 4000}", 422, "invalid_value"),
    "limit as text": ("limit=x", 422, "invalid_value"),
    "limit in other digits": ("limit=%D9%A1", 422, "invalid_value"),
    "unknown": ("a=1", 400, "unknown_parameter"),
    "cursor of nothing": ("cursor=", 400, "invalid_cursor"),
    "cursor of another form": ("cursor=x", 400, "invalid_cursor"),
    "cursor of no text": ("cursor=%F0%9F%92%A5", 400, "invalid_cursor"),
    "cursor huge": (f"cursor={'A' * 4000}", 400, "invalid_cursor"),
}
BAD_POSITIONS = {
    "of a list": [],
    "of connections": {"userId": "user-1"},
    "of payments": {"userId": "user-1", "withdrawalId": "0" * 32, "createdAt": 1},
    "of no item": {},
    "of a head": {"item": "head"},
    "of a unit": {"item": "unit#user-1"},
    "of a number": {"item": 1},
    "of nothing": {"item": None},
    "of an object": {"item": {"S": ENTRY}},
    "with a line break": {"item": f"{ENTRY}\n"},
    "in capitals": {"item": f"1735689600#{'A' * 32}"},
    "in other digits": {"item": f"173568960\u0661#{'0' * 32}"},
    "too long": {"item": ENTRY + "0"},
}


@pytest.mark.parametrize(("query", "status", "code"), BAD_QUERIES.values(), ids=BAD_QUERIES)
def test_list_with_a_bad_query_is_refused(world, query, status, code):
    answer = world.api.get(f"/v1/exports?{query}")
    assert (answer.status, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("position", BAD_POSITIONS.values(), ids=BAD_POSITIONS)
def test_cursor_that_this_list_never_gave_is_refused(world, position):
    answer = world.api.get(f"/v1/exports?cursor={build_cursor(position)}")
    assert (answer.status, answer.json()["code"]) == (400, "invalid_cursor")


def test_cursor_of_nowhere_lists_what_comes_after_it(world):
    made = world.api.post("/v1/exports", json=GOOD, headers={"Idempotency-Key": "one"})
    for second, found in ((9_999_999_999, [made.json()["exportId"]]), (0, [])):
        cursor = build_cursor({"item": f"{second:010d}#{'0' * 32}"})
        page = world.api.get(f"/v1/exports?cursor={cursor}").json()
        assert [row["exportId"] for row in page["exports"]] == found


@pytest.mark.parametrize("is_json", [True, False], ids=["field", "blanks"])
def test_body_that_is_too_large_is_refused(world, is_json):
    order = {**GOOD, "more": "x" * MAX_EXPORT_BYTES} if is_json else GOOD
    blanks = b"" if is_json else b" " * MAX_EXPORT_BYTES
    headers = {"Idempotency-Key": "one", "content-type": "application/json"}
    body = json.dumps(order).encode() + blanks
    answer = world.api.request("POST", "/v1/exports", body=body, headers=headers)
    assert (answer.status, answer.json()["code"]) == (400, "body_too_large")
    assert world.api.get("/v1/exports").json()["exports"] == []


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/exports", ("PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")),
        (f"/v1/exports/{'0' * 32}", ("POST", "PUT", "PATCH", "HEAD", "OPTIONS")),
        ("/v1/exports/", ("GET", "POST", "DELETE")),
        (f"/v1/exports/{'0' * 32}/files", ("GET", "DELETE")),
        ("/v1/archives", ("GET", "POST", "PUT", "DELETE")),
        ("/v1/archives/", ("GET", "PUT", "DELETE")),
        ("/v1/archives/user-0", ("POST", "PATCH", "HEAD", "OPTIONS")),
        ("/v1/archives/user-0/now", ("PUT", "DELETE")),
    ],
)
def test_method_that_a_path_does_not_have_is_no_route(world, path, methods):
    world.begin(1)
    for method in methods:
        assert world.api.request(method, path).status == 404, method
    assert world.simulator.journal() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("user_id", "status", "code"),
    [
        ("a%20b", 400, "invalid_user_id"),
        ("a.b", 400, "invalid_user_id"),
        ("%2e%2e", 400, "invalid_user_id"),
        ("%252e", 400, "invalid_user_id"),
        ("%C3%A9", 400, "invalid_user_id"),
        ("%D9%A1", 400, "invalid_user_id"),
        ("user-0%20", 400, "invalid_user_id"),
        ("u" * 129, 400, "invalid_user_id"),
        ("u" * 4000, 400, "invalid_user_id"),
        ("user-0%00", 404, "route_not_found"),
        ("user-0%2Fnow", 404, "route_not_found"),
        ("%FF", 404, "route_not_found"),
        ("u" * 128, 404, "connection_not_found"),
    ],
)
def test_archive_of_a_malformed_user_is_refused(world, method, user_id, status, code):
    answer = world.api.request(method, f"/v1/archives/{user_id}")
    assert (answer.status, answer.json()["code"]) == (status, code), answer.text


def test_same_key_is_the_same_export_and_another_body_none(world):
    world.begin(1)
    world.live(1, 5, seed=1)
    end = show(world.now_ms() - 120_000)
    first = world.open(to=end)
    assert world.open(to=end).json()["exportId"] == first.json()["exportId"]
    reused = world.open(to=end, format="csv")
    assert (reused.status, reused.json()["code"]) == (422, "idempotency_key_reused")
    world.drain()
    again = world.open(to=end)
    assert (again.status, again.json()["state"]) == (202, "READY")
    assert len(world.api.get("/v1/exports").json()["exports"]) == 1


def test_cancelled_export_is_over_and_does_nothing_more(world):
    world.begin(1)
    world.live(1, 5, seed=1)
    path = f"/v1/exports/{world.open().json()['exportId']}"
    for _ in range(2):
        assert world.api.delete(path).json()["state"] == "CANCELLED"
    asked = len(world.simulator.journal(route="spot_fills"))
    world.drain()
    assert world.api.get(path).json()["files"] == []
    assert len(world.simulator.journal(route="spot_fills")) == asked
    ready = world.export("two")
    answer = world.api.delete(f"/v1/exports/{ready['exportId']}")
    assert (answer.status, answer.json()["code"]) == (409, "export_over")


def test_list_is_paged_the_latest_first(world):
    world.begin(1)
    world.live(1, 1, seed=1)
    made = [world.open(f"key-{number}").json()["exportId"] for number in range(3)]
    found, path = [], "/v1/exports?limit=2"
    while path:
        page = world.api.get(path).json()
        found += [row["exportId"] for row in page["exports"]]
        cursor = page["nextCursor"]
        path = f"/v1/exports?limit=2&cursor={cursor}" if cursor else ""
    assert sorted(found) == sorted(made)


def test_user_who_never_linked_is_a_gap_and_not_archived(world):
    world.begin(1)
    world.live(1, 5, seed=1)
    export = world.export(userIds=["user-0", "nobody"])
    assert (export["state"], export["isComplete"]) == ("READY", False)
    assert world.coverage(export)["nobody"]["gaps"]
    assert world.coverage(export)["user-0"]["gaps"] == []
    assert world.api.get("/v1/archives/nobody").status == 404
    assert world.api.put("/v1/archives/nobody").status == 404
    assert world.api.delete("/v1/archives/nobody").status == 404


def test_archive_tells_how_far_each_kind_is(world):
    world.begin(1)
    told = world.api.get("/v1/archives/user-0").json()
    kinds = {str(kind) for kind in ARCHIVED_KINDS}
    assert told == {
        "userId": "user-0",
        "archivedSince": None,
        "collectedUntil": dict.fromkeys(kinds),
    }
    world.opt_in()
    world.live(1, 5, seed=1)
    before = world.now_ms() - ARCHIVE_SETTLE_MS
    world.collect()
    told = world.api.get("/v1/archives/user-0").json()
    assert told["archivedSince"]
    assert set(told["collectedUntil"]) == kinds
    for until in told["collectedUntil"].values():
        assert show(before) <= until <= show(world.now_ms() - ARCHIVE_SETTLE_MS)
    assert (
        world.api.delete("/v1/archives/user-0").json()["collectedUntil"] == told["collectedUntil"]
    )


def test_user_who_opted_out_or_disconnected_is_collected_no_more(world):
    world.begin(2)
    world.opt_in()
    assert world.api.delete("/v1/archives/user-0").json()["archivedSince"] is None
    assert world.api.delete("/v1/connections/user-1").json()["status"] == "DISCONNECTED"
    world.live(1, 10, seed=1)
    world.collect()
    assert world.simulator.journal(route="trade_ledger") == []
    assert world.api.put("/v1/archives/user-1").status == 409


def test_forgotten_records_are_a_stated_gap(world):
    """Nobody archived: what KuCoin has forgotten is told, never passed off as complete."""
    world.begin(1)
    world.live(12, 200, seed=1)
    export = world.export(kinds=["spot_fills"])
    assert (export["state"], export["isComplete"]) == ("READY", False)
    (gap,) = world.coverage(export)["user-0"]["gaps"]
    assert gap["kind"] == "spot_fills"
    assert gap["from"] == "2025-01-01T00:00:00.000Z"
