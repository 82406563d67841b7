"""Signature Version 4 from both sides, by botocore's own signer.

Source:
    AWS, "Signature Version 4 for API requests"; service ``execute-api``. An HTTP API answers 403
    ``{"message":"Forbidden"}`` whatever is wrong.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from local.aws.client import ACCOUNT_ID, REGION

SERVICE = "execute-api"

_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_LONGEST_SKEW = timedelta(minutes=5)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request *,"
    r" *SignedHeaders=([a-z0-9;_.-]+) *, *Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True)
class AllowedCaller:
    """Someone whose signatures the gateway takes.

    Attributes:
        session_token: For temporary credentials; has to come in X-Amz-Security-Token.
        allowed_routes: ``METHOD/path`` patterns, as at the end of an execute-api ARN.
    """

    access_key: str
    secret_key: str
    user_arn: str = f"arn:aws:iam::{ACCOUNT_ID}:user/local"
    session_token: str = ""
    allowed_routes: tuple[str, ...] = ("*",)

    def may_call(self, method: str, path: str) -> bool:
        """Whether one of the patterns fits."""
        return any(fnmatchcase(f"{method}{path}", pattern) for pattern in self.allowed_routes)


class _ExactAuth(SigV4Auth):
    """Signs exactly the headers named, at the time given."""

    def __init__(self, caller: AllowedCaller, signed_headers: Sequence[str]) -> None:
        """Args: the keys, and the names of the headers in lower case."""
        credentials = Credentials(caller.access_key, caller.secret_key)
        super().__init__(credentials, SERVICE, REGION)
        self._names = signed_headers

    def headers_to_sign(self, request: Any) -> Any:
        """All that is named: botocore leaves some out, the other side has to take any."""
        chosen = HTTPHeaders()
        for name, value in request.headers.items():
            if name.lower() in self._names:
                chosen.add_header(name.lower(), value)
        return chosen

    def sign(self, request: AWSRequest, timestamp: str) -> str:
        """The signature in hexadecimal."""
        request.context["timestamp"] = timestamp
        text = self.string_to_sign(request, self.canonical_request(request))
        return str(self.signature(text, request))


def find_caller(
    *,
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    callers: Iterable[AllowedCaller],
    now: datetime,
) -> AllowedCaller | None:
    """Who signed the request; None if nobody did, wrongly, or not now.

    Args:
        method: As received.
        url: As received: path and query still encoded.
        headers: As received, duplicates included.
        body: The whole body.
        callers: Whose signatures count.
        now: An aware time.
    """
    values = {name.lower(): value.strip() for name, value in headers}
    parsed = _AUTHORIZATION.fullmatch(values.get("authorization", "").strip())
    timestamp = values.get("x-amz-date", "")
    if not parsed or not _is_current(timestamp, now):
        return None
    access_key, day, region, service, names, signature = parsed.groups()
    signed_headers = names.split(";")
    if (day, region, service) != (timestamp[:8], REGION, SERVICE) or "host" not in signed_headers:
        return None
    if not set(signed_headers) <= set(values):
        return None
    declared_hash = values.get("x-amz-content-sha256")
    if declared_hash not in (None, hashlib.sha256(body).hexdigest()):
        return None
    caller = next((known for known in callers if known.access_key == access_key), None)
    if caller is None or values.get("x-amz-security-token", "") != caller.session_token:
        return None
    request = _build_request(method, url, headers, body)
    expected = _ExactAuth(caller, signed_headers).sign(request, timestamp)
    return caller if hmac.compare_digest(expected, signature) else None


def sign_headers(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    caller: AllowedCaller,
    now: datetime | None = None,
) -> dict[str, str]:
    """The headers of a signed request.

    Args:
        method: HTTP method.
        url: Whole URL, encoded as it will be sent.
        headers: Further headers; all of them are signed.
        body: The whole body.
        caller: Whose keys.
        now: Time of the signature; the clock's if None.

    Returns:
        The given headers with Host, X-Amz-Date, X-Amz-Content-SHA256 and Authorization.
    """
    timestamp = (now or datetime.now(UTC)).strftime(_TIME_FORMAT)
    all_headers = {
        **headers,
        "Host": url.split("/")[2],
        "X-Amz-Date": timestamp,
        "X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest(),
    }
    if caller.session_token:
        all_headers["X-Amz-Security-Token"] = caller.session_token
    names = sorted(name.lower() for name in all_headers)
    request = _build_request(method, url, list(all_headers.items()), body)
    signature = _ExactAuth(caller, names).sign(request, timestamp)
    scope = f"{timestamp[:8]}/{REGION}/{SERVICE}/aws4_request"
    all_headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={caller.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return all_headers


def _build_request(
    method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
) -> AWSRequest:
    request = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    return request


def _is_current(timestamp: str, now: datetime) -> bool:
    try:
        signed_at = datetime.strptime(timestamp, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(now - signed_at) <= _LONGEST_SKEW
