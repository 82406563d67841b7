"""What the schedules of withdrawals ask for, within the time that an invocation has."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.foundation.errors import BadRequestError
from kubroker.foundation.observability import logger
from kubroker.withdrawals.wiring import Tracking

# Room for one look: two clocks, two histories and their writes.
_SPARE_MS = 20_000


def run_schedule(
    tracking: Tracking, event: dict[str, Any], context: LambdaContext, *, now: Callable[[], int]
) -> dict[str, Any]:
    """Runs ``{"kind": "track"}``, ``{"kind": "reconcile"}`` or ``{"kind": "check_keys"}``.

    Returns:
        What was done, for the log.

    Raises:
        BadRequestError: Another kind.
        StoreError: DynamoDB could not be asked; the next run goes on.
        KucoinUnsentError: Keys could not be asked about; the next run goes on.
    """

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > _SPARE_MS

    kind = event.get("kind")
    if kind == "track":
        done: dict[str, Any] = {"looked": tracking.tracker.run(has_time=has_time)}
        tracking.disconnects.finish_all(now=now())
    elif kind == "reconcile":
        done = {"isFinished": tracking.reconciliation.run(has_time=has_time)}
    elif kind == "check_keys":
        watch = tracking.keys.run(has_time=has_time)
        done = watch.model_dump(by_alias=True, exclude={"cursor", "schema_version", "day"})
    else:
        raise BadRequestError("This release does not know that kind of schedule.")
    logger.info("a schedule of withdrawals ran", extra={"kind": kind, **done})
    return done
