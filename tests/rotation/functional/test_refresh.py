"""One refresh as the queue wakes it, or as the broker asks; policies, warnings, back-off."""

import time

import pytest

from kubroker.connections.model import ApiKeyState, Authorization, KeyAttempt
from tests.support.rotation import REFRESH_SECONDS, refresh_event

HOUR = 3600


def test_refresh_due_connection_gets_kucoins_new_pair(functions, world):
    before = world.link()
    assert functions.call("token_refresh", refresh_event("user-1")) == {"batchItemFailures": []}
    after = world.get()
    assert world.is_current()
    assert world.is_accepted()
    assert after.authorization is Authorization.LIVE
    assert (after.claim_seq, after.committed_seq, after.rotation) == (1, 1, None)
    assert after.token_data_key == before.token_data_key
    assert after.token_ciphertext != before.token_ciphertext
    assert after.sequence == before.sequence + 1
    assert world.count_asked() == 1


def test_refresh_makes_one_kms_call_and_two_writes(functions, world):
    """The dispatcher's is the third: tests of dispatch."""
    world.link()
    since = world.aws.read_journal()[-1]["number"]
    functions.call("token_refresh", refresh_event("user-1"))
    calls = [f"{call['service']}:{call['operation']}" for call in world.aws.read_journal(since)]
    assert calls == [
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "kms:Decrypt",
        "dynamodb:UpdateItem",
    ]


@pytest.mark.parametrize(
    ("policy", "earliest", "latest"),
    [("keep", 21.6 * HOUR, 24 * HOUR), ("always-fresh", 0.75 * HOUR, 0.85 * HOUR)],
)
def test_refresh_is_due_again_by_policy(policy, earliest, latest, functions, world):
    functions.set_environment("token_refresh", ROTATION_POLICY=policy)
    world.link()
    started = int(time.time())
    functions.call("token_refresh", refresh_event("user-1"))
    after = world.get()
    rest = after.action_due_at - started
    assert earliest - 2 <= rest <= latest + 5
    assert after.next_action_at == after.action_due_at


def test_second_delivery_asks_nobody(functions, world):
    world.link()
    functions.call("token_refresh", refresh_event("user-1", "user-1"))
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.count_asked() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"due_in": 60},
        {"authorization": Authorization.REQUIRED},
        {"authorization": Authorization.FORGOTTEN},
        {"connection_status": "DISCONNECTED"},
        {"connection_status": "DISCONNECTING"},
    ],
    ids=str,
)
def test_refresh_that_nobody_needs_asks_nobody(changes, functions, world):
    before = world.link(**changes)
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.count_asked() == 0
    assert world.get() == before


def test_refresh_under_a_live_claim_waits_for_its_end(functions, world):
    world.link()
    now = int(time.time())
    claim = {"claimSeq": 1, "attemptId": "x", "leaseUntil": now - 1, "graceUntil": now + 60}
    world.change(claimSeq=1, rotation={**claim, "isInDoubt": False})
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.count_asked() == 0, "the rescue goes first"
    world.lapse()
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().committed_seq == 2


def test_back_off_grows_and_ends_with_the_refresh_token(functions, world):
    world.simulator.add_fault("refresh", "error", code="99999", times=None)
    world.link()
    pauses = []
    for _ in range(9):
        functions.call("token_refresh", refresh_event("user-1"))
        after = world.get()
        pauses.append(after.action_due_at - after.updated_at)
        world.make_due()
    assert after.refresh_failures == 9
    ceilings = [60, 120, 240, 480, 960, 1920, 3840, 3840, 3840]
    assert all(1 <= pause <= top for pause, top in zip(pauses, ceilings, strict=True))
    assert len(set(pauses)) > 5, "jittered"
    world.simulator.clear_faults()
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().refresh_failures == 0


@pytest.mark.parametrize(
    ("hours_left", "warning"), [(30, None), (23.9, 24), (7, 24), (5.9, 6), (0.5, 6)]
)
def test_failed_refresh_warns_before_the_end(hours_left, warning, functions, world):
    world.link(refresh_seconds=int(hours_left * HOUR))
    world.simulator.add_fault("refresh", "error", code="40003", times=None)
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().expiry_warning_hours == warning
    world.simulator.clear_faults()
    world.make_due()
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().expiry_warning_hours is None


def test_misconfiguration_changes_no_state_even_past_the_end(functions, world, capsys):
    world.link(refresh_seconds=-7 * 24 * HOUR)
    world.simulator.add_fault("refresh", "error", code="40003", times=None)
    for _ in range(3):
        functions.call("token_refresh", refresh_event("user-1"))
        world.make_due()
    assert world.get().authorization is Authorization.LIVE
    assert capsys.readouterr().out.count('"ConfigurationErrorFound":[1.0]') == 3


def test_passing_failures_past_the_end_ask_the_user(functions, world):
    world.link(refresh_seconds=-2 * HOUR)
    world.simulator.add_fault("refresh", "status_5xx", times=None)
    functions.call("token_refresh", refresh_event("user-1"))
    after = world.get()
    assert (after.authorization, after.authorization_cause) == (Authorization.REQUIRED, "expired")
    assert (after.next_action_at, after.due_shard, after.rotation) == (None, None, None)


