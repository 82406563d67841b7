"""Totals: exact, the same in whatever order, bounded, and honest about what is in no sum."""

import json
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.exports.records import COLUMNS, ExportKind
from kubroker.exports.totals import MEASURES, ExportTotals, parse_figure

FILLS = (ExportKind.SPOT_FILLS, ExportKind.FUTURES_FILLS)
MOVES = (ExportKind.DEPOSITS, ExportKind.WITHDRAWALS)


def record(kind, **fields):
    """A record with every column of its kind."""
    usual = {
        "time": "2025-06-16T10:00:00.000Z",
        "symbol": "BTC-USDT",
        "baseCurrency": "BTC",
        "quoteCurrency": "USDT",
        "settleCurrency": "USDT",
        "side": "buy",
        "funds": "60",
        "value": "60",
        "fee": "0.06",
        "feeCurrency": "USDT",
        "currency": "USDT",
        "change": "5",
        "amount": "5",
        "status": "SUCCESS",
    }
    return {name: fields.get(name, usual.get(name, "")) for name in COLUMNS[kind]}


def build(records, **options):
    totals = ExportTotals(**options)
    for kind, fields in records:
        totals.add(kind, fields)
    return totals


def sums(totals):
    return {
        tuple(key): {name: format(amount, "f") for name, amount in row.sums.items()}
        for key, row in totals.rows()
    }


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        (ExportKind.SPOT_FILLS, {}, {"USDT": {"bought": "60", "fee": "0.06"}}),
        (ExportKind.SPOT_FILLS, {"side": "sell"}, {"USDT": {"sold": "60", "fee": "0.06"}}),
        (
            ExportKind.SPOT_FILLS,
            {"feeCurrency": "KCS", "fee": "0.000000000000000001"},
            {"USDT": {"bought": "60"}, "KCS": {"fee": "0.000000000000000001"}},
        ),
        (ExportKind.SPOT_FILLS, {"fee": ""}, {"USDT": {"bought": "60"}}),
        (
            ExportKind.FUTURES_FILLS,
            {"settleCurrency": "XBT", "value": "0.5", "feeCurrency": ""},
            {"XBT": {"bought": "0.5", "fee": "0.06"}},
        ),
        (ExportKind.TRADE_LEDGER, {}, {"USDT": {"in": "5", "fee": "0.06"}}),
        (ExportKind.FUNDING_LEDGER, {"change": "-5.50"}, {"USDT": {"out": "5.50", "fee": "0.06"}}),
        (ExportKind.FUTURES_LEDGER, {"change": "-0"}, {"USDT": {"in": "0", "fee": "0.06"}}),
        (ExportKind.DEPOSITS, {"fee": "0"}, {"USDT": {"done": "5", "fee": "0"}}),
        (ExportKind.DEPOSITS, {"status": "PROCESSING"}, {"USDT": {"open": "5"}}),
        (ExportKind.WITHDRAWALS, {"status": "FAILURE"}, {"USDT": {"open": "5"}}),
        (ExportKind.WITHDRAWALS, {}, {"USDT": {"done": "5", "fee": "0.06"}}),
    ],
)
def test_record_goes_into_the_sums_of_its_kind(kind, fields, expected):
    totals = build([(kind, record(kind, **fields))])
    assert sums(totals) == {(kind, currency, "2025-06"): of for currency, of in expected.items()}
    assert totals.count_records() == {kind: {"2025-06": 1}}
    assert {name for of in expected.values() for name in of} <= set(MEASURES[kind])


@pytest.mark.parametrize("kind", list(ExportKind))
@pytest.mark.parametrize(
    "fields",
    [
        {"time": ""},
        {"time": "2025-13-01T00:00:00Z"},
        {"time": "tomorrow"},
        {"fee": "free"},
        {"fee": "1e999999"},
        {"fee": "NaN"},
        {"fee": " 1"},
        {"fee": "1_0"},
        {"fee": "\u0661"},
        {"currency": "", "quoteCurrency": "", "settleCurrency": ""},
        {"currency": "X" * 33, "quoteCurrency": "X" * 33, "settleCurrency": "X" * 33},
        {"amount": "", "change": "", "funds": "", "value": ""},
        {"amount": "-", "change": "-", "funds": "-", "value": "-"},
    ],
)
def test_record_that_can_not_be_read_is_counted_and_in_no_sum(kind, fields):
    totals = build([(kind, record(kind, **fields)), (kind, {})])
    assert totals.rows() == []
    assert totals.unreadable == {kind: 2}


def test_fill_of_neither_side_is_in_no_sum():
    kind = ExportKind.SPOT_FILLS
    assert build([(kind, record(kind, side="both"))]).unreadable == {kind: 1}


def test_sum_is_exact_where_floats_and_the_usual_context_are_not():
    kind = ExportKind.TRADE_LEDGER
    large, small = "9" * 30, "0." + "0" * 29 + "1"
    records = [(kind, record(kind, change=change, fee="")) for change in [large, small] * 1000]
    ((_, row),) = build(records).rows()
    expected = 1000 * (Fraction(large) + Fraction(small))
    assert Fraction(row.sums["in"]) == expected
    assert row.records == row.figures == 2000


