"""Reading an account's histories with the user's key, within a share of its quotas."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from kubroker.connections.key_use import KeyUse, LinkedAccount, UsableKey
from kubroker.exports.history import HistoryCall, WindowReading, read_window
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import (
    ACCOUNT_CHANGED,
    MIN_SPAN_MS,
    RECORDS_MISSING,
    Window,
    get_longest_ms,
)
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import (
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    KubrokerError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
    NotFoundError,
    OutOfTimeError,
    TooManyRequestsError,
)
from kubroker.foundation.observability import CONFIGURATION_ERROR_FOUND, count
from kubroker.kucoin.address_watch import watch_address
from kubroker.kucoin.answers import parse_rest
from kubroker.kucoin.api_keys import CheckRefusal, classify_check_refusal
from kubroker.kucoin.budget import Budgets, parse_quota
from kubroker.kucoin.codes import is_passing_read
from kubroker.kucoin.forwarding import ForwardedRequest, KucoinForwarder
from kubroker.kucoin.permissions import Permission
from kubroker.kucoin.rest import KucoinRest
from kubroker.proxy.policy import ForwardableCall, find_call

# That much of a quota is left to the user's trading; a user who always trades more than that must
# not lose the records of it: after so many attempts less is left.
RESERVED_SHARE = 0.5
LEAST_RESERVED_SHARE = 0.1
PATIENT_ATTEMPTS = 3
# A window is begun only with so much time left, and ended before saving has to begin.
WINDOW_SECONDS = 9.0
SAVING_SECONDS = 4.0
CALL_SECONDS = 8.0
# No call is begun with less: it would be cut off, and nobody knew why.
LEAST_CALL_SECONDS = 3.0
# A window that took less of the time than this may be longer next time.
_QUICK_SHARE = 1 / 3
CLOCK_SECONDS = 4.0


class AccountHistory:
    """Reads windows; holds the key no longer than a call."""

    def __init__(
        self, keys: KeyUse, forwarder: KucoinForwarder, rest: KucoinRest, *, clock: Clock
    ) -> None:
        """Joins its parts; the budgets are as old as the process, which does one thing at once."""
        self._keys = keys
        self._forwarder = forwarder
        self._rest = rest
        self._clock = clock
        self._budgets = Budgets()

    def read_now_ms(self) -> int:
        """KuCoin's clock: what is over, and what it forgets, go by it.

        Raises:
            KucoinError: It could not be asked.
        """
        return self._rest.read_clock(deadline_seconds=CLOCK_SECONDS)

    def find_account(self, user_id: str) -> LinkedAccount | None:
        """The account that the user is linked to, or was; None where there never was one.

        Raises:
            StoreError: It can't be read.
        """
        return self._keys.find_account(user_id)

    def find_usable_account(self, user_id: str) -> str | None:
        """The uid of the account that the user is linked to; None where no key of it is in use.

        Raises:
            StoreError: It can't be read.
        """
        try:
            return self._keys.check(user_id, Permission.GENERAL).account
        except (NotFoundError, ConflictError, ForbiddenError):
            return None

    def read(
        self,
        user_id: str,
        account: str,
        kind: ExportKind,
        window: Window,
        *,
        deadline: Deadline,
        attempt: int = 0,
    ) -> WindowReading:
        """All of a kind in a window.

        Args:
            user_id: Whose.
            account: As ``find_account`` told it; another one's records would be mixed in.
            kind: Of the records.
            window: As ``read_window`` takes it.
            deadline: For all of it.
            attempt: How often it failed before: less of the quota is left to others then.

        Raises:
            ConflictError: The user is linked to another account by now.
            TooManyRequestsError: The quota is used up for longer than the deadline allows.
            OutOfTimeError: The deadline came before all of it was read.
            KubrokerError: The key may not be used, or KuCoin did not answer.
        """
        share = RESERVED_SHARE if attempt < PATIENT_ATTEMPTS else LEAST_RESERVED_SHARE
        ask = self._build_ask(user_id, account, deadline, share)
        return read_window(kind, user_id, window, ask)

    def _build_ask(
        self, user_id: str, account: str, deadline: Deadline, reserved_share: float
    ) -> Callable[[HistoryCall], Any]:
        def ask(call: HistoryCall) -> Any:
            key = self._keys.open(user_id, Permission.GENERAL)
            if key.kucoin_uid != account:
                raise ConflictError("The user has linked another account.", code=ACCOUNT_CHANGED)
            return self._send(key, call, deadline, reserved_share)

        return ask

    def _send(
        self, key: UsableKey, call: HistoryCall, deadline: Deadline, reserved_share: float
    ) -> Any:
        line = find_call(call.host, "GET", call.path)
        if line is None:
            raise ConfigurationError("A history is not on the list of KuCoin's calls.")
        self._wait(key, line, deadline, reserved_share)
        request = ForwardedRequest(
            method="GET",
            host=call.host,
            path=call.path,
            query=urlencode(call.query),
            signed_query="&".join(f"{name}={value}" for name, value in call.query.items()),
            credentials=key.credentials,
        )
        quota = None
        try:
            answer = self._forwarder.forward(
                request, deadline_seconds=min(CALL_SECONDS, deadline.left())
            )
            quota = parse_quota(answer.headers)
        finally:
            self._budgets.settle(
                key.kucoin_uid, line.pool, line.weight, quota, now=self._clock.monotonic()
            )
        try:
            return parse_rest(answer)
        except KucoinRefusedError as error:
            if watch_address(error):
                count(CONFIGURATION_ERROR_FOUND)
            if classify_check_refusal(error) is CheckRefusal.PARTNER:
                count(CONFIGURATION_ERROR_FOUND)
                raise ConfigurationError("KuCoin does not take the broker's keys.") from error
            raise

    def _wait(
        self, key: UsableKey, line: ForwardableCall, deadline: Deadline, reserved_share: float
    ) -> None:
        """Until the quota has room, if that is before the deadline."""
        while True:
            if deadline.left() < LEAST_CALL_SECONDS:
                raise OutOfTimeError("A history takes longer to read than there is time.")
            wait = self._budgets.take(
                key.kucoin_uid,
                line.pool,
                line.weight,
                now=self._clock.monotonic(),
                reserved_share=reserved_share,
            )
            if wait is None:
                return
            if wait + LEAST_CALL_SECONDS > deadline.left():
                raise TooManyRequestsError(
                    f"KuCoin's quota of the pool {line.pool} is used up for this account.",
                    code="kucoin_quota_used_up",
                    retry_after_seconds=max(1, round(wait)),
                )
            self._clock.sleep(wait)


class WindowWalk:
    """Reads one window after the other; halves those that hold too much for memory or time.

    Attributes:
        span_ms: How long the next window is at most.
    """

    def __init__(
        self,
        history: AccountHistory,
        user_id: str,
        account: str,
        *,
        kind: ExportKind,
        deadline: Deadline,
        span_ms: int | None = None,
        attempt: int = 0,
    ) -> None:
        """Begins with windows of the length that an earlier walk ended with, or the longest."""
        self._history = history
        self._user_id = user_id
        self._account = account
        self._kind = kind
        self._deadline = deadline
        self._attempt = attempt
        self.span_ms = span_ms or get_longest_ms(kind)

    def read(self, start_ms: int, end_ms: int, *, may_lack: bool) -> tuple[Window, WindowReading]:
        """The next window from start on, at most to end.

        Args:
            start_ms: Where it begins.
            end_ms: Where it ends at the latest.
            may_lack: Whether trades may be missing that the ledger knows.

        Raises:
            KucoinOutcomeUnknownError: Some are, and may not be; or an answer is not whole.
            OutOfTimeError: The window takes too long to read; the next one will be shorter.
            KubrokerError: As for ``AccountHistory.read``.
        """
        while True:
            window = Window(start_ms, min(end_ms, start_ms + self.span_ms))
            before = self._deadline.left()
            try:
                reading = self._history.read(
                    self._user_id,
                    self._account,
                    self._kind,
                    window,
                    deadline=self._deadline,
                    attempt=self._attempt,
                )
            except OutOfTimeError:
                self._halve(window)
                raise
            if reading.is_too_full:
                self._halve(window)
                continue
            if reading.missing and not may_lack:
                raise KucoinOutcomeUnknownError(
                    "KuCoin's ledger knows trades that its fills don't show.", code=RECORDS_MISSING
                )
            if before - self._deadline.left() < before * _QUICK_SHARE:
                self.span_ms = min(get_longest_ms(self._kind), self.span_ms * 2)
            return window, reading

    def _halve(self, window: Window) -> None:
        self.span_ms = max(MIN_SPAN_MS, window.span_ms // 2)


def is_passing(error: KubrokerError) -> bool:
    """Whether asking again later makes sense."""
    if isinstance(error, KucoinRefusedError):
        return is_passing_read(error)
    return error.retryable or isinstance(error, KucoinOutcomeUnknownError)


def name_reason(error: KubrokerError) -> str:
    """Why something can't be had, for a manifest: the code, and KuCoin's own where it has one."""
    if isinstance(error, KucoinRefusedError):
        return f"{error.code}/{error.kucoin_code}"
    return error.code