def test_passing_failure_just_past_the_end_is_tried_again(functions, world):
    """The life of a refresh token is an assumption: KuCoin has the last word."""
    world.link(refresh_seconds=-60)
    world.simulator.add_fault("refresh", "status_5xx")
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().authorization is Authorization.LIVE
    world.lapse()
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.is_current()


def test_ended_refresh_token_that_kucoin_refuses_has_expired(functions, world):
    world.link(refresh_seconds=-60)
    world.simulator.advance(REFRESH_SECONDS + 1)
    for _ in range(2):
        functions.call("token_refresh", refresh_event("user-1"))
        world.make_due()
    assert world.get().authorization_cause == "expired"


def test_forget_shreds_what_an_older_policy_kept(functions, world):
    functions.set_environment("token_refresh", ROTATION_POLICY="forget")
    world.link()
    functions.call("token_refresh", refresh_event("user-1"))
    after = world.get()
    assert after.authorization is Authorization.FORGOTTEN
    assert (after.token_data_key, after.token_ciphertext) == (None, None)
    assert (after.next_action_at, after.due_shard, after.action_due_at) == (None, None, None)
    assert world.count_asked() == 0


def test_forget_waits_for_a_key_that_is_being_made(functions, world):
    functions.set_environment("token_refresh", ROTATION_POLICY="forget")
    attempt = KeyAttempt(
        attempt_id="a",
        state="REQUESTED",
        permissions=[],
        is_addressbook_only=False,
        requested_at=int(time.time()),
    )
    world.link(key_attempt=attempt)
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().authorization is Authorization.LIVE


def test_forget_shreds_tokens_that_have_ended_without_a_key(functions, world):
    functions.set_environment("token_refresh", ROTATION_POLICY="forget")
    world.link(refresh_seconds=-1, api_key_state=ApiKeyState.FAILED)
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().authorization is Authorization.FORGOTTEN


class TestRefreshNow:
    """POST /v1/connections/{userId}/refresh."""

    def test_refreshes_what_is_not_due(self, api, world):
        before = world.link(due_in=5 * HOUR)
        answer = api.post("/v1/connections/user-1/refresh")
        assert answer.status == 200
        assert answer.json()["authorization"]["state"] == "LIVE"
        assert world.is_current()
        assert world.get().committed_seq == before.committed_seq + 1
        assert not set(world.open_pair().values()) & set(answer.text.split('"'))

    def test_needs_a_signature(self, api, world):
        world.link()
        assert api.post("/v1/connections/user-1/refresh", signed=False).status == 403
        assert world.count_asked() == 0

    def test_says_409_while_one_is_running(self, api, world):
        world.link()
        now = int(time.time())
        claim = {"claimSeq": 1, "attemptId": "x", "leaseUntil": now + 9, "graceUntil": now + 60}
        world.change(claimSeq=1, rotation={**claim, "isInDoubt": False})
        answer = api.post("/v1/connections/user-1/refresh")
        assert (answer.status, answer.json()["code"]) == (409, "refresh_in_progress")
        assert 55 <= int(answer.header("retry-after")) <= 60
        assert world.count_asked() == 0

    def test_unknown_user(self, api, world):
        answer = api.post("/v1/connections/nobody/refresh")
        assert (answer.status, answer.json()["code"]) == (404, "connection_not_found")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"connection_status": "DISCONNECTED"}, "connection_disconnected"),
            ({"connection_status": "DISCONNECTING"}, "connection_disconnected"),
            ({"authorization": Authorization.REQUIRED}, "authorization_required"),
            ({"authorization": Authorization.FORGOTTEN}, "authorization_required"),
        ],
    )
    def test_where_there_is_nothing_to_refresh(self, changes, code, api, world):
        world.link(**changes)
        answer = api.post("/v1/connections/user-1/refresh")
        assert (answer.status, answer.json()["code"]) == (409, code)

    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [
            ({"kind": "error", "code": "40002"}, 409, "authorization_required"),
            ({"kind": "error", "code": "40003"}, 500, "configuration_error"),
            ({"kind": "error", "code": "99999"}, 503, "refresh_failed"),
            ({"kind": "status_5xx"}, 503, "refresh_failed"),
        ],
    )
    def test_tells_why_there_is_no_new_pair(self, fault, status, code, api, world):
        world.link()
        world.simulator.add_fault("refresh", **fault)
        answer = api.post("/v1/connections/user-1/refresh")
        assert (answer.status, answer.json()["code"]) == (status, code)
        if status == 503:
            assert 1 <= int(answer.header("retry-after")) <= 61

    def test_pair_in_the_rescue_queue_is_not_yet_there(self, functions, api, world):
        functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
        world.link()
        world.aws.add_fault("error", service="dynamodb", operation="UpdateItem", skip=1, times=0)
        answer = api.post("/v1/connections/user-1/refresh")
        assert (answer.status, answer.json()["code"]) == (503, "refresh_failed")
        world.aws.reset_faults()
        functions.drain("RescueQueue")
        assert world.is_current()
