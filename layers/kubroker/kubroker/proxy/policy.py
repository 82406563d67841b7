"""What the proxy forwards: deny by default, one table a host. Pure.

A call is (host, method, path). Its line in ``proxy_calls_spot`` or ``proxy_calls_futures`` says
what the user's key needs and what it costs; without a line it is refused.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from kubroker.foundation.errors import BadRequestError, ForbiddenError
from kubroker.kucoin.identity import ProxyHost
from kubroker.kucoin.permissions import Permission
from kubroker.proxy.calls_futures import FUTURES_CALLS
from kubroker.proxy.calls_spot import SPOT_CALLS

PUBLIC_POOL = "PUBLIC"
MAX_PATH_CHARACTERS = 512
MAX_QUERY_CHARACTERS = 4096
_PATH = re.compile(r"/(?:[A-Za-z0-9._-]+/)*[A-Za-z0-9._-]+")
_ONLY_DOTS = re.compile(r"/\.+(?:/|$)")
# Printable ASCII but for what no URL's query may hold as it is.
_QUERY = re.compile(r"(?:[!$&-;=?-Z_a-z~\[\]]|%[0-9A-Fa-f]{2})*")
# An id of KuCoin's own has a digit: so no word that KuCoin may put there later passes for one.
_VARIABLES = {
    "accountId": r"(?=[^/]*[0-9])[A-Za-z0-9_-]+",
    "orderId": r"(?=[^/]*[0-9])[A-Za-z0-9_-]+",
    "withdrawalId": r"(?=[^/]*[0-9])[A-Za-z0-9_-]+",
    "clientOid": r"[A-Za-z0-9._-]+",
    "currency": r"[A-Za-z0-9._-]+",
    "symbol": r"[A-Za-z0-9._-]+",
}


@dataclass(frozen=True, slots=True)
class ForwardableCall:
    """One line of the table.

    Attributes:
        method: Upper case.
        pattern: The path with its variables' names, as in KuCoin's documents.
        permission: What the user's key needs; None for a public call, which is not signed.
        pool: KuCoin's quota that it draws on.
        weight: How much of it.
    """

    method: str
    pattern: str
    permission: Permission | None
    pool: str
    weight: int


@dataclass(frozen=True, slots=True)
class BodyRule:
    """What a call's body may hold; compared with the decoded JSON, each field once.

    Attributes:
        fields: Every field that is allowed, to the letter.
        fixed: Fields that have to be there with exactly this value.
    """

    fields: frozenset[str]
    fixed: Mapping[str, str]


# Source: KuCoin, Flex Transfer: type INTERNAL moves between accounts of one user; PARENT_TO_SUB
# and SUB_TO_PARENT move to another one.
BODY_RULES: dict[tuple[ProxyHost, str, str], BodyRule] = {
    ("spot", "POST", "/api/v3/accounts/universal-transfer"): BodyRule(
        fields=frozenset(
            {
                "clientOid",
                "currency",
                "amount",
                "type",
                "fromAccountType",
                "fromAccountTag",
                "toAccountType",
                "toAccountTag",
            }
        ),
        fixed={"type": "INTERNAL"},
    ),
}


def parse_calls(table: str) -> tuple[ForwardableCall, ...]:
    """Reads a table of calls.

    Args:
        table: A line a call: method, path, permission or ``-``, pool, weight.
    """
    rows = (line.split() for line in table.strip().splitlines())
    return tuple(
        ForwardableCall(
            method=method,
            pattern=pattern,
            permission=None if permission == "-" else Permission(permission),
            pool=pool,
            weight=int(weight),
        )
        for method, pattern, permission, pool, weight in rows
    )


CALLS: dict[ProxyHost, tuple[ForwardableCall, ...]] = {
    "spot": parse_calls(SPOT_CALLS),
    "futures": parse_calls(FUTURES_CALLS),
}


def _compile(pattern: str) -> re.Pattern[str]:
    """A path pattern; a name in braces stands for one segment of that kind."""
    parts = re.split(r"\{(\w+)\}", pattern)
    literal = [re.escape(part) for part in parts[::2]]
    variables = [_VARIABLES[name] for name in parts[1::2]]
    return re.compile("".join(a + b for a, b in zip(literal, [*variables, ""], strict=True)))


_EXACT = {
    (host, call.method, call.pattern): call
    for host, calls in CALLS.items()
    for call in calls
    if "{" not in call.pattern
}
_WITH_VARIABLES = {
    host: [(call, _compile(call.pattern)) for call in calls if "{" in call.pattern]
    for host, calls in CALLS.items()
}


def parse_path(tail: str) -> str:
    """The path to forward, from what stands behind the proxy's own prefix.

    Args:
        tail: For example ``api/v1/accounts``, decoded: API Gateway has decoded it, so a path
            that needs encoding can't be forwarded byte for byte, and none of KuCoin's does.

    Raises:
        BadRequestError: A segment is empty, all dots, or has other characters than
            ``A-Z a-z 0-9 . _ -``.
    """
    path = f"/{tail}"
    is_short = len(path) <= MAX_PATH_CHARACTERS
    if not is_short or not _PATH.fullmatch(path) or _ONLY_DOTS.search(path):
        raise BadRequestError(
            "The path behind the prefix has to be segments of A-Z a-z 0-9 . _ -, none of them "
            "empty or only dots.",
            code="invalid_path",
            field="path",
        )
    return path


def decode_query(raw: str) -> str:
    """The query as KuCoin signs it: decoded, while it is sent as it came.

    Source: KuCoin, signing: the query is signed raw, sent encoded; ``+`` is a blank as in the
    official SDK's encoding.

    Raises:
        BadRequestError: It is no query: a character that has to be encoded, a percent sign
            without two hexadecimal digits, or bytes that are not UTF-8.
    """
    if len(raw) > MAX_QUERY_CHARACTERS or not _QUERY.fullmatch(raw):
        raise _build_query_error()
    try:
        return unquote_plus(raw, errors="strict")
    except UnicodeDecodeError:
        raise _build_query_error() from None


def _build_query_error() -> BadRequestError:
    return BadRequestError(
        f"The query has to be at most {MAX_QUERY_CHARACTERS} characters, percent-encoded UTF-8.",
        code="invalid_query",
        field="query",
    )


def find_call(host: ProxyHost, method: str, path: str) -> ForwardableCall | None:
    """The call's line, or None: then it is not forwarded."""
    exact = _EXACT.get((host, method, path))
    if exact is not None:
        return exact
    for call, pattern in _WITH_VARIABLES[host]:
        if call.method == method and pattern.fullmatch(path):
            return call
    return None


