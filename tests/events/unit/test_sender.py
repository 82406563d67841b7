"""One delivery over real sockets, read by a stranger: the library of the specification."""

import base64
import hmac
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from kubroker.events import webhook_sender as sender_module
from kubroker.events.webhook_sender import WebhookSecrets, WebhookSender
from kubroker.foundation.errors import ConfigurationError, UnavailableError
from tests.support.certificates import build_contexts
from tests.support.wire_server import WireServer, build_answer

OLD = "whsec_" + "b2xk" * 8
NEW = "bmV3" * 11
PAYLOAD = json.dumps({"type": "ConnectionAuthorized", "data": {"name": "Zürich"}})


@pytest.fixture
def serve():
    servers = []

    def start(*scripts, tls=None):
        servers.append(WireServer(*scripts, tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def secrets(current=NEW, previous=""):
    text = json.dumps({"current": current, "previous": previous})
    return WebhookSecrets.parse(text, name="kubroker/test/webhooks")


def local_sender(server, **kept):
    return WebhookSender(
        f"http://localhost:{server.port}/hooks", is_local=True, get_secrets=lambda: secrets(**kept)
    )


def send(sender, at=None):
    sender.send("evt_1", PAYLOAD, at=at or datetime.now(UTC))


def verify(server, secret, number=-1):
    received = server.received[number]
    return Webhook(secret).verify(received.body, received.headers)


def test_delivery_is_verified_by_a_stranger(serve):
    server = serve(build_answer("", status=204))
    send(local_sender(server))
    assert verify(server, NEW) == json.loads(PAYLOAD)
    (received,) = server.received
    assert received.line == "POST /hooks HTTP/1.1"
    assert received.body == PAYLOAD.encode()
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == "evt_1"
    assert received.headers["host"] == f"localhost:{server.port}"


def test_delivery_after_a_rotation_is_verified_with_either_secret(serve):
    server = serve(build_answer("ok"))
    send(local_sender(server, previous=OLD))
    assert verify(server, NEW) == verify(server, OLD)
    send(local_sender(server))
    with pytest.raises(WebhookVerificationError):
        verify(server, OLD)


def test_delivery_of_another_body_or_time_is_refused_by_the_stranger(serve):
    server = serve(build_answer("ok"))
    send(local_sender(server))
    (received,) = server.received
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(received.body + b" ", received.headers)
    later = str(int(received.headers["webhook-timestamp"]) + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(received.body, {**received.headers, "webhook-timestamp": later})


def test_each_try_is_signed_anew_and_keeps_its_id(serve):
    server = serve(build_answer("ok"))
    yesterday = datetime.now(UTC) - timedelta(hours=23)
    send(local_sender(server), at=yesterday)
    with pytest.raises(WebhookVerificationError, match="too old"):
        verify(server, NEW)
    send(local_sender(server))
    verify(server, NEW)
    assert [one.headers["webhook-id"] for one in server.received] == ["evt_1", "evt_1"]


@pytest.mark.parametrize(
    "status", [199, 300, 301, 302, 307, 308, 400, 401, 404, 410, 429, 500, 503]
)
def test_answer_other_than_2xx_is_a_failure(serve, status):
    server = serve(build_answer("no", status=status))
    with pytest.raises(UnavailableError, match=str(status) if status != 199 else "answer"):
        send(local_sender(server))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_a_private_address_is_not_followed(serve, status):
    inner = serve(build_answer("secret"))
    server = serve(build_answer("", status=status, headers={"Location": f"{inner.url}/latest"}))
    with pytest.raises(UnavailableError):
        send(local_sender(server))
    assert inner.connections == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), ("999999", 3600), ("-1", None), ("soon", None), ("1" * 99, None), ("²", None)],
)
def test_retry_after_is_heard_within_reason(serve, text, seconds):
    server = serve(build_answer("", status=429, headers={"Retry-After": text}))
    with pytest.raises(UnavailableError) as caught:
        send(local_sender(server))
    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "script",
    [
        lambda peer: peer.stay_silent(),
        lambda peer: peer.drip(build_answer("x" * 9999), pause_seconds=0.05),
    ],
    ids=["silent", "drips"],
)
def test_deadline_is_total(serve, script, monkeypatch):
    monkeypatch.setattr(sender_module, "DEADLINE_SECONDS", 0.3)
    server = serve(script)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="no answer in time"):
        send(local_sender(server))
    assert time.monotonic() - began < 20


