"""When pairs are due, how failures back off, what a refusal means: pure."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.connections.model import Authorization, Connection, ConnectionStatus, RotationRecord
from kubroker.foundation.rotation_rules import RotationPolicy, RotationRules
from kubroker.rotation.model import (
    DUE_SHARDS,
    Action,
    Cause,
    RotatedPair,
    choose_shard,
    decide_action,
    find_cause,
    find_warning,
    is_over,
    name_shard,
    plan_back_off,
    plan_rotation,
)

NOW = 1_800_000_000
HOUR, DAY = 3600, 86_400
RULES = RotationRules()
JITTER = st.floats(0, 1, exclude_max=True)


def build(**changes) -> Connection:
    fields = {
        "user_id": "user-1",
        "account_label": "Main",
        "link_generation": 1,
        "connection_status": ConnectionStatus.ACTIVE,
        "authorization": Authorization.LIVE,
        "token_data_key": b"k",
        "token_ciphertext": b"c",
        "access_token_expires_at": NOW + HOUR,
        "refresh_token_expires_at": NOW + 3 * DAY,
        "action_due_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Connection.model_validate({**fields, **changes})


@given(JITTER)
def test_keep_rotates_once_a_day(jitter):
    at = plan(RotationPolicy.KEEP, jitter)
    assert NOW + 21.5 * HOUR <= at <= NOW + 24 * HOUR


@given(JITTER)
def test_always_fresh_rotates_before_the_access_token_ends(jitter):
    at = plan(RotationPolicy.ALWAYS_FRESH, jitter)
    assert NOW + 45 * 60 <= at <= NOW + 51 * 60


@given(JITTER)
def test_forget_has_nothing_to_do_before_the_end(jitter):
    assert plan(RotationPolicy.FORGET, jitter) == NOW + 3 * DAY


def plan(policy, jitter):
    return plan_rotation(
        policy,
        issued_at=NOW,
        access_expires_at=NOW + HOUR,
        refresh_expires_at=NOW + 3 * DAY,
        jitter=jitter,
    )


def test_plan_spreads_what_was_linked_together():
    assert plan(RotationPolicy.KEEP, 0.999) - plan(RotationPolicy.KEEP, 0.0) > 2 * HOUR


def test_plan_of_a_pair_that_has_ended_is_now():
    ended = plan_rotation(
        RotationPolicy.KEEP,
        issued_at=NOW,
        access_expires_at=NOW - 5,
        refresh_expires_at=NOW - 5,
        jitter=0.5,
    )
    assert ended == NOW


@given(st.integers(1, 40), JITTER, st.integers(-DAY, 4 * DAY))
def test_back_off_stays_within_its_bounds(failures, jitter, life):
    at = back_off(failures, jitter, NOW + life)
    assert NOW < at <= NOW + 1 + 60 * 64
    last_call = NOW + life - RULES.lease_seconds
    if last_call > NOW:
        assert at <= max(last_call, NOW + 1), "once more before the end"


def back_off(failures, jitter, ends_at):
    return plan_back_off(
        RULES, failures=failures, now=NOW, refresh_expires_at=ends_at, jitter=jitter
    )


def test_back_off_doubles_at_each_failure():
    pauses = [back_off(failures, 0.5, NOW + 9 * DAY) - NOW for failures in range(1, 10)]
    assert pauses == [31, 61, 121, 241, 481, 961, 1921, 1921, 1921]


def test_refresh_token_is_over_an_hour_after_its_end():
    assert not is_over(RULES, now=NOW, refresh_expires_at=NOW)
    assert not is_over(RULES, now=NOW + 3839, refresh_expires_at=NOW)
    assert is_over(RULES, now=NOW + 3840, refresh_expires_at=NOW)


@pytest.mark.parametrize(
    ("seconds_left", "warning"),
    [(24 * HOUR + 1, None), (24 * HOUR, 24), (6 * HOUR + 1, 24), (6 * HOUR, 6), (-HOUR, 6)],
)
def test_warning_comes_at_24_and_6_hours(seconds_left, warning):
    assert find_warning(NOW, NOW + seconds_left) == warning


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFG0123456789_-", min_size=1, max_size=128))
def test_shard_is_one_of_those_that_are_read(user_id):
    assert choose_shard(user_id) in {name_shard(number) for number in range(DUE_SHARDS)}


def test_shards_are_filled_evenly():
    counts = dict.fromkeys((name_shard(number) for number in range(DUE_SHARDS)), 0)
    for number in range(32_000):
        counts[choose_shard(f"user-{number}")] += 1
    assert min(counts.values()) / 1000 > 0.8
    assert max(counts.values()) / 1000 < 1.2


def test_there_are_at_least_16_shards():
    assert DUE_SHARDS >= 16


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({}, Action.REFRESH),
        ({"action_due_at": NOW + 1}, Action.NOTHING),
        ({"action_due_at": None}, Action.REFRESH),
        ({"authorization": Authorization.REQUIRED}, Action.NOTHING),
        ({"authorization": Authorization.FORGOTTEN}, Action.NOTHING),
        ({"connection_status": ConnectionStatus.DISCONNECTED}, Action.NOTHING),
        ({"token_ciphertext": None}, Action.NOTHING),
        ({"refused_at": NOW - 599}, Action.NOTHING),
        ({"refused_at": NOW - 600}, Action.SETTLE_REFUSAL),
    ],
)
def test_action_follows_from_the_connection(changes, action):
    assert decide_action(build(**changes), RULES, NOW) is action


def test_forced_action_needs_no_due_time_but_a_good_pair():
    waiting = {"action_due_at": NOW + DAY}
    assert decide_action(build(**waiting), RULES, NOW, is_forced=True) is Action.REFRESH
    refused = build(**waiting, refused_at=NOW)
    assert decide_action(refused, RULES, NOW, is_forced=True) is Action.NOTHING


def test_forced_action_under_forget_refreshes():
    rules = dataclasses.replace(RULES, policy=RotationPolicy.FORGET)
    assert decide_action(build(), rules, NOW, is_forced=True) is Action.REFRESH


def record(**changes) -> RotationRecord:
    fields = {"claim_seq": 1, "attempt_id": "a", "lease_until": NOW, "grace_until": NOW + 120}
    return RotationRecord(**{**fields, **changes})


def test_record_is_live_until_the_end_of_its_grace():
    assert record().is_live(NOW + 119)
    assert not record().is_live(NOW + 120)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({}, Cause.REFUSED),
        ({"rotation": record()}, Cause.REFUSED),
        ({"rotation": record(is_in_doubt=True)}, Cause.IN_DOUBT),
        ({"refresh_token_expires_at": NOW}, Cause.EXPIRED),
        ({"refresh_token_expires_at": NOW, "rotation": record(is_in_doubt=True)}, Cause.IN_DOUBT),
    ],
)
def test_cause_of_a_refusal(changes, cause):
    assert find_cause(build(**changes), NOW) is cause


def test_pair_survives_its_way_through_a_message():
    pair = RotatedPair(
        user_id="user-1",
        claim_seq=3,
        data_key=bytes(range(256)),
        ciphertext=b"\x00\xff\xfe",
        access_token_expires_at=1,
        refresh_token_expires_at=2,
        action_due_at=3,
    )
    assert RotatedPair.model_validate_json(pair.model_dump_json(by_alias=True)) == pair
