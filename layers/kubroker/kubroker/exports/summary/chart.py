"""The summary's chart: records by month, a bar each, its parts by kind. Pure.

The bars are inline SVG without text: months and counts are beside them in HTML, so that they keep
their size on a phone and are read out.
"""

from collections.abc import Mapping

from markupsafe import Markup

from kubroker.exports.records import ExportKind
from kubroker.exports.summary.texts import TEXTS, show_count, show_month

MAX_MONTHS = 36
_WIDTH = 1000

_CHART = Markup("""<section class="card" aria-labelledby="activity">
<h2 id="activity">Records by month</h2>
<p class="soft small">By the time at which things happened, in UTC.{notes}</p>
<figure aria-labelledby="activity">
<ul class="legend">{legend}</ul>
<ol class="bars">{bars}</ol>
</figure>
</section>
""")
_LEGEND = Markup(
    '<li><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true" focusable="false">'
    '<rect class="{shade}" width="10" height="10" rx="2"/></svg>{title}</li>'
)
_BAR = Markup(
    '<li><span class="month">{month}</span>'
    '<svg class="bar" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true" '
    'focusable="false">{parts}</svg>'
    '<span class="count">{count}<span class="hidden"> records: {told}</span></span></li>\n'
)
_PART = Markup('<rect class="{shade}" x="{x}" width="{width}" height="20"/>')
SHADES = {kind: f"k{place}" for place, kind in enumerate(ExportKind)}


def render_chart(
    counted: Mapping[ExportKind, Mapping[str, int]], *, is_partial: bool = False
) -> Markup:
    """The chart, or nothing where no record was counted.

    Args:
        counted: Kind to month (``2025-06``) to records.
        is_partial: Some records are in no total.
    """
    found = {month for months in counted.values() for month in months}
    if not found:
        return Markup("")
    every = _list_months(min(found), max(found))
    shown = every[-MAX_MONTHS:]
    totals = {month: sum(months.get(month, 0) for months in counted.values()) for month in shown}
    longest = max(totals.values()) or 1
    bars = [_build_bar(month, counted, totals[month], longest) for month in shown]
    notes = ""
    if len(every) > len(shown):
        notes += f" The last {MAX_MONTHS} months; earlier ones are in the tables."
    if is_partial:
        notes += " Of the records that are in the totals."
    return _CHART.format(
        notes=notes,
        legend=Markup("").join(
            _LEGEND.format(shade=SHADES[kind], title=TEXTS[kind].title)
            for kind in ExportKind
            if counted.get(kind)
        ),
        bars=Markup("").join(bars),
    )


def _build_bar(
    month: str, counted: Mapping[ExportKind, Mapping[str, int]], total: int, longest: int
) -> Markup:
    parts, told, sofar = [], [], 0
    for kind in ExportKind:
        records = counted.get(kind, {}).get(month, 0)
        if not records:
            continue
        start, end = (_WIDTH * edge // longest for edge in (sofar, sofar + records))
        # What there is can be seen, however little it is.
        parts.append(_PART.format(shade=SHADES[kind], x=start, width=max(end - start, 2)))
        told.append(f"{TEXTS[kind].title} {show_count(records)}")
        sofar += records
    return _BAR.format(
        month=show_month(month),
        parts=Markup("").join(parts),
        count=show_count(total),
        told=", ".join(told) or "none",
    )


def _list_months(first: str, last: str) -> list[str]:
    """Every month from the first to the last, both included; of a long span the end."""
    place = _count_months(last)
    start = max(_count_months(first), place - MAX_MONTHS)
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(start, place + 1)]


def _count_months(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1
