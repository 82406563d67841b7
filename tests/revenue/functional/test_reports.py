"""KuCoin's rebate file, ordered with the key of the broker's own account."""

import json
from pathlib import Path

import pytest
import requests

from local.broker_account import put_secret

REPORT = "/v1/rebates?from=2025-06-01&to=2025-06-30&tradeType=SPOT"
EVENTS = Path(__file__).parents[3] / "events/rebate"


def outcome(answer):
    return answer.status, answer.json()["code"]


@pytest.mark.parametrize(("trade_type", "sent"), [("SPOT", "1"), ("FUTURES", "2")])
def test_report_is_kucoins_own_file(api, broker, trade_type, sent):
    answer = api.get(REPORT.replace("SPOT", trade_type))
    assert answer.status == 200, answer.text
    told = answer.json()
    assert (told["begin"], told["end"], told["tradeType"]) == (
        "2025-06-01",
        "2025-06-30",
        trade_type,
    )
    assert told["urlExpiresAt"].endswith("Z")
    file = requests.get(told["url"], timeout=10)
    assert file.text.startswith("uid,tradeType,symbol,orderId")
    (entry,) = broker.journal(route="rebate_report")
    assert (entry["signature"], entry["partner"]) == ("held", "held")
    assert entry["query"] == {"begin": "20250601", "end": "20250630", "tradeType": sent}


def test_report_without_an_account_says_what_is_missing(api, functions, simulator):
    put_secret(functions.stack, account={"apiKey": "", "apiSecret": "", "passphrase": ""})
    assert outcome(api.get(REPORT)) == (409, "broker_account_missing")
    assert simulator.journal(route="rebate_report") == []


@pytest.mark.parametrize("account", [{"apiKey": "only"}, "text", 7, [1]])
def test_report_with_a_malformed_account_is_the_operators_business(api, functions, account):
    put_secret(functions.stack, account=account)
    answer = api.get(REPORT)
    put_secret(functions.stack)
    assert outcome(answer) == (500, "configuration_error")
    assert "only" not in answer.text


@pytest.mark.parametrize(
    "code", ["400003", "400005", "400006", "400007", "400201", "400202", "260500"]
)
def test_report_that_kucoin_refuses_for_the_key_is_counted(api, broker, capsys, code):
    broker.add_fault("rebate_report", "error", code=code, msg="no", times=1)
    answer = api.get(REPORT)
    assert outcome(answer) == (500, "configuration_error")
    assert code in answer.json()["detail"]
    assert '"ConfigurationErrorFound":[1.0]' in capsys.readouterr().out


def test_report_with_a_users_key_is_refused(api, functions, simulator, linked):
    account = {
        "apiKey": linked["apiKey"],
        "apiSecret": linked["secret"],
        "passphrase": linked["passphrase"],
    }
    put_secret(functions.stack, account=account)
    assert outcome(api.get(REPORT)) == (500, "configuration_error")
    put_secret(functions.stack)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "error", "code": "400100", "msg": "no"}, (502, "kucoin_refused")),
        (
            {"kind": "error", "code": "429000", "msg": "slow", "status": 429},
            (502, "kucoin_refused"),
        ),
        ({"kind": "drop"}, (502, "kucoin_outcome_unknown")),
        ({"kind": "garbage"}, (502, "kucoin_outcome_unknown")),
    ],
)
def test_report_that_fails_says_whose_side(api, broker, fault, expected):
    broker.add_fault("rebate_report", times=5, **fault)
    assert outcome(api.get(REPORT)) == expected


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("", "invalid_value", "from"),
        ("from=2025-06-01", "invalid_value", "to"),
        ("from=2025-06-01&to=2025-05-31&tradeType=SPOT", "invalid_value", "to"),
        ("from=2025-01-01&to=2025-07-04&tradeType=SPOT", "invalid_value", "to"),
        ("from=2025-02-30&to=2025-03-01&tradeType=SPOT", "invalid_value", "from"),
        ("from=20250601&to=2025-06-30&tradeType=SPOT", "invalid_value", "from"),
        ("from=2025-06-01%0A&to=2025-06-30&tradeType=SPOT", "invalid_value", "from"),
        ("from=%D9%A2025-06-01&to=2025-06-30&tradeType=SPOT", "invalid_value", "from"),
        ("from=2025-06-01&to=2025-06-30&tradeType=1", "invalid_value", "tradeType"),
        ("from=2025-06-01&to=2025-06-30", "invalid_value", "tradeType"),
        ("from=2025-06-01&to=2025-06-30&tradeType=SPOT&uid=1", "unknown_parameter", "uid"),
    ],
)
def test_report_refuses_what_is_no_report(api, broker, query, code, field):
    answer = api.get(f"/v1/rebates?{query}")
    assert answer.status == (400 if code == "unknown_parameter" else 422)
    assert (answer.json()["code"], answer.json()["field"]) == (code, field)
    assert broker.journal(route="rebate_report") == []


def test_half_a_year_is_asked_for_and_no_day_more(api, broker):
    assert api.get("/v1/rebates?from=2025-01-01&to=2025-07-03&tradeType=SPOT").status == 200


def test_golden_events_are_answered(functions, broker):
    answers = {}
    for path in sorted(EVENTS.glob("*.json")):
        answers[path.stem] = functions.call("rebate", json.loads(path.read_text()))
    assert answers["order_report"]["statusCode"] == 200
    assert answers["show_check"]["statusCode"] == 404
    assert answers["check_tags"]["isFinished"] is True
