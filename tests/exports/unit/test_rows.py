"""Rows of the files: no text of a stranger's is a formula, no amount is anything but itself."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.exports.files import RecordLines, RowWriter, build_line, find_time_ms
from kubroker.exports.model import ExportFormat
from kubroker.exports.records import COLUMNS, ExportKind, build_record
from tests.exports.unit.test_export_records import RAW

# Halves of surrogate pairs.
HIGH, LOW = chr(0xD83D), chr(0xDC00)
SIGNS = ["=", "+", "-", "@", "\t", "\r", "\n", "\0"]
STRANGERS = {
    ExportKind.FUNDING_LEDGER: ["context"],
    ExportKind.TRADE_LEDGER: ["context"],
    ExportKind.FUTURES_LEDGER: ["remark"],
    ExportKind.DEPOSITS: ["remark", "memo", "address", "walletTxId"],
    ExportKind.WITHDRAWALS: ["remark", "memo", "address", "walletTxId"],
}
FREE = [(kind, column) for kind, columns in STRANGERS.items() for column in columns]
# Everything that Python's text may hold, halves of surrogate pairs too.
TEXTS = st.text(st.characters(codec=None), max_size=30)


def build(kind, **fields):
    return build_record(kind, "user-1", {**RAW[kind], **fields}).fields


def write(kind, fields, form=ExportFormat.CSV):
    return RowWriter(kind, form).build_row(build_line(fields), fields)


def read(kind, row):
    """The row's values by column, as a reader of CSV has them."""
    (values,) = csv.reader(io.StringIO(row.decode(), newline=""))
    return dict(zip(COLUMNS[kind], values, strict=True))


def name_free(kind):
    return set(STRANGERS.get(kind, []))


@pytest.mark.parametrize("kind", ExportKind)
def test_head_names_the_columns_in_order(kind):
    head = RowWriter(kind, ExportFormat.CSV).build_head().decode()
    assert head == ",".join(f'"{column}"' for column in COLUMNS[kind]) + "\r\n"
    assert RowWriter(kind, ExportFormat.JSONL).build_head() == b""


@pytest.mark.parametrize("sign", SIGNS, ids=repr)
@pytest.mark.parametrize(("kind", "column"), FREE)
def test_text_that_begins_like_a_formula_gets_an_apostrophe(kind, column, sign):
    text = f'{sign}HYPERLINK("https://x.example","a")'
    fields = build(kind, **{column: text})
    told = read(kind, write(kind, fields))
    assert told[column] == f"'{text}"
    assert {name: value for name, value in told.items() if name != column} == {
        name: value for name, value in fields.items() if name != column
    }


@pytest.mark.parametrize("text", ["", "a=b", " =1", "'=1", "0", "x-1", 'say "=1"', "a\r\n=1"])
@pytest.mark.parametrize(("kind", "column"), FREE)
def test_other_text_stays_as_it_is(kind, column, text):
    fields = build(kind, **{column: text})
    assert read(kind, write(kind, fields))[column] == text


@pytest.mark.parametrize(("kind", "column"), FREE)
@pytest.mark.parametrize("sign", SIGNS, ids=repr)
def test_json_lines_are_exact_whatever_a_text_begins_with(kind, column, sign):
    fields = build(kind, **{column: f"{sign}1"})
    row = write(kind, fields, ExportFormat.JSONL)
    assert row == build_line(fields) + b"\n"
    assert json.loads(row) == fields
    assert json.loads(row)[column] == f"{sign}1"


@pytest.mark.parametrize("kind", [ExportKind.FUNDING_LEDGER, ExportKind.TRADE_LEDGER])
def test_what_left_an_account_has_its_sign_and_nothing_before_it(kind):
    row = write(kind, build(kind, amount="1.5", direction="out"))
    told = read(kind, row)
    assert (told["change"], told["amount"]) == ("-1.5", "1.5")
    assert b'"-1.5"' in row


@pytest.mark.parametrize("value", ["-1.5", "+1.5", "-0", "-1E+2"])
def test_amount_with_a_sign_stays_as_kucoin_told_it(value):
    kind = ExportKind.FUTURES_LEDGER
    told = read(kind, write(kind, build(kind, amount=value, accountEquity=value)))
    assert (told["change"], told["amount"], told["accountEquity"]) == (value, value, value)


@pytest.mark.parametrize("kind", ExportKind)
def test_no_other_column_ever_gets_an_apostrophe(kind):
    names = [name for name in COLUMNS[kind] if name not in name_free(kind)]
    fields = dict.fromkeys(COLUMNS[kind], "") | dict.fromkeys(names, "-1")
    assert read(kind, write(kind, fields)) == fields


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HIGH, "�"),
        (LOW, "�"),
        (f"gift {HIGH}", "gift �"),
        (f"{HIGH}x", "�x"),
        (f"{LOW}{HIGH}", "��"),
        (f"{HIGH}{chr(0xDE00)}", "😀"),
        ("😀", "😀"),
        ("e\u0301\u2028é\x00", "e\u0301\u2028é\x00"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("form", ExportFormat)
def test_half_of_a_surrogate_pair_becomes_the_replacement_character(text, told, form):
    kind = ExportKind.WITHDRAWALS
    # As it comes from the wire.
    raw = json.loads(json.dumps({**RAW[kind], "remark": text}))
    fields = build_record(kind, "user-1", raw).fields
    row = write(kind, fields, form)
    row.decode("utf-8", "strict")
    rows = {ExportFormat.CSV: lambda: read(kind, row), ExportFormat.JSONL: lambda: json.loads(row)}
    assert rows[form]()["remark"] == told


@given(kind=st.sampled_from(list(STRANGERS)), text=TEXTS)
def test_any_text_makes_one_row_of_valid_utf8(kind, text):
    column = STRANGERS[kind][0]
    fields = build(kind, **{column: text})
    row = write(kind, fields)
    told = read(kind, row)[column]
    assert told.removeprefix("'") == fields[column].removeprefix("'")
    assert not told.startswith(tuple(SIGNS))
    whole = all(not 0xD800 <= ord(letter) < 0xE000 for letter in text)
    assert not whole or fields[column] == text
    (line,) = write(kind, fields, ExportFormat.JSONL).split(b"\n")[:-1]
    assert json.loads(line.decode("utf-8", "strict")) == fields


@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_lines_that_are_written_down_are_read_again_one_by_one(texts):
    """S3's reader ends a line at each of what bytes call an end: none stands in a text."""
    kind, lines = ExportKind.WITHDRAWALS, RecordLines()
    records = [build_record(kind, "user-1", {**RAW[kind], "remark": text}) for text in texts]
    lines.add(records)
    content = lines.join()
    assert (len(lines), lines.size_bytes) == (len(texts), len(content))
    found = content.splitlines()
    assert [json.loads(line) for line in found] == [record.fields for record in records]
    assert [find_time_ms(line) for line in found] == [record.time_ms for record in records]
