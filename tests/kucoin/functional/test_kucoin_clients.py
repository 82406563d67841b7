"""The KuCoin clients against the simulator's own process, over real HTTP."""

import time
import urllib.request
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from kubroker.foundation.errors import (
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
    KucoinUnsentError,
)
from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin.api_keys import (
    ApiKeyClient,
    CheckRefusal,
    KeyRefusal,
    classify_check_refusal,
    classify_key_refusal,
)
from kubroker.kucoin.explanations import explain_check_refusal
from kubroker.kucoin.identity import BrokerIdentity, KucoinSecret
from kubroker.kucoin.oauth import OAuthClient, TokenOutcome, classify_token_refusal
from kubroker.kucoin.permissions import Permission
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.transport import KucoinTransport
from local.kucoin_simulator import config

SPOT = config.SPOT_PARTNER
DEADLINE_SECONDS = 5.0
SHORT_SECONDS = 0.5


@dataclass
class Clients:
    """All of them on one transport, as a function has them."""

    settings: KucoinSettings
    oauth: OAuthClient
    keys: ApiKeyClient

    def exchange(self, code, seconds=DEADLINE_SECONDS):
        return self.oauth.exchange_code(SecretStr(code), deadline_seconds=seconds)

    def refresh(self, token, seconds=DEADLINE_SECONDS):
        return self.oauth.refresh(token, deadline_seconds=seconds)

    def create(self, token, *permissions, is_addressbook_only=False, seconds=DEADLINE_SECONDS):
        return self.keys.create(token, permissions, is_addressbook_only, deadline_seconds=seconds)

    def check(self, credentials, seconds=DEADLINE_SECONDS):
        return self.keys.check(credentials, deadline_seconds=seconds)


@pytest.fixture
def build_clients(simulator, simulator_url, addresses):
    def build(*, client_secret="local-client-secret", **changes):
        settings = KucoinSettings.from_environment(
            {
                "KUCOIN_WEB_URL": simulator_url,
                "KUCOIN_REST_URL": simulator_url,
                "KUCOIN_FUTURES_URL": f"{simulator_url}/futures",
                "KUCOIN_BROKER_URL": f"{simulator_url}/broker",
                "KUCOIN_CLIENT_ID": "kubroker-local",
                "KUCOIN_REDIRECT_URL": f"{addresses.gateway}/oauth/callback",
                "KUCOIN_SECRET_NAME": "unused",
                **changes,
            }
        )
        secret = KucoinSecret(
            client_secret=SecretStr(client_secret),
            spot=BrokerIdentity(
                partner=SPOT.partner, broker_name=SPOT.name, broker_key=SecretStr(SPOT.key)
            ),
        )
        transport = KucoinTransport(random_share=lambda: 0.0)
        rest = KucoinRest(
            settings, lambda: secret, transport, now_ms=lambda: time.time_ns() // 1_000_000
        )
        return Clients(
            settings,
            OAuthClient(settings, lambda: secret.client_secret, transport),
            ApiKeyClient(settings, transport, rest),
        )

    return build


@pytest.fixture
def clients(build_clients):
    return build_clients()


@pytest.fixture
def pair(clients, simulator):
    return clients.exchange(simulator.authorization_code("alice"))


@pytest.fixture
def key(clients, pair):
    return clients.create(pair.access_token, Permission.SPOT)


# The way through


def test_login_url_shows_the_login_page(clients):
    with urllib.request.urlopen(clients.oauth.build_login_url("s" * 43), timeout=5) as page:
        assert page.status == 200
        assert b"Log in" in page.read()


