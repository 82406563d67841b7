"""The second step: codes, once, and never kept."""

import json
from urllib.parse import quote

import pytest

from kubroker.connections.secrets import open_credentials
from tests.support.money import Money


def test_verify_with_a_wrong_code_tells_tries_left_and_can_be_put_right(money: Money) -> None:
    money.submit()
    wrong = {"GAV": "000000", "EMV": "000000"}
    for left in (4, 3):
        answer = money.verify(factors=wrong)
        assert (answer.status, answer.json()["code"]) == (422, "verification_code_wrong")
        assert answer.json()["triesLeft"] == left
        assert money.get()["verification"]["triesLeft"] == left
    assert money.verify().status == 200
    assert len(money.made()) == 1


def test_verify_with_too_many_wrong_codes_is_over_and_can_be_asked_for_again(money: Money) -> None:
    money.submit()
    answers = [money.verify(factors={"GAV": "000000", "EMV": "000000"}) for _ in range(5)]
    assert [answer.status for answer in answers] == [422, 422, 422, 422, 409]
    assert answers[-1].json()["code"] == "verification_expired"
    assert money.verify(factors={"GAV": "1111", "EMV": "1111"}).json()["code"] == (
        "verification_expired"
    )
    assert money.spent() == 0
    assert (money.submit().status, money.spent()) == (202, 100)
    assert money.verify().status == 200
    assert len(money.made()) == 1


def test_verify_after_its_time_is_over_and_new_codes_come_with_the_same_key(money: Money) -> None:
    money.submit()
    old = money.codes()
    money.later(301)
    assert money.get()["status"] == "EXPIRED"
    answer = money.verify(factors=old)
    assert (answer.status, answer.json()["code"]) == (409, "verification_expired")
    assert money.submit().status == 202
    assert money.codes() != old
    assert money.verify().status == 200
    assert len(money.made()) == 1


def test_verify_that_kucoin_finds_expired_is_expired(money: Money) -> None:
    money.submit()
    for code in ("260403", "260401", "260404"):
        money.simulator.add_fault("withdraw", "error", phase="before", times=1, code=code)
        answer = money.verify()
        assert (answer.status, answer.json()["code"]) == (409, "verification_expired"), code
        assert money.submit().status == 202


def test_verify_put_off_by_a_limit_and_then_used_up_is_unknown_not_expired(money: Money) -> None:
    """A gateway that says 429 after the work: the transaction that is used up may be our own."""
    money.submit()
    factors = money.codes()
    money.simulator.add_fault("withdraw", "rate_limit", phase="after", times=1)
    assert money.verify(factors=factors).status == 429
    answer = money.verify(factors=factors)
    assert (answer.status, answer.json()["status"]) == (202, "OUTCOME_UNKNOWN")
    money.track(step=61.5)
    assert money.get()["kucoinWithdrawalId"] == money.made()[0]["id"]


def test_verify_put_off_by_a_limit_before_the_work_goes_on(money: Money) -> None:
    money.submit()
    factors = money.codes()
    money.simulator.add_fault("withdraw", "rate_limit", phase="before", times=1)
    assert money.verify(factors=factors).status == 429
    assert money.verify(factors=factors).json()["status"] == "SUBMITTED"


def test_verify_twice_sends_once_and_tells_the_state(money: Money) -> None:
    money.submit()
    factors = money.codes()
    first, second = money.verify(factors=factors), money.verify(factors=factors)
    assert (first.status, second.status) == (200, 200)
    assert first.json()["kucoinWithdrawalId"] == second.json()["kucoinWithdrawalId"]
    assert (len(money.made()), money.asked()) == (1, 2)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_verify_whose_answer_is_lost_is_unknown_and_never_sent_again(
    money: Money, phase: str
) -> None:
    money.submit()
    factors = money.codes()
    money.simulator.add_fault("withdraw", "drop", phase=phase, times=1)
    for _ in range(2):
        answer = money.verify(factors=factors)
        assert (answer.status, answer.json()["status"]) == (202, "OUTCOME_UNKNOWN")
    assert money.submit().json()["status"] == "OUTCOME_UNKNOWN"
    assert money.asked() == 2
    assert len(money.made()) == (1 if phase == "after" else 0)


@pytest.mark.parametrize(
    "factors",
    [
        {"GAV": "123456"},
        {"GAV": "123456", "EMV": "123456", "SMS": "123456"},
        {"SMS": "123456"},
    ],
)
def test_verify_with_other_factors_than_wanted_asks_kucoin_nothing(
    money: Money, factors: dict[str, str]
) -> None:
    money.submit()
    answer = money.verify(factors=factors)
    assert (answer.status, answer.json()["code"]) == (422, "verification_factors")
    assert answer.json()["allowed"] == [["GAV", "EMV"]]
    assert money.asked() == 1


