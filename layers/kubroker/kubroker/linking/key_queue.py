"""The messages of the key-creation queue.

``create_key`` {userId, attemptId} works an attempt. ``end_session`` {sessionId} comes once, some
minutes after a callback: it shreds a staged pair that nobody redeemed, and picks up an attempt
whose own message was never sent.
"""

import time
from collections.abc import Callable

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from kubroker.aws.clients import get_dynamodb, get_kms, get_sqs
from kubroker.aws.queue import Queue
from kubroker.aws.table import Table
from kubroker.connections.model import AttemptState
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import Vault
from kubroker.foundation.errors import BadRequestError, LostRaceError
from kubroker.foundation.observability import logger
from kubroker.foundation.settings import (
    CommonSettings,
    KucoinSettings,
    QueueSettings,
    RotationSettings,
    SessionSettings,
    VaultSettings,
)
from kubroker.keys.creation import KeyCreation
from kubroker.keys.requests import KeyRequests
from kubroker.keys.store import KeyAttemptStore
from kubroker.kucoin.clients import KucoinClients
from kubroker.kucoin.permissions import find_unavailable
from kubroker.linking.model import LinkEnd, SessionStatus
from kubroker.linking.store import SessionStore
from kubroker.rotation.wiring import build_access_tokens

# The template's maxReceiveCount: after this delivery the dead-letter queue has the message.
MAX_RECEIVE_COUNT = 5


class KeyMessages:
    """Works the queue's messages, one at a time."""

    def __init__(
        self,
        creation: KeyCreation,
        requests: KeyRequests,
        connections: ConnectionStore,
        sessions: SessionStore,
        *,
        now: Callable[[], int],
    ) -> None:
        """Joins use cases and stores."""
        self.requests = requests
        self._creation = creation
        self._connections = connections
        self._sessions = sessions
        self._now = now

    def work(self, record: SQSRecord) -> None:
        """Works one message; raising delivers it again.

        Raises:
            KubrokerError: Passing; or a message that this release does not know, which ends in
                the dead-letter queue.
        """
        message = record.json_body
        receive_count = int(record.attributes.approximate_receive_count or "1")
        is_last = receive_count >= MAX_RECEIVE_COUNT
        kind = message.get("kind")
        if kind == "create_key":
            self._creation.work(message["userId"], message["attemptId"], is_last_delivery=is_last)
        elif kind == "end_session":
            self._end_session(message["sessionId"], is_last=is_last)
        else:
            raise BadRequestError("This release does not know that kind of message.")

    def _end_session(self, session_id: str, *, is_last: bool) -> None:
        session = self._sessions.find(session_id)
        if session is None:
            return
        if session.session_status is SessionStatus.COMPLETED:
            connection = self._connections.find(session.user_id)
            attempt = connection.key_attempt if connection else None
            if attempt is not None and attempt.session_id == session_id:
                waiting = {AttemptState.REQUESTED, AttemptState.CREATING, AttemptState.STORED}
                if attempt.state in waiting:
                    self._creation.work(
                        session.user_id, attempt.attempt_id, is_last_delivery=is_last
                    )
            return
        if self._now() < (session.completion_expires_at or 0):
            raise BadRequestError("The completion code is still good; shred later.")
        if session.session_status in {SessionStatus.AUTHORIZED, SessionStatus.EXCHANGING}:
            try:
                self._sessions.end(
                    session_id, code=LinkEnd.SESSION_EXPIRED, expected=session.session_status
                )
            except LostRaceError:
                logger.info("a session was completed in the same moment")


def build_key_messages() -> KeyMessages:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    kucoin = KucoinSettings.from_environment()
    table = Table(get_dynamodb(), CommonSettings.from_environment().connections_table)
    connections = ConnectionStore(table)
    attempts = KeyAttemptStore(table, RotationSettings.from_environment().policy)
    queue = Queue(get_sqs, QueueSettings.from_environment().key_creation_queue_url)
    sessions_table = SessionSettings.from_environment().sessions_table
    vault = Vault(get_kms(), VaultSettings.from_environment().vault_key_id)
    clients = KucoinClients(kucoin)
    tokens = build_access_tokens(kucoin, clients.oauth, connections, vault)
    unavailable = find_unavailable(
        key_version=kucoin.key_version, unified_group_name=kucoin.protocol.unified_group_name
    )

    def now() -> int:
        return int(time.time())

    creation = KeyCreation(
        connections=connections,
        attempts=attempts,
        vault=vault,
        keys=clients.keys,
        protocol=kucoin.protocol,
        get_access_token=tokens.get,
        now=now,
    )
    return KeyMessages(
        creation,
        KeyRequests(connections, attempts, queue, unavailable=unavailable),
        connections,
        SessionStore(Table(get_dynamodb(), sessions_table)),
        now=now,
    )
