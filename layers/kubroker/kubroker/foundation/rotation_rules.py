"""What an operator decides about rotation. Apart from ``rotation``: every function reads it."""

from dataclasses import dataclass
from enum import StrEnum

BUCKETS_A_WINDOW = 10


class RotationPolicy(StrEnum):
    """What the tokens are kept for.

    ``keep`` rotates once a day, so that the refresh token never ends, and at use when the access
    token is short; ``always-fresh`` rotates before each access token ends; ``forget`` shreds the
    tokens once the API key verifies.
    """

    KEEP = "keep"
    ALWAYS_FRESH = "always-fresh"
    FORGET = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRules:
    """The policy and its times, as the operator sets them.

    Attributes:
        policy: See ``RotationPolicy``.
        lease_seconds: How long a worker may ask and commit before it counts as gone.
        grace_seconds: How long after that the rescue queue goes first.
        requeue_seconds: When the dispatcher queues again what nobody worked.
        back_off_seconds: Mean pause is half of it, doubled at each failure, up to 64 times.
        refusal_window_seconds: Refusals are counted, and held, for so long.
    """

    policy: RotationPolicy = RotationPolicy.KEEP
    lease_seconds: int = 20
    grace_seconds: int = 120
    requeue_seconds: int = 900
    back_off_seconds: int = 60
    refusal_window_seconds: int = 600

    @property
    def bucket_seconds(self) -> int:
        """Refusals are counted in buckets of this length."""
        return max(1, self.refusal_window_seconds // BUCKETS_A_WINDOW)

    def find_bucket(self, at: int) -> int:
        """The bucket of a moment."""
        return at // self.bucket_seconds
