"""Asking for a withdrawal: what each answer is, and that the same key is the same withdrawal."""

from typing import Any

import pytest

from tests.support.money import ADDRESS, Money

CONFIGURATION_METRIC = '"ConfigurationErrorFound":[1.0]'


def test_submit_with_codes_wanted_tells_alternatives_and_what_was_sent(money: Money) -> None:
    answer = money.submit()
    assert answer.status == 202, answer.text
    told = answer.json()
    assert told["status"] == "VERIFICATION_REQUIRED"
    assert told["withdrawalId"] == money.id()
    assert told["verification"]["alternatives"] == [["GAV", "EMV"]]
    assert told["verification"]["sent"] == [["EMV"]]
    assert told["verification"]["triesLeft"] == 5
    assert told["verification"]["until"]
    assert told["verifyUrl"].startswith(f"{money.api.base_url}/verify/user-1.{money.id()}.")
    assert money.made() == []


def test_submit_and_verify_sends_the_identical_body_with_our_id_first_in_remark(
    money: Money,
) -> None:
    money.submit(remark="invoice 4711", feeDeductType="EXTERNAL")
    answer = money.verify()
    assert (answer.status, answer.json()["status"]) == (200, "SUBMITTED")
    first, second = (entry["body"] for entry in money.simulator.journal(route="withdraw"))
    validation = second.pop("validation")
    assert first == second
    assert first == {
        "currency": "USDT",
        "address": ADDRESS,
        "amount": "100",
        "withdrawType": "ADDRESS",
        "chain": "trx",
        "isInner": False,
        "remark": f"{money.stored().remark_name} invoice 4711",
        "feeDeductType": "EXTERNAL",
    }
    assert [factor["factorType"] for factor in validation["factors"]] == ["GAV", "EMV"]
    (made,) = money.made()
    assert made["id"] == answer.json()["kucoinWithdrawalId"]
    assert (made["deducted"], made["received"]) == ("111", "100")


RECIPIENT = {
    "firstName": "Ada",
    "lastName": "Löwe",
    "companyName": "Example Ltd",
    "country": "GB",
    "wallet": "Example Exchange",
    "tin": "12 345 678",
    "identityNo": "X1234567",
    "identityType": "PASSPORT",
    "questionnaire": '{"q1":"yes"}',
    "reasonOfTransfer": "payment for goods",
}


def test_submit_sends_every_field_of_the_travel_rule_and_tells_none(money: Money, caplog) -> None:
    money.simulator.set_worlds(travel_rule_required=True)
    recipient = {"type": "INDIVIDUAL", **RECIPIENT}
    told = [money.submit(recipient=recipient), money.verify()]
    assert [answer.status for answer in told] == [202, 200]
    for entry in money.simulator.journal(route="withdraw"):
        sent = {name: entry["body"][name] for name in ("receiverType", *RECIPIENT)}
        assert sent == {"receiverType": "INDIVIDUAL", **RECIPIENT}
    for answer in (*told, money.api.get(money.path())):
        assert "X1234567" not in answer.text
    assert "X1234567" not in caplog.text


