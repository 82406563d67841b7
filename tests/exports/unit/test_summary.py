"""The summary: one file, nothing loaded, nothing believed, and what is missing in its head."""

import base64
import hashlib
import re
from decimal import Decimal

import pytest

from kubroker.exports.records import ExportKind
from kubroker.exports.summary.chart import MAX_MONTHS, render_chart
from kubroker.exports.summary.model import ExportFacts, GapFacts
from kubroker.exports.summary.page import MAX_GAPS, render_summary
from kubroker.exports.summary.texts import (
    TEXTS,
    find_decimals,
    show_amount,
    show_moment,
    show_size,
)
from kubroker.exports.totals import MEASURES, ExportTotals
from tests.exports.unit.summaries import (
    START_MS,
    build_complete,
    build_every_summary,
    build_totals,
)
from tests.exports.unit.test_totals import record
from tests.support.gallery import Outline

HOSTILE = "\"><script>alert(1)</script>'{0}{x.y}</td></table><img src=x onerror=1>"
SUMMARIES = build_every_summary()


def read_policy(outline):
    (meta,) = [
        one for one in outline.all("meta") if one.get("http-equiv") == "Content-Security-Policy"
    ]
    parts = (part.split(" ") for part in meta["content"].split("; "))
    return {name: sources for name, *sources in parts}