kinds = st.sampled_from(list(ExportKind))
currencies = st.sampled_from(["USDT", "BTC", "KCS", "<b>", "ZZZ"])
months = st.sampled_from(["2024-12", "2025-01", "2025-02"])
amounts = st.decimals("-1e12", "1e12", places=18, allow_nan=False).map(lambda d: format(d, "f"))


@st.composite
def a_record(draw):
    kind = draw(kinds)
    amount, currency = draw(amounts), draw(currencies)
    fields = dict.fromkeys(("amount", "change", "funds", "value"), amount)
    fields |= dict.fromkeys(("currency", "quoteCurrency", "settleCurrency"), currency)
    return kind, record(
        kind,
        time=f"{draw(months)}-03T00:00:00Z",
        fee=draw(st.one_of(st.just(""), st.just("free"), amounts)),
        feeCurrency=draw(currencies),
        side=draw(st.sampled_from(["buy", "sell", "?"])),
        status=draw(st.sampled_from(["SUCCESS", "FAILURE"])),
        **fields,
    )


@given(
    records=st.lists(a_record(), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    order=st.randoms(use_true_random=False),
    max_rows=st.sampled_from([1, 2, 3, 5, 5000]),
)
def test_parts_merged_in_any_order_are_one_pass(records, cuts, order, max_rows):
    whole = build(records, max_rows=max_rows)
    edges = sorted({0, len(records), *(min(cut, len(records)) for cut in cuts)})
    parts = [build(records[a:b], max_rows=max_rows) for a, b in pairwise(edges)]
    order.shuffle(parts)
    merged = ExportTotals(max_rows)
    for part in parts:
        stored = json.loads(json.dumps(part.to_json()))
        merged.merge(ExportTotals.from_json(stored, max_rows))
    assert json.dumps(merged.to_json()) == json.dumps(whole.to_json())
    assert len(merged.rows()) <= max_rows


@given(records=st.lists(a_record(), max_size=40))
def test_totals_are_the_sums_of_the_records(records):
    expected: dict = defaultdict(Fraction)
    unreadable: dict = defaultdict(int)
    for kind, fields in records:
        is_open = kind in MOVES and fields["status"] != "SUCCESS"  # its fee is in no sum
        if (fields["fee"] == "free" and not is_open) or fields.get("side") == "?":
            unreadable[kind] += 1
            continue
        currency = fields.get("quoteCurrency") or fields.get("settleCurrency") or fields["currency"]
        amount = Fraction(
            fields.get("funds") or fields.get("value") or fields.get("change") or fields["amount"]
        )
        if kind in FILLS:
            measure = "bought" if fields["side"] == "buy" else "sold"
        elif kind in MOVES:
            measure = "done" if fields["status"] == "SUCCESS" else "open"
        else:
            measure, amount = ("out" if amount < 0 else "in"), abs(amount)
        month = fields["time"][:7]
        expected[kind, currency, month, measure] += amount
        if fields["fee"] and measure != "open":
            expected[kind, fields.get("feeCurrency") or currency, month, "fee"] += Fraction(
                fields["fee"]
            )
    totals = build(records)
    found = {
        (*key, measure): Fraction(amount)
        for key, row in totals.rows()
        for measure, amount in row.sums.items()
    }
    assert found == dict(expected)
    assert totals.unreadable == dict(unreadable)
    counted = sum(number for of in totals.count_records().values() for number in of.values())
    assert counted + sum(unreadable.values()) == len(records)


def test_rows_beyond_the_bound_are_left_out_as_a_whole_and_counted():
    kind = ExportKind.TRADE_LEDGER
    names = [f"C{number:04d}" for number in range(50)] + ["USDT", "BTC"]
    records = [(kind, record(kind, currency=name, fee="")) for name in names * 2]
    forward = build(records, max_rows=10)
    backward = build(records[::-1], max_rows=10)
    assert forward.to_json() == backward.to_json()
    kept = {key.currency for key, _ in forward.rows()}
    assert kept == {"USDT", "BTC", *(f"C{number:04d}" for number in range(8))}
    assert all(row.sums == {"in": Decimal(10)} for _, row in forward.rows())
    assert forward.left_out == {kind: 84}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"rows": None, "unreadable": {}, "leftOut": {}},
        {"rows": [["spot_fills", "USDT"]], "unreadable": {}, "leftOut": {}},
        {"rows": [["other", "A", "2025-01", 1, 1, {}]], "unreadable": {}, "leftOut": {}},
        {
            "rows": [["deposits", "A", "2025-01", 1, 1, {"in": "x"}]],
            "unreadable": {},
            "leftOut": {},
        },
        {"rows": [["deposits", "A", "2025-01", 1, 1, {"in": 1}]], "unreadable": {}, "leftOut": {}},
        {"rows": [], "unreadable": {"other": 1}, "leftOut": {}},
        {"rows": [], "unreadable": []},
    ],
)
def test_what_are_no_totals_is_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011 - whose words these are is of no account
        ExportTotals.from_json(data)


@pytest.mark.parametrize(
    ("text", "value"), [("0E-8", 0), ("1E+3", 1000), ("-0.50", Fraction(-1, 2)), ("007", 7)]
)
def test_figure_is_read_to_the_letter(text, value):
    assert Fraction(parse_figure(text)) == value
