"""Key creation and key check on the wire, and what each refusal means."""

import json

import pytest
from pydantic import SecretStr

from kubroker.foundation.errors import (
    ConfigurationError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
    KucoinUnsentError,
)
from kubroker.foundation.settings import KucoinProtocol
from kubroker.kucoin.api_keys import (
    ApiKeyClient,
    CheckRefusal,
    KeyRefusal,
    classify_check_refusal,
    classify_key_refusal,
)
from kubroker.kucoin.explanations import explain_check_refusal, find_address
from kubroker.kucoin.identity import KucoinSecret
from kubroker.kucoin.permissions import Permission
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.transport import KucoinTransport
from tests.support.wire_server import build_answer

CREATED = {
    "apiName": "Broker ND",
    "apiKey": "key-1",
    "secret": "secret-1",
    "passphrase": "pass phrase",
    "brokerId": "ND",
    "authGroup": "API_COMMON,API_SPOT",
    "ipWhiteList": "",
}
FACTS = {
    "remark": "Broker ND",
    "apiKey": "key-1",
    "apiVersion": 3,
    "permission": "General,Spot,InnerTransfer,Novelty",
    "ipWhitelist": "10.0.0.1,10.0.0.2",
    "createdAt": 1_700_000_000_000,
    "uid": 165111215,
    "isMaster": True,
}


def web(data, **changes):
    return build_answer(
        {"success": True, "code": "200", "msg": "success", "retry": False, "data": data, **changes}
    )


@pytest.fixture
def build_client(build_settings):
    def build(url, **changes):
        settings, transport = build_settings(url, **changes), KucoinTransport()
        rest = KucoinRest(settings, KucoinSecret, transport, now_ms=lambda: 1)
        return ApiKeyClient(settings, transport, rest)

    return build


def create(client, permissions=(Permission.SPOT,), *, is_addressbook_only=False, seconds=5.0):
    return client.create(
        SecretStr("token-1"), permissions, is_addressbook_only, deadline_seconds=seconds
    )


# Creation


def test_create_v2_posts_the_groups_as_json(serve, build_client):
    server = serve(web(CREATED))
    created = create(
        build_client(server.url),
        [Permission.SPOT, Permission.WITHDRAWAL],
        is_addressbook_only=True,
    )
    (received,) = server.received
    assert received.line == (
        "POST /_oauth/resource/cyber-truck-vault/v2/outer/api-key/add HTTP/1.1"
    )
    assert received.headers["content-type"] == "application/json"
    assert received.headers["authorization"] == "bearer token-1"
    assert json.loads(received.body) == {
        "authGroupMap": {
            "API_COMMON": True,
            "API_SPOT": True,
            "API_MARGIN": False,
            "API_FUTURES": False,
            "API_EARN": False,
            "API_TRANSFER": False,
            "API_WITHDRAW_OAUTH": True,
        },
        "isAddressbookOnly": True,
    }
    assert created.api_key.get_secret_value() == "key-1"
    assert created.secret.get_secret_value() == "secret-1"
    assert created.passphrase.get_secret_value() == "pass phrase"
    assert (created.name, created.broker_id) == ("Broker ND", "ND")
    assert created.auth_group == ("API_COMMON", "API_SPOT")
    assert created.ip_whitelist == ()
    for secret in ("key-1", "secret-1", "pass phrase"):
        assert secret not in repr(created)


def test_created_key_credentials_are_what_signs(serve, build_client):
    created = create(build_client(serve(web(CREATED)).url))
    assert created.credentials.api_key == created.api_key
    assert created.credentials.secret == created.secret
    assert created.credentials.passphrase == created.passphrase


def test_create_v1_posts_an_empty_form(serve, build_client):
    server = serve(web(CREATED))
    create(build_client(server.url, KUCOIN_KEY_VERSION="v1"))
    (received,) = server.received
    assert received.line == "POST /_oauth/resource/ucenter/outer/api-key/add HTTP/1.1"
    assert received.headers["content-type"] == "application/x-www-form-urlencoded"
    assert received.headers["content-length"] == "0"
    assert received.headers["authorization"] == "bearer token-1"
    assert received.body == b""


def test_create_v1_with_withdrawal_asks_nothing(serve, build_client):
    server = serve(web(CREATED))
    client = build_client(server.url, KUCOIN_KEY_VERSION="v1")
    with pytest.raises(ConfigurationError, match="v1 has no withdrawal"):
        create(client, [Permission.WITHDRAWAL])
    assert server.received == []