def check_body(host: ProxyHost, call: ForwardableCall, body: bytes, *, query: str = "") -> None:
    """Holds the body to the call's rule, where it has one; then all of it stands in the body.

    A query beside it might say otherwise than the body, and KuCoin may read that.

    Args:
        host: Of the call.
        call: Its line.
        body: As it came.
        query: As it came.

    Raises:
        BadRequestError: A GET with a body; or a rule applies and the body is not a JSON object
            with each field once.
        ForbiddenError: The rule forbids a field or its value, or there is a query.
    """
    if call.method == "GET" and body:
        raise BadRequestError("A GET has no body.", code="body_not_allowed", field="body")
    rule = BODY_RULES.get((host, call.method, call.pattern))
    if rule is None:
        return
    if query:
        raise ForbiddenError(
            "This call is forwarded without a query: all it says stands in its body.",
            code="field_not_forwarded",
            field="query",
        )
    content = _parse_object(body)
    if unknown := set(content) - rule.fields:
        raise ForbiddenError(
            "The body has a field that is not forwarded in this call.",
            code="field_not_forwarded",
            field=min(unknown)[:64],
        )
    for name, value in rule.fixed.items():
        if content.get(name) != value:
            raise ForbiddenError(
                f"This call is forwarded with {name} {value} only.",
                code="field_not_forwarded",
                field=name,
            )


def _refuse_constant(name: str) -> None:
    """NaN and Infinity are no JSON: each reader takes them for something else."""
    raise ValueError(f"{name} is no JSON")


def _parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object; of a field that is there twice nobody knows which one holds."""

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a field is there twice")
        return dict(pairs)

    try:
        content = json.loads(
            body.decode(), object_pairs_hook=build, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise BadRequestError(
            "The body has to be a JSON object, each field once.", code="invalid_json", field="body"
        )
    return content
