"""An export's summary for a person: one HTML file that needs nothing else. Pure.

No script, nothing loaded: its policy allows its own style sheet only. Whatever did not come from
this code is escaped by markupsafe and kept apart in ``bdi``.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from itertools import groupby

from markupsafe import Markup

from kubroker.exports.records import ExportKind
from kubroker.exports.summary.chart import render_chart
from kubroker.exports.summary.model import ExportFacts, FileFacts, GapFacts
from kubroker.exports.summary.style import STYLE
from kubroker.exports.summary.texts import (
    TEXTS,
    count_noun,
    render_table,
    show_count,
    show_day,
    show_moment,
    show_size,
)
from kubroker.exports.totals import ExportTotals, Row, RowKey

MAX_GAPS = 200
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
_DOCUMENT = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex, nofollow">
<title>Account export, {period} · {broker}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<div class="frame">
{head}<main>
{content}</main>
<footer class="soft small"><p>All times are UTC. All sums are exact: each is the sum of the figures
in the files, to the last digit. Currencies are never converted. Export <bdi>{export_id}</bdi>,
made {made}.</p></footer>
</div>
</body>
</html>
""")
_HEAD = Markup("""<header class="card">
<div><p class="over"><bdi>{broker}</bdi></p>
<h1>Account export, {period}</h1></div>
{verdict}<dl class="facts">
<div class="figure"><dt>Records</dt><dd>{records}</dd></div>
<div class="figure"><dt>Users</dt><dd>{users}</dd></div>
<div class="figure"><dt>Files</dt><dd>{files}</dd></div>
<div class="moment"><dt>From</dt><dd>{start}</dd></div>
<div class="moment"><dt>To</dt><dd>{end}</dd></div>
<div class="moment"><dt>Made</dt><dd>{made}</dd></div>
</dl>
</header>
""")
_VERDICT = Markup(
    '<div class="verdict {tone}"><strong>{title}</strong><p>{text}</p>{notes}</div>\n'
)
_NOTES = Markup("<ul>{items}</ul>")
_ITEM = Markup("<li>{text}</li>")
_GAPS = Markup("""<section class="card" aria-labelledby="missing">
<h2 id="missing">What is missing</h2>
<p class="soft small">{about}</p>
<div class="scroll" role="region" aria-labelledby="missing" tabindex="0">
<table class="text" role="table">
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">What</th>
<th scope="col" role="columnheader">User</th><th scope="col" role="columnheader">From</th>
<th scope="col" role="columnheader">To</th><th scope="col" role="columnheader">Why</th></tr></thead>
<tbody role="rowgroup">
{rows}</tbody></table></div>
</section>
""")
_GAP = Markup(
    '<tr role="row"><th scope="row" role="rowheader">{kind}</th>'
    '<td role="cell" data-label="User"><bdi>{user}</bdi></td>'
    '<td role="cell" data-label="From" class="nowrap">{start}</td>'
    '<td role="cell" data-label="To" class="nowrap">{end}</td>'
    '<td role="cell" data-label="Why"><bdi>{reason}</bdi></td></tr>\n'
)
_KIND = Markup("""<section class="card" aria-labelledby="{id}">
<h2 id="{id}">{title}</h2>
<p class="soft small">{about}</p>
{table}</section>
""")
_EMPTY = Markup("<p>{text}</p>\n")
_FILES = Markup("""<section class="card" aria-labelledby="files">
<h2 id="files">Files</h2>
<p class="soft small">A file is whole and unchanged if its SHA-256 is the one here.</p>
<div class="scroll" role="region" aria-labelledby="files" tabindex="0">
<table class="text" role="table">
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">File</th>
<th scope="col" role="columnheader" class="number">Records</th>
<th scope="col" role="columnheader" class="number">Size</th>
<th scope="col" role="columnheader">SHA-256</th></tr></thead>
<tbody role="rowgroup">
{rows}</tbody></table></div>
</section>
""")
_FILE = Markup(
    '<tr role="row"><th scope="row" role="rowheader"><bdi>{name}</bdi></th>'
    '<td role="cell" data-label="Records" class="number">{records}</td>'
    '<td role="cell" data-label="Size" class="number">{size}</td>'
    '<td role="cell" data-label="SHA-256"><code>{digest}</code></td></tr>\n'
)


