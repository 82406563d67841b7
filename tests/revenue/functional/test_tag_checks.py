"""The tag: on every order, counted by KuCoin, and told where it is not."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from kubroker.aws.table import marshal
from local.broker_account import put_secret
from local.deployment.parameters import KUCOIN_SECRET
from tests.support.linked import link_user

ORDER = {"symbol": "BTC-USDT", "side": "buy", "type": "market", "size": "0.001"}
FUTURES_ORDER = {
    "symbol": "XBTUSDTM",
    "side": "buy",
    "type": "limit",
    "size": 1,
    "price": "20000",
    "leverage": 1,
    "clientOid": "order-2",
}
CHECK = {"kind": "check_tags"}


@pytest.fixture
def tomorrow(monkeypatch, simulator):
    """Moves both clocks to noon of the next UTC day; gives today's name."""
    real = time.time
    state = {"shift": 0.0}
    monkeypatch.setattr("time.time", lambda: real() + state["shift"])

    def go():
        now = datetime.now(UTC)
        noon = (now + timedelta(days=1)).replace(hour=12, minute=0, second=0)
        state["shift"] += (noon - now).total_seconds()
        return now.date().isoformat()

    return go


def place(api, user="user-1", **changes):
    path = f"/v1/connections/{user}/kucoin/api/v1/hf/orders"
    answer = api.post(path, json={**ORDER, "clientOid": f"order-{user}", **changes})
    assert answer.json()["code"] == "200000", answer.text


def without_spot(functions, broker):
    """The secret without the spot partner, the account as it is."""
    name = functions.stack.physical_ids["KucoinSecret"]
    client = functions.stack.aws.client("secretsmanager")
    held = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    put_secret(functions.stack, account=held["account"], spot={})
    functions.forget()


def read(api, day):
    answer = api.get(f"/v1/tag-checks/{day}")
    assert answer.status == 200, answer.text
    return answer.json()


def test_tagged_orders_are_counted_and_nothing_rings(
    api, functions, broker, linked, tomorrow, capsys
):
    place(api)
    day = tomorrow()
    assert api.get(f"/v1/tag-checks/{day}").json()["code"] == "tag_check_not_found"
    assert functions.call("rebate", CHECK) == {"day": day, "isFinished": True}
    told = read(api, day)
    assert told.pop("updatedAt")
    assert told == {
        "day": day,
        "state": "FINISHED",
        "looked": 1,
        "withOrders": 1,
        "unchecked": 0,
        "untaggedCount": 0,
        "isAlarming": False,
        "untagged": [],
    }
    printed = capsys.readouterr().out
    assert "UntaggedVolumeFound" not in printed
    assert "UntaggedOrderSent" not in printed


def test_lost_tags_are_found_told_and_ring(api, functions, broker, linked, tomorrow, capsys):
    without_spot(functions, broker)
    place(api)
    assert '"UntaggedOrderSent":[1.0]' in capsys.readouterr().out
    day = tomorrow()
    functions.call("rebate", CHECK)
    told = read(api, day)
    assert (told["withOrders"], told["untaggedCount"], told["isAlarming"]) == (1, 1, True)
    (user,) = told["untagged"]
    assert user["userId"] == "user-1"
    assert float(user["untaggedVolume"]) > 0
    assert '"UntaggedVolumeFound":[1.0]' in capsys.readouterr().out
    functions.call("rebate", CHECK)
    assert "UntaggedVolumeFound" not in capsys.readouterr().out, "a finished day is over"


def test_futures_order_without_a_partner_is_counted_and_still_goes(
    api, functions, broker, linked, capsys
):
    put_secret(functions.stack, futures={})
    answer = api.post("/v1/connections/user-1/kucoin-futures/api/v1/orders", json=FUTURES_ORDER)
    assert answer.header("kubroker-forwarded") == "true"
    api.get("/v1/connections/user-1/kucoin-futures/api/v1/orders")
    assert capsys.readouterr().out.count('"UntaggedOrderSent":[1.0]') == 1
    (entry, _) = [one for one in broker.journal() if one["path"] == "/api/v1/orders"]
    assert entry["partner"] == "missing"


def test_trades_elsewhere_are_no_business_of_ours(api, functions, broker, linked, tomorrow):
    """Volume without the tag, and no order through the proxy: KuCoin is not even asked."""
    without_spot(functions, broker)
    place(api)
    entries = functions.stack.tables["AuditTable"]
    database = functions.stack.aws.client("dynamodb")
    for item in database.scan(TableName=entries)["Items"]:
        key = {name: item[name] for name in ("userId", "entryId")}
        database.delete_item(TableName=entries, Key=key)
    day = tomorrow()
    functions.call("rebate", CHECK)
    told = read(api, day)
    assert (told["looked"], told["withOrders"], told["untaggedCount"]) == (1, 0, 0)
    assert broker.journal(route="broker_volumes") == []


