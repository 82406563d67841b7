"""Logs and metrics, one logger and one metrics object a process.

Nothing here or anywhere logs an event, a request body, a path, a query or a header: they hold
codes and tokens. What is logged is named field by field.
"""

import threading
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger

from kubroker.foundation.errors import KubrokerError

if TYPE_CHECKING:
    from aws_lambda_powertools.metrics import EphemeralMetrics

logger = Logger()
_metrics_lock = threading.Lock()

# Metric names: PascalCase, past tense.
KEY_CREATED = "ApiKeyCreated"
KEY_REFUSED = "ApiKeyRefused"
KEY_OUTCOME_UNKNOWN = "ApiKeyOutcomeUnknown"
KEY_CHANGED = "ApiKeyChanged"
KEY_GONE = "ApiKeyGone"
KEYS_DOUBTED = "ApiKeysDoubted"
ADDRESS_REFUSED = "AddressRefused"
CONFIGURATION_ERROR_FOUND = "ConfigurationErrorFound"
TOKENS_REFRESHED = "TokensRefreshed"
TOKENS_REFUSED = "TokensRefused"
TOKENS_DOUBTED = "TokensDoubted"
RESCUE_QUEUED = "RescueQueued"
TOKENS_RESCUED = "TokensRescued"
TOKENS_LOST = "TokensLost"
REFRESH_FAILED = "TokenRefreshFailed"
AUTHORIZATION_REQUIRED = "AuthorizationRequired"
MASS_REFUSAL_FOUND = "MassRefusalFound"
CONNECTIONS_QUEUED = "ConnectionsQueued"
OLDEST_DUE_SECONDS = "OldestDueSeconds"
HOURS_LEFT = "RefreshTokenHoursLeft"
WITHDRAWAL_SUBMITTED = "WithdrawalSubmitted"
WITHDRAWAL_REJECTED = "WithdrawalRejected"
WITHDRAWAL_SUCCEEDED = "WithdrawalSucceeded"
WITHDRAWAL_FAILED = "WithdrawalFailed"
WITHDRAWAL_OUTCOME_UNKNOWN = "WithdrawalOutcomeUnknown"
WITHDRAWAL_STUCK = "WithdrawalStuck"
WITHDRAWAL_REMARK_FORGED = "WithdrawalRemarkForged"
WITHDRAWAL_CONTRADICTED = "WithdrawalContradicted"
WITHDRAWAL_FEE_DIFFERED = "WithdrawalFeeDiffered"
WITHDRAWAL_SWITCH_READ_FAILED = "WithdrawalSwitchReadFailed"
FOREIGN_WITHDRAWAL_FOUND = "ForeignWithdrawalFound"
UNRECORDED_WITHDRAWAL_FOUND = "UnrecordedWithdrawalFound"

STORED_ITEM_UNREADABLE = "StoredItemUnreadable"
AUDIT_FAILED = "AuditFailed"
RECORD_SET_ASIDE = "StreamRecordSetAside"
EVENTS_PUBLISHED = "EventsPublished"
WEBHOOK_DELIVERED = "WebhookDelivered"
WEBHOOK_FAILED = "WebhookFailed"

PROXY_BUDGET_REFUSED = "ProxyBudgetRefused"
UNTAGGED_ORDER_SENT = "UntaggedOrderSent"
UNTAGGED_VOLUME_FOUND = "UntaggedVolumeFound"
PROXY_OUTCOME_UNKNOWN = "ProxyOutcomeUnknown"
PAYOUT_ADDRESS_FAILED = "PayoutAddressFailed"
PAYOUT_COMPLETED = "PayoutCompleted"
EXPORT_COMPLETED = "ExportCompleted"
EXPORT_FAILED = "ExportFailed"
EXPORT_GAP_FOUND = "ExportGapFound"
ARCHIVE_BEHIND_HOURS = "ArchiveBehindHours"
ARCHIVE_FAILED = "ArchiveFailed"
ARCHIVE_GAP_FOUND = "ArchiveGapFound"
ARCHIVE_ROUND_STARTED = "ArchiveRoundStarted"
ARCHIVE_WITHOUT_KEY = "ArchiveWithoutKey"


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
    add_metrics({metric: (value, unit)})


def add_metrics(values: Mapping[str, tuple[float, str]]) -> None:
    """Writes several figures as one EMF line: name to value and CloudWatch's unit."""
    with _metrics_lock:
        metrics = _metrics()
        for name, (value, unit) in values.items():
            metrics.add_metric(name=name, unit=unit, value=value)
        metrics.flush_metrics()


def log_unexpected(error: BaseException) -> None:
    """Logs class and place of an error that nobody expected, never its message.

    A message may hold what a request held; the lines of code don't.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames]
    logger.error("unexpected error", extra={"errorClass": type(error).__name__, "where": where})


def log_failures(work: Callable[[Any], None]) -> Callable[[Any], None]:
    """A record handler that logs why a record of a batch will be delivered again."""

    def work_and_log(record: Any) -> None:
        try:
            work(record)
        except KubrokerError as error:
            logger.warning(
                "a message was not worked off",
                extra={"code": error.code, "reason": error.message},
            )
            raise
        except Exception as error:
            log_unexpected(error)
            raise

    return work_and_log