def read_rows(html, heading):
    """The lines of a table's body, cells apart; a heading of a group is a line of one."""
    section = re.search(rf'<h2 id="{heading}">.*?</section>', html, re.DOTALL)[0]
    lines = re.findall(r"<tr[^>]*>(.*?)</tr>", section, re.DOTALL)[1:]
    return [
        [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", line)]
        for line in lines
    ]


@pytest.mark.parametrize("name", SUMMARIES)
def test_summary_is_one_whole_document_that_loads_nothing(name):
    outline = Outline(SUMMARIES[name])
    assert outline.open == []
    assert outline.all("html") == [{"lang": "en"}]
    for tag in ("header", "main", "footer", "h1", "title", "style"):
        assert len(outline.all(tag)) == 1
    for tag in ("script", "img", "iframe", "object", "form", "input", "a", "base"):
        assert outline.all(tag) == []
    assert outline.all("link") == [{"rel": "icon", "href": "data:,"}]
    assert "http:" not in SUMMARIES[name]
    assert "https:" not in SUMMARIES[name]
    assert "url(" not in SUMMARIES[name]
    assert "@import" not in SUMMARIES[name]
    for _tag, attributes in outline.tags:
        assert not [key for key in attributes if key == "style" or key.startswith("on")]


@pytest.mark.parametrize("name", SUMMARIES)
def test_summary_policy_lets_its_own_style_in_and_nothing_else(name):
    outline = Outline(SUMMARIES[name])
    digest = hashlib.sha256(outline.raw["style"][0].encode()).digest()
    assert read_policy(outline) == {
        "default-src": ["'none'"],
        "style-src": [f"'sha256-{base64.b64encode(digest).decode()}'"],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    policy = SUMMARIES[name].index("Content-Security-Policy")
    assert policy < SUMMARIES[name].index("<style>"), "a policy holds for what follows it"


@pytest.mark.parametrize("name", SUMMARIES)
def test_summary_hostile_texts_are_escaped(name):
    plain = Outline(SUMMARIES[name])
    hostile = Outline(build_every_summary(HOSTILE)[name])
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    assert HOSTILE in hostile.text
    if name == "gaps":
        assert hostile.text.count(HOSTILE) >= 5, "broker, title, user, reasons"
        assert HOSTILE[:32] in hostile.text.replace(HOSTILE, ""), "currency"
    assert read_policy(hostile) == read_policy(plain)


@pytest.mark.parametrize("name", SUMMARIES)
def test_summary_ids_are_unique_and_labels_point_at_them(name):
    outline = Outline(SUMMARIES[name])
    ids = [attributes["id"] for _tag, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = {attributes.get("aria-labelledby") for _tag, attributes in outline.tags} - {None}
    assert labels <= set(ids)
    for table in outline.all("th"):
        assert table["scope"] in {"col", "row", "rowgroup"}


def test_head_says_that_it_is_complete():
    head = SUMMARIES["complete"].partition("</header>")[0]
    assert '<div class="verdict good"><strong>Complete</strong>' in head
    assert "What is missing" not in SUMMARIES["complete"]


def test_head_says_what_is_missing_before_any_figure():
    head = SUMMARIES["gaps"].partition("</header>")[0]
    assert '<div class="verdict warn"><strong>Not complete: 2 periods are missing' in head
    assert SUMMARIES["gaps"].index("Not complete") < SUMMARIES["gaps"].index("33,712")
    assert read_rows(SUMMARIES["gaps"], "missing") == [
        [
            "Spot fills",
            "user-1",
            "1 Jan 2025, 00:00 UTC",
            "10 Jan 2025, 00:00 UTC",
            "KuCoin keeps them for 7 days.",
        ],
        [
            "Futures account ledger",
            "every user",
            "31 Dec 2025, 22:59 UTC",
            "31 Dec 2025, 23:59 UTC",
            "KuCoin keeps them for 7 days.",
        ],
    ]


def test_head_says_what_the_totals_lack():
    head = SUMMARIES["bounded"].partition("</header>")[0]
    assert '<div class="verdict warn"><strong>The files are complete, the totals are' in head
    assert "Deposits: 1 record with a figure that can’t be read" in head
    assert re.search(r"Spot fills: [0-9]+ figures of further currencies or months", head)
    assert "No record of it is in the totals." in SUMMARIES["bounded"]
    assert "Of the records that are in the totals." in SUMMARIES["bounded"]


def test_one_gap_is_one_and_many_are_cut_with_their_number():
    gap = GapFacts("u", ExportKind.DEPOSITS, START_MS, START_MS, "why")
    one = render_summary(build_complete(gaps=(gap,)), ExportTotals())
    assert "Not complete: 1 period is missing" in one
    many = render_summary(build_complete(gaps=(gap,) * 300, gap_count=1234), ExportTotals())
    assert "Not complete: 1,234 periods are missing" in many
    assert "1,034 more are in the manifest." in many
    assert len(read_rows(many, "missing")) == MAX_GAPS
    counted = render_summary(build_complete(gap_count=1), ExportTotals())
    assert "Not complete: 1 period is missing" in counted
    assert "1 more is in the manifest." in counted


def test_files_are_listed_with_counts_sizes_and_hashes():
    rows = read_rows(SUMMARIES["complete"], "files")
    assert rows[0] == ["spot_fills.csv", "1,204", "18.3 kB", "0" * 64]
    assert rows[-1] == ["withdrawals.csv", "8,428", "9.7 GB", "6" * 64]
    assert len(rows) == 7


def test_table_shows_exact_sums_by_currency_and_month_with_points_in_line():
    kind, totals = ExportKind.TRADE_LEDGER, ExportTotals()
    for month, change, fee in (
        ("2025-01", "1000000.5", ""),
        ("2025-01", "-0.000000000000000001", "0.10"),
        ("2025-03", "-2000", ""),
    ):
        totals.add(kind, record(kind, time=f"{month}-05T00:00:00Z", change=change, fee=fee))
    html = render_summary(build_complete(kinds=(kind,)), totals)
    assert read_rows(html, "trade-ledger") == [
        ["USDT"],
        [
            "Jan 2025",
            "2",
            "1,000,000.5",
            "0.000000000000000001",
            "1,000,000.499999999999999999",
            "0.1",
        ],
        ["Mar 2025", "1", "–", "2,000.000000000000000000", "-2,000.000000000000000000", "–"],
        [
            "Total",
            "3",
            "1,000,000.5",
            "2,000.000000000000000001",
            "998,000.499999999999999999",
            "0.1",
        ],
    ]


def test_net_is_exact_beyond_the_usual_context():
    kind, totals = ExportKind.FUNDING_LEDGER, ExportTotals()
    for change in ("123456789012345678901234567890.5", "-0.000000000000000000000001"):
        totals.add(kind, record(kind, change=change, fee=""))
    html = render_summary(build_complete(kinds=(kind,)), totals)
    (_, line) = read_rows(html, "funding-ledger")
    assert line[4] == "123,456,789,012,345,678,901,234,567,890.499999999999999999999999"


def test_tables_hold_every_row_of_the_totals():
    totals = build_totals()
    for kind in ExportKind:
        lines = read_rows(SUMMARIES["complete"], kind.replace("_", "-"))
        assert len(lines) == 2 * (1 + 12 + 1)
        months = [line for line in lines if len(line) > 1 and line[0] != "Total"]
        rows = [row for key, row in totals.rows() if key.kind is kind]
        assert [int(line[1].replace(",", "")) for line in months] == [row.records for row in rows]
        first = MEASURES[kind][0]
        shown = [Decimal(line[2].replace(",", "")) for line in months]
        assert shown == [row.sums[first] for row in rows]


def test_kind_that_was_not_asked_for_is_not_told_and_an_empty_one_is():
    facts = build_complete(kinds=(ExportKind.DEPOSITS,))
    html = render_summary(facts, ExportTotals())
    assert read_rows(html, "deposits") == []
    assert "No record in this period." in html
    assert "Withdrawals" not in html


def test_every_kind_has_texts_for_every_measure():
    assert set(TEXTS) == set(MEASURES) == set(ExportKind)
    assert all(len(TEXTS[kind].columns) == len(MEASURES[kind]) for kind in ExportKind)


def test_chart_has_every_month_between_and_parts_in_proportion():
    chart = str(
        render_chart(
            {
                ExportKind.SPOT_FILLS: {"2024-11": 30, "2025-02": 1},
                ExportKind.DEPOSITS: {"2024-11": 10},
            }
        )
    )
    assert re.findall(r'class="month">([^<]+)', chart) == [
        "Nov 2024", "Dec 2024", "Jan 2025", "Feb 2025",
    ]  # fmt: skip
    assert re.findall(r'<rect class="(k.)" x="(\d+)" width="(\d+)" height="20"', chart) == [
        ("k0", "0", "750"),
        ("k5", "750", "250"),
        ("k0", "0", "25"),
    ]
    assert "40<span" in chart
    assert "records: Spot fills 30, Deposits 10" in chart
    assert chart.count("records: none") == 2


def test_chart_of_a_long_time_shows_the_last_months_and_says_so():
    months = {f"{1971 + number // 12}-{number % 12 + 1:02d}": 1 for number in range(100)}
    chart = str(render_chart({ExportKind.DEPOSITS: months}))
    assert chart.count("<li><span") == MAX_MONTHS
    assert f"The last {MAX_MONTHS} months" in chart
    assert render_chart({}) == ""


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        ("0", 0, "0"),
        ("-0.00", 2, "0.00"),
        ("1234.50", 1, "1,234.5"),
        ("-1234567.5", 3, "-1,234,567.500"),
        ("1E+6", 0, "1,000,000"),
        ("1E-8", 8, "0.00000001"),
    ],
)
def test_amount_is_shown_to_the_digit(amount, decimals, text):
    assert find_decimals(Decimal(amount)) <= decimals
    assert show_amount(Decimal(amount), decimals) == text
    assert Decimal(text.replace(",", "")) == Decimal(amount)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (2500000, "2.5 MB"),
        (10**12, "1,000.0 GB"),
    ],
)
def test_size_is_told_in_decimal_units(size, text):
    assert show_size(size) == text


def test_moment_is_utc_to_the_minute():
    assert show_moment(START_MS) == "1 Jan 2025, 00:00 UTC"
    assert show_moment(START_MS - 1) == "31 Dec 2024, 23:59 UTC"


def test_facts_are_plain_values():
    assert isinstance(build_complete(), ExportFacts)
