"""What is asked of exports and archives: every refusal has its code, and none is an error."""

import pytest

from tests.functional.exports.living import show

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
    assert world.api.get("/v1/exports").json() == {"exports": [], "nextCursor": None}


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


@pytest.mark.parametrize(
    ("query", "status"),
    [("limit=0", 422), ("limit=101", 422), ("limit=x", 422), ("cursor=x", 400), ("a=1", 400)],
)
def test_list_with_a_bad_query_is_refused(world, query, status):
    assert world.api.get(f"/v1/exports?{query}").status == status


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
    assert world.api.put("/v1/archives/nobody").status == 404
    assert world.api.delete("/v1/archives/nobody").status == 404
    assert world.api.put("/v1/archives/a%20b").status == 400


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
