"""Reading an account: within its quota's free half, within the time, and no other account's."""

import json
from decimal import Decimal

import pytest
from pydantic import SecretStr

from kubroker.connections.key_use import UsableKey
from kubroker.exports import account_history
from kubroker.exports.account_history import (
    CALL_SECONDS,
    LEAST_CALL_SECONDS,
    PATIENT_ATTEMPTS,
    AccountHistory,
    is_passing,
    name_reason,
)
from kubroker.exports.records import ExportKind
from kubroker.exports.windows import ACCOUNT_CHANGED, Window
from kubroker.foundation.errors import (
    ConfigurationError,
    ConflictError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
    KucoinUnsentError,
    NotFoundError,
    OutOfTimeError,
    TooManyRequestsError,
)
from kubroker.kucoin.exchange import KucoinAnswer
from kubroker.kucoin.permissions import Permission
from kubroker.kucoin.signer import ApiCredentials
from tests.exports.unit.hands import Hands

START_MS = 1_700_000_000_000
WINDOW = Window(START_MS, START_MS + 3_600_000)
KIND = ExportKind.TRADE_LEDGER
WEIGHT = 2
EMPTY: list = []
KEY = ApiCredentials(api_key=SecretStr("k"), secret=SecretStr("s"), passphrase=SecretStr("p"))
ENTRY = {
    "id": "9",
    "currency": "USDT",
    "amount": "1.5",
    "direction": "in",
    "createdAt": str(START_MS),
    "bizType": "TRANSFER",
}


class Keys:
    """Of one account; what is opened is noted."""

    def __init__(self):
        self.uid, self.opened = "uid-1", []

    def open(self, user_id, permission):
        self.opened.append((user_id, permission))
        if self.uid is None:
            raise NotFoundError("no connection", code="connection_not_found")
        return UsableKey(self.uid, KEY)


class Forwarder:
    """Answers with what lies ready, each after so many seconds."""

    def __init__(self, hands):
        self.hands, self.asked, self.answers, self.seconds = hands, [], [], 0.0
        self.quota = None

    def tell(self, limit, remaining, reset_seconds):
        names = ("limit", "remaining", "reset")
        values = (limit, remaining, round(reset_seconds * 1000))
        self.quota = {
            f"gw-ratelimit-{name}": str(value) for name, value in zip(names, values, strict=True)
        }

    def forward(self, request, *, deadline_seconds):
        self.asked.append((request, deadline_seconds))
        self.hands.at += self.seconds
        answer = self.answers.pop(0) if self.answers else EMPTY
        if isinstance(answer, Exception):
            raise answer
        body = answer if isinstance(answer, dict) else {"code": "200000", "data": answer}
        return KucoinAnswer(status=200, headers=self.quota or {}, body=json.dumps(body).encode())


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def keys():
    return Keys()


@pytest.fixture
def forwarder(hands):
    return Forwarder(hands)


@pytest.fixture
def read(hands, keys, forwarder):
    history = AccountHistory(keys, forwarder, None, clock=hands.clock)

    def read(seconds=60.0, kind=KIND, account="uid-1", **more):
        deadline = hands.clock.start(seconds)
        return history.read("user-1", account, kind, WINDOW, deadline=deadline, **more)

    return read


def test_call_is_the_users_with_the_key_of_this_moment(read, keys, forwarder):
    forwarder.answers = [[ENTRY], EMPTY]
    (record,) = read().records
    assert (record.fields["userId"], Decimal(record.fields["change"])) == ("user-1", Decimal("1.5"))
    assert keys.opened == [("user-1", Permission.GENERAL)] * 2
    first, second = [request for request, _ in forwarder.asked]
    assert (first.method, first.host, first.path) == ("GET", "spot", "/api/v1/hf/accounts/ledgers")
    assert first.query == f"startAt={START_MS - 1000}&endAt={WINDOW.end_ms + 1000}&limit=200"
    assert second.query == f"{first.query}&lastId=9"
    assert second.signed_query == second.query


