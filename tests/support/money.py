"""Withdrawals as tests make them: a user with a key, KuCoin's book, time that passes."""

import json
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from kubroker.aws.table import Put, Table
from kubroker.connections.model import (
    ApiKeyState,
    Authorization,
    Connection,
    ConnectionStatus,
    KeyFacts,
)
from kubroker.connections.secrets import open_credentials, seal_api_key
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import EncryptionContext, Purpose, Vault
from kubroker.foundation.clock import build_day
from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin.api_keys import CreatedApiKey
from kubroker.kucoin.clients import KucoinClients
from kubroker.kucoin.permissions import GROUP_NAMES, Permission
from kubroker.withdrawals.client import WithdrawalClient
from kubroker.withdrawals.ids import derive_withdrawal_id
from kubroker.withdrawals.limit_store import LimitStore
from kubroker.withdrawals.model import Withdrawal, WithdrawalState
from kubroker.withdrawals.store import WithdrawalStore
from local.deployment.deployed import DeployedStack
from local.kucoin_simulator.control.client import SimulatorControl
from tests.support.api import ApiClient, ApiResponse
from tests.support.functions import FunctionHarness

ADDRESS = "TXJ1z9JzJ1rT7xY2q1Z3wEXAMPLE01"
ORDER = {
    "currency": "USDT",
    "amount": "100",
    "withdrawType": "ADDRESS",
    "chain": "trx",
    "address": ADDRESS,
}
COUNTED = {
    WithdrawalState.SUBMITTING,
    WithdrawalState.OUTCOME_UNKNOWN,
    WithdrawalState.SUBMITTED,
    WithdrawalState.SUCCESS,
}


