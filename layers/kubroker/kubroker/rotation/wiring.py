"""Rotation joined from settings, stores and KuCoin, for every function that may need it."""

from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSEvent, SQSRecord

from kubroker.aws.clients import get_dynamodb, get_impatient_dynamodb, get_kms, get_sqs
from kubroker.aws.queue import Queue
from kubroker.aws.table import Table
from kubroker.connections.model import (
    Authorization,
    Connection,
    build_disconnected,
    build_not_linked,
)
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import Vault
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import (
    BadRequestError,
    ConfigurationError,
    ConflictError,
    KubrokerError,
    UnavailableError,
)
from kubroker.foundation.observability import logger
from kubroker.foundation.settings import (
    CommonSettings,
    KucoinSettings,
    LimitsSettings,
    RescueSettings,
    RotationSettings,
    VaultSettings,
)
from kubroker.kucoin.clients import KucoinClients
from kubroker.kucoin.oauth import OAuthClient
from kubroker.rotation.access_tokens import AccessTokens
from kubroker.rotation.asking import RotationAsking
from kubroker.rotation.refusals import RefusalCounts, RotationRefusals
from kubroker.rotation.rotate import Ending, Refresh, Rotation, RotationSteps
from kubroker.rotation.save import PairSaver
from kubroker.rotation.store import RotationStore

_ATTEMPT_ID_BYTES = 8


def build_rotation(kucoin: KucoinSettings, oauth: OAuthClient, clock: Clock) -> Rotation:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    rules = RotationSettings.from_environment().build_rules()
    table_name = CommonSettings.from_environment().connections_table
    table = Table(get_dynamodb(), table_name)
    rotations = RotationStore(table, Table(get_impatient_dynamodb(), table_name))
    limits = Table(get_dynamodb(), LimitsSettings.from_environment().limits_table)
    rescue = Queue(get_sqs, RescueSettings.from_environment().rescue_queue_url)
    return Rotation(
        connections=ConnectionStore(table),
        rotations=rotations,
        steps=RotationSteps(
            RotationAsking(
                vault=Vault(get_kms(), VaultSettings.from_environment().vault_key_id),
                oauth=oauth,
                protocol=kucoin.protocol,
                rules=rules,
                clock=clock,
            ),
            PairSaver(rotations, rescue, clock),
            RotationRefusals(rotations, RefusalCounts(limits), rules, clock),
        ),
        rules=rules,
        clock=clock,
        new_id=lambda: token_hex(_ATTEMPT_ID_BYTES),
    )


def build_access_tokens(
    kucoin: KucoinSettings,
    oauth: OAuthClient,
    connections: ConnectionStore,
    vault: Vault,
    *,
    clock: Clock | None = None,
) -> AccessTokens:
    """Access tokens on demand.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    clock = clock or Clock()
    rotation = build_rotation(kucoin, oauth, clock)

    def refresh(connection: Connection, deadline: Deadline) -> Refresh:
        return rotation.refresh(
            connection.user_id,
            deadline=deadline,
            is_forced=True,
            seen_seq=connection.committed_seq,
        )

    return AccessTokens(
        vault,
        connections=connections,
        refresh=refresh,
        rules=RotationSettings.from_environment().build_rules(),
        clock=clock,
    )


# Kept of the invocation's time for what comes after the last write.
_MARGIN_SECONDS = 1.0


class RotationMessages:
    """Works batches, and single users on request."""

    def __init__(self, rotation: Rotation, connections: ConnectionStore, clock: Clock) -> None:
        """Joins rotation and the store."""
        self._rotation = rotation
        self._connections = connections
        self._clock = clock

    def work_batch(self, event: dict[str, Any], *, remaining_ms: int) -> dict[str, Any]:
        """Works a batch of the queue.

        Args:
            event: SQS's event.
            remaining_ms: What the invocation has left.

        Returns:
            Lambda's report of what failed: those messages come again.
        """
        deadline = self._start(remaining_ms)
        records = list(SQSEvent(event).records)
        with ThreadPoolExecutor(max(1, len(records))) as threads:
            failed = list(threads.map(lambda record: self._fails(record, deadline), records))
        return {
            "batchItemFailures": [
                {"itemIdentifier": record.message_id}
                for record, is_failed in zip(records, failed, strict=True)
                if is_failed
            ]
        }

    def _fails(self, record: SQSRecord, deadline: Deadline) -> bool:
        try:
            self._work(record, deadline)
        except KubrokerError as error:
            logger.warning("a message comes again", extra={"reason": error.message})
            return True
        except Exception as error:  # noqa: BLE001 - one user's trouble is not the batch's
            logger.error("unexpected error", extra={"errorClass": type(error).__name__})
            return True
        return False

    def _work(self, record: SQSRecord, deadline: Deadline) -> None:
        message = record.json_body
        if message.get("kind") != "refresh" or not isinstance(message.get("userId"), str):
            raise BadRequestError("This release does not know that kind of message.")
        self._rotation.refresh(message["userId"], deadline=deadline)

    def refresh_now(self, user_id: str, *, remaining_ms: int) -> Connection:
        """Refreshes because the broker asks.

        Returns:
            The connection with its new pair.

        Raises:
            NotFoundError: The user never linked an account.
            ConflictError: One is running, or the user has to authorize again.
            ConfigurationError: KuCoin does not accept this installation's settings.
            UnavailableError: Passing; ask again later.
            StoreError: DynamoDB could not be asked.
        """
        refresh = self._rotation.refresh(
            user_id, deadline=self._start(remaining_ms), is_forced=True
        )
        if refresh.connection is None:
            raise build_not_linked()
        if refresh.ending is Ending.REFRESHED:
            return self._connections.get(user_id)
        raise _build_error(refresh, refresh.connection, self._clock.now())

    def _start(self, remaining_ms: int) -> Deadline:
        return self._clock.start(remaining_ms / 1000 - _MARGIN_SECONDS)


def _build_error(refresh: Refresh, connection: Connection, now: int) -> KubrokerError:
    """Why there is no new pair in the store, for the broker."""
    if refresh.ending in {Ending.HELD, Ending.OVERTAKEN}:
        record = connection.rotation
        wait = max(1, record.grace_until - now) if record else 1
        return ConflictError(
            "The user's tokens are being refreshed.",
            code="refresh_in_progress",
            retry_after_seconds=wait,
        )
    if connection.is_disconnected:
        return build_disconnected()
    is_live = connection.authorization is Authorization.LIVE
    if not is_live or refresh.ending in {Ending.IDLE, Ending.REFUSED}:
        return ConflictError(
            "The user has to authorize again first.", code="authorization_required"
        )
    if refresh.ending is Ending.MISCONFIGURED:
        return ConfigurationError("KuCoin does not accept this installation's settings.")
    return UnavailableError(
        "No new tokens are stored yet; Kubroker tries again by itself.",
        code="refresh_failed",
        retry_after_seconds=max(1, (connection.action_due_at or 0) - now),
    )


def build_rotation_messages() -> RotationMessages:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    kucoin = KucoinSettings.from_environment()
    oauth: OAuthClient = KucoinClients(kucoin).oauth
    clock = Clock()
    table = Table(get_dynamodb(), CommonSettings.from_environment().connections_table)
    rotation = build_rotation(kucoin, oauth, clock)
    return RotationMessages(rotation, ConnectionStore(table), clock)