def test_create_unified_needs_its_group_named(serve, build_client):
    server = serve(web(CREATED))
    with pytest.raises(ConfigurationError, match="unified_group_name"):
        create(build_client(server.url), [Permission.UNIFIED])
    assert server.received == []

    client = build_client(server.url, KUCOIN_PROTOCOL_OVERRIDES='{"unified_group_name":"API_UA"}')
    create(client, [Permission.UNIFIED])
    assert json.loads(server.received[0].body)["authGroupMap"]["API_UA"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"ipWhiteList": ["10.0.0.1", "10.0.0.2"]},
        {"ipWhiteList": "10.0.0.1,10.0.0.2"},
    ],
)
def test_create_whitelist_in_any_form(serve, build_client, changes):
    created = create(build_client(serve(web({**CREATED, **changes})).url))
    assert created.ip_whitelist == ("10.0.0.1", "10.0.0.2")


def test_create_unimportant_fields_may_be_missing(serve, build_client):
    data = {name: CREATED[name] for name in ("apiKey", "secret", "passphrase")}
    created = create(build_client(serve(web(data)).url))
    assert (created.name, created.broker_id) == ("", "")
    assert (created.auth_group, created.ip_whitelist) == ((), ())


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "key-1",
        {},
        {**CREATED, "apiKey": ""},
        {**CREATED, "apiKey": "a\r\nb"},
        {**CREATED, "secret": None},
        {**CREATED, "passphrase": 7},
    ],
)
def test_create_success_without_a_usable_key_is_unknown_and_tells_nothing(
    serve, build_client, data
):
    with pytest.raises(KucoinOutcomeUnknownError, match="no usable API key") as caught:
        create(build_client(serve(web(data)).url))
    assert "secret-1" not in caught.value.message


def test_create_opens_a_connection_each_time_and_never_repeats(serve, build_client):
    server = serve(web(CREATED), lambda peer: peer.close(), build_answer("<html>", status=502))
    client = build_client(server.url)
    create(client)
    for _ in range(2):
        with pytest.raises(KucoinOutcomeUnknownError):
            create(client)
    assert [received.connection for received in server.received] == [1, 2, 3]


def test_create_deadline_passed_is_unknown_refused_connection_is_unsent(serve, build_client):
    with pytest.raises(KucoinOutcomeUnknownError):
        create(build_client(serve(lambda peer: peer.stay_silent()).url), seconds=0.2)
    with pytest.raises(KucoinUnsentError):
        create(build_client("http://127.0.0.1:1"))


# Refusals of creation


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("40503", KeyRefusal.RISK_VALIDATION),
        ("40010", KeyRefusal.NAME_TAKEN),
        ("40011", KeyRefusal.KEY_LIMIT),
        ("40001", KeyRefusal.DEAD_TOKEN),
        ("invalid_token", KeyRefusal.DEAD_TOKEN),
        ("400001", KeyRefusal.OTHER),
        ("400202", KeyRefusal.OTHER),
    ],
)
def test_create_refusal_means_what_the_settings_say(serve, build_client, code, refusal):
    server = serve(web(None, success=False, code=code, msg="no"))
    with pytest.raises(KucoinRefusedError) as caught:
        create(build_client(server.url))
    assert classify_key_refusal(caught.value, KucoinProtocol()) is refusal
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "code", ["429000", "200000", "230005", "500000", "404000", "400100", "40002", "never seen"]
)
def test_create_answered_with_a_code_that_nobody_listed_is_unknown(serve, build_client, code):
    server = serve(web(None, success=False, code=code, msg="no"))
    with pytest.raises(KucoinOutcomeUnknownError):
        create(build_client(server.url))
    assert len(server.received) == 1


def test_classify_key_refusal_codes_are_settings():
    error = KucoinRefusedError("7", "no", http_status_received=200)
    assert classify_key_refusal(error, KucoinProtocol()) is KeyRefusal.OTHER
    protocol = KucoinProtocol(key_limit_codes=frozenset({"7"}))
    assert classify_key_refusal(error, protocol) is KeyRefusal.KEY_LIMIT


# The check


def test_check_reads_the_facts_with_the_keys_own_signature(serve, build_client, credentials):
    server = serve(build_answer({"code": "200000", "data": FACTS}))
    facts = build_client(server.url).check(credentials, deadline_seconds=5)
    (received,) = server.received
    assert received.line == "GET /api/v1/user/api-key HTTP/1.1"
    assert received.headers["kc-api-key"] == "6422da9c97b45100018c6e62"
    assert facts.uid == "165111215"
    assert facts.permissions == {
        Permission.GENERAL,
        Permission.SPOT,
        Permission.FLEXIBLE_TRANSFERS,
    }
    assert facts.ip_whitelist == ("10.0.0.1", "10.0.0.2")
    assert facts.api_version == 3
    assert facts.is_master is True
    assert facts.created_at_ms == 1_700_000_000_000


