"""What nobody can read or make sense of is a stated gap; what is ours to mend ends the export."""

from collections import Counter
from datetime import datetime

import pytest

from kubroker.exports import account_history
from kubroker.exports.archive.model import name_archive
from kubroker.exports.files import show_time
from kubroker.exports.history import read_window
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import RETENTION_MARGIN_MS
from kubroker.exports.work import LAST_DELIVERY
from kubroker.foundation.errors import ConfigurationError, KubrokerError, StoreError
from tests.exports.functional.book import compare
from tests.exports.functional.living import EPOCH_MS, show

# In the order in which they are worked; the one in the midst is spoilt.
KINDS = [ExportKind.SPOT_FILLS, ExportKind.FUTURES_FILLS, ExportKind.DEPOSITS]
SPOILT = KINDS[1]
VICTIM = "user-1"


@pytest.fixture
def spoil(monkeypatch):
    """Has the victim's futures fills raise from now on; gives how often whose were asked for."""

    def spoil(error):
        asked: Counter[tuple[str, ExportKind]] = Counter()

        def read(kind, user_id, window, ask):
            asked[user_id, kind] += 1
            if user_id == VICTIM and kind is SPOILT:
                raise error
            return read_window(kind, user_id, window, ask)

        monkeypatch.setattr(account_history, "read_window", read)
        return asked

    return spoil


@pytest.fixture
def living(world):
    """Three users who lived for two days."""
    world.begin(3)
    world.live(2, 90, seed=11, moneyPerDay=6)
    return world


def end_ms(world):
    return world.now_ms() // 1000 * 1000 - 120_000


def expect_kinds(world, export, until, lacking=()):
    """All of the book but for the victim's kinds that are lacking, and nothing else."""
    expected = world.book(EPOCH_MS, until, KINDS)
    for kind in lacking:
        assert any(row["userId"] == VICTIM for row in expected[kind])
        expected[kind] = [row for row in expected[kind] if row["userId"] != VICTIM]
    total, missing, twice, *rest = compare(world.read(export), expected)
    assert (missing, twice) == (0, 0), rest
    assert {row["userId"] for row in expected[KINDS[0]]} == set(world.users)
    assert total == export["records"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("what nobody thought of"), "internal_error"),
        (RecursionError(), "internal_error"),
        (KubrokerError("odd", code="vault_error"), "vault_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_users_part_that_nobody_makes_sense_of_is_a_gap_of_that_user(living, spoil, error, reason):
    asked = spoil(error)
    until = end_ms(living)
    export = living.export(kinds=KINDS, to=show(until))
    assert (export["state"], export["isComplete"]) == ("READY", False), export
    is_unexpected = not isinstance(error, KubrokerError)
    assert asked[VICTIM, SPOILT] == (LAST_DELIVERY if is_unexpected else 1)
    lost = KINDS[1:] if is_unexpected else KINDS[1:2]
    expect_kinds(living, export, until, lost)
    coverage = living.coverage(export)
    assert [
        (gap["kind"], gap["from"], gap["to"], gap["reason"]) for gap in coverage[VICTIM]["gaps"]
    ] == [(kind, show_time(EPOCH_MS), show_time(until), reason) for kind in lost]
    others = [user for user in living.users if user != VICTIM]
    assert all(coverage[user]["isComplete"] for user in others)
    assert living.manifest(export)["gaps"]["byReason"] == {reason: len(lost)}
    assert export["users"]["withGaps"] == 1


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (
            {
                "code": "TransactionCanceledException",
                "reasons": ["ConditionalCheckFailed", "None"],
            },
            "READY",
        ),
        ({"code": "InternalServerError", "times": 0}, "FAILED"),
    ],
)
def test_part_that_can_not_be_given_up_is_looked_at_again_or_ends_the_export(
    living, spoil, fault, state
):
    spoil(KeyError("what nobody thought of"))
    export_id = living.open(kinds=KINDS, to=show(end_ms(living))).json()["exportId"]
    aws = living.functions.stack.aws
    aws.add_fault("error", operation="TransactWriteItems", match="internal_error", **fault)
    living.drain()
    assert living.get(export_id)["state"] == state


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreError("down"), "store_unavailable"),
        (ConfigurationError("wrong"), "configuration_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_ours_to_mend_ends_the_export_until_it_is_asked_for_again(
    living, spoil, monkeypatch, error, code
):
    asked = spoil(error)
    until = end_ms(living)
    export = living.export(kinds=KINDS, to=show(until))
    assert (export["state"], export["code"]) == ("FAILED", code)
    assert asked[VICTIM, SPOILT] == LAST_DELIVERY
    monkeypatch.undo()
    resumed = living.export(kinds=KINDS, to=show(until))
    assert resumed["exportId"] == export["exportId"]
    assert (resumed["state"], resumed["isComplete"]) == ("READY", True), resumed
    expect_kinds(living, resumed, until)


def test_refusal_of_the_brokers_own_headers_ends_the_export_until_it_is_asked_for_again(living):
    living.simulator.add_fault("futures_fills", "error", code="400201", msg="no", times=None)
    until = end_ms(living)
    export = living.export(kinds=KINDS, to=show(until))
    assert (export["state"], export["code"]) == ("FAILED", "configuration_error")
    living.simulator.clear_faults()
    resumed = living.export(kinds=KINDS, to=show(until))
    assert (resumed["state"], resumed["isComplete"]) == ("READY", True), resumed
    expect_kinds(living, resumed, until)


