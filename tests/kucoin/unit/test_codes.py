"""The one table of KuCoin's codes: whole, and alone."""

import ast
import re
from pathlib import Path

import pytest

from kubroker.foundation.errors import KucoinRefusedError
from kubroker.foundation.settings import KucoinProtocol
from kubroker.kucoin.codes import (
    CODES,
    RATE_LIMITED,
    Act,
    Acting,
    Fault,
    Meaning,
    Read,
    find_code,
    is_definite_no,
    is_installations,
    is_passing_read,
)

ROOT = Path(__file__).parents[3]
TABLE = "layers/kubroker/kubroker/kucoin/codes.py"
# What KuCoin does not document is a setting; the table says what each of these sets means.
SETTINGS = {
    f"layers/kubroker/kubroker/foundation/{name}_protocol.py"
    for name in ("broker", "kucoin", "withdrawal")
}
CODE = re.compile(r"[1-9][0-9]{5}|40[0-9]{3}")
BUSY = ["200002", "230005", "408000", "500000"]
GATEWAY = [
    "400001", "400002", "400003", "400004", "400005", "400006", "400007",
    "400200", "400201", "400202", "415000",
]  # fmt: skip
REQUEST = ["400301", "400303", "411100", "400100"]
MONEY = ["260325", "260210", "260100", "200004"]
NAMES = ["900003", "900014"]
DEPOSIT = ["260000", "260220", "260200"]
DEFINITE = {
    Act.TOKEN: [*GATEWAY, "invalid_grant", "40002", "invalid_client", "40003"],
    Act.KEY: [*GATEWAY, "40503", "40010", "40011", "40001"],
    Act.WITHDRAWAL: [
        *GATEWAY, *REQUEST, *MONEY, *NAMES,
        "260330", "260401", "260402", "260403", "260404", "260410", "260430",
    ],
    Act.CANCELLATION: [*GATEWAY, *REQUEST, "260420"],
    Act.DEPOSIT_ADDRESS: [*GATEWAY, *REQUEST, *NAMES, *DEPOSIT],
}  # fmt: skip
EVERY = sorted({code for codes in DEFINITE.values() for code in codes} | set(CODES) | {"404", "x"})


def refused(code, status=200, quota_left=None):
    error = KucoinRefusedError(code, "words", http_status_received=status)
    error.quota_left = quota_left
    return error


def acting(act, **overrides):
    return Acting(act, KucoinProtocol(**overrides))


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("code", EVERY)
def test_no_is_definite_for_an_act_only_by_the_list(act, code):
    assert is_definite_no(refused(code), acting(act)) is (code in DEFINITE[act])


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("status", [201, 204, 404, 405, 408, 409, 500, 502, 503, 504])
def test_no_with_a_status_that_kucoin_gives_no_refusal_is_not_definite(act, status):
    for code in DEFINITE[act]:
        assert not is_definite_no(refused(code, status), acting(act))


@pytest.mark.parametrize("act", Act)
def test_limit_is_definite_only_where_nothing_of_the_quota_is_left(act):
    for left, is_definite in ((0, True), (1, False), (4, False), (2000, False), (None, False)):
        limit = refused(RATE_LIMITED, 429, left)
        assert is_definite_no(limit, acting(act)) is is_definite
        assert not is_definite_no(limit, acting(act, limit_means_nothing_done=False))


def test_settings_name_codes_of_their_own_act():
    protocol = {"wrong_code_codes": frozenset({"7"})}
    assert is_definite_no(refused("7"), acting(Act.WITHDRAWAL, **protocol))
    assert not is_definite_no(refused("260402"), acting(Act.WITHDRAWAL, **protocol))
    assert not is_definite_no(refused("7"), acting(Act.KEY, **protocol))


@pytest.mark.parametrize(
    ("code", "status", "is_passing"),
    [
        *((code, 200, True) for code in [*BUSY, "429000", "400002", "400006", "400202"]),
        *((code, 200, False) for code in ["400003", "400100", "404000", "900003", "x"]),
        ("x", 500, True),
        ("400003", 500, False),
    ],
)
def test_read_is_passing_by_the_table_not_by_its_status(code, status, is_passing):
    assert is_passing_read(refused(code, status)) is is_passing


def test_address_is_refused_with_either_code_and_the_partner_with_neither():
    meanings = {code: line.meaning for code, line in CODES.items()}
    addresses = {code for code, meaning in meanings.items() if meaning is Meaning.IP_NOT_ALLOWED}
    assert addresses == {"400006", "400202"}
    assert meanings["400200"] is meanings["400201"] is Meaning.PARTNER


def test_fault_is_an_operators_where_only_an_operator_can_mend_it():
    operators = {code for code in CODES if is_installations(code)}
    assert operators == {
        "400001", "400002", "400006", "400202", "400200", "400201", "415000", "404000",
    }  # fmt: skip
    assert find_code("400003").fault is Fault.OWNER
    assert find_code("230005").fault is Fault.KUCOIN


def test_every_line_has_a_source_and_one_that_nobody_listed_says_nothing():
    assert all(line.source for line in CODES.values())
    unlisted = find_code("never seen")
    assert (unlisted.meaning, unlisted.read) == (Meaning.OTHER, Read.REFUSED)
    assert not unlisted.definite_for


def list_codes(path):
    """Texts that may be a code of KuCoin's, and numbers that are one, each with its line."""
    constants = (
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
    )
    for node in constants:
        value = node.value
        is_text = isinstance(value, str) and CODE.fullmatch(value)
        is_number = isinstance(value, int) and value > 9999 and str(value) in EVERY
        if is_text or is_number:
            yield str(value), node.lineno


def test_no_other_module_lists_codes():
    found = [
        (str(path.relative_to(ROOT)), code, line)
        for folder in ("layers/kubroker/kubroker", "functions")
        for path in (ROOT / folder).rglob("*.py")
        for code, line in list_codes(path)
    ]
    assert {code for path, code, _ in found if path == TABLE} >= set(CODES)
    assert [item for item in found if item[0] not in {TABLE, *SETTINGS}] == []


def test_settings_are_the_only_codes_that_the_table_does_not_list():
    for name in SETTINGS:
        assert not {code for code, _ in list_codes(ROOT / name)} & set(CODES)