def test_check_only_the_uid_has_to_be_there(serve, build_client, credentials):
    data = {"uid": "a1", "isMaster": "yes", "apiVersion": True, "permission": None}
    server = serve(build_answer({"code": "200000", "data": data}))
    facts = build_client(server.url).check(credentials, deadline_seconds=5)
    assert facts.uid == "a1"
    assert (facts.permissions, facts.ip_whitelist) == (frozenset(), ())
    assert (facts.api_version, facts.is_master, facts.created_at_ms) == (None, None, None)


UNUSABLE_UIDS = [None, "", True, 1.5, [], "a b", "x" * 65, -1]


@pytest.mark.parametrize("data", [None, [], "x", {}, *({"uid": uid} for uid in UNUSABLE_UIDS)])
def test_check_without_uid_is_unknown(serve, build_client, credentials, data):
    server = serve(build_answer({"code": "200000", "data": data}))
    with pytest.raises(KucoinOutcomeUnknownError, match="no uid"):
        build_client(server.url).check(credentials, deadline_seconds=5)


# Whose bearer token


def test_find_bearer_uid_unset_path_asks_nothing(serve, build_client):
    server = serve(build_answer({}))
    client = build_client(server.url)
    assert client.find_bearer_uid(SecretStr("t"), deadline_seconds=5) is None
    assert server.received == []


@pytest.mark.parametrize(("data", "uid"), [({"uid": 7}, "7"), ({"uid": None}, None), (None, None)])
def test_find_bearer_uid_asks_with_the_token(serve, build_client, data, uid):
    server = serve(build_answer({"code": "200000", "data": data}))
    overrides = '{"bearer_identity_path":"/api/v1/whoami"}'
    client = build_client(server.url, KUCOIN_PROTOCOL_OVERRIDES=overrides)
    assert client.find_bearer_uid(SecretStr("token-1"), deadline_seconds=5) == uid
    (received,) = server.received
    assert received.line == "GET /api/v1/whoami HTTP/1.1"
    assert received.headers["authorization"] == "bearer token-1"


# Refusals of the check


def refused(code, words="words"):
    return KucoinRefusedError(code, words, http_status_received=400)


CHECK_TABLE = [
    ("400002", CheckRefusal.CLOCK, "clock"),
    ("400003", CheckRefusal.KEY_GONE, "link the account again"),
    ("400004", CheckRefusal.KEY_GONE, "link the account again"),
    ("400005", CheckRefusal.SIGNATURE, "did not accept the signature"),
    ("400006", CheckRefusal.IP_NOT_ALLOWED, "does not let this installation's address use"),
    ("400007", CheckRefusal.PERMISSION, "lacks the permission"),
    ("400200", CheckRefusal.PARTNER, "correct partner, broker name"),
    ("400201", CheckRefusal.PARTNER, "correct partner, broker name"),
    ("400202", CheckRefusal.IP_NOT_ALLOWED, "does not let this installation's address use"),
    ("400301", CheckRefusal.REGION, "region"),
    ("411100", CheckRefusal.FROZEN, "frozen"),
    ("429000", CheckRefusal.RATE_LIMITED, "rate limit"),
    ("400100", CheckRefusal.OTHER, "code 400100: words"),
    ("new", CheckRefusal.OTHER, "code new: words"),
]


@pytest.mark.parametrize(("code", "refusal", "words"), CHECK_TABLE)
def test_check_refusal_has_a_class_and_words_for_a_person(code, refusal, words):
    assert classify_check_refusal(refused(code)) is refusal
    assert words in explain_check_refusal(refused(code))


def test_check_refusal_table_has_a_row_for_every_class():
    assert {refusal for _, refusal, _ in CHECK_TABLE} == set(CheckRefusal)


def test_explain_check_refusal_names_the_address_that_kucoin_saw():
    words = "The requested ip 203.0.113.9 is not in the api whitelist. {address}"
    assert explain_check_refusal(refused("400006", words)) == (
        "KuCoin does not let 203.0.113.9 use this API key: add it to the IP list that the broker "
        "gave to KuCoin."
    )


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("ip 203.0.113.9 is not", "203.0.113.9"),
        ("IP:203.0.113.9.", "203.0.113.9"),
        ("(203.0.113.9)", "203.0.113.9"),
        ("your ip is 2001:db8::1, not", "2001:db8::1"),
        ("ip ::1.", "::1"),
        ("a 1.2.3 or 999.1.1.1 then 10.0.0.1", "10.0.0.1"),
        ("faded beef: no address at 12:30", None),
        ("", None),
    ],
)
def test_find_address_finds_the_first(words, address):
    assert find_address(words) == address
