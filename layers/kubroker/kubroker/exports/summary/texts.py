"""Words and figures of an export's summary, as a person reads them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from itertools import groupby

from markupsafe import Markup

from kubroker.exports.records import ExportKind
from kubroker.exports.totals import MEASURES, Row, RowKey


@dataclass(frozen=True, slots=True)
class KindTexts:
    """How a kind is told.

    Attributes:
        title: Its heading.
        about: What its figures are, in a sentence.
        columns: Headings of its measures, in the order of ``MEASURES``.
        has_net: Whether the first less the second is worth a column.
    """

    title: str
    about: str
    columns: tuple[str, ...]
    has_net: bool = False


_LEDGER = "Transfers between the user’s own accounts are in here as well, once in and once out."
TEXTS: dict[ExportKind, KindTexts] = {
    ExportKind.SPOT_FILLS: KindTexts(
        "Spot fills",
        "What was paid for purchases and received for sales, in the quote currency of the pair. "
        "Fees are in the currency they were charged in.",
        ("Bought for", "Sold for", "Fees"),
    ),
    ExportKind.FUTURES_FILLS: KindTexts(
        "Futures fills",
        "The value of the contracts traded, in the currency they settle in.",
        ("Bought", "Sold", "Fees"),
    ),
    ExportKind.FUNDING_LEDGER: KindTexts(
        "Funding account ledger", _LEDGER, ("In", "Out", "Fees"), has_net=True
    ),
    ExportKind.TRADE_LEDGER: KindTexts(
        "Trading account ledger", _LEDGER, ("In", "Out", "Fees"), has_net=True
    ),
    ExportKind.FUTURES_LEDGER: KindTexts(
        "Futures account ledger",
        "Profit and loss that was realised, funding, and transfers.",
        ("In", "Out", "Fees"),
        has_net=True,
    ),
    ExportKind.DEPOSITS: KindTexts(
        "Deposits",
        "Received is what KuCoin has completed; the rest was still under way, or failed.",
        ("Received", "Not completed", "Fees"),
    ),
    ExportKind.WITHDRAWALS: KindTexts(
        "Withdrawals",
        "Sent is what KuCoin has completed; the rest was still under way, or failed. Fees are "
        "those of completed withdrawals.",
        ("Sent", "Not completed", "Fees"),
    ),
}


def show_count(number: int) -> str:
    """``1,234``."""
    return f"{number:,}"


def count_noun(number: int, singular: str, plural: str) -> str:
    """``1 user``, ``1,234 users``."""
    return f"{number:,} {singular if number == 1 else plural}"


def show_size(size_bytes: int) -> str:
    """``1.4 MB``: decimal units, as file managers tell them."""
    size = Decimal(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


def show_month(month: str) -> str:
    """``Jun 2025``."""
    return f"{datetime.strptime(month, '%Y-%m').replace(tzinfo=UTC):%b %Y}"


def show_day(time_ms: int) -> str:
    """``16 Jun 2025``."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{moment.day} {moment:%b %Y}"


def show_moment(time_ms: int) -> str:
    """``16 Jun 2025, 10:00 UTC``."""
    return f"{show_day(time_ms)}, {datetime.fromtimestamp(time_ms // 1000, UTC):%H:%M} UTC"


def find_decimals(amount: Decimal) -> int:
    """Digits behind the point, zeros at the end aside."""
    text = format(amount, "f")
    return len(text.rstrip("0").partition(".")[2]) if "." in text else 0


def show_amount(amount: Decimal, decimals: int) -> str:
    """``-1,234.50``: every digit, filled up with zeros to so many decimals.

    Args:
        amount: Exact.
        decimals: At least ``find_decimals(amount)``.
    """
    sign, text = ("-" if amount < 0 else ""), format(amount.copy_abs(), "f")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(decimals, "0")
    return f"{sign}{int(whole):,}" + (f".{fraction}" if fraction else "")


_EXACT = Context(prec=200)
_NOTHING = "–"
_TABLE = Markup("""<div class="scroll" role="region" aria-labelledby="{label}" tabindex="0">
<table class="figures">
<thead><tr><th scope="col">Month</th><th scope="col" class="number">Records</th>{heads}</tr></thead>
{groups}</table></div>
""")
_HEAD = Markup('<th scope="col" class="number">{title}</th>')
_GROUP = Markup("""<tbody>
<tr><th scope="rowgroup" colspan="{width}"><bdi>{currency}</bdi></th></tr>
{rows}</tbody>
""")
_ROW = Markup(
    '<tr{kind}><th scope="row">{month}</th><td class="number">{records}</td>{cells}</tr>\n'
)
_CELL = Markup('<td class="number">{text}</td>')


def render_table(kind: ExportKind, rows: Sequence[tuple[RowKey, Row]], *, label: str) -> Markup:
    """A kind's table.

    Args:
        kind: Of all rows.
        rows: By currency, then month.
        label: The id of its heading.
    """
    texts = TEXTS[kind]
    heads = [*texts.columns[:2], *(["Net"] if texts.has_net else []), *texts.columns[2:]]
    groups = (
        _render_group(kind, currency, [(key.month, row) for key, row in found], len(heads) + 2)
        for currency, found in groupby(rows, key=lambda item: item[0].currency)
    )
    return _TABLE.format(
        label=label,
        heads=Markup("").join(_HEAD.format(title=head) for head in heads),
        groups=Markup("").join(groups),
    )


def _render_group(
    kind: ExportKind, currency: str, months: Sequence[tuple[str, Row]], width: int
) -> Markup:
    """A currency's months and, where there are several, their sum; points stand in line."""
    total = Row()
    for _, row in months:
        total.add(row.records, row.figures, row.sums)
    lines = [(show_month(month), row, "") for month, row in months]
    if len(months) > 1:
        lines.append(("Total", total, Markup(' class="sum"')))
    cells = [_build_cells(kind, row) for _, row, _ in lines]
    decimals = [
        max(
            (find_decimals(amount) for line in cells if (amount := line[place]) is not None),
            default=0,
        )
        for place in range(width - 2)
    ]
    rendered = (
        _ROW.format(
            kind=shade,
            month=title,
            records=show_count(row.records),
            cells=Markup("").join(
                _CELL.format(text=_NOTHING if amount is None else show_amount(amount, places))
                for amount, places in zip(line, decimals, strict=True)
            ),
        )
        for (title, row, shade), line in zip(lines, cells, strict=True)
    )
    return _GROUP.format(width=width, currency=currency, rows=Markup("").join(rendered))


def _build_cells(kind: ExportKind, row: Row) -> list[Decimal | None]:
    """The measures in order, the net in between; None for what nothing went into."""
    first, second, fee = (row.sums.get(measure) for measure in MEASURES[kind])
    if not TEXTS[kind].has_net:
        return [first, second, fee]
    has_change = first is not None or second is not None
    net = _EXACT.subtract(first or Decimal(0), second or Decimal(0)) if has_change else None
    return [first, second, net, fee]
