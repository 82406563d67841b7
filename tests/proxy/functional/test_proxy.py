"""One call through the proxy: what goes to KuCoin, what comes back, and what is refused."""

import json

import pytest

from kubroker.connections.model import ApiKeyState, ConnectionStatus
from kubroker.kucoin.permissions import Permission
from tests.proxy.functional.conftest import FUTURES, SPOT
from tests.support.linked import link_user

ORDER = {
    "symbol": "BTC-USDT",
    "side": "buy",
    "type": "limit",
    "size": "0.001",
    "price": "20000",
    "clientOid": "order-1",
}
FUTURES_ORDER = {
    "symbol": "XBTUSDTM",
    "side": "buy",
    "type": "limit",
    "size": 1,
    "price": "20000",
    "leverage": 1,
    "clientOid": "order-2",
}


def problem(answer):
    """Status, code and whether the answer says of itself that it is ours."""
    told = answer.json()
    assert answer.header("kubroker-error") == told["code"]
    assert answer.header("kubroker-forwarded") == ""
    return answer.status, told["code"]


def test_call_is_signed_and_answered_as_kucoin_answers(api, linked, simulator):
    answer = api.get(f"{SPOT}/api/v1/accounts?currency=USDT")
    assert answer.status == 200, answer.text
    assert answer.json()["code"] == "200000"
    assert answer.header("kubroker-forwarded") == "true"
    assert answer.header("kubroker-error") == ""
    assert answer.header("content-type") == "application/json;charset=UTF-8"
    assert answer.header("gw-ratelimit-limit") == "2000"
    assert answer.header("gw-ratelimit-remaining") == "1995"
    assert 0 < int(answer.header("gw-ratelimit-reset")) <= 30_000
    (entry,) = simulator.journal(route="accounts")
    assert (entry["signature"], entry["partner"]) == ("held", "held")


def test_order_is_placed_looked_at_and_cancelled(api, linked, simulator):
    simulator.add_balance("alice", "USDT", "1000", account="trade")
    made = api.post(f"{SPOT}/api/v1/hf/orders", json=ORDER).json()
    assert made["code"] == "200000", made
    order_id = made["data"]["orderId"]
    found = api.get(f"{SPOT}/api/v1/hf/orders/{order_id}?symbol=BTC-USDT").json()
    assert found["data"]["clientOid"] == "order-1"
    gone = api.delete(f"{SPOT}/api/v1/hf/orders/{order_id}?symbol=BTC-USDT").json()
    assert gone["code"] == "200000", gone
    entries = [entry for entry in simulator.journal() if "/hf/orders" in entry["path"]]
    assert [entry["method"] for entry in entries] == ["POST", "GET", "DELETE"]
    assert {entry["partner"] for entry in entries} == {"held"}


def test_futures_prefix_takes_the_futures_host_and_partner(api, linked, simulator):
    answer = api.post(f"{FUTURES}/api/v1/orders", json=FUTURES_ORDER)
    assert answer.header("kubroker-forwarded") == "true"
    (entry,) = [one for one in simulator.journal() if one["path"] == "/api/v1/orders"]
    assert entry["host"] == "futures"
    assert (entry["signature"], entry["partner"]) == ("held", "held")


def test_public_call_goes_out_unsigned(api, linked, simulator):
    answer = api.get(f"{SPOT}/api/v1/timestamp")
    assert answer.json()["code"] == "200000"
    (entry,) = simulator.journal(route="timestamp")
    assert (entry["signature"], entry["apiKey"]) == ("", "")


def test_refusal_of_kucoin_passes_unchanged(api, linked, simulator):
    refused = api.post(f"{SPOT}/api/v1/hf/orders", json={**ORDER, "symbol": "NO-SUCH"})
    assert refused.header("kubroker-forwarded") == "true"
    assert refused.json()["code"] != "200000"
    simulator.add_fault("accounts", "html_403")
    page = api.get(f"{SPOT}/api/v1/accounts")
    assert page.status == 403
    assert page.header("content-type").startswith("text/html")
    assert "<html" in page.text.lower()