@pytest.mark.parametrize(
    "code", ["400006", "400202", "500000", "408000", "200002", "230005", "429000"]
)
def test_passing_refusal_with_http_200_is_tried_again(living, code):
    living.simulator.add_fault("futures_fills", "error", code=code, msg="no", times=3, skip=1)
    until = end_ms(living)
    export = living.export(kinds=KINDS, to=show(until))
    assert (export["state"], export["isComplete"]) == ("READY", True), export
    expect_kinds(living, export, until)


def test_address_that_stays_off_the_list_is_a_gap_with_the_rest_there(living):
    living.simulator.add_fault("futures_fills", "error", code="400006", msg="no", times=None)
    until = end_ms(living)
    export = living.export(kinds=KINDS, to=show(until))
    assert (export["state"], export["isComplete"]) == ("READY", False), export
    gaps = [gap for line in living.coverage(export).values() for gap in line["gaps"]]
    assert {(gap["kind"], gap["reason"]) for gap in gaps} == {(SPOILT, "kucoin_refused/400006")}
    assert all(len(living.read(export)[kind]) > 0 for kind in KINDS if kind is not SPOILT)


def test_history_that_kucoin_never_shows_is_a_gap_with_the_rest_there(living):
    living.simulator.add_fault("futures_fills", "rate_limit", times=None)
    until = end_ms(living)
    export = living.export(kinds=KINDS, to=show(until))
    assert (export["state"], export["isComplete"]) == ("READY", False), export
    expected = living.book(EPOCH_MS, until, KINDS) | {SPOILT: []}
    total, missing, twice, *rest = compare(living.read(export), expected)
    assert (missing, twice) == (0, 0), rest
    assert total == export["records"] > 0
    told = [gap for line in living.coverage(export).values() for gap in line["gaps"]]
    assert {(gap["kind"], gap["reason"]) for gap in told} == {(SPOILT, "kucoin_refused/429000")}
    assert {gap["userId"] for gap in told} == set(living.users)


def find_chunks(world, user, kind):
    """The archive's chunks of a kind, as the table has them."""
    uids = {one["name"]: str(one["uid"]) for one in world.simulator.state()["users"]}
    stack = world.functions.stack
    found = stack.aws.client("dynamodb").query(
        TableName=stack.tables["ExportsTable"],
        KeyConditionExpression="exportId = :e AND begins_with(#i, :k)",
        ExpressionAttributeNames={"#i": "item"},
        ExpressionAttributeValues={
            ":e": {"S": name_archive(user, uids[world.users[user]])},
            ":k": {"S": f"{kind}#"},
        },
    )
    return [
        (int(item["startMs"]["N"]), int(item["endMs"]["N"]), item["key"]["S"])
        for item in found["Items"]
        if "key" in item
    ]


def lose(world, key):
    """An archived object, as S3's life cycle deletes it."""
    stack = world.functions.stack
    bucket = stack.find_function("export").environment["EXPORTS_BUCKET"]
    client = stack.aws.client("s3")
    client.head_object(Bucket=bucket, Key=key)
    client.delete_object(Bucket=bucket, Key=key)


def test_archived_object_that_is_gone_is_a_gap_with_the_rest_there(world):
    kind = ExportKind.SPOT_FILLS
    world.begin(1)
    world.opt_in()
    for day in range(5):
        world.live(1, 30, seed=day)
        world.collect()
    chunks = find_chunks(world, "user-0", kind)
    assert len(chunks) > 2
    start, end, key = chunks[1]
    lose(world, key)
    until = end_ms(world)
    export = world.export(to=show(until))
    assert (export["state"], export["isComplete"]) == ("READY", False), export
    (gap,) = world.coverage(export)["user-0"]["gaps"]
    assert gap == {
        "userId": "user-0",
        "kind": kind,
        "from": show_time(start),
        "to": show_time(end),
        "reason": "archive_expired",
    }
    expected = world.book(EPOCH_MS, until)
    gone = {row["recordId"] for row in world.book(start, end, [kind])[kind]}
    assert gone
    expected[kind] = [row for row in expected[kind] if row["recordId"] not in gone]
    total, missing, twice, *rest = compare(world.read(export), expected)
    assert (missing, twice) == (0, 0), rest
    assert total == export["records"]
    assert "not kept any more" in world.fetch(export)["summary.html"].decode()


def test_archive_that_is_gone_altogether_is_a_gap_up_to_what_kucoin_shows(world):
    kind = ExportKind.TRADE_LEDGER
    world.begin(1)
    world.opt_in()
    for day in range(3):
        world.live(1, 20, seed=day)
        world.collect()
    chunks = find_chunks(world, "user-0", kind)
    for _, _, key in chunks:
        lose(world, key)
    until = end_ms(world)
    export = world.export(kinds=[kind], to=show(until))
    (gap,) = world.coverage(export)["user-0"]["gaps"]
    assert (gap["from"], gap["reason"]) == (show_time(EPOCH_MS), "archive_expired")
    shown = round(datetime.fromisoformat(gap["to"]).timestamp() * 1000)
    assert EPOCH_MS < shown < EPOCH_MS + 2 * RETENTION_MARGIN_MS
    expected = world.book(shown, until, [kind])
    total, missing, twice, *rest = compare(world.read(export), expected)
    assert (missing, twice) == (0, 0), rest
    assert total == export["records"]
