"""Following withdrawals: to their end, out of the unknown, and never by sending anything."""

from typing import Any

import pytest

from kubroker.withdrawals.following import OVERDUE_SECONDS
from tests.support.money import Money

STUCK = '"WithdrawalStuck":[1.0]'


def _lose(money: Money, key: str = "key-1", *, phase: str, **changes: Any) -> None:
    """A withdrawal whose answer is lost, before or after the work."""
    money.simulator.add_fault("withdraw", "drop", phase=phase, times=1)
    assert money.submit(key, **changes).json()["status"] == "OUTCOME_UNKNOWN"


def _prove_remark(money: Money, key: str = "proof", **changes: Any) -> None:
    """A withdrawal that is certainly ours comes back in the history with its remark."""
    assert money.submit(key, amount="20", **changes).status == 201
    money.track(step=61.5)


def test_track_follows_to_success_with_fee_and_transaction(money: Money, capfd) -> None:
    money.no_factors()
    money.submit()
    money.later(61)
    money.track()
    told = money.get()
    assert told["status"] == "SUCCESS"
    assert told["kucoinStatus"] == "SUCCESS"
    assert told["fee"] == "11"
    assert told["walletTxId"] == money.made()[0]["walletTxId"]
    assert told["settledAt"]
    assert money.spent() == 100
    assert money.stored().open_shard is None
    printed = capfd.readouterr().out
    assert "WithdrawalSucceeded" in printed
    assert "WithdrawalFeeDiffered" not in printed


def test_track_looks_once_a_minute_and_then_less_often(money: Money) -> None:
    money.no_factors()
    money.simulator.set_settings(processing_seconds=100_000)
    money.submit()
    money.track()  # too early
    assert money.simulator.journal(route="withdrawal_detail") == []
    for looks in range(1, 5):
        money.later(money.stored().next_check_at - int(_now(money)))
        money.track()
        assert len(money.simulator.journal(route="withdrawal_detail")) == looks
    assert money.get()["kucoinStatus"] == "PROCESSING"
    pause = money.stored().next_check_at - int(_now(money))
    assert 300 < pause < 310  # 60 × 1.5⁴
    assert money.asked() == 1


def test_track_failure_keeps_reason_and_return_and_gives_the_limit_back(money: Money) -> None:
    money.no_factors()
    money.simulator.set_settings(processing_seconds=100_000)
    money.submit()
    kucoin_id = money.made()[0]["id"]
    money.simulator.set_withdrawal(
        kucoin_id, "FAILURE", failureReason="chain congested", returnStatus="PROCESSING"
    )
    money.track(step=61.5)
    told = money.get()
    assert told["status"] == "FAILURE"
    assert (told["failureReason"], told["returnStatus"]) == ("chain congested", "PROCESSING")
    assert told["returnAmount"] is None
    assert money.spent() == 0
    money.simulator.call("PATCH", f"/withdrawals/{kucoin_id}", {"returnStatus": "SUCCESS"})
    money.track(2, step=120)
    told = money.get()
    assert (told["returnStatus"], told["returnAmount"]) == ("SUCCESS", "111")
    assert money.stored().open_shard is None


def test_track_takes_a_status_that_nobody_knows_as_open(money: Money) -> None:
    money.no_factors()
    money.submit()
    money.simulator.set_withdrawal(money.made()[0]["id"], "WALLET_ON_HOLIDAY")
    money.track(step=61.5)
    told = money.get()
    assert (told["status"], told["kucoinStatus"]) == ("SUBMITTED", "WALLET_ON_HOLIDAY")


def test_track_counts_a_fee_that_differs_from_the_quote(money: Money, capfd) -> None:
    money.no_factors()
    money.simulator.set_settings(fee_rounding="ROUND_DOWN")
    money.submit(amount="10.000001")  # quoted 1.000001, taken 1.000000
    money.track(step=61.5)
    assert money.get()["fee"] == "2"
    assert '"WithdrawalFeeDiffered":[1.0]' in capfd.readouterr().out


def test_track_of_a_withdrawal_that_kucoin_does_not_show_yet_waits(money: Money) -> None:
    money.no_factors()
    money.simulator.set_settings(history_delay_seconds=100)
    money.submit()
    money.track(step=61.5)
    assert money.get()["status"] == "SUBMITTED"
    money.track(step=120)
    assert money.get()["status"] == "SUCCESS"


def test_track_pages_what_is_not_settled_for_three_days(money: Money, capfd) -> None:
    money.no_factors()
    money.simulator.set_settings(processing_seconds=10**7)
    money.submit()
    money.track(step=61.5)
    assert STUCK not in capfd.readouterr().out
    money.track(step=OVERDUE_SECONDS + 1)
    assert STUCK in capfd.readouterr().out
    assert money.get()["status"] == "SUBMITTED"