@pytest.mark.parametrize("fault", [None, "html_403", "rate_limit"])
def test_answers_are_kept_by_no_cache_and_are_what_they_say(api, linked, simulator, fault):
    """Balances and orders, whatever KuCoin says of caching."""
    if fault:
        simulator.add_fault("accounts", fault)
    answer = api.get(f"{SPOT}/api/v1/accounts")
    assert answer.header("kubroker-forwarded") == "true"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-content-type-options") == "nosniff"


def test_headers_of_the_caller_stay_here(api, linked, simulator):
    sent = {
        "KC-API-KEY": "dummy",
        "KC-API-SIGN": "dummy",
        "KC-API-PASSPHRASE": "dummy",
        "KC-API-TIMESTAMP": "1",
        "KC-API-PARTNER": "ccxt",
        "KC-API-PARTNER-SIGN": "dummy",
        "KC-BROKER-NAME": "other",
        "X-SITE-TYPE": "australia",
        "Connection": "KC-API-KEY",
    }
    assert api.get(f"{SPOT}/api/v1/accounts", headers=sent).json()["code"] == "200000"
    (entry,) = simulator.journal(route="accounts")
    assert (entry["signature"], entry["partner"]) == ("held", "held")
    assert entry["apiKey"] == linked["apiKey"]


def test_kms_is_asked_once_and_dynamodb_once_a_call(api, linked, functions):
    api.get(f"{SPOT}/api/v1/accounts")
    seen = len(functions.stack.aws.read_journal())
    for _ in range(3):
        api.get(f"{SPOT}/api/v1/accounts")
    made = [call["operation"] for call in functions.stack.aws.read_journal()[seen:]]
    assert made == ["GetItem"] * 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"connection_status": ConnectionStatus.DISCONNECTED}, (409, "connection_disconnected")),
        ({"connection_status": ConnectionStatus.DISCONNECTING}, (409, "connection_disconnected")),
        ({"api_key_state": ApiKeyState.GONE}, (409, "api_key_not_active")),
        ({"api_key_state": ApiKeyState.NONE}, (409, "api_key_not_active")),
        ({"api_key_ciphertext": None}, (409, "api_key_not_active")),
        ({"permissions": (Permission.GENERAL,)}, (403, "permission_not_granted")),
        ({"user_id": "somebody-else"}, (404, "connection_not_found")),
    ],
)
def test_call_is_refused_without_a_usable_key(api, functions, simulator, changes, expected):
    link_user(functions.stack, simulator, **changes)
    answer = api.post(f"{SPOT}/api/v1/hf/orders", json=ORDER)
    assert problem(answer) == expected
    assert simulator.journal() == []


def test_permission_that_is_missing_is_named(api, functions, simulator):
    link_user(functions.stack, simulator, permissions=(Permission.GENERAL, Permission.SPOT))
    refused = api.get(f"{FUTURES}/api/v1/account-overview?currency=USDT")
    assert problem(refused) == (403, "permission_not_granted")
    assert refused.json()["needs"] == "FUTURES"
    assert api.get(f"{SPOT}/api/v1/accounts").status == 200


def test_opened_key_ends_with_the_connection(api, linked, functions, simulator):
    assert api.get(f"{SPOT}/api/v1/accounts").status == 200
    use = functions.module("kucoin_proxy").proxy()._keys
    assert len(use._cache) == 1
    assert api.delete("/v1/connections/user-1").status == 200
    assert problem(api.get(f"{SPOT}/api/v1/accounts")) == (409, "connection_disconnected")
    assert len(use._cache) == 0
    assert len(simulator.journal(route="accounts")) == 1


def test_new_key_signs_as_soon_as_it_is_stored(api, linked, functions, simulator):
    api.get(f"{SPOT}/api/v1/accounts")
    other = link_user(functions.stack, simulator)
    simulator.delete_key(linked["apiKey"])
    assert api.get(f"{SPOT}/api/v1/accounts").json()["code"] == "200000"
    assert simulator.journal(route="accounts")[-1]["apiKey"] == other["apiKey"]


def test_store_that_can_not_be_read_means_no(api, linked, functions, simulator):
    api.get(f"{SPOT}/api/v1/accounts")
    functions.stack.aws.add_fault("error", operation="GetItem", times=9)
    assert problem(api.get(f"{SPOT}/api/v1/accounts")) == (503, "store_unavailable")
    assert len(simulator.journal(route="accounts")) == 1


