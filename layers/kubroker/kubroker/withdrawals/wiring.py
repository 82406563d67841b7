"""Everything about withdrawals, joined from the environment."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.aws.clients import get_dynamodb, get_kms
from kubroker.aws.daily_checks import DailyCheckStore
from kubroker.aws.table import Table
from kubroker.connections.disconnect import Disconnect
from kubroker.connections.secrets import open_credentials
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import Vault
from kubroker.foundation.errors import BadRequestError
from kubroker.foundation.observability import logger
from kubroker.foundation.settings import (
    CommonSettings,
    KucoinSettings,
    VaultSettings,
    WithdrawalSettings,
)
from kubroker.keys.watch import KeyWatcher
from kubroker.keys.watch_model import KeyWatch
from kubroker.kucoin.clients import KucoinClients
from kubroker.kucoin.market import MarketClient
from kubroker.kucoin.rest import KucoinRest
from kubroker.withdrawals.answered_paths import AnsweredPaths
from kubroker.withdrawals.claims import WithdrawalClaims
from kubroker.withdrawals.client import WithdrawalClient
from kubroker.withdrawals.following import WithdrawalFollower
from kubroker.withdrawals.keys import check_may_withdraw
from kubroker.withdrawals.limit_store import ReconciliationStore
from kubroker.withdrawals.manage import ManageWithdrawals
from kubroker.withdrawals.model import Withdrawal
from kubroker.withdrawals.quotes import Priced, WithdrawalQuotes
from kubroker.withdrawals.reconcile import Reconciliation
from kubroker.withdrawals.records import WithdrawalRecords
from kubroker.withdrawals.renewals import Renewals
from kubroker.withdrawals.rules import Order
from kubroker.withdrawals.store import WithdrawalStore
from kubroker.withdrawals.store_wiring import build_withdrawal_store
from kubroker.withdrawals.submit import Submission, SubmitChecks
from kubroker.withdrawals.switch import check_switch
from kubroker.withdrawals.track import TrackWithdrawals
from kubroker.withdrawals.tries import WithdrawalTries
from kubroker.withdrawals.verify import VerifyLinks, VerifyWithdrawal
from kubroker.withdrawals.withdraw import Withdraw


def _now() -> int:
    return int(time.time())


class WithdrawalParts:
    """Stores, vault and KuCoin of a process."""

    def __init__(self) -> None:
        """Reads the settings.

        Raises:
            ConfigurationError: A setting is missing or malformed.
        """
        self.kucoin = KucoinSettings.from_environment()
        self.store = build_withdrawal_store()
        self.limits = self.store.limits
        self.connections = ConnectionStore(
            Table(get_dynamodb(), CommonSettings.from_environment().connections_table)
        )
        self.vault = Vault(get_kms(), VaultSettings.from_environment().vault_key_id)
        clients = KucoinClients(self.kucoin)
        self.client = WithdrawalClient(self.kucoin, clients.rest)
        self.market = MarketClient(clients.rest, now=_now)
        self.rest = clients.rest
        self.keys = clients.keys


@dataclass(frozen=True, kw_only=True)
class WithdrawalUseCases:
    """What the routes and the page need."""

    store: WithdrawalStore
    connections: ConnectionStore
    vault: Vault
    quotes: WithdrawalQuotes
    withdraw: Withdraw
    renewals: Renewals
    verification: VerifyWithdrawal
    links: VerifyLinks
    management: ManageWithdrawals
    claims: WithdrawalClaims
    submission: Submission
    rest: KucoinRest

    def quote(self, user_id: str, order: Order) -> Priced:
        """What a withdrawal would cost now.

        Raises:
            KubrokerError: No connection that may withdraw, a rule, or KuCoin can't be read.
        """
        connection = self.connections.get(user_id)
        check_may_withdraw(connection)
        return self.quotes.price(order, open_credentials(self.vault, connection))


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """What the schedules need."""

    tracker: TrackWithdrawals
    reconciliation: Reconciliation
    disconnects: Disconnect
    keys: KeyWatcher


def build_withdrawal_usecases(check_listed: Callable[[Withdrawal], None]) -> WithdrawalUseCases:
    """Joins everything of the function ``withdrawal``.

    Args:
        check_listed: Raises where a payment's payee is not the operator's any more.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings, parts = WithdrawalSettings.from_environment(), WithdrawalParts()
    tries = WithdrawalTries(parts.limits, per_record=settings.tries, per_day=settings.tries_per_day)
    claims = WithdrawalClaims(
        parts.store,
        parts.connections,
        parts.limits,
        usdt_per_day=settings.usdt_per_day,
        tries=tries,
    )
    submission = _build_submission(parts, settings, claims, check_listed)
    quotes = WithdrawalQuotes(parts.market, parts.client, parts.kucoin.protocol)
    withdraw = Withdraw(
        withdrawals=parts.store,
        connections=parts.connections,
        claims=claims,
        quotes=quotes,
        submission=submission,
        vault=parts.vault,
    )
    return WithdrawalUseCases(
        store=parts.store,
        connections=parts.connections,
        vault=parts.vault,
        claims=claims,
        submission=submission,
        rest=parts.rest,
        quotes=quotes,
        withdraw=withdraw,
        renewals=Renewals(parts.store, withdraw, seconds=settings.renewal_minutes * 60),
        verification=VerifyWithdrawal(parts.store, parts.connections, submission),
        links=VerifyLinks(parts.store),
        management=ManageWithdrawals(
            withdrawals=parts.store,
            connections=parts.connections,
            client=parts.client,
            vault=parts.vault,
        ),
    )