def test_call_of_another_account_is_not_made(read, forwarder):
    with pytest.raises(ConflictError) as caught:
        read(account="uid-2")
    assert caught.value.code == ACCOUNT_CHANGED
    assert forwarder.asked == []


def test_account_that_changes_between_two_pages_mixes_nothing(read, keys, forwarder):
    forwarder.answers = [[ENTRY], EMPTY]
    original = forwarder.forward

    def forward(request, **more):
        keys.uid = "uid-2"
        return original(request, **more)

    forwarder.forward = forward
    with pytest.raises(ConflictError):
        read()
    assert len(forwarder.asked) == 1


def test_key_that_may_not_be_used_is_the_windows_error(read, keys, forwarder):
    keys.uid = None
    with pytest.raises(NotFoundError):
        read()
    assert forwarder.asked == []


@pytest.mark.parametrize(("seconds", "told"), [(60.0, CALL_SECONDS), (8.0, 8.0), (5.0, 5.0)])
def test_call_has_eight_seconds_or_what_is_left(read, forwarder, seconds, told):
    read(seconds)
    assert [deadline for _, deadline in forwarder.asked] == [told]


def test_call_is_begun_with_just_the_time_it_needs(read, forwarder):
    read(LEAST_CALL_SECONDS)
    assert len(forwarder.asked) == 1


@pytest.mark.parametrize("seconds", [LEAST_CALL_SECONDS - 0.001, 0.0, -5.0])
def test_call_is_not_begun_with_less(read, forwarder, hands, seconds):
    with pytest.raises(OutOfTimeError) as caught:
        read(seconds)
    assert (caught.value.code, caught.value.retryable) == ("out_of_time", True)
    assert forwarder.asked == []
    assert hands.slept == []


def test_second_page_without_time_is_no_whole_window(read, forwarder):
    forwarder.answers, forwarder.seconds = [[ENTRY], EMPTY], 4.0
    with pytest.raises(OutOfTimeError):
        read(6.0)
    assert len(forwarder.asked) == 1


def test_quota_that_nobody_told_is_not_waited_for(read, forwarder, hands):
    for _ in range(50):
        read()
    assert (len(forwarder.asked), hands.slept) == (50, [])


def test_half_of_the_quota_is_left_to_the_user(read, forwarder, hands):
    forwarder.tell(100, 50 + WEIGHT, 20)
    read()
    read()
    assert hands.slept == []
    forwarder.tell(100, 50 + WEIGHT - 1, 20)
    read()
    read()
    assert hands.slept == [20.0]
    assert len(forwarder.asked) == 4


def test_after_three_attempts_in_vain_a_tenth_of_the_quota_is_left(read, forwarder, hands):
    forwarder.tell(100, 10 + WEIGHT, 20)
    read()
    read(attempt=PATIENT_ATTEMPTS)
    assert hands.slept == []
    read(attempt=PATIENT_ATTEMPTS - 1)
    assert hands.slept == [20.0]


def test_tenth_of_the_quota_is_always_left(read, forwarder, hands):
    forwarder.tell(100, 10 + WEIGHT - 1, 20)
    read()
    read(attempt=PATIENT_ATTEMPTS)
    assert hands.slept == [20.0]


def test_quota_that_is_used_up_is_waited_for_and_the_call_made_then(read, forwarder, hands):
    forwarder.tell(100, 0, 20)
    read()
    forwarder.quota = None
    read(20.0 + LEAST_CALL_SECONDS)
    assert hands.slept == [20.0]
    request, seconds = forwarder.asked[1]
    assert seconds == LEAST_CALL_SECONDS
    assert request.path == "/api/v1/hf/accounts/ledgers"


