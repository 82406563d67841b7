"""When a webhook that was not taken is tried again. Pure."""

FIRST_PAUSE_SECONDS = 10
LONGEST_PAUSE_SECONDS = 3600
# The template's maxReceiveCount: the pauses before it make up a day, jitter or not.
MAX_RECEIVE_COUNT = 39


def plan_retry(receive_count: int, *, jitter: float, asked_seconds: int | None = None) -> int:
    """Seconds until the next try: doubled each time up to an hour, the last fifth by chance.

    Args:
        receive_count: 1 after the first try.
        jitter: In [0, 1).
        asked_seconds: What the endpoint asked for with Retry-After, or None.
    """
    doubled = FIRST_PAUSE_SECONDS << min(max(receive_count, 1) - 1, 12)
    pause = min(doubled, LONGEST_PAUSE_SECONDS)
    pause -= int(pause * 0.2 * jitter)
    return min(max(pause, asked_seconds or 0), LONGEST_PAUSE_SECONDS)


def total_seconds(max_receive_count: int, *, jitter: float) -> int:
    """How long a message is tried for, whatever time the tries themselves take."""
    return sum(plan_retry(count, jitter=jitter) for count in range(1, max_receive_count))
