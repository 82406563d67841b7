"""boto3 clients with bounded times, and the one place where AWS errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kubroker.foundation.errors import ContendedError, LostRaceError, StoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)
# For a write whose caller repeats it against a deadline of its own, and has somewhere else to go.
_IMPATIENT = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
# Source: DynamoDB, TransactWriteItems, TransactionCanceledException.
_CONTENTION_REASONS = {"TransactionConflict", "ThrottlingError"}


@cache
def get_dynamodb() -> "DynamoDBClient":
    """The process's DynamoDB client."""
    return boto3.client("dynamodb", config=CONFIG)


@cache
def get_impatient_dynamodb() -> "DynamoDBClient":
    """A client that tries once."""
    return boto3.client("dynamodb", config=_IMPATIENT)


@cache
def get_kms() -> "KMSClient":
    """The process's KMS client."""
    return boto3.client("kms", config=CONFIG)


@cache
def get_sqs() -> "SQSClient":
    """The process's SQS client."""
    return boto3.client("sqs", config=CONFIG)


@cache
def get_events() -> "EventBridgeClient":
    """The process's EventBridge client."""
    return boto3.client("events", config=CONFIG)


@cache
def get_s3() -> "S3Client":
    """The process's S3 client."""
    return boto3.client("s3", config=CONFIG)


@contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Turns botocore's errors into ours.

    Args:
        what: The operation in words, for example ``claim of a rotation``; no user data.

    Raises:
        LostRaceError: A conditional write found another state.
        ContendedError: A transaction met another write; nothing was written.
        StoreError: Anything else that AWS or the network refused.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        reasons = _list_reasons(error)
        if code == "ConditionalCheckFailedException" or "ConditionalCheckFailed" in reasons:
            item: Any = error.response.get("Item")
            raise LostRaceError(f"{what}: the state has changed", item) from error
        if code == "TransactionConflictException" or reasons & _CONTENTION_REASONS:
            raise ContendedError(f"{what} met another write") from error
        raise StoreError(f"{what} failed: {code}") from error
    except BotoCoreError as error:
        raise StoreError(f"{what} failed: {type(error).__name__}") from error


def _list_reasons(error: ClientError) -> set[str]:
    """Why a transaction was cancelled, one code for each of its parts that stood in the way."""
    reasons = error.response.get("CancellationReasons") or []
    return {str(reason.get("Code")) for reason in reasons}