def _build_submission(
    parts: WithdrawalParts,
    settings: WithdrawalSettings,
    claims: WithdrawalClaims,
    check_listed: Callable[[Withdrawal], None],
) -> Submission:
    return Submission(
        claims=claims,
        records=WithdrawalRecords(
            parts.store, AnsweredPaths(parts.limits, parts.client.submission_url), now=_now
        ),
        client=parts.client,
        vault=parts.vault,
        settings=parts.kucoin,
        checks=SubmitChecks(
            switch=partial(check_switch, settings.switch_name),
            listed=check_listed,
        ),
    )


def build_tracking() -> Tracking:
    """Joins everything of the function ``withdrawal_tracker``.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    parts = WithdrawalParts()
    follower = WithdrawalFollower(
        withdrawals=parts.store,
        connections=parts.connections,
        limits=parts.limits,
        client=parts.client,
        vault=parts.vault,
        now=_now,
    )
    return Tracking(
        tracker=TrackWithdrawals(
            withdrawals=parts.store,
            follower=follower,
            margin_seconds=parts.kucoin.protocol.history_margin_seconds,
        ),
        reconciliation=Reconciliation(
            withdrawals=parts.store,
            connections=parts.connections,
            progress=ReconciliationStore(parts.limits.table),
            client=parts.client,
            vault=parts.vault,
        ),
        disconnects=Disconnect(parts.connections, parts.store.find_in_flight),
        keys=KeyWatcher(
            store=DailyCheckStore(parts.limits.table, "key-watch", KeyWatch),
            connections=parts.connections,
            keys=parts.keys,
            vault=parts.vault,
        ),
    )


# Room for one look: two clocks, two histories and their writes.
_SPARE_MS = 20_000


def run_schedule(
    tracking: Tracking, event: dict[str, Any], context: LambdaContext, *, now: Callable[[], int]
) -> dict[str, Any]:
    """Runs ``{"kind": "track"}``, ``{"kind": "reconcile"}`` or ``{"kind": "check_keys"}``.

    Returns:
        What was done, for the log.

    Raises:
        BadRequestError: Another kind.
        StoreError: DynamoDB could not be asked; the next run goes on.
        KucoinUnsentError: Keys could not be asked about; the next run goes on.
    """

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > _SPARE_MS

    kind = event.get("kind")
    if kind == "track":
        done: dict[str, Any] = {"looked": tracking.tracker.run(has_time=has_time)}
        tracking.disconnects.finish_all(now=now())
    elif kind == "reconcile":
        done = {"isFinished": tracking.reconciliation.run(has_time=has_time)}
    elif kind == "check_keys":
        watch = tracking.keys.run(has_time=has_time)
        done = watch.model_dump(by_alias=True, exclude={"cursor", "schema_version", "day"})
    else:
        raise BadRequestError("This release does not know that kind of schedule.")
    logger.info("a schedule of withdrawals ran", extra={"kind": kind, **done})
    return done
