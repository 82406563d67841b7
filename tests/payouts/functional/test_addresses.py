"""One user's deposit addresses: got or created, and safe to repeat."""

import pytest

from tests.support.linked import link_user

PATH = "/v1/connections/user-1/deposit-addresses"
WISH = {"currency": "USDT", "chain": "trx", "account": "main"}


def outcome(answer):
    return answer.status, answer.json()["code"]


def test_address_is_created_once_and_found_again(api, linked, simulator):
    made = api.post(PATH, json=WISH)
    assert made.status == 201, made.text
    told = made.json()
    assert told["isNew"] is True
    assert (told["currency"], told["chain"], told["account"]) == ("USDT", "trx", "main")
    assert (told["memo"], told["expiresAt"]) == (None, None)
    again = api.post(PATH, json=WISH)
    assert again.status == 200
    assert again.json()["address"] == told["address"]
    assert again.json()["isNew"] is False
    assert len(simulator.journal(route="create_deposit_address")) == 1


def test_list_creates_nothing(api, linked, simulator):
    assert api.get(f"{PATH}?currency=USDT").json() == {"addresses": [], "unreadable": 0}
    made = api.post(PATH, json=WISH).json()
    listed = api.get(f"{PATH}?currency=USDT&chain=trx").json()["addresses"]
    assert [one["address"] for one in listed] == [made["address"]]
    assert listed[0]["contractAddress"]
    assert len(simulator.journal(route="create_deposit_address")) == 1


def tell_besides(simulator, **fields):
    """KuCoin tells one address of these fields and one that can't be read."""
    good = {"address": "T1", "chainId": "trx", "currency": "USDT", "to": "MAIN", **fields}
    odd = {"address": None, "chainId": "trx", "currency": "USDT"}
    changes = {"data": [good, odd]}
    simulator.add_fault("deposit_addresses", "rewrite", phase="after", times=1, set=changes)


def test_list_does_without_an_address_that_can_not_be_read_and_says_so(api, linked, simulator):
    tell_besides(simulator)
    told = api.get(f"{PATH}?currency=USDT").json()
    assert ([one["address"] for one in told["addresses"]], told["unreadable"]) == (["T1"], 1)


def test_address_that_fits_is_taken_beside_one_that_can_not_be_read(api, linked, simulator):
    tell_besides(simulator)
    answer = api.post(PATH, json=WISH)
    assert (answer.status, answer.json()["address"]) == (200, "T1")


def test_none_is_created_where_one_that_can_not_be_read_might_fit(api, linked, simulator):
    tell_besides(simulator, to="TRADE")
    assert outcome(api.post(PATH, json=WISH)) == (502, "kucoin_outcome_unknown")
    assert simulator.journal(route="create_deposit_address") == []


@pytest.mark.parametrize("world", ["empty", "260220"])
def test_no_address_yet_is_told_in_either_way(api, linked, simulator, world):
    simulator.set_worlds(no_address=world)
    assert api.post(PATH, json=WISH).status == 201


def test_memo_is_told(api, linked):
    made = api.post(PATH, json={"currency": "XRP", "chain": "xrp", "account": "main"})
    assert made.status == 201, made.text
    assert made.json()["memo"]


def test_trade_account_is_credited_where_it_is_asked_for(api, linked):
    made = api.post(PATH, json={**WISH, "account": "trade"})
    assert made.json()["account"] == "trade"
    assert outcome(api.post(PATH, json=WISH)) == (409, "deposit_address_elsewhere")


def test_invoice_expires_and_is_new_each_time(api, linked):
    wish = {"currency": "BTC", "chain": "btcln", "account": "main", "amount": "0.001"}
    first, second = api.post(PATH, json=wish), api.post(PATH, json=wish)
    assert (first.status, second.status) == (201, 201), first.text
    assert first.json()["address"] != second.json()["address"]
    assert first.json()["expiresAt"].endswith("Z")