@pytest.mark.parametrize(
    ("reset", "told"), [(20.0, 20), (20.4, 20), (20.6, 21), (0.9, 1), (0.4, 1)]
)
def test_quota_that_is_used_up_for_longer_than_there_is_time_is_told(
    read, forwarder, hands, reset, told
):
    forwarder.tell(100, 0, reset)
    read()
    with pytest.raises(TooManyRequestsError) as caught:
        read(reset + LEAST_CALL_SECONDS - 0.01)
    error = caught.value
    assert (error.code, error.retry_after_seconds) == ("kucoin_quota_used_up", told)
    assert is_passing(error)
    assert hands.slept == []
    assert len(forwarder.asked) == 1


def test_quota_of_one_pool_holds_no_other_back(read, forwarder, hands):
    forwarder.tell(100, 0, 20)
    read()
    forwarder.answers = [{"code": "200000", "data": {"hasMore": False, "dataList": []}}]
    read(kind=ExportKind.FUTURES_LEDGER)
    assert hands.slept == []


def test_quota_is_the_accounts(read, keys, forwarder, hands):
    forwarder.tell(100, 0, 20)
    read()
    keys.uid = "uid-2"
    read(account="uid-2")
    assert hands.slept == []


def test_call_that_got_no_answer_counts_against_the_quota(read, forwarder, hands):
    forwarder.tell(100, 50 + 2 * WEIGHT, 20)
    read()
    forwarder.quota, forwarder.answers = None, [KucoinUnsentError("down")]
    with pytest.raises(KucoinUnsentError):
        read()
    read()
    assert hands.slept == []
    read()
    assert hands.slept == [20.0]


def test_refusal_is_told_with_kucoins_code(read, forwarder):
    forwarder.answers = [{"code": "400100", "msg": "no"}]
    with pytest.raises(KucoinRefusedError) as caught:
        read()
    assert name_reason(caught.value) == "kucoin_refused/400100"


@pytest.mark.parametrize("code", ["400200", "400201"])
def test_refusal_of_the_brokers_own_headers_is_an_operators_business(
    read, forwarder, monkeypatch, code
):
    counted: list[str] = []
    monkeypatch.setattr(account_history, "count", counted.append)
    forwarder.answers = [{"code": code, "msg": "no"}]
    with pytest.raises(ConfigurationError):
        read()
    assert counted == ["ConfigurationErrorFound"]


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (KucoinRefusedError("429000", "slow", http_status_received=200), True),
        (KucoinRefusedError("400002", "clock", http_status_received=401), True),
        (KucoinRefusedError("400006", "address", http_status_received=401), True),
        (KucoinRefusedError("400202", "address", http_status_received=200), True),
        (KucoinRefusedError("500000", "no", http_status_received=200), True),
        (KucoinRefusedError("408000", "no", http_status_received=200), True),
        (KucoinRefusedError("200002", "no", http_status_received=200), True),
        (KucoinRefusedError("230005", "no", http_status_received=200), True),
        (KucoinRefusedError("999999", "new", http_status_received=502), True),
        (KucoinRefusedError("999999", "new", http_status_received=200), False),
        (KucoinRefusedError("400003", "no", http_status_received=502), False),
        (KucoinRefusedError("404000", "no", http_status_received=404), False),
        (KucoinRefusedError("400100", "no", http_status_received=200), False),
        (KucoinRefusedError("400100", "no", http_status_received=499), False),
        (KucoinRefusedError("500000", "no", http_status_received=500), True),
        (KucoinUnsentError("down"), True),
        (KucoinOutcomeUnknownError("half"), True),
        (OutOfTimeError("over"), True),
        (ConflictError("another", code=ACCOUNT_CHANGED), False),
        (NotFoundError("none"), False),
    ],
)
def test_failure_is_tried_again_where_that_makes_sense(error, passing):
    assert is_passing(error) is passing


def test_reason_of_a_failure_is_its_code():
    assert name_reason(NotFoundError("none", code="connection_not_found")) == "connection_not_found"
