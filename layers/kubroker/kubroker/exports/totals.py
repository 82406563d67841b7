"""Totals of an export by kind, currency and month: exact, mergeable, bounded. Pure.

Totals of parts, merged in whatever order, are those of one pass over all records. Beyond
``MAX_ROWS`` rows the same rows are left out in every order: rows have a fixed rank, and those of
the lowest stay out as a whole; how many figures that concerns is told.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from typing import Any, NamedTuple, Self

from kubroker.exports.records import ExportKind

SCHEMA_VERSION = 1
MAX_ROWS = 5000
# What stays in where there are more rows than that.
_FIRST_CURRENCIES = ("USDT", "USDC", "BTC", "ETH", "KCS")
_MONTH = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])", re.ASCII)
_MAX_DIGITS = 60
_MAX_CURRENCY = 32
# Sums of 10^20 numbers of that size are exact; what would be rounded raises.
_EXACT = Context(prec=200, traps=[Inexact])
_DONE = "SUCCESS"

# What is summed of each kind, in this order; every figure is of the row's currency.
MEASURES: dict[ExportKind, tuple[str, ...]] = {
    ExportKind.SPOT_FILLS: ("bought", "sold", "fee"),
    ExportKind.FUTURES_FILLS: ("bought", "sold", "fee"),
    ExportKind.FUNDING_LEDGER: ("in", "out", "fee"),
    ExportKind.TRADE_LEDGER: ("in", "out", "fee"),
    ExportKind.FUTURES_LEDGER: ("in", "out", "fee"),
    ExportKind.DEPOSITS: ("done", "open", "fee"),
    ExportKind.WITHDRAWALS: ("done", "open", "fee"),
}


class RowKey(NamedTuple):
    """Which row: a kind, a currency as KuCoin writes it, a UTC month such as ``2025-06``."""

    kind: ExportKind
    currency: str
    month: str

    @property
    def rank(self) -> tuple[bool, str, str, str]:
        """Lower ranks stay."""
        return (self.currency not in _FIRST_CURRENCIES, self.currency, self.month, self.kind)


@dataclass(slots=True)
class Row:
    """One row.

    Attributes:
        records: Records whose main currency and month it is.
        figures: Amounts that went in.
        sums: Measure to its exact sum; without those that nothing went into.
    """

    records: int = 0
    figures: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)

    def add(self, records: int, figures: int, sums: Mapping[str, Decimal]) -> None:
        """Adds another row's content."""
        self.records += records
        self.figures += figures
        for measure, amount in sums.items():
            self.sums[measure] = _EXACT.add(self.sums.get(measure, Decimal(0)), amount)


