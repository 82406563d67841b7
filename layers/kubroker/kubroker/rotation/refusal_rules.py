"""Whether KuCoin's refusals of refresh tokens are believed: the mass-refusal breaker. Pure.

A few refusals are the users' doing. Many at once are KuCoin's fault or ours, and change no state.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kubroker.foundation.rotation_rules import BUCKETS_A_WINDOW

# Refused refresh tokens within one window: more than this share, and at least so many.
MASS_REFUSAL_SHARE = 0.02
MASS_REFUSAL_MINIMUM = 5


@dataclass(frozen=True, slots=True)
class RefusalBucket:
    """What was counted in a stretch of time.

    Attributes:
        attempted: Refreshes that the dispatcher queued.
        refused: Pairs refused for the first time.
        refused_again: Pairs refused once more, after a refusal that was not believed.
    """

    attempted: int = 0
    refused: int = 0
    refused_again: int = 0


def is_mass_refusal(attempted: int, refused: int) -> bool:
    """Whether so many refusals are KuCoin's or our fault rather than the users' doing."""
    is_many = refused > MASS_REFUSAL_SHARE * max(attempted, refused)
    return is_many and refused >= MASS_REFUSAL_MINIMUM


def list_buckets_around(bucket: int) -> range:
    """Every bucket that shares a window with this one."""
    return range(bucket - BUCKETS_A_WINDOW + 1, bucket + BUCKETS_A_WINDOW)


def was_mass_refusal(buckets: Mapping[int, RefusalBucket], bucket: int) -> bool:
    """Whether any window that holds this bucket had a mass refusal.

    Only first refusals count: else pairs that are dead, tried again and again, would keep the
    breaker open for ever.

    Args:
        buckets: Those that have something, by number.
        bucket: That of the refusal in question.
    """
    for start in range(bucket - BUCKETS_A_WINDOW + 1, bucket + 1):
        window = [buckets.get(start + step, RefusalBucket()) for step in range(BUCKETS_A_WINDOW)]
        attempted = sum(part.attempted for part in window)
        if is_mass_refusal(attempted, sum(part.refused for part in window)):
            return True
    return False


def is_credible(buckets: Mapping[int, RefusalBucket], bucket: int, *, is_repeated: bool) -> bool:
    """Whether a refusal may change a state.

    Args:
        buckets: Those around it that have something, by number.
        bucket: That of the refusal.
        is_repeated: The same pair was refused before, among many. Then it also takes evidence
            that KuCoin is well again: most of what was asked around it was not refused.
    """
    if was_mass_refusal(buckets, bucket):
        return False
    attempted = sum(part.attempted for part in buckets.values())
    refused = sum(part.refused + part.refused_again for part in buckets.values())
    return not is_repeated or 2 * refused < attempted
