"""The signing proxy: a user's own call to KuCoin, made with a key that the caller never sees."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kubroker.audit.store import describe_end, get_caller
from kubroker.connections.key_use import KeyUse
from kubroker.foundation.errors import (
    ForbiddenError,
    KucoinError,
    KucoinOutcomeUnknownError,
    TooManyRequestsError,
)
from kubroker.foundation.observability import (
    ADDRESS_REFUSED,
    CONFIGURATION_ERROR_FOUND,
    PROXY_BUDGET_REFUSED,
    PROXY_OUTCOME_UNKNOWN,
    UNTAGGED_ORDER_SENT,
    count,
    logger,
)
from kubroker.kucoin.answers import find_answer_code, find_refusal_code
from kubroker.kucoin.budget import Budgets, parse_quota
from kubroker.kucoin.codes import Meaning, find_code, leaves_open
from kubroker.kucoin.exchange import KucoinAnswer
from kubroker.kucoin.forwarding import ForwardedRequest, KucoinForwarder
from kubroker.kucoin.identity import ProxyHost
from kubroker.kucoin.permissions import Permission
from kubroker.proxy.orders import build_reference, is_order
from kubroker.proxy.policy import (
    PUBLIC_POOL,
    ForwardableCall,
    check_body,
    decode_query,
    find_call,
    parse_path,
)

DEADLINE_SECONDS = 24.0
# Time for our own answer, within what the invocation has left.
MARGIN_SECONDS = 2.0
# What no user can mend. The caller's path is the caller's, and a wrong clock is measured anew.
_OURS = {Meaning.IP_NOT_ALLOWED, Meaning.PARTNER}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRequest:
    """A caller's request as it came.

    Attributes:
        user_id: Whose key signs.
        host: By the prefix.
        method: Upper case.
        tail: The path behind the prefix, decoded.
        query: As it came, encoded.
        body: As it came.
    """

    user_id: str
    host: ProxyHost
    method: str
    tail: str = field(repr=False)
    query: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)


class Proxy:
    """Checks, signs, forwards."""

    def __init__(
        self,
        keys: KeyUse,
        forwarder: KucoinForwarder,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Joins its parts; the budgets are as old as the process."""
        self._keys = keys
        self._forwarder = forwarder
        self._monotonic = monotonic
        self._budgets = Budgets()
        self._lock = threading.Lock()

    def forward(self, request: ProxyRequest, *, remaining_seconds: float) -> KucoinAnswer:
        """KuCoin's answer to the caller's request.

        Args:
            request: As it came.
            remaining_seconds: That this invocation has left.

        Raises:
            BadRequestError: Path, query or body can't be forwarded as they are.
            ForbiddenError: The call is not on the list, its body holds what is not forwarded, or
                the user's key lacks the permission.
            NotFoundError: The user never linked an account.
            ConflictError: Disconnected, or no key in use.
            TooManyRequestsError: KuCoin's quota is used up.
            KucoinError: KuCoin could not be reached or did not answer.
        """
        ends_at = self._monotonic() + min(DEADLINE_SECONDS, remaining_seconds - MARGIN_SECONDS)
        path, signed_query = parse_path(request.tail), decode_query(request.query)
        call = find_call(request.host, request.method, path)
        if call is None:
            raise ForbiddenError(
                "This call of KuCoin's is not on the list of those that are forwarded.",
                code="call_not_forwarded",
            )
        check_body(request.host, call, request.body, query=request.query)
        account, credentials = PUBLIC_POOL, None
        if call.permission is None:
            self._keys.check(request.user_id, Permission.GENERAL)
        else:
            key = self._keys.open(request.user_id, call.permission)
            account, credentials = key.kucoin_uid, key.credentials
        forwarded = ForwardedRequest(
            method=request.method,
            host=request.host,
            path=path,
            query=request.query,
            signed_query=signed_query,
            body=request.body,
            credentials=credentials,
        )
        self._take(account, call)
        try:
            answer = self._send(forwarded, account, call, ends_at - self._monotonic())
        except KucoinError as error:
            _tell(request, call, error.code)
            raise
        _tell(request, call, answer.status)
        if call.method != "GET":
            _watch_act(answer)
            describe_end(build_reference(request.host, call), find_answer_code(answer))
        _watch(answer)
        return answer

    def _take(self, account: str, call: ForwardableCall) -> None:
        with self._lock:
            wait = self._budgets.take(account, call.pool, call.weight, now=self._monotonic())
        if wait is not None:
            count(PROXY_BUDGET_REFUSED)
            raise TooManyRequestsError(
                f"KuCoin's quota of the pool {call.pool} is used up for this account.",
                code="kucoin_quota_used_up",
                retry_after_seconds=max(1, math.ceil(wait)),
                members={"pool": call.pool, "weight": call.weight},
            )

    def _send(
        self, forwarded: ForwardedRequest, account: str, call: ForwardableCall, seconds: float
    ) -> KucoinAnswer:
        """Sends, between taking the budget and giving it back: nothing stands outside the try."""
        quota, was_sent = None, False
        try:
            if is_order(forwarded.host, call) and not self._forwarder.has_tag(forwarded.host):
                count(UNTAGGED_ORDER_SENT)
                logger.warning("an order goes out without the tag", extra={"host": forwarded.host})
            answer = self._forwarder.forward(forwarded, deadline_seconds=seconds)
            quota, was_sent = parse_quota(answer.headers), True
        except KucoinOutcomeUnknownError:
            was_sent = True
            if call.method != "GET":
                count(PROXY_OUTCOME_UNKNOWN)
            raise
        finally:
            with self._lock:
                self._budgets.settle(
                    account,
                    call.pool,
                    call.weight,
                    quota,
                    now=self._monotonic(),
                    was_sent=was_sent,
                )
        return answer


def _tell(request: ProxyRequest, call: ForwardableCall, outcome: int | str) -> None:
    """A line in the log for every signature: who, for whom, what, and what came of it."""
    if call.permission is None:
        return
    caller = get_caller()
    logger.info(
        "signed",
        extra={
            "principal": caller.principal,
            "requestHash": caller.request_hash,
            "userId": request.user_id,
            "host": request.host,
            "call": f"{call.method} {call.pattern}",
            "outcome": outcome,
        },
    )


def _watch_act(answer: KucoinAnswer) -> None:
    """Counts answers after which the caller has to look instead of asking again."""
    code = find_refusal_code(answer)
    if answer.status == 404 or answer.status >= 500 or (code is not None and leaves_open(code)):
        count(PROXY_OUTCOME_UNKNOWN)
        logger.warning("KuCoin's answer leaves open what happened", extra={"kucoinCode": code})


def _watch(answer: KucoinAnswer) -> None:
    """Tells an operator what no caller can mend."""
    code = find_refusal_code(answer)
    meaning = find_code(code).meaning if code is not None else None
    if meaning in _OURS:
        count(CONFIGURATION_ERROR_FOUND)
        if meaning is Meaning.IP_NOT_ALLOWED:
            count(ADDRESS_REFUSED)
        logger.error("KuCoin does not take this installation's calls", extra={"kucoinCode": code})
