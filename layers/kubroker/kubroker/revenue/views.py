"""Requests and answers of rebate reports and tag checks."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Self

from kubroker.foundation.errors import BadRequestError, NotFoundError, UnprocessableError
from kubroker.revenue.client import TradeType
from kubroker.revenue.tags import TagCheck
from kubroker.web.api import ResponseModel, format_time

# Source: KuCoin, "Get Broker Rebate": at most six months, a link for one day.
MAX_DAYS = 184
LINK_SECONDS = 86_400
DAY_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


@dataclass(frozen=True, slots=True)
class RebateQuery:
    """Which report is asked for; both days belong to it."""

    begin: date
    end: date
    trade_type: TradeType


class RebateReportResponse(ResponseModel):
    """``GET /v1/rebates``: KuCoin's own link to its CSV file, for whoever has it."""

    begin: str
    end: str
    trade_type: TradeType
    url: str
    url_expires_at: str | None

    @classmethod
    def build(cls, query: RebateQuery, url: str, *, now: int) -> Self:
        """The link, and until when it should work."""
        return cls(
            begin=query.begin.isoformat(),
            end=query.end.isoformat(),
            trade_type=query.trade_type,
            url=url,
            url_expires_at=format_time(now + LINK_SECONDS),
        )


class UntaggedUserView(ResponseModel):
    """Placed orders through the proxy; KuCoin's volume of the day is all without the tag."""

    user_id: str
    untagged_volume: str


class TagCheckResponse(ResponseModel):
    """``GET /v1/tag-checks/{day}``."""

    day: str
    state: Literal["RUNNING", "FINISHED"]
    looked: int
    with_orders: int
    unchecked: int
    untagged_count: int
    is_alarming: bool
    untagged: list[UntaggedUserView]
    updated_at: str | None

    @classmethod
    def build(cls, check: TagCheck) -> Self:
        """The check as it stands."""
        return cls(
            day=check.day,
            state="FINISHED" if check.is_finished else "RUNNING",
            looked=check.looked,
            with_orders=check.with_orders,
            unchecked=check.unchecked,
            untagged_count=check.untagged_count,
            is_alarming=check.is_alarming,
            untagged=[UntaggedUserView(**user.model_dump()) for user in check.untagged],
            updated_at=format_time(check.updated_at),
        )


def parse_rebate_query(query: dict[str, Any] | None) -> RebateQuery:
    """Days and market of ``GET /v1/rebates``.

    Raises:
        BadRequestError: An unknown parameter.
        UnprocessableError: A value is not acceptable.
    """
    given = query or {}
    if unknown := set(given) - {"from", "to", "tradeType"}:
        raise BadRequestError(
            "There is no such parameter.", code="unknown_parameter", field=min(unknown)[:64]
        )
    begin, end = _parse_day(given, "from"), _parse_day(given, "to")
    if not 0 <= (end - begin).days < MAX_DAYS:
        raise UnprocessableError(
            f"to has to be from or later, and both at most {MAX_DAYS} days.", field="to"
        )
    if given.get("tradeType") not in set(TradeType):
        raise UnprocessableError("tradeType has to be SPOT or FUTURES.", field="tradeType")
    return RebateQuery(begin, end, TradeType(given["tradeType"]))


def parse_day_segment(value: str) -> str:
    """A day from a path.

    Raises:
        NotFoundError: It can't be one.
    """
    if _find_day(value) is None:
        raise NotFoundError("That day was not checked.", code="tag_check_not_found")
    return value


def _parse_day(given: dict[str, Any], name: str) -> date:
    day = _find_day(str(given.get(name, "")))
    if day is None:
        raise UnprocessableError(f"{name} has to be a day such as 2025-06-16.", field=name)
    return day


def _find_day(value: str) -> date | None:
    if not re.fullmatch(DAY_PATTERN, value, re.ASCII):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
