"""Logs and metrics, one logger and one metrics object a process.

Nothing here or anywhere logs an event, a request body, a path, a query or a header: they hold
codes and tokens. What is logged is named field by field.
"""

from functools import cache
from typing import TYPE_CHECKING

from aws_lambda_powertools.logging import Logger

if TYPE_CHECKING:
    from aws_lambda_powertools.metrics import EphemeralMetrics

logger = Logger()

# Metric names: PascalCase, past tense.
KEY_CREATED = "ApiKeyCreated"
KEY_REFUSED = "ApiKeyRefused"
KEY_OUTCOME_UNKNOWN = "ApiKeyOutcomeUnknown"
CONFIGURATION_ERROR_FOUND = "ConfigurationErrorFound"


@cache
def _metrics() -> "EphemeralMetrics":
    from aws_lambda_powertools.metrics import EphemeralMetrics

    return EphemeralMetrics()


def count(metric: str, value: float = 1) -> None:
    """Writes one EMF line with the value, in the namespace and service of the environment."""
    add_metric(metric, value, unit="Count")


def add_metric(metric: str, value: float, *, unit: str) -> None:
    """Writes one EMF line.

    Args:
        metric: One of the constants above.
        value: The figure.
        unit: CloudWatch's unit, for example ``Count`` or ``Seconds``.
    """
    metrics = _metrics()
    metrics.add_metric(name=metric, unit=unit, value=value)
    metrics.flush_metrics()
