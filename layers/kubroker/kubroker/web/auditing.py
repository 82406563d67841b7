"""Every request of a broker's service that acts, in the audit: before it and after it.

Where the first entry can't be written nothing is done. Pages of browsers are no part of it: what
they lead to is audited where it is done. Reads that the proxy signs are a line in its log each,
with caller, user, call and outcome: a write for each would cost more than the read.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubroker.audit import store as audit
from kubroker.audit.model import NOBODY, AuditKind, AuditOutcome
from kubroker.audit.store import Act, Caller
from kubroker.foundation.errors import ConfigurationError, StoreError

_USER_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_READS = {"GET", "HEAD", "OPTIONS"}
# Their bodies hold 2FA codes: six digits can be found again from a hash.
_UNHASHED = re.compile(r"/verify|/verification")


@dataclass(frozen=True)
class _Request:
    """What the audit needs to know of a request."""

    route: str
    user_id: str
    is_act: bool


def answer_audited(
    event: Mapping[str, Any],
    resolve: Callable[[], dict[str, Any]],
    refuse: Callable[[StoreError | ConfigurationError], dict[str, Any]],
) -> dict[str, Any]:
    """Runs a request between its two entries.

    Args:
        event: API Gateway's.
        resolve: Answers the request.
        refuse: Answers where the audit takes no entry.

    Returns:
        The answer.
    """
    request = _read_request(event)
    audit.enter(_read_caller(event))
    try:
        if request.is_act:
            try:
                audit.record(_build_act(request, AuditOutcome.BEGUN))
            except (StoreError, ConfigurationError) as error:
                return refuse(error)
        answer = resolve()
        if request.is_act:
            status = int(answer.get("statusCode", 500))
            audit.note(_build_act(request, _judge(status), status=status))
        return answer
    finally:
        audit.leave()


def _build_act(request: _Request, outcome: AuditOutcome, status: int | None = None) -> Act:
    reference, code = audit.find_end()
    return Act(
        user_id=request.user_id,
        kind=AuditKind.REQUEST,
        action=request.route,
        outcome=outcome,
        status=status,
        code=code,
        reference=reference,
    )


def _judge(status: int) -> AuditOutcome:
    if status < 400:
        return AuditOutcome.DONE
    return AuditOutcome.REFUSED if status < 500 else AuditOutcome.FAILED


def _read_request(event: Mapping[str, Any]) -> _Request:
    route = str(event.get("routeKey", ""))
    method, _, path = route.partition(" ")
    is_of_service = path.startswith("/v1/")
    if method == "ANY":
        method = str(_get_context(event).get("http", {}).get("method", ""))
    return _Request(
        route=route,
        user_id=_find_user(event) if is_of_service else NOBODY,
        is_act=is_of_service and method not in _READS,
    )


def _read_caller(event: Mapping[str, Any]) -> Caller:
    context = _get_context(event)
    signer = context.get("authorizer", {}).get("iam", {}).get("userArn")
    route = str(event.get("routeKey", ""))
    is_hashed = bool(signer) and not _UNHASHED.search(route)
    return Caller(
        principal=str(signer) if signer else "browser",
        request_id=context.get("requestId"),
        request_hash=hashlib.sha256(_read_body(event)).hexdigest() if is_hashed else None,
    )


def _get_context(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return event.get("requestContext") or {}


def _read_body(event: Mapping[str, Any]) -> bytes:
    """The body as it was sent; as API Gateway gave it where that can't be decoded."""
    body = str(event.get("body") or "").encode(errors="surrogatepass")
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        return body


def _find_user(event: Mapping[str, Any]) -> str:
    """The user that a path or a body names, if one could be named so."""
    named = (event.get("pathParameters") or {}).get("userId")
    if named is None:
        try:
            body = json.loads(_read_body(event) or b"null")
        except (ValueError, RecursionError):
            return NOBODY
        named = body.get("userId") if isinstance(body, dict) else None
    is_possible = isinstance(named, str) and _USER_ID.fullmatch(named)
    return str(named) if is_possible else NOBODY
