"""The mass-refusal breaker: pure."""

import pytest

from kubroker.rotation.refusal_rules import (
    RefusalBucket,
    is_credible,
    is_mass_refusal,
    list_buckets_around,
    was_mass_refusal,
)


@pytest.mark.parametrize(
    ("attempted", "refused", "is_mass"),
    [
        (0, 0, False),
        (0, 4, False),
        (0, 5, True),
        (100, 4, False),
        (250, 5, False),
        (249, 5, True),
        (1000, 20, False),
        (1000, 21, True),
        (1_000_000, 20_000, False),
        (1_000_000, 20_001, True),
    ],
)
def test_mass_refusal_is_more_than_two_percent_and_at_least_five(attempted, refused, is_mass):
    assert is_mass_refusal(attempted, refused) is is_mass


def test_mass_refusal_counts_every_window_that_holds_the_moment():
    spread = dict.fromkeys(range(100, 105), RefusalBucket(refused=1))
    assert was_mass_refusal(spread, 100)
    assert was_mass_refusal(spread, 104)
    assert not was_mass_refusal(
        {100: RefusalBucket(refused=3), 111: RefusalBucket(refused=3)}, 100
    ), "no window holds both"
    assert not was_mass_refusal({}, 100)


def test_buckets_around_are_those_of_every_window_with_it():
    assert list(list_buckets_around(100)) == list(range(91, 110))


def test_refusals_of_dead_pairs_that_are_tried_again_open_no_breaker():
    again = {100: RefusalBucket(attempted=100, refused=1, refused_again=40)}
    assert not was_mass_refusal(again, 100)


@pytest.mark.parametrize(
    ("bucket", "is_repeated", "is_believed"),
    [
        (RefusalBucket(refused=1), False, True),
        (RefusalBucket(refused=5), False, False),
        (RefusalBucket(attempted=1, refused_again=1), True, False),
        (RefusalBucket(attempted=4, refused_again=2), True, False),
        (RefusalBucket(attempted=5, refused_again=2), True, True),
        (RefusalBucket(attempted=100, refused=5, refused_again=1), True, False),
        (RefusalBucket(), True, False),
    ],
)
def test_refusal_is_believed(bucket, is_repeated, is_believed):
    """Again after a mass refusal: only once most of what is asked is not refused."""
    assert is_credible({100: bucket}, 100, is_repeated=is_repeated) is is_believed