def test_way_through_every_signature_holds_and_what_acts_has_its_own_connection(clients, simulator):
    simulator.set_settings(accessTokenSeconds=1234)
    first = clients.exchange(simulator.authorization_code("alice"))
    assert (first.access_expires_in_seconds, first.was_expiry_doubtful) == (1234, False)
    assert first.scope == ("OAUTH_CREATE_API",)
    second = clients.refresh(first.refresh_token)
    created = clients.create(second.access_token, Permission.SPOT, Permission.FUTURES)
    facts = clients.check(created.credentials)
    clients.check(created.credentials)

    assert created.name == "kubroker"
    assert created.auth_group == ("API_COMMON", "API_SPOT", "API_FUTURES")
    assert facts.uid == "200000001"
    assert facts.permissions == {Permission.GENERAL, Permission.SPOT, Permission.FUTURES}
    assert (facts.api_version, facts.is_master, facts.ip_whitelist) == (3, True, ())
    entries = simulator.journal()
    by_route = {entry["route"]: entry for entry in entries}
    assert by_route["check_key"]["signature"] == "held"
    assert by_route["check_key"]["partner"] == "held"
    assert by_route["check_key"]["rebateLost"] is False
    acting = [e["connection"] for e in entries if e["route"] in {"token", "refresh", "create_key"}]
    reading = [e["connection"] for e in entries if e["route"] == "check_key"]
    assert len(set(acting)) == len(acting) == 3
    assert len(reading) == 2
    assert len(set(reading)) == 1
    assert not set(acting) & set(reading)


def test_create_v1_gives_what_the_user_granted_without_withdrawal(build_clients, simulator):
    clients = build_clients(KUCOIN_KEY_VERSION="v1")
    created = clients.create(clients.exchange(simulator.authorization_code("bob")).access_token)
    assert "API_WITHDRAW_OAUTH" not in created.auth_group
    assert clients.check(created.credentials).uid == "200000002"


@pytest.mark.parametrize(
    ("world", "overrides"),
    [
        ("authorization_code", "{}"),
        ("refresh_token", '{"refresh_grant_type":"refresh_token"}'),
        ("any", "{}"),
    ],
)
def test_refresh_speaks_the_grant_type_of_the_setting(
    build_clients, simulator, pair, world, overrides
):
    simulator.set_worlds(refresh_grant_type=world)
    clients = build_clients(KUCOIN_PROTOCOL_OVERRIDES=overrides)
    assert clients.refresh(pair.refresh_token).access_token != pair.access_token


def test_find_bearer_uid_where_kucoin_tells(build_clients, simulator, pair):
    simulator.set_worlds(bearer_identity=True)
    overrides = '{"bearer_identity_path":"/api/v1/user/api-key"}'
    keys = build_clients(KUCOIN_PROTOCOL_OVERRIDES=overrides).keys
    assert keys.find_bearer_uid(pair.access_token, deadline_seconds=5) == "200000001"


# Refusals of tokens, in both forms


@pytest.fixture(params=["envelope", "rfc6749"])
def error_form(request, simulator):
    simulator.set_worlds(oauth_error_form=request.param)


def classify(call, settings):
    with pytest.raises(KucoinRefusedError) as caught:
        call()
    return classify_token_refusal(caught.value, settings.protocol)


def test_spent_code_is_refused_for_good(clients, simulator, error_form):
    code = simulator.authorization_code("alice")
    clients.exchange(code)
    outcome = classify(lambda: clients.exchange(code), clients.settings)
    assert outcome is TokenOutcome.REFUSED_FOR_GOOD


def test_spent_refresh_token_is_refused_for_good(clients, pair, error_form):
    clients.refresh(pair.refresh_token)
    outcome = classify(lambda: clients.refresh(pair.refresh_token), clients.settings)
    assert outcome is TokenOutcome.REFUSED_FOR_GOOD


def test_wrong_client_secret_is_our_misconfiguration(build_clients, simulator, error_form):
    clients = build_clients(client_secret="wrong")
    code = simulator.authorization_code("alice")
    outcome = classify(lambda: clients.exchange(code), clients.settings)
    assert outcome is TokenOutcome.MISCONFIGURED


def test_wrong_scope_is_in_doubt_until_a_setting_names_its_code(build_clients, pair):
    clients = build_clients(KUCOIN_SCOPE="NOVELTY")
    with pytest.raises(KucoinOutcomeUnknownError):
        clients.refresh(pair.refresh_token)
    overrides = '{"misconfiguration_codes": ["40004"]}'
    clients = build_clients(KUCOIN_SCOPE="NOVELTY", KUCOIN_PROTOCOL_OVERRIDES=overrides)
    outcome = classify(lambda: clients.refresh(pair.refresh_token), clients.settings)
    assert outcome is TokenOutcome.MISCONFIGURED


# Refusals of key creation