@pytest.mark.parametrize("phase", ["before", "after"])
def test_creation_whose_answer_is_lost_is_looked_for(api, linked, simulator, phase):
    simulator.add_fault("create_deposit_address", "drop", phase=phase)
    first = api.post(PATH, json=WISH)
    if phase == "after":
        assert first.status == 201, first.text
    else:
        assert outcome(first) == (502, "kucoin_outcome_unknown")
    second = api.post(PATH, json=WISH)
    assert second.status == (200 if phase == "after" else 201)
    found = api.get(f"{PATH}?currency=USDT").json()["addresses"]
    assert [one["address"] for one in found] == [second.json()["address"]]


def test_address_that_another_call_just_made_is_taken(api, linked, simulator):
    made = api.post(PATH, json=WISH).json()
    simulator.add_fault("deposit_addresses", "error", code="260220", msg="none yet")
    raced = api.post(PATH, json=WISH)
    assert (raced.status, raced.json()["address"]) == (200, made["address"])
    assert simulator.journal(route="create_deposit_address")[-1]["outcome"] == "260000"


def test_clock_that_is_wrong_costs_no_invoice(api, linked, simulator):
    simulator.set_clock(offsetSeconds=120)
    wish = {"currency": "BTC", "chain": "btcln", "account": "main", "amount": "0.001"}
    assert api.post(PATH, json=wish).status == 201
    outcomes = [one["outcome"] for one in simulator.journal(route="create_deposit_address")]
    assert outcomes == ["400002", "200000"]


def test_clock_that_is_wrong_is_measured(api, linked, simulator):
    simulator.set_clock(offsetSeconds=120)
    assert api.post(PATH, json=WISH).status == 201


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"currency": "NOPE"}, (422, "currency_unknown")),
        ({"chain": "nope"}, (422, "chain_unknown")),
        ({"chain": None}, (422, "invalid_value")),
        ({"account": None}, (422, "invalid_value")),
        ({"account": "MAIN"}, (422, "invalid_value")),
        ({"account": "futures"}, (422, "invalid_value")),
        ({"currency": "US DT"}, (422, "invalid_value")),
        ({"chain": "a" * 33}, (422, "invalid_value")),
        ({"amount": 1}, (422, "invalid_value")),
        ({"amount": "-1"}, (422, "invalid_value")),
        ({"amount": "1e9"}, (422, "invalid_value")),
        ({"address": "x"}, (422, "invalid_value")),
    ],
)
def test_wish_that_can_not_be_met_is_refused(api, linked, simulator, changes, expected):
    body = {name: value for name, value in {**WISH, **changes}.items() if value is not None}
    assert outcome(api.post(PATH, json=body)) == expected
    assert not [
        one for one in simulator.journal(route="create_deposit_address") if not one["outcome"]
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (422, "invalid_value")),
        ("currency=", (422, "invalid_value")),
        ("currency=USDT&chain=a/b", (422, "invalid_value")),
        ("currency=USDT,BTC", (422, "invalid_value")),
        ("currency=USDT&account=main", (400, "unknown_parameter")),
        ("currency=NOPE", (422, "currency_unknown")),
    ],
)
def test_list_with_a_query_of_another_form_is_refused(api, linked, query, expected):
    assert outcome(api.get(f"{PATH}?{query}")) == expected


def test_deposits_that_are_off_are_told(api, linked, simulator):
    simulator.patch_chain("USDT", "trx", isDepositEnabled=False)
    assert outcome(api.post(PATH, json=WISH)) == (409, "deposits_disabled")


def test_user_without_a_usable_key_is_refused(api, linked, functions, simulator):
    assert outcome(api.get("/v1/connections/nobody/deposit-addresses?currency=USDT")) == (
        404,
        "connection_not_found",
    )
    api.delete("/v1/connections/user-1")
    assert outcome(api.post(PATH, json=WISH)) == (409, "connection_disconnected")
    link_user(functions.stack, simulator)
    assert api.post(PATH, json=WISH).status == 201
