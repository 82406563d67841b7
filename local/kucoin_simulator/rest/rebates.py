"""The broker's reports: which trades of its users carried its tag.

Source:
    KuCoin's SDK: `GET /api/v1/broker/api/rebase/download?begin=20240610&end=20241010&tradeType=1`
    (General, Management 3): at most six months; the answer is the URL of a CSV file that is valid
    for one day; only the broker's own account may ask. The file's columns are not documented; the
    ones here are assumed, and so is that a day's trades are in it once the day (UTC) is over.
    KuCoin's own list of calls for assistants, and clients: `GET /api/v2/broker/queryDetailByUid`
    (tradeType all, SPOT or FUTURE; uid, startAt, endAt, lastId, direction, pageSize): a bare list
    of rows. That each row is a trade, the earliest first, is assumed; so is when it shows up.
"""

import csv
import io
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from local.kucoin_simulator import wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.funds.catalog import plain
from local.kucoin_simulator.model import RebateReport
from local.kucoin_simulator.paging import DAY_MS, parse_choice, parse_number
from local.kucoin_simulator.state import State
from local.kucoin_simulator.trading.trades import FUTURES, SPOT, Fill
from local.kucoin_simulator.wire import Json, Refusal, Response

FILES_PATH = "/broker-files/{fileId}"
MAX_DAYS = 184
MAX_PAGE = 500
COLUMNS = (
    "uid",
    "tradeType",
    "symbol",
    "orderId",
    "tradeId",
    "side",
    "price",
    "size",
    "volume",
    "fee",
    "feeCurrency",
    "rebate",
    "rebateCurrency",
    "tradeTime",
)
DIGITS = Decimal("0.00000001")


def order_report(exchange: Exchange) -> Response:
    """Make a report and tell where it is.

    Raises:
        Refusal: 400100 the span or tradeType, codeNotBroker.
    """
    query, state = exchange.request.query(), exchange.state
    if not exchange.user.is_broker:
        raise Refusal(state.settings.code_not_broker, "The account is not a broker")
    begin, end = _parse_day(query, "begin"), _parse_day(query, "end")
    venue = {"1": SPOT, "2": FUTURES}.get(query.get("tradeType", ""))
    if venue is None or not timedelta() <= end - begin <= timedelta(days=MAX_DAYS):
        raise Refusal("400100", "tradeType must be 1 or 2, the interval at most 6 months")
    start_ms = round(begin.timestamp() * 1000)
    now = state.now_ms()
    end_ms = min(round(end.timestamp() * 1000) + DAY_MS, now - now % DAY_MS) - 1
    file_id, token = secrets.token_hex(12), secrets.token_urlsafe(24)
    text = _write(state, venue, start_ms, end_ms)
    state.reports[file_id] = RebateReport(token, text, now + DAY_MS)
    path = FILES_PATH.format(fileId=f"{file_id}_file.csv")
    return wire.rest_ok({"url": f"{state.settings.public_url}{path}?X-Token={token}"})


def fetch_report(exchange: Exchange) -> Response:
    """Give the file to whoever has its URL, for a day."""
    file_id = exchange.params["fileId"].removesuffix("_file.csv")
    report = exchange.state.reports.get(file_id)
    given = exchange.request.query().get("X-Token", "")
    is_ours = report is not None and secrets.compare_digest(report.token, given)
    if report is None or not is_ours or exchange.state.now_ms() >= report.expires_ms:
        return Response(status=403, content_type="application/xml", outcome="403")
    return Response(body=report.text.encode(), content_type="text/csv", outcome="200")


def list_volumes(exchange: Exchange) -> Response:
    """List trades with their volume under the tag or without it.

    Raises:
        Refusal: 400100 a parameter, codeNotBroker.
    """
    query, state = exchange.request.query(), exchange.state
    if not exchange.user.is_broker:
        raise Refusal(state.settings.code_not_broker, "The account is not a broker")
    kind = parse_choice(query, "tradeType", "all", "SPOT", "FUTURE")
    parse_choice(query, "direction", "NEXT")
    size = parse_number(query, "pageSize", 50)
    if not 1 <= size <= MAX_PAGE:
        raise Refusal("400100", f"pageSize must be 1 to {MAX_PAGE}")
    start_ms = parse_number(query, "startAt", 0)
    end_ms = parse_number(query, "endAt", state.now_ms())
    venues = {"SPOT": (SPOT,), "FUTURE": (FUTURES,)}.get(kind, (SPOT, FUTURES))
    found = [
        (fill, venue, user.uid)
        for user in state.users.values()
        if query.get("uid", str(user.uid)) == str(user.uid)
        for venue in venues
        for fill in state.trades.fills_of(venue, user.name, start_ms, end_ms)
    ]
    rows = sorted((_build_volume(*one) for one in found), key=lambda row: str(row["lastId"]))
    after = [row for row in rows if str(row["lastId"]) > query.get("lastId", "")]
    return wire.rest_ok(after[:size])


def _build_volume(fill: Fill, venue: str, uid: int) -> Json:
    volume, fee = plain(fill.funds), plain(fill.fee)
    name = "spot" if venue == SPOT else "future"
    tag, other = ("WithTag", "WithNoTag") if fill.order.is_tagged else ("WithNoTag", "WithTag")
    names = ("spotTradingVolume", "futureTradingVolume", "tradingFee", "commission")
    return {
        "tradeTime": fill.time_ms,
        "uid": str(uid),
        "nickName": "",
        "invitedByMe": False,
        "totalCommission": "0",
        "totalVolume": volume,
        "totalFee": fee,
        "rcode": "",
        **{one + other: None for one in names},
        **{one + tag: "0" for one in names},
        f"{name}TradingVolume{tag}": volume,
        f"tradingFee{tag}": fee,
        "currency": "USDT",
        "lastId": f"{fill.time_ms:013d}{fill.trade_id:0>20}",
    }


def _write(state: State, venue: str, start_ms: int, end_ms: int) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(_rows(state, venue, start_ms, end_ms))
    return out.getvalue()


def _rows(state: State, venue: str, start_ms: int, end_ms: int) -> Iterator[tuple[object, ...]]:
    rate = Decimal(state.settings.rebate_rate)
    for user in state.users.values():
        for fill in state.trades.fills_of(venue, user.name, start_ms, end_ms):
            if fill.order.is_tagged:
                yield _row(user.uid, venue, fill, rate)


def _row(uid: int, venue: str, fill: Fill, rate: Decimal) -> tuple[object, ...]:
    order = fill.order
    return (
        uid,
        "1" if venue == SPOT else "2",
        order.symbol,
        order.order_id,
        fill.trade_id,
        order.side,
        plain(fill.price),
        plain(fill.size),
        plain(fill.funds),
        plain(fill.fee),
        fill.fee_currency,
        plain((fill.fee * rate).quantize(DIGITS, ROUND_DOWN)),
        fill.fee_currency,
        fill.time_ms,
    )


def _parse_day(query: dict[str, str], name: str) -> datetime:
    try:
        return datetime.strptime(query.get(name, ""), "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal("400100", f"{name} must be a day such as 20240610") from None