def test_verify_takes_any_one_alternative(money: Money) -> None:
    money.simulator.patch_user("alice", factors=[["GAV", "EMV"], ["SMS"]])
    told = money.submit().json()
    assert told["verification"]["alternatives"] == [["GAV", "EMV"], ["SMS"]]
    assert money.verify(factors={"SMS": money.codes()["SMS"]}).status == 200
    assert len(money.made()) == 1


def test_verify_of_what_wants_no_codes_is_refused(money: Money) -> None:
    money.simulator.patch_user("alice", two_factor=False)
    money.submit()
    answer = money.verify(factors={"GAV": "123456"})
    assert (answer.status, answer.json()["code"]) == (409, "verification_not_required")


def test_verify_of_nothing_is_not_found(money: Money) -> None:
    answer = money.verify("never", factors={"GAV": "123456"})
    assert (answer.status, answer.json()["code"]) == (404, "withdrawal_not_found")


def test_verify_of_another_user_is_not_found(money: Money) -> None:
    money.submit()
    body = {"factors": money.codes()}
    path = money.path(money.id(), "verification", user_id="user-2")
    assert money.api.post(path, json=body).status == 404
    assert money.made() == []


def test_codes_are_neither_stored_nor_logged(money: Money, capfd, caplog) -> None:
    wrong = "271828"
    money.submit()
    money.verify(factors={"GAV": wrong, "EMV": wrong})
    right = money.codes()["GAV"]
    money.verify()
    money.track()
    logs = "".join(str(vars(record)) for record in caplog.records)
    told = money.items() + logs + "".join(capfd.readouterr())
    assert money.id() in told
    assert wrong not in told
    assert f'"{right}"' not in told


def test_kill_switch_is_read_at_submit_and_again_at_verify(money: Money) -> None:
    money.switch("off")
    answer = money.submit()
    assert (answer.status, answer.json()["code"]) == (503, "withdrawals_switched_off")
    assert (money.asked(), money.api.get(money.path(money.id())).status) == (0, 404)
    money.switch("on")
    money.functions.forget()
    assert money.submit().status == 202
    money.switch("off")
    money.functions.forget()
    answer = money.verify()
    assert (answer.status, answer.json()["code"]) == (503, "withdrawals_switched_off")
    assert (money.get()["status"], money.asked()) == ("VERIFICATION_REQUIRED", 1)
    money.switch("on")
    money.functions.forget()
    assert money.verify().status == 200


def test_kill_switch_takes_effect_within_twenty_seconds_without_a_cold_start(
    money: Money, monkeypatch
) -> None:
    import datetime as dt

    from aws_lambda_powertools.utilities.parameters import base

    money.submit()
    money.switch("off")

    class Later(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return dt.datetime.now(tz) + dt.timedelta(seconds=20)

    monkeypatch.setattr(base, "datetime", Later)
    assert money.verify().json()["code"] == "withdrawals_switched_off"


def test_kill_switch_that_can_not_be_read_means_no(money: Money) -> None:
    money.functions.stack.aws.add_fault("error", service="ssm", times=0, code="AccessDenied")
    answer = money.submit()
    assert (answer.status, answer.json()["code"]) == (503, "withdrawals_unavailable")
    assert money.asked() == 0
    money.functions.stack.aws.reset_faults()


def test_codes_and_secrets_that_kucoin_repeats_reach_nobody(money: Money, caplog, capfd) -> None:
    link = money.submit().json()["verifyUrl"].removeprefix(money.api.base_url)
    key = open_credentials(money.vault, money.connections.get(money.user_id))
    secrets = [key.secret.get_secret_value(), key.passphrase.get_secret_value()]
    told = [*money.codes().values(), *secrets, secrets[0][3:15], quote(secrets[0], safe="")]
    words = f"Parameters say no to {' '.join(told)}!"
    money.simulator.add_fault("withdraw", "error", phase="before", code="400100", msg=words)
    answer = money.verify()
    assert (answer.status, answer.json()["code"]) == (422, "kucoin_parameter")
    seen = [answer.text, json.dumps(money.get()), money.api.get(link).text, money.items()]
    seen += [json.dumps(vars(record), default=str) for record in caplog.records]
    seen.append(capfd.readouterr().out)
    assert "Parameters say no to" in money.stored().detail
    for secret in told:
        assert not [text for text in seen if secret in text], secret
