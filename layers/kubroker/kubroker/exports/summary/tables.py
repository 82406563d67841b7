"""The summary's tables: a kind's sums by currency and month. Pure."""

from collections.abc import Sequence
from decimal import Context, Decimal
from itertools import groupby

from markupsafe import Markup

from kubroker.exports.records import ExportKind
from kubroker.exports.summary.texts import (
    TEXTS,
    find_decimals,
    show_amount,
    show_count,
    show_month,
)
from kubroker.exports.totals import MEASURES, Row, RowKey

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
