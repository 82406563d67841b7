"""Numbers, pages and time windows of list calls, checked as strictly as KuCoin does.

Whether a window's end belongs to it is unknown: the world `window_end`. Which end a silently
clamped window keeps is unknown too: the world `window_clamp`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.wire import Json, Refusal

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
MAX_CURRENCIES = 10


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, both ends included, in milliseconds."""

    start_ms: int
    end_ms: int

    def holds(self, time_ms: int) -> bool:
        """Tell whether a moment lies in it."""
        return self.start_ms <= time_ms <= self.end_ms


def parse_number(query: dict[str, str], name: str, default: int) -> int:
    """Return a whole number of the query.

    Raises:
        Refusal: 400100, it is no number.
    """
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise Refusal("400100", f"{name} must be a number")
    return int(text)


def parse_choice(query: dict[str, str], name: str, *choices: str) -> str:
    """Return a word of the query, empty where it is not given.

    Raises:
        Refusal: 400100, it is none of the choices.
    """
    value = query.get(name, "")
    if value and value not in choices:
        raise Refusal("400100", f"{name} must be one of {', '.join(choices)}")
    return value


def parse_currencies(query: dict[str, str]) -> frozenset[str]:
    """Return the currencies of a comma-separated list; empty means all.

    Raises:
        Refusal: 400100, more than ten.
    """
    given = frozenset(code for code in query.get("currency", "").split(",") if code)
    if len(given) > MAX_CURRENCIES:
        raise Refusal("400100", "currency: at most 10")
    return given


def parse_window(exchange: Exchange, span_ms: int, *, clamps: bool = False) -> Window:
    """Return the window asked for; a missing end is filled in at the distance of `span_ms`.

    Args:
        exchange: The call with startAt and endAt.
        span_ms: The longest window.
        clamps: Whether a longer window is silently cut instead of refused.

    Raises:
        Refusal: 400100, the window is reversed or (unless it clamps) too long.
    """
    query, worlds = exchange.request.query(), exchange.state.worlds
    start = parse_number(query, "startAt", 0) if query.get("startAt") else None
    end = parse_number(query, "endAt", 0) if query.get("endAt") else None
    if end is None:
        end = exchange.state.now_ms() if start is None else start + span_ms
    if start is None:
        start = max(0, end - span_ms)
    if start > end:
        raise Refusal("400100", "startAt must not be after endAt")
    if end - start > span_ms and not clamps:
        raise Refusal("400100", f"The time range must not exceed {span_ms // HOUR_MS} hours")
    if end - start > span_ms and worlds.window_clamp == "newest":
        start = end - span_ms
    elif end - start > span_ms:
        end = start + span_ms
    return Window(start, end if worlds.window_end == "included" else end - 1)


def keep(exchange: Exchange, window: Window, days: float) -> Window:
    """Cut off what KuCoin has forgotten."""
    oldest = exchange.state.now_ms() - round(days * DAY_MS)
    return Window(max(window.start_ms, oldest), window.end_ms)


def parse_limit(query: dict[str, str], default: int, highest: int) -> int:
    """Return `limit`.

    Raises:
        Refusal: 400100, it is not within 1 and the highest.
    """
    limit = parse_number(query, "limit", default)
    if not 1 <= limit <= highest:
        raise Refusal("400100", f"limit must be within 1 and {highest}")
    return limit


def show_page[T](
    query: dict[str, str],
    found: Sequence[T],
    show: Callable[[T], Json],
    *,
    lowest: int = 10,
    highest: int = 500,
) -> Json:
    """Return one page of what was found, in KuCoin's form.

    Args:
        query: currentPage and pageSize.
        found: Everything, latest first.
        show: Turns one into its JSON.
        lowest: Smallest page.
        highest: Largest page.

    Raises:
        Refusal: 400100, the page or its size is out of range.
    """
    page = parse_number(query, "currentPage", 1)
    size = parse_number(query, "pageSize", 50)
    if size > highest:
        raise Refusal("400100", f"pageSize should not greater than {highest}")
    if size < lowest or page < 1:
        raise Refusal(
            "400100", f"pageSize should not less than {lowest}, currentPage not less than 1"
        )
    shown = found[(page - 1) * size : page * size]
    return {
        "currentPage": page,
        "pageSize": size,
        "totalNum": len(found),
        "totalPage": -(-len(found) // size),
        "items": [show(item) for item in shown],
    }
