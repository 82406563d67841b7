"""Follows withdrawals to their end; once a day reconciles accounts and looks at API keys."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.foundation.clock import read_now
from kubroker.withdrawals.wiring import Tracking, build_tracking, run_schedule


@cache
def tracking() -> Tracking:
    """Stores, vault, KuCoin and settings, made once at the first run."""
    return build_tracking()


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs one schedule."""
    return run_schedule(tracking(), event, context, now=read_now)
