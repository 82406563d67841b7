"""A withdrawal belongs to the KuCoin account that it was opened for."""

import pytest

from kubroker.aws.table import Update
from tests.support.money import Money

ANOTHER = "200000099"


def link_another(money: Money) -> None:
    """As a second link to another account leaves the connection."""
    money.connections.table.write(Update(key={"userId": "user-1"}, set_={"kucoinUid": ANOTHER}))


def test_key_of_another_account_is_refused_at_once_and_for_good(money: Money) -> None:
    money.functions.set_environment(
        "withdrawal",
        KUCOIN_BROKER_URL="http://127.0.0.1:9",
        KUCOIN_PROTOCOL_OVERRIDES='{"withdrawal_host": "broker"}',
    )
    assert money.submit().json()["code"] == "kucoin_unreachable"
    assert money.get()["status"] == "CREATED"
    money.functions.overrides.clear()
    money.functions.forget()
    link_another(money)
    asked = len(money.simulator.journal())
    for _ in range(2):
        answer = money.submit()
        assert (answer.status, answer.json()["code"]) == (409, "account_mismatch")
    assert len(money.simulator.journal()) == asked, "nothing is read with the other one's key"
    assert (money.get()["status"], money.made()) == ("CREATED", [])


@pytest.mark.parametrize("route", ["verify", "submit", "page"])
def test_codes_are_not_spent_on_another_account(money: Money, route: str) -> None:
    link = money.submit().json()["verifyUrl"]
    codes = money.codes()
    link_another(money)
    asked = money.asked()
    if route == "verify":
        answer = money.verify(factors=codes)
    elif route == "submit":
        money.later(1_000)
        answer = money.submit()
    else:
        path = link[link.index("/verify/") :]
        answer = money.api.post(path, form={f"code-{name}": [codes[name]] for name in codes})
    assert answer.status == 409
    assert "account_mismatch" in answer.text
    assert (money.asked(), money.made()) == (asked, [])


def test_one_of_another_account_is_cancelled_here_and_not_there(money: Money) -> None:
    money.submit("waits")
    money.no_factors()
    money.simulator.set_settings(processing_seconds=1000)
    money.submit("there", amount="20")
    link_another(money)
    assert money.api.delete(money.path(money.id("waits"))).json()["status"] == "CANCELLED"
    answer = money.api.delete(money.path(money.id("there")))
    assert (answer.status, answer.json()["code"]) == (409, "account_mismatch")
    assert money.simulator.journal(route="cancel_withdrawal") == []
