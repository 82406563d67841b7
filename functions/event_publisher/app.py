"""What changed in the tables, as events on the bus, as webhooks, and in the timelines."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.events.publish import PublishEvents, build_publish_events


@cache
def publisher() -> PublishEvents:
    """The ways out and the settings, made once at the first batch."""
    return build_publish_events()


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Runs one batch of a stream."""
    return publisher().work(event)