@pytest.mark.parametrize("remark", ["kept", "cut"])
def test_unknown_that_was_done_is_found_by_its_remark(money: Money, remark: str) -> None:
    money.no_factors()
    money.simulator.set_worlds(remark=remark)  # cut to 16 characters, which our id survives
    _lose(money, phase="after", remark="invoice 7")
    money.track(step=61.5)
    told = money.get()
    assert told["status"] in {"SUBMITTED", "SUCCESS"}
    assert told["kucoinWithdrawalId"] == money.made()[0]["id"]
    money.track(step=61.5)
    assert money.get()["status"] == "SUCCESS"
    assert money.asked() == 1


def test_unknown_that_was_done_late_is_found_later(money: Money) -> None:
    money.no_factors()
    money.simulator.set_settings(history_delay_seconds=300)
    money.simulator.add_fault("withdraw", "drop", phase="during", times=1, seconds=60)
    assert money.submit().json()["status"] == "OUTCOME_UNKNOWN"
    assert money.made() == []
    money.simulator.release()
    money.track(8, step=100)
    assert money.get()["status"] in {"SUBMITTED", "SUCCESS"}


def test_unknown_that_was_not_done_is_not_done_after_proof_margin_and_two_readings(
    money: Money,
) -> None:
    money.no_factors()
    _prove_remark(money)
    _lose(money, phase="before")
    assert money.spent() == 120
    seen = []
    for _ in range(12):
        money.track(step=120)
        seen.append(money.get()["status"])
    assert seen[0] == seen[3] == "OUTCOME_UNKNOWN"
    assert seen[-1] == "NOT_DONE"
    assert seen.index("NOT_DONE") * 120 >= 600 + 300 - 120
    assert (money.asked(), money.spent()) == (2, 20)
    assert money.submit("key-2").status == 201


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("world", [{"remark": "dropped"}, {"remark": "cut"}])
def test_unknown_where_the_remark_does_not_come_back_stays_so_and_pages(
    money: Money, capfd, phase: str, world: dict[str, str]
) -> None:
    money.no_factors()
    money.simulator.set_worlds(**world)
    money.simulator.set_settings(remark_length=8)
    _prove_remark(money)
    _lose(money, phase=phase)
    capfd.readouterr()
    money.track(12, step=1000)
    assert money.get()["status"] == "OUTCOME_UNKNOWN"
    assert STUCK in capfd.readouterr().out
    assert money.asked() == 2
    assert money.submit("key-2").json()["code"] == "possible_duplicate"


def test_unknown_without_any_proof_stays_so_and_pages(money: Money, capfd) -> None:
    money.no_factors()
    _lose(money, phase="before")
    money.track(12, step=1000)
    assert money.get()["status"] == "OUTCOME_UNKNOWN"
    assert STUCK in capfd.readouterr().out


def test_unknown_needs_proof_for_its_very_type(money: Money) -> None:
    money.no_factors()
    money.simulator.set_settings(remark_dropped_types=["UID"])
    _prove_remark(money)
    uid = {"withdrawType": "UID", "address": "200000002", "chain": None}
    _lose(money, phase="before", **uid)
    money.track(12, step=1000)
    assert money.get()["status"] == "OUTCOME_UNKNOWN"


def test_unknown_loses_its_proof_when_a_remark_is_missing(money: Money) -> None:
    money.no_factors()
    _prove_remark(money, "proof-1")
    money.simulator.set_worlds(remark="dropped")
    _prove_remark(money, "proof-2")
    _lose(money, phase="before")
    money.track(12, step=1000)
    assert money.get()["status"] == "OUTCOME_UNKNOWN"


def test_unknown_beside_the_users_own_payment_of_the_same_is_stuck(money: Money, capfd) -> None:
    money.no_factors()
    _prove_remark(money)
    _lose(money, phase="before")
    money.withdraw_by_hand(remark="by hand")
    money.track(12, step=1000)
    assert money.get()["status"] == "OUTCOME_UNKNOWN"
    assert STUCK in capfd.readouterr().out


@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop"}, {"kind": "garbage"}, {"kind": "status_5xx"}, {"kind": "rate_limit"}],
    ids=lambda fault: fault["kind"],
)
def test_unknown_whose_history_can_not_be_read_stays_so(
    money: Money, fault: dict[str, Any]
) -> None:
    money.no_factors()
    _prove_remark(money)
    _lose(money, phase="before")
    money.simulator.add_fault("withdrawal_history", **fault, phase="before", times=999)
    money.track(12, step=1000)
    assert money.get()["status"] == "OUTCOME_UNKNOWN"
    money.simulator.clear_faults()
    money.track(3, step=4000)
    assert money.get()["status"] == "NOT_DONE"


