"""What docs/openapi.json says of a route beyond the template: bodies, answers, refusals.

Refusals are the codes of problem answers by status. Those that every route may give are in
``tools.openapi``. The API's tests hold all of it against a running stack.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

PAGE = "text/html"
FORWARDED = "forwarded"
STORED = {503: ("store_unavailable", "store_contended")}
USER = {400: ("invalid_user_id",)}
KNOWN_USER = {**USER, 404: ("connection_not_found",)}
JSON_BODY = {422: ("invalid_value",)}
NO_KEY = ("connection_disconnected", "api_key_not_active")
KUCOIN = ("kucoin_unreachable", "kucoin_outcome_unknown", "kucoin_refused", "kucoin_error")
PAGES = (200, 400, 403, 404, 409, 410, 422, 429, 502)


@dataclass(frozen=True)
class Operation:
    """One route.

    Attributes:
        answers: Status to the model of its JSON, ``PAGE`` or ``FORWARDED``; None is a redirect.
        body: The request's model, or the schema of a form.
        refusals: Status to the codes of its problems.
        query: Names of query parameters.
        headers: Names of headers that are required.
    """

    summary: str
    answers: Mapping[int, type[BaseModel] | str | None]
    body: type[BaseModel] | dict[str, Any] | None = None
    refusals: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


def join(*parts: Mapping[int, tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    """Refusals of several kinds in one table."""
    joined: dict[int, tuple[str, ...]] = {}
    for part in parts:
        for status, codes in part.items():
            joined[status] = (*joined.get(status, ()), *codes)
    return joined


LIST = {400: ("unknown_parameter", "invalid_cursor"), 422: ("invalid_value",)}