def test_huge_answer_is_a_failure(serve):
    server = serve(build_answer("x" * 70_000))
    with pytest.raises(UnavailableError):
        send(local_sender(server))


def test_nothing_listens_is_a_failure(serve):
    server = serve(build_answer("ok"))
    server.stop()
    sender = WebhookSender("http://localhost:9/", is_local=True, get_secrets=secrets)
    with pytest.raises(UnavailableError, match="not reached"):
        send(sender)


def https_sender(server, tls, choose):
    return WebhookSender(
        f"https://hooks.example:{server.port}/hooks",
        is_local=False,
        get_secrets=secrets,
        choose_address=choose,
        tls=tls,
    )


def test_checked_address_is_the_one_connected_to_with_the_names_certificate(serve, tmp_path):
    """hooks.example has no address here: only the chosen one can have been used."""
    server_tls, client_tls = build_contexts(tmp_path, "hooks.example")
    asked_names = []
    server_tls.sni_callback = lambda _sock, name, _context: asked_names.append(name)
    server = serve(build_answer("ok"), tls=server_tls)
    send(https_sender(server, client_tls, lambda host, port: "127.0.0.1"))
    verify(server, NEW)
    assert asked_names == ["hooks.example"]
    assert server.received[0].headers["host"] == f"hooks.example:{server.port}"


def test_certificate_of_another_name_is_refused(serve, tmp_path):
    server_tls, client_tls = build_contexts(tmp_path, "other.example")
    server = serve(build_answer("ok"), tls=server_tls)
    with pytest.raises(UnavailableError, match="not reached"):
        send(https_sender(server, client_tls, lambda host, port: "127.0.0.1"))
    assert server.received == []


def test_https_to_a_private_address_sends_nothing_whatever_stage(serve, tmp_path):
    server_tls, client_tls = build_contexts(tmp_path, "localhost")
    server = serve(build_answer("ok"), tls=server_tls)
    for is_local in (False, True):
        sender = WebhookSender(
            f"https://localhost:{server.port}/",
            is_local=is_local,
            get_secrets=secrets,
            tls=client_tls,
        )
        with pytest.raises(UnavailableError, match="ForbiddenError"):
            send(sender)
    assert server.connections == 0


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"current": 1}', "not json"],
)
def test_secret_of_another_form_is_a_configuration_error(text):
    with pytest.raises(ConfigurationError, match="current and previous"):
        WebhookSecrets.parse(text, name="kubroker/test/webhooks")


def encode(size):
    return base64.b64encode(bytes(range(size))).decode()


@pytest.mark.parametrize(
    "value",
    [
        "whsec_",
        "a",
        encode(23),
        encode(65),
        "whsec_" + encode(23),
        encode(25).rstrip("="),
        encode(25) + "=",
        encode(24) + "\n",
        " " + encode(24),
        base64.urlsafe_b64encode(b"\xff" * 24).decode(),
        "my very secret webhook password, long enough",
        "ä" * 32,
        "whsec_whsec_" + encode(24),
        encode(25)[:-3] + "B==",
    ],
)
@pytest.mark.parametrize("field", ["current", "previous"])
def test_secret_that_signs_with_a_short_or_another_key_is_a_configuration_error(value, field):
    with pytest.raises(ConfigurationError) as caught:
        secrets(**{field: value})
    assert f"The field {field} of the secret kubroker/test/webhooks" in caught.value.message
    assert value.strip() not in caught.value.message.replace("base64", "") or len(value) < 7


def test_secret_of_now_may_not_be_empty():
    with pytest.raises(ConfigurationError, match="field current"):
        secrets(current="")


@pytest.mark.parametrize("size", [24, 32, 64])
@pytest.mark.parametrize("prefix", ["", "whsec_"])
def test_secret_signs_with_its_very_bytes(size, prefix):
    at = datetime(2026, 1, 2, tzinfo=UTC)
    key = base64.b64decode(encode(size))
    content = f"evt_1.{int(at.timestamp())}.{{}}".encode()
    expected = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    assert secrets(current=prefix + encode(size)).sign("evt_1", at, "{}") == f"v1,{expected}"