def render_summary(manifest: ExportFacts, totals: ExportTotals) -> str:
    """The whole file.

    Args:
        manifest: What the export is, and what it lacks.
        totals: Of all its records.
    """
    parts = [
        _render_gaps(manifest),
        render_chart(totals.count_records(), is_partial=bool(totals.unreadable or totals.left_out)),
        *_render_kinds(manifest.kinds, totals),
        _render_files(manifest.files),
    ]
    return str(
        _DOCUMENT.format(
            policy=_POLICY,
            period=_show_period(manifest),
            broker=manifest.broker_name,
            style=Markup(STYLE),  # noqa: S704 - a constant of ours
            head=_render_head(manifest, totals),
            content=Markup("").join(parts),
            export_id=manifest.export_id,
            made=show_moment(manifest.created_at * 1000),
        )
    )


def _show_period(manifest: ExportFacts) -> str:
    return f"{show_day(manifest.start_ms)} to {show_day(manifest.end_ms)}"


def _render_head(manifest: ExportFacts, totals: ExportTotals) -> Markup:
    return _HEAD.format(
        broker=manifest.broker_name,
        period=_show_period(manifest),
        verdict=_render_verdict(manifest, totals),
        records=show_count(sum(file.records for file in manifest.files)),
        users=show_count(manifest.users),
        files=show_count(len(manifest.files)),
        start=show_moment(manifest.start_ms),
        end=show_moment(manifest.end_ms),
        made=show_moment(manifest.created_at * 1000),
    )


def _render_verdict(manifest: ExportFacts, totals: ExportTotals) -> Markup:
    """Whether it is complete, and what the totals lack, in the first thing that is read."""
    notes = [
        *(
            f"{TEXTS[kind].title}: {count_noun(number, 'record', 'records')} with a figure that "
            "can’t be read; in the files, in no total."
            for kind, number in totals.unreadable.items()
        ),
        *(
            f"{TEXTS[kind].title}: {count_noun(number, 'figure', 'figures')} of further currencies "
            "or months; in the files, in no total."
            for kind, number in totals.left_out.items()
        ),
    ]
    gaps = max(manifest.gap_count, len(manifest.gaps))
    if gaps:
        title = f"Not complete: {count_noun(gaps, 'period is', 'periods are')} missing"
        text = "The files and the totals below lack what is listed under What is missing."
    elif notes:
        title, text = "The files are complete, the totals are not", "These are not in the totals:"
    else:
        title = "Complete"
        text = "KuCoin answered for every period that was asked for; nothing is missing."
    listed = Markup("").join(_ITEM.format(text=note) for note in notes)
    return _VERDICT.format(
        tone="warn" if gaps or notes else "good",
        title=title,
        text=text,
        notes=_NOTES.format(items=listed) if notes else "",
    )


def _render_gaps(manifest: ExportFacts) -> Markup:
    shown: Sequence[GapFacts] = manifest.gaps[:MAX_GAPS]
    more = max(manifest.gap_count, len(manifest.gaps)) - len(shown)
    if not shown and not more:
        return Markup("")
    about = "These periods were asked for and are not in the files."
    if more:
        about += f" {count_noun(more, 'more is', 'more are')} in the manifest."
    rows = (
        _GAP.format(
            kind=TEXTS[gap.kind].title,
            user="every user" if gap.user_id is None else gap.user_id,
            start=show_moment(gap.start_ms),
            end=show_moment(gap.end_ms),
            reason=gap.reason,
        )
        for gap in shown
    )
    return _GAPS.format(about=about, rows=Markup("").join(rows))


def _render_kinds(kinds: Sequence[ExportKind], totals: ExportTotals) -> Iterable[Markup]:
    by_kind: dict[ExportKind, list[tuple[RowKey, Row]]] = {
        kind: list(rows) for kind, rows in groupby(totals.rows(), key=lambda row: row[0].kind)
    }
    for kind in ExportKind:
        if kind not in kinds and kind not in by_kind:
            continue
        rows = by_kind.get(kind, [])
        has_others = kind in totals.unreadable or kind in totals.left_out
        text = "No record of it is in the totals." if has_others else "No record in this period."
        name = kind.replace("_", "-")
        yield _KIND.format(
            id=name,
            title=TEXTS[kind].title,
            about=TEXTS[kind].about,
            table=render_table(kind, rows, label=name) if rows else _EMPTY.format(text=text),
        )


def _render_files(files: Sequence[FileFacts]) -> Markup:
    rows = (
        _FILE.format(
            name=file.name,
            records=show_count(file.records),
            size=show_size(file.size_bytes),
            digest=file.sha256,
        )
        for file in files
    )
    return _FILES.format(rows=Markup("").join(rows))
