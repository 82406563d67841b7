"""Whether KuCoin's path for withdrawals is the right one: it is once the service answered there.

A gateway that knows no path answers 404, and nothing was done. But executed orders were seen behind
a 404, too. What tells them apart is whether KuCoin's service ever answered at that address, in its
own envelope: before that, path or host are wrong, and an operator has to correct them.
"""

from kubroker.foundation.errors import ConfigurationError, KucoinOutcomeUnknownError, StoreError
from kubroker.foundation.observability import CONFIGURATION_ERROR_FOUND, count, logger
from kubroker.kucoin.answers import is_in_envelope, is_no_such_path
from kubroker.withdrawals.limit_store import LimitStore


class AnsweredPaths:
    """What is known of one address."""

    def __init__(self, limits: LimitStore, url: str) -> None:
        """Remembers where it is kept; asks nobody yet."""
        self._limits = limits
        self._url = url
        self._is_noted = False

    def note(self, *, now: int) -> None:
        """The service answered. Written before what the answer means: a later 404 needs it.

        Raises:
            StoreError: It can't be written; the attempt lapses, and the tracker finds out.
        """
        if not self._is_noted:
            self._limits.note_answered(self._url, now=now)
            self._is_noted = True

    def check(self, error: KucoinOutcomeUnknownError, *, now: int) -> None:
        """Looks at an answer that does not say what happened.

        Raises:
            ConfigurationError: There is no such path: nothing was done.
            StoreError: As for ``note``.
        """
        if is_in_envelope(error):
            self.note(now=now)
            return
        if not is_no_such_path(error) or self._has_answered():
            return
        count(CONFIGURATION_ERROR_FOUND)
        logger.error("KuCoin has no such path", extra={"url": self._url})
        raise ConfigurationError(
            "KuCoin has no such path for withdrawals: nothing was done. Correct withdrawal_path or "
            "withdrawal_host in KUCOIN_PROTOCOL_OVERRIDES, or the URL of the host."
        ) from error

    def _has_answered(self) -> bool:
        """What can't be read may have."""
        try:
            return self._is_noted or self._limits.has_answered(self._url)
        except StoreError:
            return True