def test_read_is_repeated_where_that_is_safe(api, linked, simulator):
    simulator.add_fault("accounts", "drop", times=1)
    assert api.get(f"{SPOT}/api/v1/accounts").json()["code"] == "200000"
    assert len(simulator.journal(route="accounts")) == 2


@pytest.mark.parametrize("kind", ["drop", "status_5xx", "rate_limit"])
@pytest.mark.parametrize("phase", ["before", "after"])
def test_order_is_sent_once_whatever_comes_of_it(api, linked, simulator, kind, phase):
    simulator.add_balance("alice", "USDT", "1000", account="trade")
    simulator.add_fault("spot_order", kind, phase=phase)
    answer = api.post(f"{SPOT}/api/v1/hf/orders", json=ORDER)
    assert len(simulator.journal(route="spot_order")) == 1
    if kind == "drop":
        assert problem(answer) == (502, "kucoin_outcome_unknown")
    else:
        assert answer.header("kubroker-forwarded") == "true"
        assert answer.status == {"status_5xx": 503, "rate_limit": 429}[kind]


@pytest.mark.parametrize(
    ("code", "status", "is_open"),
    [
        ("230005", 200, True),
        ("500000", 200, True),
        ("404000", 404, True),
        ("999999", 503, True),
        ("400100", 200, False),
        ("200004", 200, False),
    ],
)
def test_order_whose_answer_leaves_open_what_happened_is_counted_and_sent_once(
    api, linked, simulator, capsys, code, status, is_open
):
    simulator.add_fault("spot_order", "error", phase="after", code=code, msg="no", status=status)
    answer = api.post(f"{SPOT}/api/v1/hf/orders", json=ORDER)
    assert (answer.status, answer.json()["code"]) == (status, code), "KuCoin's own word goes on"
    assert len(simulator.journal(route="spot_order")) == 1
    assert ("ProxyOutcomeUnknown" in capsys.readouterr().out) is is_open


@pytest.mark.parametrize(
    ("code", "status", "is_address"),
    [("400006", 403, True), ("400202", 400, True), ("400202", 200, True), ("400200", 400, False)],
)
def test_refused_address_rings_with_either_code(
    api, linked, simulator, capsys, code, status, is_address
):
    simulator.add_fault("accounts", "error", code=code, msg="no", status=status)
    assert api.get(f"{SPOT}/api/v1/accounts").json()["code"] == code
    printed = capsys.readouterr().out
    assert '"ConfigurationErrorFound":[1.0]' in printed
    assert ('"AddressRefused":[1.0]' in printed) is is_address


def test_redirect_is_not_followed(api, linked, simulator):
    simulator.add_fault("accounts", "redirect", location="http://127.0.0.1:9/elsewhere")
    answer = api.get(f"{SPOT}/api/v1/accounts")
    assert answer.status == 302
    assert answer.header("location") == ""


def test_answer_that_is_too_large_is_not_passed_on(api, linked, simulator):
    simulator.add_fault("accounts", "oversize", times=2)
    assert problem(api.get(f"{SPOT}/api/v1/accounts")) == (502, "kucoin_outcome_unknown")


def test_kucoin_out_of_reach_is_told_as_unsent(api, linked, functions):
    functions.set_environment("kucoin_proxy", KUCOIN_REST_URL="http://127.0.0.1:9")
    assert problem(api.get(f"{SPOT}/api/v1/accounts")) == (502, "kucoin_unreachable")
    assert problem(api.post(f"{SPOT}/api/v1/hf/orders", json=ORDER)) == (502, "kucoin_unreachable")


@pytest.mark.parametrize("seconds", [-3600, 7, 3600])
def test_clock_is_measured_before_the_first_order(api, linked, simulator, seconds):
    simulator.set_clock(offsetSeconds=seconds)
    simulator.add_balance("alice", "USDT", "1000", account="trade")
    assert api.post(f"{SPOT}/api/v1/hf/orders", json=ORDER).json()["code"] == "200000"
    assert len(simulator.journal(route="timestamp")) == 1
    api.post(f"{SPOT}/api/v1/hf/orders", json={**ORDER, "clientOid": "order-2"})
    assert len(simulator.journal(route="timestamp")) == 1


