"""Summaries for the tests here and in tests/browser: a year, none at all, the worst of it."""

from decimal import Decimal

from kubroker.exports.records import COLUMNS, ExportKind
from kubroker.exports.summary.model import ExportFacts, FileFacts, GapFacts
from kubroker.exports.summary.page import render_summary
from kubroker.exports.totals import ExportTotals

START_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z
END_MS = 1_767_225_599_999  # 2025-12-31T23:59:59.999Z
EVERY = tuple(ExportKind)


def build_facts(*, name="Northwind", user="user-1", reason="KuCoin keeps spot fills for 7 days."):
    """An export of a year with two gaps, its texts as given."""
    files = [
        FileFacts(f"{kind}.csv", 1_204 * (place + 1), 18_311 * 9**place, f"{place}" * 64)
        for place, kind in enumerate(EVERY)
    ]
    gaps = [
        GapFacts(user, ExportKind.SPOT_FILLS, START_MS, START_MS + 86_400_000 * 9, reason),
        GapFacts(None, ExportKind.FUTURES_LEDGER, END_MS - 3_600_000, END_MS, reason),
    ]
    return ExportFacts(
        broker_name=name,
        export_id="5f0c8a2f1b7d4e69a3c25d8e1f4b6a70",
        created_at=1_767_261_600,
        start_ms=START_MS,
        end_ms=END_MS,
        users=3,
        kinds=EVERY,
        files=files,
        gaps=gaps,
        gap_count=2,
    )


def build_complete(**changes):
    """The same without gaps."""
    facts = build_facts()
    return ExportFacts(
        **{
            **{name: getattr(facts, name) for name in ExportFacts.__slots__},
            "gaps": (),
            "gap_count": 0,
            **changes,
        }
    )


def build_totals(*, currency="USDT", months=12):
    """Some of every kind in each month."""
    totals = ExportTotals()
    for month in range(months):
        for place, kind in enumerate(EVERY):
            for number in range(2 + (month * 7 + place * 5) % 11):
                amount = Decimal(1_234_567 + month * 104_729 + place * 7919 + number) / 10_000
                sign = "-" if number % 3 == 0 else ""
                for code in (currency, "BTC"):
                    totals.add(kind, _build_record(kind, month, f"{sign}{amount}", code, number))
    return totals


def _build_record(kind, month, change, code, number):
    amount = change.removeprefix("-")
    small = str(Decimal(amount) / 100_000)
    fields = {
        "time": f"{2025 + month // 12}-{month % 12 + 1:02d}-16T10:00:00.000Z",
        "quoteCurrency": code,
        "settleCurrency": code,
        "currency": code,
        "side": "sell" if number % 3 == 0 else "buy",
        "funds": amount if code != "BTC" else small,
        "value": amount if code != "BTC" else small,
        "amount": amount if code != "BTC" else small,
        "change": change if code != "BTC" else change.replace(amount, small),
        "fee": small,
        "feeCurrency": code,
        "status": "SUCCESS" if number % 4 else "FAILURE",
    }
    return {name: fields.get(name, "") for name in COLUMNS[kind]}


def build_every_summary(hostile=""):
    """By name; with hostile texts wherever texts come from outside."""
    name, user = hostile or "Northwind", hostile or "user-1"
    currency = hostile[:32] or "USDT"
    bounded = ExportTotals(max_rows=3)
    bounded.merge(build_totals(currency=currency, months=2))
    bounded.add(ExportKind.DEPOSITS, {})
    return {
        "gaps": render_summary(
            build_facts(name=name, user=user, reason=hostile or "KuCoin keeps them for 7 days."),
            build_totals(currency=currency),
        ),
        "complete": render_summary(
            build_complete(broker_name=name), build_totals(currency=currency)
        ),
        "bounded": render_summary(build_complete(broker_name=name), bounded),
        "long": render_summary(
            build_complete(broker_name=name), build_totals(currency=currency, months=40)
        ),
        "empty": render_summary(
            build_complete(broker_name=name, files=(), users=0, kinds=()), ExportTotals()
        ),
    }
