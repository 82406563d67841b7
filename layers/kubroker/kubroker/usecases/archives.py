"""The broker's side of the archive: opting a connection in and out."""

import time
from collections.abc import Callable

from kubroker.aws.archives import ArchiveStore


class Archives:
    """Opts in and out; both are safe to repeat."""

    def __init__(
        self, store: ArchiveStore, *, now: Callable[[], int] = lambda: int(time.time())
    ) -> None:
        """Joins its parts."""
        self._store = store
        self._now = now

    def opt_in(self, user_id: str) -> int:
        """Has the connection collected from the next round on.

        Returns:
            Since when, epoch seconds.

        Raises:
            NotFoundError: The user never linked an account.
            ConflictError: The connection is disconnected.
        """
        return self._store.opt_in(user_id, now=self._now())

    def opt_out(self, user_id: str) -> None:
        """Ends the collecting; what was collected stays as long as the bucket keeps it.

        Raises:
            NotFoundError: The user never linked an account.
        """
        self._store.opt_out(user_id, now=self._now())
