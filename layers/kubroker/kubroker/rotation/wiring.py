"""Rotation joined from settings, stores and KuCoin, for every function that may need it."""

from secrets import token_hex

from kubroker.aws.clients import get_dynamodb, get_impatient_dynamodb, get_kms, get_sqs
from kubroker.aws.queue import Queue
from kubroker.aws.table import Table
from kubroker.connections.model import Connection
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import Vault
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.settings import (
    CommonSettings,
    KucoinSettings,
    LimitsSettings,
    RescueSettings,
    RotationSettings,
    VaultSettings,
)
from kubroker.kucoin.oauth import OAuthClient
from kubroker.rotation.access_tokens import AccessTokens
from kubroker.rotation.asking import RotationAsking
from kubroker.rotation.refusal_store import RefusalCounts
from kubroker.rotation.refusals import RotationRefusals
from kubroker.rotation.rotate import Refresh, Rotation, RotationSteps
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