class ExportTotals:
    """Sums of records; counts of what is in no sum.

    Attributes:
        unreadable: Kind to records with a figure, currency or month that can't be read.
        left_out: Kind to figures of rows beyond the bound.
    """

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        """Nothing yet."""
        self._max_rows = max_rows
        self._rows: dict[RowKey, Row] = {}
        self._last: RowKey | None = None
        self.unreadable: dict[ExportKind, int] = {}
        self.left_out: dict[ExportKind, int] = {}

    def add(self, kind: ExportKind, record: Mapping[str, str]) -> None:
        """Adds one record.

        Args:
            kind: Of the record.
            record: Its columns, as ``build_record`` gives them in ``fields``.
        """
        try:
            parts = list(_split(kind, record))
        except (ValueError, KeyError):
            self.unreadable[kind] = self.unreadable.get(kind, 0) + 1
            return
        for number, (key, measure, amount) in enumerate(parts):
            self._add(key, Row(int(number == 0), 1, {measure: amount}))

    def merge(self, other: Self) -> None:
        """Adds another part's totals."""
        for counts, more in (
            (self.unreadable, other.unreadable),
            (self.left_out, other.left_out),
        ):
            for kind, number in more.items():
                counts[kind] = counts.get(kind, 0) + number
        for key, row in other._rows.items():
            self._add(key, row)

    def rows(self) -> list[tuple[RowKey, Row]]:
        """Every row: by kind, then currency, then month."""
        order = {kind: place for place, kind in enumerate(ExportKind)}
        return sorted(
            self._rows.items(),
            key=lambda item: (order[item[0].kind], item[0].currency, item[0].month),
        )

    def count_records(self) -> dict[ExportKind, dict[str, int]]:
        """Kind to month to its records."""
        counted: dict[ExportKind, dict[str, int]] = {}
        for key, row in self.rows():
            if row.records:
                months = counted.setdefault(key.kind, {})
                months[key.month] = months.get(key.month, 0) + row.records
        return counted

    def to_json(self) -> dict[str, Any]:
        """As JSON: decimals as text, the same for the same totals."""
        return {
            "schemaVersion": SCHEMA_VERSION,
            "rows": [
                [
                    *key,
                    row.records,
                    row.figures,
                    {name: _show(row.sums[name]) for name in sorted(row.sums)},
                ]
                for key, row in self.rows()
            ],
            "unreadable": {kind: self.unreadable[kind] for kind in sorted(self.unreadable)},
            "leftOut": {kind: self.left_out[kind] for kind in sorted(self.left_out)},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], max_rows: int = MAX_ROWS) -> Self:
        """Reads what ``to_json`` gave.

        Raises:
            ValueError: It is something else.
        """
        totals = cls(max_rows)
        try:
            for kind, currency, month, records, figures, sums in data["rows"]:
                key = RowKey(ExportKind(kind), str(currency), str(month))
                amounts = {str(name): parse_figure(text) for name, text in sums.items()}
                totals._add(key, Row(int(records), int(figures), amounts))
            for counts, name in ((totals.unreadable, "unreadable"), (totals.left_out, "leftOut")):
                for kind, number in data[name].items():
                    counts[ExportKind(kind)] = counts.get(ExportKind(kind), 0) + int(number)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("these are no totals of an export") from error
        return totals

    def _add(self, key: RowKey, row: Row) -> None:
        """Into its row; the row of the highest rank gives way where there are too many."""
        known = self._rows.get(key)
        if known is not None:
            known.add(row.records, row.figures, row.sums)
            return
        if len(self._rows) >= self._max_rows:
            last = self._find_last()
            if key.rank > last.rank:
                self._leave_out(key.kind, row)
                return
            self._leave_out(last.kind, self._rows.pop(last))
            self._last = None
        self._rows[key] = Row(row.records, row.figures, dict(row.sums))
        if self._last is not None and key.rank > self._last.rank:
            self._last = key

    def _find_last(self) -> RowKey:
        if self._last is None:
            self._last = max(self._rows, key=lambda key: key.rank)
        return self._last

    def _leave_out(self, kind: ExportKind, row: Row) -> None:
        self.left_out[kind] = self.left_out.get(kind, 0) + row.figures


def parse_figure(text: str) -> Decimal:
    """A decimal figure of a record, exactly.

    Raises:
        ValueError: It is none, or larger or finer than any that KuCoin tells.
    """
    try:
        figure = Decimal(text)
    except (ArithmeticError, TypeError):
        raise ValueError("not a decimal number") from None
    if not figure.is_finite() or not (text.isascii() and text == text.strip()) or "_" in text:
        raise ValueError("not a decimal number")
    exponent = int(figure.as_tuple().exponent)
    if abs(exponent) > _MAX_DIGITS or abs(figure.adjusted()) > _MAX_DIGITS:
        raise ValueError("a number of more digits than there are")
    return figure


def _split(kind: ExportKind, record: Mapping[str, str]) -> Iterator[tuple[RowKey, str, Decimal]]:
    """A record's figures, the main one first."""
    month = record["time"][:7]
    if not _MONTH.fullmatch(month):
        raise ValueError("not a month")
    currency, measure, amount = _read_main(kind, record)
    yield RowKey(kind, _check_currency(currency), month), measure, amount
    if record["fee"] and measure != "open":
        of_fee = record.get("feeCurrency") or currency
        yield RowKey(kind, _check_currency(of_fee), month), "fee", parse_figure(record["fee"])


def _read_main(kind: ExportKind, record: Mapping[str, str]) -> tuple[str, str, Decimal]:
    """Currency, measure and amount of what a record is about."""
    if kind in (ExportKind.SPOT_FILLS, ExportKind.FUTURES_FILLS):
        is_spot = kind is ExportKind.SPOT_FILLS
        currency = record["quoteCurrency" if is_spot else "settleCurrency"]
        measure = {"buy": "bought", "sell": "sold"}[record["side"]]
        return currency, measure, parse_figure(record["funds" if is_spot else "value"])
    if kind in (ExportKind.DEPOSITS, ExportKind.WITHDRAWALS):
        measure = "done" if record["status"] == _DONE else "open"
        return record["currency"], measure, parse_figure(record["amount"])
    change = parse_figure(record["change"])
    return record["currency"], "out" if change < 0 else "in", change.copy_abs()


def _check_currency(currency: str) -> str:
    """KuCoin's own word for it, whatever it holds; not without end, not empty."""
    if not 0 < len(currency) <= _MAX_CURRENCY:
        raise ValueError("not a currency")
    return currency


def _show(amount: Decimal) -> str:
    return format(amount, "f")
