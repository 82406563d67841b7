"""The broker's reports as KuCoin might write them: fields, pages, nonsense."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import SecretStr

from kubroker.foundation.errors import KucoinOutcomeUnknownError
from kubroker.foundation.kucoin_protocol import KucoinProtocol
from kubroker.kucoin.identity import BrokerAccount, KucoinSecret
from kubroker.revenue.client import MAX_PAGES, PAGE_ROWS, RebateClient, TradeType
from kubroker.revenue.tags import Volumes

ACCOUNT = BrokerAccount(
    api_key=SecretStr("key"), api_secret=SecretStr("secret"), passphrase=SecretStr("phrase")
)


class Rest:
    """Answers with what it is given, one after the other; remembers what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def get(self, path, query, *, credentials, deadline_seconds):
        assert credentials.passphrase.get_secret_value() == "phrase"
        self.asked.append((path, dict(query)))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def client(rest, **overrides):
    return RebateClient(rest, lambda: KucoinSecret(account=ACCOUNT), KucoinProtocol(**overrides))


def read(*answers, **overrides):
    rest = Rest(*answers)
    return client(rest, **overrides).read_volumes("7", 1, 2, deadline_seconds=1), rest


def test_volumes_are_added_over_rows_markets_and_spellings():
    rows = [
        {"spotTradingVolumeWithTag": "0.1", "futureTradingVolumeWithTag": None, "lastId": "1"},
        {"spotTradingVolumeWithTag": "", "futuresTradingVolumeWithTag": "0.2"},
        {"spotTradingVolumeWithNoTag": "1", "spotTradingVolumeWithoutTag": "1"},
        {"futuresTradingVolumeWithoutTag": Decimal("2.5"), "futureTradingVolumeWithNoTag": None},
        {},
    ]
    assert read(rows)[0] == Volumes(Decimal("0.3"), Decimal("3.5"))
    assert read({"items": rows})[0] == Volumes(Decimal("0.3"), Decimal("3.5"))
    assert read([])[0] == Volumes(Decimal(0), Decimal(0))


def test_volumes_follow_the_pages_to_the_last():
    full = [{"spotTradingVolumeWithTag": "1", "lastId": str(n)} for n in range(PAGE_ROWS)]
    found, rest = read(full, [{"spotTradingVolumeWithTag": "1"}])
    assert found == Volumes(Decimal(PAGE_ROWS + 1), Decimal(0))
    assert [query.get("lastId") for _, query in rest.asked] == [None, str(PAGE_ROWS - 1)]


def test_volumes_without_an_end_are_told_as_unreadable():
    full = [{"spotTradingVolumeWithTag": "1", "lastId": "same"}] * PAGE_ROWS
    found, rest = read(full)
    assert found is None
    assert len(rest.asked) == 2
    pages = [[{"lastId": f"{n}"}] * PAGE_ROWS for n in range(MAX_PAGES + 3)]
    found, rest = read(*pages)
    assert found is None
    assert len(rest.asked) == MAX_PAGES


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "rows",
        7,
        {"items": None},
        {"rows": []},
        ["row"],
        [{"spotTradingVolumeWithTag": "many"}],
        [{"spotTradingVolumeWithTag": "-1"}],
        [{"spotTradingVolumeWithTag": "NaN"}],
        [{"spotTradingVolumeWithTag": True}],
        [{"spotTradingVolumeWithTag": 0.5}],
        [{"spotTradingVolumeWithTag": "1e999999"}],
        [{"spotTradingVolumeWithTag": {}}],
    ],
)
def test_volumes_that_are_nonsense_are_none(answer):
    assert read(answer)[0] is None


def test_names_and_paths_are_settings():
    found, rest = read(
        [{"tagged": "4", "other": "5"}],
        broker_volumes_path="/v",
        tagged_volume_fields=(("tagged",),),
        untagged_volume_fields=(("missing", "other"),),
    )
    assert found == Volumes(Decimal(4), Decimal(5))
    assert rest.asked[0][0] == "/v"
    rest = Rest({"url": "https://files.example/x.csv"})
    newer = client(rest, rebate_report_path="/r", rebate_spot_name="SPOT")
    newer.order_report(date(2025, 6, 1), date(2025, 6, 2), TradeType.SPOT, deadline_seconds=1)
    assert rest.asked == [("/r", {"begin": "20250601", "end": "20250602", "tradeType": "SPOT"})]


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"url": None},
        {"url": ""},
        {"url": "javascript:alert(1)"},
        {"url": "//host/x"},
        {"url": "https:///x"},
        {"url": "https://[broken/x"},
        {"url": "https://host/a b"},
        {"url": "https://host/\n"},
        {"url": "https://h\u00f6st/"},
        {"url": "https://host/" + "a" * 5000},
        {"url": 7},
    ],
)
def test_link_that_is_none_is_not_passed_on(data):
    with pytest.raises(KucoinOutcomeUnknownError):
        client(Rest(data)).order_report(
            date(2025, 6, 1), date(2025, 6, 2), TradeType.SPOT, deadline_seconds=1
        )


def test_account_is_never_shown():
    assert "secret" not in repr(ACCOUNT).replace("api_secret", "")
    assert "phrase'" not in repr(KucoinSecret(account=ACCOUNT))