def classify_creation(call, settings):
    with pytest.raises(KucoinRefusedError) as caught:
        call()
    return classify_key_refusal(caught.value, settings.protocol)


def test_futures_for_an_account_without_is_risk_validation(clients, simulator):
    token = clients.exchange(simulator.authorization_code("bob")).access_token
    refusal = classify_creation(lambda: clients.create(token, Permission.FUTURES), clients.settings)
    assert refusal is KeyRefusal.RISK_VALIDATION


def test_other_addressbook_choice_is_risk_validation_and_definite(clients, simulator):
    groups = ["API_COMMON", "API_WITHDRAW_OAUTH"]
    code = simulator.authorization_code("alice", permissions=groups, isAddressbookOnly=True)
    token = clients.exchange(code).access_token
    asked = (token, Permission.WITHDRAWAL)
    refusal = classify_creation(lambda: clients.create(*asked), clients.settings)
    assert refusal is KeyRefusal.RISK_VALIDATION
    created = clients.create(*asked, is_addressbook_only=True)
    assert Permission.WITHDRAWAL in clients.check(created.credentials).permissions


def test_second_key_where_kucoin_allows_one_is_name_taken(clients, simulator, pair, key):
    simulator.set_worlds(one_key_per_broker=True)
    refusal = classify_creation(lambda: clients.create(pair.access_token), clients.settings)
    assert refusal is KeyRefusal.NAME_TAKEN


def test_full_account_is_key_limit(clients, simulator):
    token = clients.exchange(simulator.authorization_code("dave")).access_token
    refusal = classify_creation(lambda: clients.create(token), clients.settings)
    assert refusal is KeyRefusal.KEY_LIMIT


def test_rotated_access_token_is_dead_token(clients, pair):
    clients.refresh(pair.refresh_token)
    refusal = classify_creation(lambda: clients.create(pair.access_token), clients.settings)
    assert refusal is KeyRefusal.DEAD_TOKEN


# Refusals of the check


def refuse_check(clients, credentials):
    with pytest.raises(KucoinRefusedError) as caught:
        clients.check(credentials)
    return caught.value


def test_deleted_key_is_gone(clients, simulator, key):
    simulator.delete_key(key.api_key.get_secret_value())
    assert classify_check_refusal(refuse_check(clients, key.credentials)) is CheckRefusal.KEY_GONE


def test_address_outside_the_whitelist_is_named(clients, simulator, key):
    simulator.patch_key(key.api_key.get_secret_value(), ipWhitelist=["198.51.100.7"])
    error = refuse_check(clients, key.credentials)
    assert classify_check_refusal(error) is CheckRefusal.IP_NOT_ALLOWED
    assert "does not let 127.0.0.1 use this API key" in explain_check_refusal(error)


def test_frozen_account_is_frozen(clients, simulator):
    token = clients.exchange(simulator.authorization_code("erin")).access_token
    credentials = clients.create(token).credentials
    assert classify_check_refusal(refuse_check(clients, credentials)) is CheckRefusal.FROZEN


@pytest.mark.parametrize("offset_seconds", [-3600, 3600])
def test_kucoins_clock_elsewhere_is_measured_once(clients, simulator, key, offset_seconds):
    simulator.set_clock(offsetSeconds=offset_seconds)
    for _ in range(2):
        assert clients.check(key.credentials).uid == "200000001"
    outcomes = [(e["route"], e["outcome"]) for e in simulator.journal()][-4:]
    assert outcomes == [
        ("check_key", "400002"),
        ("timestamp", "200000"),
        ("check_key", "200000"),
        ("check_key", "200000"),
    ]


# Every fault at every call

