"""Once a day: what KuCoin did through the users' accounts, against our records.

Walks the connections page by page. Where it stands is kept, so that a run that is cut short goes
on with the next: a day's reconciliation is finished before the day is.
"""

from collections.abc import Callable

from kubroker.connections.model import Connection, ConnectionStatus
from kubroker.connections.secrets import open_credentials
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import Vault
from kubroker.foundation.amounts import format_amount
from kubroker.foundation.clock import build_day, read_now
from kubroker.foundation.errors import KubrokerError
from kubroker.foundation.observability import (
    FOREIGN_WITHDRAWAL_FOUND,
    UNRECORDED_WITHDRAWAL_FOUND,
    count,
    logger,
)
from kubroker.kucoin.permissions import Permission
from kubroker.withdrawals.client import WithdrawalClient
from kubroker.withdrawals.limit_store import ReconciliationStore
from kubroker.withdrawals.store import WithdrawalStore
from kubroker.withdrawals.tracking import HistoryEntry, find_our_id

_DEADLINE_SECONDS = 6.0
_PAGE = 20
# More than a day, so that what the last run was too early for is seen by this one.
_SPAN_MS = 36 * 3600 * 1000
# KuCoin's history and ours need a moment to meet.
_SETTLING_MS = 600_000


class Reconciliation:
    """Lists withdrawals at KuCoin that no record of ours holds."""

    def __init__(
        self,
        *,
        withdrawals: WithdrawalStore,
        connections: ConnectionStore,
        progress: ReconciliationStore,
        client: WithdrawalClient,
        vault: Vault,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins stores and KuCoin."""
        self._withdrawals = withdrawals
        self._connections = connections
        self._progress = progress
        self._client = client
        self._vault = vault
        self._now = now

    def run(self, *, has_time: Callable[[], bool]) -> bool:
        """Goes on with today's reconciliation.

        Returns:
            Whether it is finished.

        Raises:
            StoreError: DynamoDB could not be asked; the next run goes on.
        """
        day = build_day(self._now())
        cursor, is_finished = self._progress.find(day)
        while not is_finished:
            if not has_time():
                return False
            page, cursor = self._connections.find_page(
                status=ConnectionStatus.ACTIVE, limit=_PAGE, cursor=cursor
            )
            for connection in page:
                self._reconcile_safely(connection)
            is_finished = cursor is None
            self._progress.save(day, cursor, is_finished=is_finished, now=self._now())
        return True

    def reconcile(self, connection: Connection) -> list[HistoryEntry]:
        """One account.

        Returns:
            The entries at KuCoin that no record of ours holds.

        Raises:
            KubrokerError: KuCoin or AWS could not be asked.
        """
        facts = connection.api_key_facts
        if facts is None or Permission.WITHDRAWAL not in facts.permissions:
            return []
        credentials = open_credentials(self._vault, connection)
        now_ms = self._client.read_clock(deadline_seconds=_DEADLINE_SECONDS)
        entries = self._client.read_history(
            credentials,
            currency=None,
            start_at_ms=now_ms - _SPAN_MS,
            end_at_ms=now_ms - _SETTLING_MS,
            deadline_seconds=_DEADLINE_SECONDS,
        )
        foreign = [one for one in entries if not self._withdrawals.is_claimed(one.kucoin_id)]
        for entry in foreign:
            self._report(connection, entry)
        return foreign

    def _reconcile_safely(self, connection: Connection) -> None:
        try:
            self.reconcile(connection)
        except KubrokerError as error:
            logger.warning(
                "an account could not be reconciled",
                extra={"userId": connection.user_id, "reason": error.message},
            )

    def _report(self, connection: Connection, entry: HistoryEntry) -> None:
        """The user's own withdrawals are foreign; one with an id of ours must not be."""
        is_ours = find_our_id(entry.remark) is not None
        count(UNRECORDED_WITHDRAWAL_FOUND if is_ours else FOREIGN_WITHDRAWAL_FOUND)
        tell = logger.error if is_ours else logger.info
        tell(
            "KuCoin has a withdrawal that is not in our records",
            extra={
                "userId": connection.user_id,
                "kucoinWithdrawalId": entry.kucoin_id,
                "remarkId": find_our_id(entry.remark),
                "currency": entry.currency,
                "amount": format_amount(entry.amount) if entry.amount is not None else None,
                "kucoinStatus": entry.status,
            },
        )