@dataclass
class Money:
    """The broker's service, the user, KuCoin and the store, seen from above.

    Attributes:
        offset: How many seconds the functions' clock and KuCoin's are ahead.
    """

    api: ApiClient
    functions: FunctionHarness
    simulator: SimulatorControl
    monkeypatch: Any
    user_id: str = "user-1"
    offset: float = 0.0
    started_at: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        stack: DeployedStack = self.functions.stack
        client = stack.aws.client("dynamodb")
        self.connections = ConnectionStore(Table(client, stack.tables["ConnectionsTable"]))
        self.limits = LimitStore(Table(client, stack.tables["LimitsTable"]))
        self.store = WithdrawalStore(Table(client, stack.tables["WithdrawalsTable"]), self.limits)
        environment = stack.find_function("withdrawal").environment
        self.vault = Vault(stack.aws.client("kms"), environment["VAULT_KEY_ID"])
        self.switch_name = environment["WITHDRAWAL_SWITCH_NAME"]
        self.now, self.now_ns = time.time, time.time_ns

    def connect(
        self,
        kucoin_user: str = "alice",
        *,
        user_id: str = "",
        permissions: tuple[Permission, ...] = (Permission.GENERAL, Permission.WITHDRAWAL),
        **changes: Any,
    ) -> Connection:
        """A connection with an API key in use, as linking would have left it."""
        made = self.simulator.add_key(
            kucoin_user, groups=[GROUP_NAMES[permission] for permission in permissions]
        )
        key = CreatedApiKey(
            api_key=SecretStr(made["apiKey"]),
            secret=SecretStr(made["secret"]),
            passphrase=SecretStr(made["passphrase"]),
            name="kubroker",
            auth_group=(),
            ip_whitelist=(),
            broker_id="",
        )
        user_id, now = user_id or self.user_id, int(time.time())
        data_key = self.vault.create_data_key(EncryptionContext(user_id, Purpose.API_KEY))
        facts = KeyFacts(
            name="kubroker",
            hint=made["apiKey"][-4:],
            permissions=list(permissions),
            is_addressbook_only=False,
            ip_whitelist=[],
            created_at=now,
        )
        fields = {
            "user_id": user_id,
            "account_label": "Main account",
            "link_generation": 1,
            "connection_status": ConnectionStatus.ACTIVE,
            "authorization": Authorization.LIVE,
            "api_key_state": ApiKeyState.ACTIVE,
            "api_key_data_key": data_key.wrapped,
            "api_key_ciphertext": seal_api_key(key, data_key),
            "api_key_facts": facts,
            "kucoin_uid": str(made["uid"]),
            "created_at": now,
            "updated_at": now,
            "sequence": 1,
        }
        connection = Connection.model_validate({**fields, **changes})
        self.connections.table.write(Put(connection.to_item(), ["attribute_not_exists(#userId)"]))
        return connection

    def path(self, *parts: str, user_id: str = "") -> str:
        """A route of the user's withdrawals."""
        base = f"/v1/connections/{user_id or self.user_id}/withdrawals"
        return "/".join([base, *parts])

    def submit(
        self, key: str = "key-1", *, user_id: str = "", headers: Any = None, **changes: Any
    ) -> ApiResponse:
        """The broker's service asks; None leaves a field out."""
        body = {name: value for name, value in {**ORDER, **changes}.items() if value is not None}
        sent = {"Idempotency-Key": key} if headers is None else headers
        return self.api.post(self.path(user_id=user_id), json=body, headers=sent)

    def quote(self, **changes: Any) -> ApiResponse:
        """What it would cost."""
        asked = {name: value for name, value in ORDER.items() if name != "address"}
        body = {name: value for name, value in {**asked, **changes}.items() if value is not None}
        return self.api.post(self.path("quote"), json=body)

    def codes(self, kucoin_user: str = "alice") -> dict[str, str]:
        """The codes that KuCoin waits for, as the user sees them."""
        return dict(self.simulator.codes(kucoin_user)[-1]["factors"])

    def verify(self, key: str = "key-1", factors: dict[str, str] | None = None) -> ApiResponse:
        """The broker's service brings the codes."""
        body = {"factors": self.codes() if factors is None else factors}
        return self.api.post(self.path(self.id(key), "verification"), json=body)

    def get(self, key: str = "key-1") -> Any:
        """What the broker sees."""
        return self.api.get(self.path(self.id(key))).json()

    def stored(self, key: str = "key-1") -> Withdrawal:
        """The record."""
        return self.store.get(self.user_id, self.id(key))

    def id(self, key: str = "key-1") -> str:
        """Of the withdrawal of this key."""
        return derive_withdrawal_id(self.user_id, key)

    def withdraw_by_hand(self, **changes: Any) -> None:
        """The user withdraws at KuCoin, past us; as ``submit``, in KuCoin's own fields."""
        function = self.functions.stack.find_function("withdrawal")
        order = {name: value for name, value in {**ORDER, **changes}.items() if value is not None}
        with self.functions._environment(function):
            settings = KucoinSettings.from_environment()
            client = WithdrawalClient(settings, KucoinClients(settings).rest)
            credentials = open_credentials(self.vault, self.connections.get(self.user_id))
            client.submit(
                json.dumps(order), credentials, timestamp_ms=client.now_ms(), deadline_seconds=5
            )

    def track(self, times: int = 1, *, step: float = 61.0) -> None:
        """The tracker's schedule comes, each time a little later."""
        for number in range(times):
            if number or step != 61.0:
                self.later(step)
            self.functions.call("withdrawal_tracker", {"kind": "track"}, remaining_ms=58_000)

    def later(self, seconds: float) -> None:
        """Time passes, here and at KuCoin."""
        self.offset += seconds
        offset, now, now_ns = self.offset, self.now, self.now_ns
        self.monkeypatch.setattr("time.time", lambda: now() + offset)
        self.monkeypatch.setattr("time.time_ns", lambda: now_ns() + round(offset * 1e9))
        self.simulator.advance(seconds)

    def switch(self, value: str) -> None:
        """The operator turns the kill switch."""
        self.functions.stack.aws.client("ssm").put_parameter(
            Name=self.switch_name, Value=value, Overwrite=True
        )

    def no_factors(self, kucoin_user: str = "alice") -> None:
        """KuCoin asks this user for no codes."""
        self.simulator.patch_user(kucoin_user, factors=[])

    def made(self, kucoin_user: str = "alice") -> list[Any]:
        """Withdrawals at KuCoin."""
        return list(self.simulator.withdrawals(kucoin_user))

    def asked(self) -> int:
        """How often KuCoin was asked for a withdrawal."""
        return len(self.simulator.journal(route="withdraw"))

    def spent(self) -> Decimal:
        """USDT reserved of the days that the test has lived through."""
        days = {build_day(int(moment)) for moment in (self.started_at, self.now(), time.time())}
        uid = self.connections.get(self.user_id).kucoin_uid or ""
        return sum((self.limits.find_spent(uid, day) for day in days), Decimal(0))

    def left_accounts(self) -> Decimal:
        """USDT that has left alice's main account by withdrawals that were not returned."""
        total = Decimal(0)
        for item in self.made():
            if item["status"] != "FAILURE" or item["returnStatus"] != "SUCCESS":
                total += Decimal(item["deducted"])
        return total

    def items(self) -> str:
        """Every stored item as text."""
        client = self.functions.stack.aws.client("dynamodb")
        tables = self.functions.stack.tables.values()
        found = [client.scan(TableName=table)["Items"] for table in tables]
        return json.dumps(found, default=str)
