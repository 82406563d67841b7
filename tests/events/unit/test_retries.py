import pytest

from kubroker.events.webhook_retries import MAX_RECEIVE_COUNT, plan_retry, total_seconds


def test_pauses_double_up_to_an_hour():
    pauses = [plan_retry(count, jitter=0.0) for count in range(1, 13)]
    assert pauses == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]


def test_pause_is_shortened_by_a_fifth_at_most():
    assert plan_retry(10, jitter=0.999) == pytest.approx(2880, abs=2)


def test_endpoint_may_ask_for_more_but_not_for_less_or_too_much():
    assert plan_retry(1, jitter=0.0, asked_seconds=90) == 90
    assert plan_retry(10, jitter=0.0, asked_seconds=1) == 3600
    assert plan_retry(1, jitter=0.0, asked_seconds=10**6) == 3600


@pytest.mark.parametrize("count", [-1, 0, 10**9])
def test_any_receive_count_has_a_pause(count):
    assert 0 < plan_retry(count, jitter=0.5) <= 3600


def test_tries_last_a_day():
    assert total_seconds(MAX_RECEIVE_COUNT, jitter=0.999) >= 86_400