def test_submit_with_another_recipient_is_another_request(money: Money) -> None:
    recipient = {"type": "INDIVIDUAL", **RECIPIENT}
    assert money.submit(recipient=recipient).status == 202
    for name in RECIPIENT:
        fewer = {key: value for key, value in recipient.items() if key != name}
        answer = money.submit(recipient=fewer)
        assert (answer.status, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_submit_without_codes_is_created_at_once(money: Money) -> None:
    money.no_factors()
    answer = money.submit()
    assert (answer.status, answer.json()["status"]) == (201, "SUBMITTED")
    assert answer.json()["verifyUrl"] is None
    assert len(money.made()) == 1


def test_submit_again_with_the_same_key_tells_the_state_and_sends_nothing(money: Money) -> None:
    money.no_factors()
    first = money.submit().json()
    again = money.submit()
    assert (again.status, again.json()) == (200, first)
    assert (len(money.made()), money.asked()) == (1, 1)


def test_submit_again_while_codes_are_wanted_gives_another_link_and_keeps_the_first(
    money: Money,
) -> None:
    urls = [money.submit().json()["verifyUrl"] for _ in range(2)]
    assert urls[0] != urls[1]
    for url in urls:
        assert money.api.get(url.removeprefix(money.api.base_url)).status == 200
    assert money.asked() == 1


def test_submit_again_with_another_body_is_refused(money: Money) -> None:
    money.submit()
    answer = money.submit(amount="101")
    assert (answer.status, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert answer.json()["withdrawalId"] == money.id()
    assert money.asked() == 1


def test_submit_again_with_the_same_amount_written_otherwise_is_the_same(money: Money) -> None:
    money.submit(amount="100")
    assert money.submit(amount="100.00").status == 202
    assert money.asked() == 1


def test_submit_of_two_keys_makes_two(money: Money) -> None:
    money.no_factors()
    assert money.submit("key-1").status == money.submit("key-2").status == 201
    assert len(money.made()) == 2


@pytest.mark.parametrize(
    ("kucoin", "status", "code"),
    [
        ({"code": "260325", "msg": "not in whitelist"}, 422, "address_not_whitelisted"),
        ({"code": "260210", "msg": "withdraw.disabled"}, 422, "withdrawal_disabled"),
        ({"code": "260100", "msg": "account.noBalance"}, 422, "insufficient_balance"),
        ({"code": "200004", "msg": "Balance insufficient"}, 422, "insufficient_balance"),
        ({"code": "900014", "msg": "Invalid chainId"}, 422, "chain_unknown"),
        ({"code": "400100", "msg": "account.available.amount"}, 422, "insufficient_balance"),
        ({"code": "400100", "msg": "address is wrong"}, 422, "kucoin_parameter"),
        ({"code": "411100", "msg": "User are frozen"}, 422, "account_frozen"),
        ({"code": "400003", "msg": "KC-API-KEY not exists"}, 422, "api_key_gone"),
        ({"code": "400006", "msg": "ip 1.2.3.4"}, 422, "ip_not_allowed"),
        ({"code": "400007", "msg": "Access denied"}, 422, "withdrawal_not_granted"),
        ({"code": "400201", "msg": "partner"}, 422, "partner_refused"),
        ({"code": "400301", "msg": "region"}, 422, "region_refused"),
        ({"code": "400303", "msg": "kyc"}, 422, "identity_required"),
        ({"code": "260430", "msg": "identity"}, 422, "recipient_required"),
        ({"code": "400001", "msg": "headers"}, 422, "kucoin_refused"),
        ({"code": "400202", "msg": "Invalid request IP 1.2.3.4"}, 422, "ip_not_allowed"),
    ],
)
def test_submit_refused_by_kucoin_is_rejected_for_good_and_gives_the_limit_back(
    money: Money, kucoin: dict[str, str], status: int, code: str
) -> None:
    money.simulator.add_fault("withdraw", "error", phase="before", times=1, **kucoin)
    for _ in range(2):
        answer = money.submit()
        assert (answer.status, answer.json()["code"]) == (status, code), answer.text
        assert answer.json()["withdrawalId"] == money.id()
    assert (money.asked(), money.spent()) == (1, 0)
    assert money.get()["status"] == "REJECTED"


@pytest.mark.parametrize(
    ("fault", "code", "wait"),
    [
        ({"kind": "rate_limit", "resetMs": 2500}, "kucoin_busy", "3"),
        ({"kind": "error", "code": "400002", "msg": "clock"}, "kucoin_busy", "10"),
        ({"kind": "error", "code": "260410", "msg": "too many"}, "kucoin_busy", "10"),
    ],
)
def test_submit_when_kucoin_is_busy_can_be_asked_again_with_the_same_key(
    money: Money, fault: dict[str, str], code: str, wait: str
) -> None:
    money.simulator.add_fault("withdraw", **{**fault, "phase": "before", "times": 1})
    answer = money.submit()
    assert (answer.status, answer.json()["code"]) == (429, code)
    assert answer.header("retry-after") == wait
    assert money.get()["status"] == "CREATED"
    assert money.submit().status == 202


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop"},
        {"kind": "status_5xx"},
        {"kind": "garbage"},
        {"kind": "html_403"},
        {"kind": "failure_200000", "msg": "system error"},
        {"kind": "redirect", "location": "https://elsewhere.example/"},
        {"kind": "oversize"},
        {"kind": "rate_limit", "headers": False},
        {"kind": "error", "code": "429000", "msg": "overloaded"},
        {"kind": "error", "code": "500000", "msg": "internal"},
        {"kind": "error", "code": "408000", "msg": "timeout"},
        {"kind": "error", "code": "510000", "msg": "who knows"},
        {"kind": "error", "code": "230005", "msg": "System busy"},
        {"kind": "error", "code": "200002", "msg": "Too many requests"},
        {"kind": "error", "code": "404000", "msg": "Url Not Found"},
        {"kind": "error", "code": "260999", "msg": "something new"},
        {"kind": "error", "code": "260000", "msg": "another act's no"},
        {"kind": "error", "code": "260100", "msg": "a no with a status of its own", "status": 409},
        {"kind": "error", "code": "230005", "msg": "bind more factors: /account/security/g2fa"},
        {"kind": "error", "code": "500000", "msg": "bind more factors: /account/security/g2fa"},
        {"kind": "error", "code": "oops", "msg": "who knows"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
@pytest.mark.parametrize("phase", ["before", "after"])
def test_submit_without_a_clear_answer_is_unknown_and_never_sent_again(
    money: Money, fault: dict[str, Any], phase: str
) -> None:
    money.no_factors()
    money.simulator.add_fault("withdraw", **{**fault, "phase": phase, "times": 1})
    for _ in range(3):
        answer = money.submit()
        assert (answer.status, answer.json()["status"]) == (202, "OUTCOME_UNKNOWN")
    assert money.asked() == 1
    assert len(money.made()) == (1 if phase == "after" else 0)
    assert money.spent() == 100


@pytest.mark.parametrize(
    "gateway",
    [
        {"kind": "error", "code": "404", "msg": "Not Found", "status": 404},
        {"kind": "error", "code": "404000", "msg": "Url Not Found", "status": 404},
        {"kind": "status_5xx", "status": 404},
    ],
    ids=["404", "404000", "html"],
)
def test_submit_to_a_path_that_never_answered_is_a_configuration_error_and_frees_the_payment(
    money: Money, gateway: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    money.no_factors()
    money.simulator.add_fault("withdraw", **{**gateway, "phase": "before", "times": 2})
    for _ in range(2):
        answer = money.submit()
        assert (answer.status, answer.json()["code"]) == (500, "configuration_error"), answer.text
        assert money.get()["status"] == "CREATED"
    assert CONFIGURATION_METRIC in capsys.readouterr().out
    assert money.submit("key-2").status == 201, "the same payment is free to be made"
    assert len(money.made()) == 1


@pytest.mark.parametrize(
    "first",
    [
        {"kind": "delay", "seconds": 0},
        {"kind": "error", "code": "400100", "msg": "no"},
        {"kind": "error", "code": "230005", "msg": "busy"},
        {"kind": "error", "code": "999999", "msg": "new"},
    ],
    ids=["success", "refusal", "busy", "unlisted"],
)
@pytest.mark.parametrize("is_restarted", [True, False])
def test_submit_to_a_path_that_has_answered_is_unknown_behind_a_404(
    money: Money,
    first: dict[str, Any],
    is_restarted: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    money.no_factors()
    money.simulator.add_fault("withdraw", **{**first, "phase": "before", "times": 1})
    money.submit(amount="99")
    if is_restarted:
        money.functions.forget()
    capsys.readouterr()
    made = len(money.made())
    gateway = {"code": "404", "msg": "Not Found", "status": 404}
    money.simulator.add_fault("withdraw", "error", phase="after", times=1, **gateway)
    for _ in range(2):
        assert money.submit("key-2").json()["status"] == "OUTCOME_UNKNOWN"
    assert len(money.made()) == made + 1
    assert CONFIGURATION_METRIC not in capsys.readouterr().out


def test_submit_to_another_path_than_the_one_that_answered_is_a_configuration_error(
    money: Money,
) -> None:
    money.no_factors()
    assert money.submit(amount="99").status == 201
    money.functions.set_environment(
        "withdrawal", KUCOIN_PROTOCOL_OVERRIDES='{"withdrawal_path": "/api/v9/withdraw"}'
    )
    assert money.submit("key-2").json()["code"] == "configuration_error"
    assert money.get("key-2")["status"] == "CREATED"
    assert len(money.made()) == 1


def test_submit_whose_path_can_not_be_looked_up_is_unknown(money: Money) -> None:
    money.no_factors()
    gateway = {"code": "404", "msg": "Not Found", "status": 404}
    money.simulator.add_fault("withdraw", "error", phase="after", times=1, **gateway)
    money.functions.stack.aws.add_fault(
        "error", service="dynamodb", operation="GetItem", match="path#", times=0
    )
    assert money.submit().json()["status"] == "OUTCOME_UNKNOWN"
    money.functions.stack.aws.reset_faults()


def test_submit_whose_path_can_not_be_noted_lapses_and_never_becomes_a_definite_no(
    money: Money,
) -> None:
    money.no_factors()
    money.functions.stack.aws.add_fault(
        "error", service="dynamodb", operation="UpdateItem", match="path#", times=0
    )
    assert money.submit().status == 503
    money.functions.stack.aws.reset_faults()
    assert money.get()["status"] == "SUBMITTING"
    assert (money.asked(), len(money.made())) == (1, 1)
    money.later(600)
    assert money.get()["status"] == "OUTCOME_UNKNOWN"


@pytest.mark.parametrize(
    ("code", "is_taken"),
    [("260330", True), ("400100", True), ("400007", True), ("500000", False), ("x", False)],
)
def test_submit_words_that_ask_for_security_count_only_with_a_definite_code(
    money: Money, code: str, is_taken: bool
) -> None:
    money.no_factors()
    link = "https://www.kucoin.com/account/security/g2fa"
    words = f"You need to bind more factors to continue. Please visit: {link}"
    phase = "before" if is_taken else "after"
    money.simulator.add_fault("withdraw", "error", phase=phase, code=code, msg=words)
    answer = money.submit()
    if is_taken:
        assert (answer.status, answer.json()["code"]) == (409, "security_setup_required")
    else:
        assert (answer.status, answer.json()["status"]) == (202, "OUTCOME_UNKNOWN")
        assert money.submit().json()["status"] == "OUTCOME_UNKNOWN"
        assert (money.asked(), len(money.made())) == (1, 1)


def test_submit_limited_after_the_work_is_unknown_where_no_limit_is_trusted(money: Money) -> None:
    money.no_factors()
    money.functions.set_environment(
        "withdrawal", KUCOIN_PROTOCOL_OVERRIDES='{"limit_means_nothing_done": false}'
    )
    money.simulator.add_fault("withdraw", "rate_limit", phase="after", times=1)
    for _ in range(2):
        assert money.submit().json()["status"] == "OUTCOME_UNKNOWN"
    assert (money.asked(), len(money.made())) == (1, 1)


def test_submit_that_can_not_be_sent_is_released(money: Money) -> None:
    money.functions.set_environment("withdrawal", KUCOIN_BROKER_URL="http://127.0.0.1:9")
    money.functions.set_environment(
        "withdrawal", KUCOIN_PROTOCOL_OVERRIDES='{"withdrawal_host": "broker"}'
    )
    answer = money.submit()
    assert (answer.status, answer.json()["code"]) == (503, "kucoin_unreachable")
    assert money.get()["status"] == "CREATED"
    money.functions.overrides.clear()
    money.functions.forget()
    assert money.submit().status == 202


def test_submit_for_a_user_of_too_low_security_leads_to_kucoin_and_back(money: Money) -> None:
    money.simulator.patch_user("alice", two_factor=False)
    answer = money.submit(returnUrl=f"{_broker(money)}/kucoin?step=2&x=a%20b")
    assert (answer.status, answer.json()["code"]) == (409, "security_setup_required")
    link = answer.json()["link"]
    assert link == (
        f"{_simulator(money)}/account/security/g2fa?client_id=kubroker-local&redirect_uri="
        + (f"{_broker(money)}/kucoin?step=2&x=a%20b".replace("%", "%25").replace(":", "%3A")
           .replace("/", "%2F").replace("?", "%3F").replace("=", "%3D").replace("&", "%26"))
    )  # fmt: skip
    assert money.spent() == 0
    money.simulator.patch_user("alice", two_factor=True)
    assert money.submit(returnUrl=f"{_broker(money)}/kucoin?step=2&x=a%20b").status == 202
    assert money.spent() == 100


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/account/security/g2fa",
        "https://www.kucoin.com.evil.example/account/security/g2fa",
        "https://kucoin.com@evil.example/account/security",
        "https://evil.example\\@www.kucoin.com/account/security",
        "http://www.kucoin.com/account/security/g2fa",
        "https://evilkucoin.com/account/security",
        "https://www.kucoin.com:8443/account/security",
        "javascript:alert(1)//account/security",
        "https://www.kucoin.com%2eevil.example/account/security",
        "https://www.kuco\u0456n.com/account/security",
    ],
)
def test_submit_leads_to_kucoins_own_page_instead_of_elsewhere(money: Money, link: str) -> None:
    words = f"You need to bind more factors to continue this operation. Please visit: {link}"
    money.simulator.add_fault("withdraw", "error", phase="before", code="260330", msg=words)
    answer = money.submit()
    assert (answer.status, answer.json()["code"]) == (409, "security_setup_required")
    told = answer.json()["link"]
    assert told.startswith(
        f"{_simulator(money)}/account/security?client_id=kubroker-local&redirect"
    )
    assert "evil" not in answer.text


@pytest.mark.parametrize("site", ["www.kucoin.eu", "www.kucoin.th", "www.kucoin.tr"])
def test_submit_hands_on_the_link_of_a_local_site(money: Money, site: str) -> None:
    words = f"You need to bind more factors. Please visit: https://{site}/account/security/g2fa"
    money.simulator.add_fault("withdraw", "error", phase="before", code="260330", msg=words)
    link = money.submit().json()["link"]
    assert link.startswith(f"https://{site}/account/security/g2fa?client_id=")


def _broker(money: Money) -> str:
    allowed = money.functions.stack.find_function("withdrawal").environment["RETURN_URL_ALLOW_LIST"]
    return str(allowed).rstrip("/")


def _simulator(money: Money) -> str:
    return str(money.functions.stack.find_function("withdrawal").environment["KUCOIN_WEB_URL"])
