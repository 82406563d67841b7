"""Connections with real pairs of the simulator's, and what tests ask and change about them."""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from kubroker.aws.table import Put, Table, Update
from kubroker.connections.model import (
    ApiKeyState,
    Authorization,
    Connection,
    ConnectionStatus,
    StagedPair,
)
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import EncryptionContext, Purpose, Vault
from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin.identity import KucoinSecret
from kubroker.kucoin.oauth import OAuthClient, TokenPair
from kubroker.kucoin.transport import KucoinTransport
from kubroker.linking.callback import build_staged_pair
from kubroker.rotation.token_changes import build_due
from local.aws.client import AwsStandin
from local.deployment.deployed import DeployedStack
from local.deployment.parameters import KUCOIN_SECRET
from local.kucoin_simulator.control.client import SimulatorControl
from local.wakers.queues import build_sqs_event

REFRESH_SECONDS = 259_200


def fingerprint(secret: str) -> str:
    """As the simulator's journal and chains show a secret."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()[:12]


@dataclass
class RotationWorld:
    """The store, the vault and KuCoin, seen from above."""

    stack: DeployedStack
    simulator: SimulatorControl

    def __post_init__(self) -> None:
        aws = self.stack.aws
        self.table = Table(aws.client("dynamodb"), self.stack.tables["ConnectionsTable"])
        self.sqs = aws.client("sqs")
        self.connections = ConnectionStore(self.table)
        environment = self.stack.find_function("token_refresh").environment
        self.vault = Vault(aws.client("kms"), environment["VAULT_KEY_ID"])
        self.settings = KucoinSettings.from_environment(environment)
        self.oauth = OAuthClient(self.settings, _client_secret, KucoinTransport())

    @property
    def aws(self) -> AwsStandin:
        return self.stack.aws

    def authorize(self, kucoin_user: str) -> TokenPair:
        """A pair as the callback would get it."""
        code = self.simulator.authorization_code(
            kucoin_user, redirectUri=self.settings.redirect_url
        )
        return self.oauth.exchange_code(SecretStr(code), deadline_seconds=10)

    def seal(self, user_id: str, pair: TokenPair, *, refresh_seconds: int) -> StagedPair:
        """A pair as ciphertext under a data key of its own."""
        data_key = self.vault.create_data_key(EncryptionContext(user_id, Purpose.OAUTH_TOKENS))
        return build_staged_pair(pair, data_key, int(time.time()), refresh_seconds)

    def link(
        self,
        user_id: str = "user-1",
        kucoin_user: str = "alice",
        *,
        due_in: int = 0,
        refresh_seconds: int = REFRESH_SECONDS,
        **changes: Any,
    ) -> Connection:
        """A connection whose pair is due, written as completion and key creation would."""
        pair = self.authorize(kucoin_user)
        staged = self.seal(user_id, pair, refresh_seconds=refresh_seconds)
        now = int(time.time())
        fields = {
            "user_id": user_id,
            "account_label": "Main account",
            "link_generation": 1,
            "connection_status": ConnectionStatus.ACTIVE,
            "authorization": Authorization.LIVE,
            "token_data_key": staged.data_key,
            "token_ciphertext": staged.ciphertext,
            "access_token_expires_at": staged.access_token_expires_at,
            "refresh_token_expires_at": staged.refresh_token_expires_at,
            "api_key_state": ApiKeyState.ACTIVE,
            "created_at": now,
            "updated_at": now,
            "sequence": 1,
            **_snake(build_due(user_id, now + due_in)),
        }
        connection = Connection.model_validate({**fields, **changes})
        self.table.write(Put(connection.to_item(), ["attribute_not_exists(#userId)"]))
        return connection

    def get(self, user_id: str = "user-1") -> Connection:
        """The connection as it is stored."""
        return self.connections.get(user_id)

    def open_pair(self, user_id: str = "user-1") -> dict[str, str]:
        """The stored pair in clear."""
        connection = self.get(user_id)
        context = EncryptionContext(user_id, Purpose.OAUTH_TOKENS)
        data_key = self.vault.unwrap(connection.token_data_key, context, is_noted=False)
        return dict(json.loads(data_key.decrypt(connection.token_ciphertext)))

    def change(self, user_id: str = "user-1", **changes: Any) -> None:
        """Sets attributes (dots as ``__``) as time or an operator would; None removes."""
        plain = {name.replace("__", "."): value for name, value in changes.items()}
        self.table.write(Update(key={"userId": user_id}, set_=plain))

    def lapse(self, user_id: str = "user-1") -> None:
        """Lease and grace of the last claim have passed, and the connection is due."""
        self.make_due(user_id)
        if self.get(user_id).rotation is not None:
            self.change(user_id, rotation__leaseUntil=1, rotation__graceUntil=1)

    def make_due(self, user_id: str = "user-1") -> None:
        """Its time has come."""
        connection = self.get(user_id)
        if connection.action_due_at is not None:
            self.change(user_id, actionDueAt=1, nextActionAt=1)
        if connection.refused_at is not None:
            self.change(user_id, refusedAt=1)

    def chain_of(self, kucoin_user: str = "alice", number: int = -1) -> Any:
        """The user's chain of pairs at KuCoin, by default the last one."""
        chains = [
            chain for chain in self.simulator.rotations()["chains"] if chain["user"] == kucoin_user
        ]
        return chains[number]

    def is_accepted(self, user_id: str = "user-1", kucoin_user: str = "alice") -> bool:
        """Whether KuCoin would take the stored refresh token."""
        mine = fingerprint(self.open_pair(user_id)["refreshToken"])
        return any(
            pair["refreshValid"] and pair["refreshFingerprint"] == mine
            for pair in self.chain_of(kucoin_user)["pairs"]
        )

    def is_current(self, user_id: str = "user-1", kucoin_user: str = "alice") -> bool:
        """Whether the stored access token is the one that KuCoin takes."""
        mine = fingerprint(self.open_pair(user_id)["accessToken"])
        return any(
            pair["accessValid"] and pair["accessFingerprint"] == mine
            for pair in self.chain_of(kucoin_user)["pairs"]
        )

    def count_asked(self, kucoin_user: str | None = None) -> int:
        """Refreshes that reached KuCoin."""
        entries = self.simulator.journal(route="refresh")
        return len([entry for entry in entries if kucoin_user in (None, entry["user"])])

    def list_messages(self, queue: str) -> list[dict[str, Any]]:
        """What is in a queue, bodies parsed; the queue keeps it."""
        client, url = self.sqs, self.stack.queues[queue]
        found: list[dict[str, Any]] = []
        while batch := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += batch
        for message in found:
            client.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return [json.loads(message["Body"]) for message in found]


def refresh_event(*user_ids: str) -> dict[str, Any]:
    """A batch of the refresh queue."""
    return build_event(
        "kubroker-local-token-refresh",
        *({"schemaVersion": 1, "kind": "refresh", "userId": user_id} for user_id in user_ids),
    )


def build_event(queue: str, *bodies: Any) -> dict[str, Any]:
    """A batch of any queue."""
    messages = [
        {
            "MessageId": f"message-{number}",
            "ReceiptHandle": "handle",
            "Body": body if isinstance(body, str) else json.dumps(body),
            "MD5OfBody": "",
            "Attributes": {"ApproximateReceiveCount": "1"},
        }
        for number, body in enumerate(bodies)
    ]
    return build_sqs_event(messages, f"arn:aws:sqs:eu-west-1:123456789012:{queue}")


def _client_secret() -> SecretStr:
    return KucoinSecret.model_validate(KUCOIN_SECRET).client_secret


def _snake(due: dict[str, Any]) -> dict[str, Any]:
    return {
        "action_due_at": due["actionDueAt"],
        "next_action_at": due["nextActionAt"],
        "due_shard": due["dueShard"],
    }