def test_clock_that_moves_costs_an_order_at_most_once(api, linked, simulator):
    simulator.add_balance("alice", "USDT", "1000", account="trade")
    api.post(f"{SPOT}/api/v1/hf/orders", json=ORDER)
    simulator.set_clock(offsetSeconds=60)
    assert api.get(f"{SPOT}/api/v1/accounts").json()["code"] == "200000"  # measured, asked again
    simulator.set_clock(offsetSeconds=-60)
    refused = api.post(f"{SPOT}/api/v1/hf/orders", json={**ORDER, "clientOid": "order-2"})
    assert refused.json()["code"] == "400002"
    placed = api.post(f"{SPOT}/api/v1/hf/orders", json={**ORDER, "clientOid": "order-2"})
    assert placed.json()["code"] == "200000"


def test_budget_is_ours_before_it_is_kucoins(api, linked, simulator):
    simulator.set_settings(rate_limits={"management": 100, "spot": 4000})
    statuses = [api.get(f"{SPOT}/api/v1/accounts").status for _ in range(21)]
    assert statuses.index(429) == 19  # 19 * 5 leaves 5, and 2 are kept back
    refused = api.get(f"{SPOT}/api/v1/accounts")
    assert problem(refused) == (429, "kucoin_quota_used_up")
    assert 1 <= int(refused.header("retry-after")) <= 30
    assert refused.json()["pool"] == "MANAGEMENT"
    assert {entry["outcome"] for entry in simulator.journal(route="accounts")} == {"200000"}
    assert api.get(f"{SPOT}/api/v1/hf/accounts/ledgers").status == 200


def test_limit_of_kucoin_passes_with_its_headers(api, linked, simulator):
    simulator.add_fault("accounts", "rate_limit", resetMs=3000)
    limited = api.get(f"{SPOT}/api/v1/accounts")
    assert (limited.status, limited.json()["code"]) == (429, "429000")
    assert limited.header("gw-ratelimit-remaining") == "0"
    assert problem(api.get(f"{SPOT}/api/v1/accounts")) == (429, "kucoin_quota_used_up")


def test_transfer_goes_between_own_accounts_only(api, linked, simulator):
    simulator.add_balance("alice", "USDT", "10", account="main")
    body = {
        "clientOid": "transfer-1",
        "currency": "USDT",
        "amount": "3",
        "type": "INTERNAL",
        "fromAccountType": "MAIN",
        "toAccountType": "TRADE",
    }
    path = f"{SPOT}/api/v3/accounts/universal-transfer"
    refused = api.post(path, json={**body, "type": "PARENT_TO_SUB", "toUserId": "1"})
    assert problem(refused) == (403, "field_not_forwarded")
    assert simulator.journal(route="transfer") == []
    assert api.post(path, json=body).json()["code"] == "200000"


def test_wrong_broker_headers_are_an_operators_matter(api, linked, functions, simulator, capsys):
    secrets = functions.stack.aws.client("secretsmanager")
    name = functions.stack.find_function("kucoin_proxy").environment["KUCOIN_SECRET_NAME"]
    kept = secrets.get_secret_value(SecretId=name)["SecretString"]
    wrong = json.loads(kept)
    wrong["spot"]["brokerKey"] = "wrong"
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(wrong))
    try:
        answer = api.get(f"{SPOT}/api/v1/accounts")
    finally:
        secrets.put_secret_value(SecretId=name, SecretString=kept)
    assert answer.json()["code"] == "400201"
    assert "ConfigurationErrorFound" in capsys.readouterr().out


def test_nothing_secret_is_logged(api, linked, simulator, caplog, capsys):
    caplog.set_level("INFO")
    api.get(f"{SPOT}/api/v1/accounts?currency=USDT")
    api.post(f"{SPOT}/api/v1/hf/orders", json=ORDER)
    simulator.add_fault("spot_order", "drop")
    api.post(f"{SPOT}/api/v1/hf/orders", json=ORDER)
    logged = capsys.readouterr().out + "".join(str(vars(record)) for record in caplog.records)
    assert "POST /api/v1/hf/orders" in logged
    for secret in (linked["secret"], linked["passphrase"], linked["apiKey"], "20000", "order-1"):
        assert secret not in logged