UNKNOWN, REFUSED = KucoinOutcomeUnknownError, KucoinRefusedError
FAULTS = [
    ("drop", {}, UNKNOWN),
    ("drop", {"reset": True}, UNKNOWN),
    ("drop", {"phase": "after"}, UNKNOWN),
    ("status_5xx", {"status": 500}, UNKNOWN),
    ("status_5xx", {"status": 504, "phase": "after"}, UNKNOWN),
    ("garbage", {"phase": "after"}, UNKNOWN),
    ("html_403", {}, UNKNOWN),
    ("redirect", {}, UNKNOWN),
    ("oversize", {}, UNKNOWN),
    ("cut", {"phase": "after"}, UNKNOWN),
    ("drip", {"part": "header", "seconds": 0.1, "phase": "after"}, UNKNOWN),
    ("drip", {"part": "body", "seconds": 0.1, "phase": "after"}, UNKNOWN),
    ("delay", {"seconds": 2}, UNKNOWN),
    ("error", {"code": "500000"}, UNKNOWN),
    ("error", {"code": "408000", "phase": "after"}, UNKNOWN),
    ("error", {"code": "900001", "status": 502}, UNKNOWN),
    ("error", {"code": "900001"}, UNKNOWN),
    ("error", {"code": "900001", "status": 400, "phase": "after"}, UNKNOWN),
    ("error", {"code": "230005", "phase": "after"}, UNKNOWN),
    ("error", {"code": "404", "status": 404, "phase": "after"}, UNKNOWN),
    ("error", {"code": "400202"}, REFUSED),
    ("error", {"code": "400202", "status": 400}, REFUSED),
    ("rate_limit", {"resetMs": 2500}, REFUSED),
    ("rate_limit", {"headers": False}, UNKNOWN),
    ("failure_200000", {}, UNKNOWN),
]


def name_fault(value):
    return value if isinstance(value, str) else None


@pytest.mark.parametrize(("kind", "options", "expected"), FAULTS, ids=name_fault)
@pytest.mark.parametrize("route", ["token", "refresh", "create_key"])
def test_fault_at_an_acting_call_is_classed_and_never_repeated(
    clients, simulator, route, kind, options, expected
):
    code = simulator.authorization_code("alice")
    pair = clients.exchange(code) if route != "token" else None
    calls = {
        "token": lambda: clients.exchange(code, SHORT_SECONDS),
        "refresh": lambda: clients.refresh(pair.refresh_token, SHORT_SECONDS),
        "create_key": lambda: clients.create(pair.access_token, seconds=SHORT_SECONDS),
    }
    before = len(simulator.journal(route=route))
    simulator.add_fault(route, kind, times=9, **options)
    started = time.monotonic()
    with pytest.raises(expected) as caught:
        calls[route]()
    assert time.monotonic() - started < SHORT_SECONDS + 4
    assert len(simulator.journal(route=route)) == before + 1
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    if kind == "rate_limit" and expected is REFUSED:
        assert (caught.value.kucoin_code, caught.value.retry_after_seconds) == ("429000", 3)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("drop", {}),
        ("status_5xx", {}),
        ("cut", {}),
        ("error", {"code": "500000"}),
        ("error", {"code": "200002"}),
        ("error", {"code": "230005"}),
    ],
)
def test_fault_at_a_read_is_asked_once_more(clients, simulator, key, kind, options):
    simulator.add_fault("check_key", kind, **options)
    assert clients.check(key.credentials).uid == "200000001"
    assert len(simulator.journal(route="check_key")) == 2


def test_fault_at_a_read_that_stays_is_asked_twice_only(clients, simulator, key):
    simulator.add_fault("check_key", "drop", times=9)
    with pytest.raises(KucoinOutcomeUnknownError):
        clients.check(key.credentials)
    assert len(simulator.journal(route="check_key")) == 2


def test_connection_closed_while_idle_is_replaced(clients, simulator, key):
    simulator.add_fault("check_key", "idle_close", phase="after")
    clients.check(key.credentials)
    assert clients.check(key.credentials).uid == "200000001"


def test_answer_without_refresh_token_and_with_absurd_expiry(clients, simulator, pair):
    simulator.add_fault("refresh", "no_refresh_token")
    assert clients.refresh(pair.refresh_token).refresh_token is None
    for value in (-1, 0, 10**12, "soon", None):
        fresh = clients.exchange(simulator.authorization_code("alice"))
        simulator.add_fault("refresh", "expires_in", value=value)
        rotated = clients.refresh(fresh.refresh_token)
        assert (rotated.access_expires_in_seconds, rotated.was_expiry_doubtful) == (3600, True)


def test_nobody_there_is_unsent(build_clients):
    clients = build_clients(KUCOIN_WEB_URL="http://127.0.0.1:1")
    with pytest.raises(KucoinUnsentError):
        clients.refresh(SecretStr("r"))
