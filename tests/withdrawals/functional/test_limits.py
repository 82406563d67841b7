"""Limits by KuCoin uid, the payment's lock, and what can't be read."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from kubroker.foundation.errors import KubrokerError, LostRaceError
from tests.support.money import Money

UID = {"withdrawType": "UID", "address": "200000002", "chain": None, "amount": "20"}


def test_daily_limit_counts_what_is_reserved_and_says_what_is_left(money: Money) -> None:
    money.functions.set_environment("withdrawal", WITHDRAWAL_USDT_PER_DAY="250")
    money.no_factors()
    assert money.submit("key-1").status == 201
    assert money.submit("key-2").status == 201
    answer = money.submit("key-3")
    assert (answer.status, answer.json()["code"]) == (429, "daily_limit_reached")
    assert answer.json()["allowed"] == "50"
    assert int(answer.header("retry-after")) <= 86_400
    assert money.submit("key-4", amount="50").status == 201
    assert money.spent() == 250


def test_daily_limit_counts_other_currencies_by_kucoins_price(money: Money) -> None:
    money.functions.set_environment("withdrawal", WITHDRAWAL_USDT_PER_DAY="1000")
    money.no_factors()
    btc = {"currency": "BTC", "chain": "btc", "amount": "0.01"}
    assert money.submit("key-1", **btc).status == 201
    assert money.spent() == 600
    answer = money.submit("key-2", **btc)
    assert (answer.status, answer.json()["allowed"]) == (429, "400")


def test_daily_limit_of_zero_lets_nothing_out(money: Money) -> None:
    money.functions.set_environment("withdrawal", WITHDRAWAL_USDT_PER_DAY="0")
    assert money.submit().status == 429
    assert money.asked() == 0


def test_daily_limit_is_the_accounts_not_the_brokers_users(money: Money) -> None:
    money.functions.set_environment("withdrawal", WITHDRAWAL_USDT_PER_DAY="150")
    money.no_factors()
    money.connect("alice", user_id="user-2")
    money.connect("bob", user_id="user-3")
    assert money.submit().status == 201
    assert money.submit(user_id="user-2", amount="99").status == 429
    assert money.submit(user_id="user-3").status != 429


def test_daily_limit_begins_anew_with_the_utc_day(money: Money) -> None:
    money.functions.set_environment("withdrawal", WITHDRAWAL_USDT_PER_DAY="100")
    money.no_factors()
    assert money.submit("key-1").status == 201
    assert money.submit("key-2").status == 429
    money.later(86_400)
    assert money.submit("key-3").status == 201


def test_transfers_are_three_in_ten_seconds_from_the_first(money: Money) -> None:
    money.no_factors()
    assert [money.submit(f"key-{n}", **UID).status for n in range(3)] == [201] * 3
    answer = money.submit("key-3", **UID)
    assert (answer.status, answer.json()["code"]) == (429, "transfer_limit_reached")
    assert 1 <= int(answer.header("retry-after")) <= 10
    assert answer.json()["allowed"] == 3
    assert len(money.made()) == 3
    money.later(10)
    assert money.submit("key-3", **UID).status == 201


def test_transfers_are_fifty_in_a_day_from_the_first(money: Money) -> None:
    from kubroker.aws.table import Update
    from kubroker.withdrawals.limits import WINDOW_RULES, build_window_id

    money.no_factors()
    assert money.submit("key-1", **UID).status == 201
    limit_id = build_window_id("200000001", WINDOW_RULES[1])
    money.limits.table.write(Update(key={"limitId": limit_id}, set_={"count": 50}))
    answer = money.submit("key-2", **UID)
    assert (answer.status, answer.json()["allowed"]) == (429, 50)
    assert int(answer.header("retry-after")) > 80_000


@pytest.mark.parametrize(
    "changes",
    [
        UID,
        {**UID, "withdrawType": "MAIL", "address": "bob@example.com"},
    ],
    ids=["UID", "MAIL"],
)
def test_transfers_refused_by_kucoin_give_their_count_back(
    money: Money, changes: dict[str, str]
) -> None:
    money.simulator.add_fault("withdraw", "error", phase="before", code="260325", times=5)
    assert [money.submit(f"key-{n}", **changes).status for n in range(5)] == [422] * 5
    windows = money.limits.find_windows("200000001")
    assert [window.count for window in windows] == [0, 0]
    assert money.spent() == 0


def test_addresses_are_not_counted_as_transfers(money: Money) -> None:
    money.no_factors()
    answers = [money.submit(f"key-{n}", amount="10") for n in range(5)]
    assert [answer.status for answer in answers] == [201] * 5


@pytest.mark.parametrize("operation", ["GetItem", "TransactWriteItems"])
def test_limits_that_can_not_be_read_or_written_mean_no(money: Money, operation: str) -> None:
    money.functions.stack.aws.add_fault(
        "error", service="dynamodb", operation=operation, match="kubroker-local-limits", times=0
    )
    answer = money.submit()
    assert (answer.status, answer.json()["code"]) == (503, "store_unavailable")
    assert money.asked() == 0


def test_limits_hold_against_callers_who_come_together(money: Money) -> None:
    """Twenty claims at once for a limit that fits three of them, each with its own client."""
    from kubroker.withdrawals.claims import WithdrawalClaims
    from kubroker.withdrawals.model import WithdrawalState
    from kubroker.withdrawals.tries import WithdrawalTries

    money.no_factors()
    money.submit("seed", amount="10")
    record = money.stored("seed")
    claims = WithdrawalClaims(
        money.store,
        money.connections,
        money.limits,
        usdt_per_day=Decimal(3000),
        tries=WithdrawalTries(money.limits, per_record=20, per_day=60),
    )
    quote = record.quote.model_copy(update={"value_usdt": "900"})

    def create(number: int) -> bool:
        fields = {
            "withdrawal_id": f"aaaaaaaaaaaaaa{chr(97 + number // 10)}{chr(97 + number % 10)}",
            "payment_id": f"p{number}",
            "quote": quote,
            "sequence": 1,
            "state": WithdrawalState.CREATED,
            "kucoin_withdrawal_id": None,
        }
        fresh = record.model_copy(update=fields)
        try:
            claims.create(fresh, acknowledged=frozenset(), now=int(money.now()))
        except KubrokerError:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        made = list(threads.map(create, range(20)))
    assert sum(made) == 3
    assert money.spent() == 10 + 3 * 900


def test_same_payment_under_another_key_waits_for_the_unknown_one(money: Money) -> None:
    money.no_factors()
    money.simulator.add_fault("withdraw", "drop", phase="before", times=1)
    assert money.submit("key-1").json()["status"] == "OUTCOME_UNKNOWN"
    answer = money.submit("key-2")
    assert (answer.status, answer.json()["code"]) == (409, "possible_duplicate")
    assert answer.json()["withdrawalIds"] == [money.id("key-1")]
    assert money.asked() == 1
    assert money.submit("key-2", amount="100.5").status == 201
    assert money.submit("key-3", knownDuplicates=[money.id("key-2")]).status == 409
    assert money.submit("key-3", knownDuplicates=[money.id("key-1")]).status == 201
    assert money.submit("key-3").status == 200


def test_same_payment_of_another_user_of_the_same_account_waits_too(money: Money) -> None:
    money.no_factors()
    money.connect("alice", user_id="user-2")
    money.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    money.submit("key-1")
    answer = money.submit("key-1", user_id="user-2")
    assert (answer.status, answer.json()["code"]) == (409, "possible_duplicate")


def test_same_payment_is_free_again_once_the_first_is_known(money: Money) -> None:
    money.no_factors()
    assert money.submit("key-1").status == 201
    assert money.submit("key-2").status == 201
    money.simulator.add_fault("withdraw", "error", phase="before", code="260325", times=1)
    assert money.submit("key-3").status == 422
    assert money.submit("key-4").status == 201


def test_same_payment_can_be_verified_beside_an_unknown_one(money: Money) -> None:
    assert money.submit("key-1").status == 202
    money.no_factors()
    money.simulator.add_fault("withdraw", "drop", phase="before", times=1)
    assert money.submit("key-2").json()["status"] == "OUTCOME_UNKNOWN"
    assert money.verify("key-1").status == 200
    assert money.submit("key-3").json()["withdrawalIds"] == [money.id("key-2")]


WRONG = {"GAV": "000000", "EMV": "000000"}


def test_tries_of_a_record_are_used_up_across_rounds(money: Money) -> None:
    money.functions.set_environment("withdrawal", WITHDRAWAL_TRIES="8")
    money.submit()
    for _ in range(5):
        money.verify(factors=WRONG)
    assert money.submit().status == 202
    assert money.verify(factors=WRONG).status == 422
    for answer in (money.verify(), money.verify()):
        assert (answer.status, answer.json()["code"]) == (409, "tries_used_up")
    assert (money.asked(), money.made()) == (8, [])


def test_tries_of_an_account_are_used_up_across_withdrawals_until_tomorrow(money: Money) -> None:
    money.functions.set_environment("withdrawal", WITHDRAWAL_TRIES_PER_DAY="6")
    for key in ("key-1", "key-2"):
        money.submit(key)
        for _ in range(3):
            money.verify(key, factors=WRONG)
    answer = money.verify("key-2")
    assert (answer.status, answer.json()["code"]) == (429, "daily_tries_reached")
    assert (money.asked(), money.made()) == (8, [])
    money.later(86_400)
    assert money.submit("key-2").status == 202
    assert money.verify("key-2").status == 200


def test_tries_that_did_not_reach_kucoin_are_not_counted(money: Money) -> None:
    money.functions.set_environment("withdrawal", WITHDRAWAL_TRIES="6")
    for _ in range(7):
        money.simulator.add_fault("withdraw", "rate_limit", phase="before", times=1)
        assert money.submit().status == 429
    assert money.stored().tries == 0
    assert money.submit().status == 202


def test_of_two_that_saw_nobody_only_one_takes_the_payments_lock(money: Money) -> None:
    """Both have read that it is free: what decides is the write."""
    table = money.limits.table

    def take(holder: str, seen: frozenset[str] = frozenset()) -> None:
        table.transact([(table, money.limits.build_hold("a payment", holder, seen=seen))])

    take("user-1/first")
    with pytest.raises(LostRaceError):
        take("user-1/second")
    with pytest.raises(LostRaceError):
        take("user-1/second", frozenset({"user-1/another"}))
    take("user-1/second", frozenset({"user-1/first"}))
    assert money.limits.find_holders("a payment") == {"user-1/first", "user-1/second"}