def test_unknown_whose_key_is_gone_pages(money: Money, capfd) -> None:
    money.no_factors()
    _lose(money, phase="after")
    for key in money.simulator.state()["keys"]:
        if key["user"] == "alice":
            money.simulator.delete_key(key["apiKey"])
    money.track(step=61.5)
    assert STUCK in capfd.readouterr().out
    assert money.get()["status"] == "OUTCOME_UNKNOWN"


def test_created_and_left_alone_expires_and_gives_its_value_back(money: Money) -> None:
    money.simulator.add_fault("withdraw", "rate_limit", phase="before", times=1)
    assert money.submit().status == 429
    assert (money.get()["status"], money.spent()) == ("CREATED", 100)
    money.track(step=3601)
    assert (money.get()["status"], money.spent()) == ("EXPIRED", 0)
    assert money.submit().status == 202


def test_verification_left_alone_expires_and_gives_its_value_back(money: Money) -> None:
    money.submit()
    assert money.spent() == 100
    money.track(step=301)
    assert (money.stored().state, money.spent()) == ("EXPIRED", 0)
    assert money.stored().open_shard is None


def test_track_one_that_can_not_be_read_keeps_no_other_waiting(money: Money) -> None:
    money.no_factors()
    keys = [f"key-{number}" for number in range(4)]
    for key in keys:
        money.submit(key, amount=f"{20 + int(key[-1])}")
    bad = money.made()[1]["id"]
    money.simulator.add_fault("withdrawal_detail", "garbage", phase="before", contains=bad)
    money.track(step=61.5)
    told = [money.get(key)["status"] for key in keys]
    assert sorted(told) == ["SUBMITTED", "SUCCESS", "SUCCESS", "SUCCESS"]


def test_track_without_time_looks_at_nothing(money: Money) -> None:
    money.no_factors()
    money.submit()
    money.later(61.5)
    done = money.functions.call("withdrawal_tracker", {"kind": "track"}, remaining_ms=15_000)
    assert done == {"looked": 0}
    assert money.functions.call("withdrawal_tracker", {"kind": "track"}, remaining_ms=58_000) == {
        "looked": 1
    }


def test_reconciliation_lists_what_is_not_ours_and_alarms_on_an_id_of_ours(
    money: Money, capfd, caplog
) -> None:
    money.no_factors()
    money.submit()
    money.withdraw_by_hand(remark="by hand")
    money.withdraw_by_hand(remark="abcdefgh234567xy lost")
    money.later(700)
    done = money.functions.call("withdrawal_tracker", {"kind": "reconcile"}, remaining_ms=58_000)
    assert done == {"isFinished": True}
    printed = capfd.readouterr().out
    assert printed.count('"ForeignWithdrawalFound":[1.0]') == 1
    assert printed.count('"UnrecordedWithdrawalFound":[1.0]') == 1
    ids = {item["id"] for item in money.made()} - {money.get()["kucoinWithdrawalId"]}
    listed = [vars(record).get("kucoinWithdrawalId") for record in caplog.records]
    assert {kucoin_id for kucoin_id in listed if kucoin_id} == ids
    money.functions.call("withdrawal_tracker", {"kind": "reconcile"}, remaining_ms=58_000)
    assert "WithdrawalFound" not in capfd.readouterr().out  # once a day


def test_reconciliation_goes_on_where_it_was_cut_short(money: Money, monkeypatch) -> None:
    for number in range(2, 5):
        money.connect("bob", user_id=f"user-{number}")
    monkeypatch.setattr("kubroker.withdrawals.reconcile._PAGE", 2)
    call = money.functions.call
    assert call("withdrawal_tracker", {"kind": "reconcile"}, remaining_ms=1000) == {
        "isFinished": False
    }
    assert money.simulator.journal(route="withdrawal_history") == []
    context = iter([60_000, 1000])

    class Context:
        function_name = "x"

        def get_remaining_time_in_millis(self):
            return next(context)

    module = money.functions.module("withdrawal_tracker")
    with money.functions._environment(money.functions.stack.find_function("withdrawal_tracker")):
        assert module.lambda_handler({"kind": "reconcile"}, Context()) == {"isFinished": False}
    assert len(money.simulator.journal(route="withdrawal_history")) == 2
    assert call("withdrawal_tracker", {"kind": "reconcile"}, remaining_ms=58_000) == {
        "isFinished": True
    }
    assert len(money.simulator.journal(route="withdrawal_history")) == 4


def test_schedule_of_another_kind_is_refused(money: Money) -> None:
    with pytest.raises(Exception, match="does not know that kind"):
        money.functions.call("withdrawal_tracker", {"kind": "dance"})


def _now(money: Money) -> float:
    return money.now() + money.offset