def test_refused_and_other_calls_are_no_orders(api, functions, broker, linked, tomorrow):
    path = "/v1/connections/user-1/kucoin"
    api.post(f"{path}/api/v1/hf/orders", json={**ORDER, "size": "999999999"})
    transfer = {
        "clientOid": "t-1",
        "currency": "USDT",
        "amount": "1",
        "type": "INTERNAL",
        "fromAccountType": "TRADE",
        "toAccountType": "MAIN",
    }
    api.post(f"{path}/api/v3/accounts/universal-transfer", json=transfer)
    day = tomorrow()
    functions.call("rebate", CHECK)
    assert read(api, day)["withOrders"] == 0


def test_one_who_also_traded_by_hand_is_not_listed(api, functions, broker, linked, tomorrow):
    place(api)
    without_spot(functions, broker)
    place(api, clientOid="by-hand")
    day = tomorrow()
    functions.call("rebate", CHECK)
    assert read(api, day)["untaggedCount"] == 0


def test_audit_says_which_call_it_was_and_what_kucoin_said(api, broker, linked):
    place(api)
    entries = api.get("/v1/connections/user-1/timeline").json()["entries"]
    (end,) = [one for one in entries if one["kind"] == "REQUEST" and one["outcome"] == "DONE"]
    assert (end["reference"], end["code"]) == ("spot POST /api/v1/hf/orders", "200000")
    api.get("/v1/connections/user-1/timeline")
    (begun,) = [one for one in entries if one["kind"] == "REQUEST" and one["outcome"] == "BEGUN"]
    assert (begun["reference"], begun["code"]) == (None, None)


@pytest.fixture
def crowd(functions, broker, api):
    """Twelve users with an order each; three of them without the tag."""
    broker.add_users(12, prefix="crowd")
    for number in range(1, 13):
        user = f"crowd-{number}"
        broker.add_balance(user, "USDT", "1000", account="trade")
        link_user(functions.stack, broker, user_id=user, kucoin_user=user)
    for number in range(1, 10):
        place(api, f"crowd-{number}")
    without_spot(functions, broker)
    for number in range(10, 13):
        place(api, f"crowd-{number}")


def test_check_that_is_cut_short_goes_on_where_it_was(
    api, functions, crowd, broker, tomorrow, capsys
):
    day = tomorrow()
    aws = functions.stack.aws
    aws.add_fault("error", operation="UpdateItem", match="tag-check", skip=1, times=0)
    assert functions.invoke("rebate", CHECK).function_error == "Unhandled"
    aws.reset_faults()
    assert (read(api, day)["state"], read(api, day)["looked"]) == ("RUNNING", 5)
    broker.add_fault("broker_volumes", "drop", times=2)
    assert functions.invoke("rebate", CHECK).function_error == "Unhandled"
    assert functions.call("rebate", CHECK, remaining_ms=17_000)["isFinished"] is False
    assert functions.call("rebate", CHECK)["isFinished"] is True
    told = read(api, day)
    assert (told["looked"], told["withOrders"], told["untaggedCount"]) == (12, 12, 3)
    assert {user["userId"] for user in told["untagged"]} == {"crowd-10", "crowd-11", "crowd-12"}
    assert '"UntaggedVolumeFound":[3.0]' in capsys.readouterr().out


def test_unreadable_volumes_are_counted_and_do_not_stop_the_others(
    api, functions, crowd, broker, tomorrow
):
    day = tomorrow()
    broker.add_fault("broker_volumes", "error", code="400100", msg="uid", times=1)
    functions.call("rebate", CHECK)
    told = read(api, day)
    assert (told["withOrders"], told["unchecked"]) == (12, 1)
    assert told["untaggedCount"] >= 2


def test_key_that_kucoin_does_not_take_is_counted_and_stops_the_check(
    api, functions, crowd, broker, tomorrow, capsys
):
    day = tomorrow()
    broker.add_fault("broker_volumes", "error", code="400003", msg="no", times=1)
    assert functions.invoke("rebate", CHECK).function_error == "Unhandled"
    assert '"ConfigurationErrorFound":[1.0]' in capsys.readouterr().out
    assert api.get(f"/v1/tag-checks/{day}").status == 404
    assert functions.call("rebate", CHECK)["isFinished"] is True


def test_without_an_account_there_is_no_check(functions, linked, simulator):
    put_secret(functions.stack)
    assert functions.call("rebate", CHECK) == {
        "isFinished": False,
        "reason": "broker_account_missing",
    }


@pytest.mark.parametrize("day", ["2025-02-30", "yesterday", "2025-1-01", "%2e%2e", "2025-01-01%0A"])
def test_day_that_is_none_was_not_checked(api, functions, day):
    answer = api.get(f"/v1/tag-checks/{day}")
    assert answer.status == 404


def test_schedule_of_another_release_is_refused(functions):
    assert functions.invoke("rebate", {"kind": "other"}).payload["errorType"] == "BadRequestError"


def test_check_of_the_next_release_is_read(api, functions):
    item = {"limitId": "tag-check#2025-06-16", "day": "2025-06-16", "isFinished": True, "new": 1}
    table = functions.stack.tables["LimitsTable"]
    functions.stack.aws.client("dynamodb").put_item(TableName=table, Item=marshal(item))
    assert read(api, "2025-06-16")["state"] == "FINISHED"
    assert KUCOIN_SECRET["spot"], "what the simulator takes stays as it is"
