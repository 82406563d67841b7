"""A payout's files: every value to the letter, whatever is in it."""

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from kubroker.payouts.addresses_model import Account, find_address
from kubroker.payouts.model import Payout, PayoutRow, derive_payout_id, name_part, split_users
from kubroker.payouts.work import COLUMNS, build_csv, build_jsonl, build_rows

PAYOUT = Payout(
    payout_id="p",
    currency="XRP",
    chain="xrp",
    account=Account.MAIN,
    total=1,
    part_count=1,
    parts_left=0,
    request_hash="0" * 64,
    created_at=0,
    ttl=0,
)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(
    st.lists(
        st.builds(
            PayoutRow, user_id=st.from_regex(r"\A[A-Za-z0-9_-]{1,8}\Z"), address=texts, memo=texts
        ),
        max_size=4,
    )
)
def test_files_hold_every_value_to_the_letter(made):
    rows = build_rows(PAYOUT, made)
    assert [json.loads(line) for line in build_jsonl(rows).decode().split("\n")[:-1]] == rows
    table = list(csv.DictReader(io.StringIO(build_csv(rows).decode(), newline="")))
    assert table == [{name: value or "" for name, value in row.items()} for row in rows]


def test_file_without_rows_has_its_header():
    assert build_csv([]).decode() == ",".join(f'"{name}"' for name in COLUMNS) + "\r\n"


def test_parts_are_of_twenty_and_sort_by_number():
    users = [str(number) for number in range(45)]
    assert [len(part) for part in split_users(users)] == [20, 20, 5]
    names = [name_part("ab" * 32, number) for number in (9, 10, 499)]
    assert names == sorted(names)


def test_same_key_names_the_same_payout():
    assert derive_payout_id("a") == derive_payout_id("a") != derive_payout_id("b")


def test_address_of_kucoin_is_read():
    told = {
        "address": "rAddress",
        "memo": "123",
        "chainId": "xrp",
        "to": "TRADE",
        "expirationDate": 0,
        "currency": "XRP",
        "contractAddress": "",
        "chainName": "XRP",
    }
    found = find_address(told)
    assert (found.memo, found.account, found.expires_at) == ("123", Account.TRADE, None)
    assert find_address({**told, "expirationDate": 1_700_000_000_123}).expires_at == 1_700_000_000
    assert find_address({**told, "memo": ""}).memo is None
    assert find_address({**told, "to": "elsewhere"}).account is None


def test_address_that_lacks_what_funds_depend_on_is_none():
    told = {"address": "rAddress", "memo": "123", "chainId": "xrp", "currency": "XRP"}
    for name in ("address", "chainId", "currency"):
        assert find_address({**told, name: ""}) is None
        assert find_address({**told, name: 1}) is None
    assert find_address({**told, "memo": 123}) is None
    assert find_address(None) is None
