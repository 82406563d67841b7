"""A payout's results as files: one line a user, in the order of the request. Pure."""

import csv
import io
import json
from collections.abc import Iterable

from kubroker.payouts.model import Payout, PayoutRow

COLUMNS = (
    "userId", "address", "memo", "currency", "chain", "account", "contractAddress", "code", "detail"
)  # fmt: skip
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


def build_rows(payout: Payout, rows: Iterable[PayoutRow]) -> list[dict[str, str | None]]:
    """Every column of every row; what is not there is None."""
    shared = {"currency": payout.currency, "chain": payout.chain, "account": payout.account.value}
    return [{name: ({**row.to_item(), **shared}).get(name) for name in COLUMNS} for row in rows]


def build_jsonl(rows: Iterable[dict[str, str | None]]) -> bytes:
    """A JSON object a line."""
    lines = (json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n" for row in rows)
    return "".join(lines).encode()


def build_csv(rows: Iterable[dict[str, str | None]]) -> bytes:
    """A header line and a line a row, every value in quotes and to the letter.

    Source: RFC 4180: lines end with CRLF.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows({name: value or "" for name, value in row.items()} for row in rows)
    return text.getvalue().encode()
