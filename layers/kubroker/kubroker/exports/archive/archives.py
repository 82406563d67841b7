"""The broker's side of the archive: opting a connection in and out, and how far it is."""

from collections.abc import Callable
from dataclasses import dataclass

from kubroker.exports.account_history import AccountHistory
from kubroker.exports.archive.model import ARCHIVED_KINDS, name_archive
from kubroker.exports.archive.store import ArchiveStore
from kubroker.exports.records import ExportKind
from kubroker.foundation.clock import read_now


@dataclass(frozen=True, slots=True)
class ArchiveStatus:
    """How a connection's archive stands.

    Attributes:
        since: When it was opted in, epoch seconds; None where it is not collected.
        collected_until_ms: Until when each kind was collected, epoch milliseconds; None for never.
    """

    since: int | None
    collected_until_ms: dict[ExportKind, int | None]


class Archives:
    """Opts in and out; both are safe to repeat."""

    def __init__(
        self,
        store: ArchiveStore,
        history: AccountHistory,
        *,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins its parts."""
        self._store = store
        self._history = history
        self._now = now

    def find(self, user_id: str) -> ArchiveStatus:
        """How it stands, for the account that is linked or was last.

        Raises:
            NotFoundError: The user never linked an account.
        """
        since, account = self._store.find_since(user_id), self._history.find_account(user_id)
        archive = name_archive(user_id, account.kucoin_uid if account else user_id)
        until = {kind: self._store.find_progress(archive, kind) for kind in ARCHIVED_KINDS}
        return ArchiveStatus(since, until)

    def opt_in(self, user_id: str) -> None:
        """Has the connection collected from the next round on.

        Raises:
            NotFoundError: The user never linked an account.
            ConflictError: The connection is disconnected.
        """
        self._store.opt_in(user_id, now=self._now())

    def opt_out(self, user_id: str) -> None:
        """Ends the collecting; what was collected stays as long as the bucket keeps it.

        Raises:
            NotFoundError: The user never linked an account.
        """
        self._store.opt_out(user_id, now=self._now())
