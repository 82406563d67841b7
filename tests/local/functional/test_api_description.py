"""docs/openapi.json against the running stack: what is sent is drawn from it, what comes fits it.

Every check of schemathesis is on; the two that API Gateway itself can't satisfy are replaced by
stricter ones of our own.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from requests.auth import AuthBase
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation

from kubroker.kucoin.permissions import Permission
from local.gateway.http_api import LOCAL_CALLER
from local.gateway.sigv4 import sign_headers
from local.local_stack import LocalStack
from tests.support.linked import TRADING, link_user
from tools.openapi import FILE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
EXAMPLES = 3
USER = "user-1"
HEADER = ParameterLocation.HEADER
ORDER = {
    "currency": "USDT",
    "amount": "100",
    "withdrawType": "ADDRESS",
    "chain": "trx",
    "address": "TXJ1z9JzJ1rT7xY2q1Z3wEXAMPLE01",
}
PAYMENT = {
    "userId": USER,
    "payee": "shop",
    "currency": "USDT",
    "amount": "7",
    "reference": "invoice 1",
}
EXPORT = {
    "userIds": [USER],
    "kinds": ["deposits"],
    "from": "2025-01-01T00:00:00Z",
    "to": "2025-01-02T00:00:00Z",
    "format": "jsonl",
}
# A request may fit its schema and not the state of things, the installation or KuCoin's rules.
REFUSED = ["400", "403", "404", "409", "410", "413", "422", "431"]
NOT_NOW = ["2xx", "3xx", "401", "403", "404", "409", "410", "422", "429"]
load_all_checks()


def accept(*statuses: str) -> dict[str, Any]:
    return {
        "checks": {
            "positive_data_acceptance": {"expected-statuses": [*NOT_NOW, *statuses]},
            "negative_data_rejection": {"expected-statuses": REFUSED},
        }
    }


# Cursors are opaque, and a search names exactly one field: no schema says so.
MAYBE_MALFORMED = [
    "GET /v1/connections",
    "GET /v1/connections/{userId}/timeline",
    "GET /v1/connections/{userId}/withdrawals",
    "GET /v1/payments",
    "GET /v1/search",
]
CONFIG = {
    **accept(),
    "phases": {"coverage": {"unexpected-methods": ["PATCH"]}},
    "operations": [{"include-name": name, **accept("400")} for name in MAYBE_MALFORMED],
}
schema = schemathesis.openapi.from_path(str(FILE), config=SchemathesisConfig.from_dict(CONFIG))
known: dict[str, str] = {}


class SigV4(AuthBase):
    """Signs what is sent, as it is sent."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        signed = sign_headers(
            method=str(request.method),
            url=str(request.url),
            headers={
                name: value
                for name, value in request.headers.items()
                if name.lower() != "authorization"
            },
            body=body.encode() if isinstance(body, str) else body,
            caller=LOCAL_CALLER,
        )
        request.headers.clear()
        request.headers.update(signed)
        return request


@pytest.fixture(autouse=True)
def scene(local_stack_process: LocalStack) -> Iterator[None]:
    """A linked user, an open session, and a withdrawal that waits for its codes."""
    running = local_stack_process
    running.aws.clear_data()
    running.simulator.reset()
    link_user(running.stack, running.simulator, permissions=(*TRADING, Permission.WITHDRAWAL))
    url = running.gateway_url
    opened = requests.post(
        f"{url}/v1/connect-sessions",
        json={
            "userId": "user-2",
            "accountLabel": "Other account",
            "permissions": {"offered": ["SPOT"], "required": []},
            "returnUrl": f"{running.broker_url}/return",
        },
        auth=SigV4(),
        timeout=30,
    ).json()
    made = requests.post(
        f"{url}/v1/connections/{USER}/withdrawals",
        json=ORDER,
        headers={"Idempotency-Key": "one"},
        auth=SigV4(),
        timeout=30,
    ).json()
    payment = requests.post(
        f"{url}/v1/payments",
        json=PAYMENT,
        headers={"Idempotency-Key": "one"},
        auth=SigV4(),
        timeout=30,
    ).json()
    known.update(
        payments=payment["paymentId"],
        url=url,
        withdrawals=made["withdrawalId"],
        verify=made["verifyUrl"].rpartition("/")[2],
        **{"connect-sessions": opened["sessionId"]},
        connect=opened["connectUrl"].rpartition("/")[2],
    )
    yield
    running.aws.take_refusals()


def aim(case: Any) -> None:
    """Well-formed paths lead to what is there, two times in three; no text is a list's cursor."""
    drawn = case.path_parameters or {}
    if not case.meta.generation.mode.is_positive:
        return
    (case.query or {}).pop("cursor", None)
    if crc32(repr((drawn, case.body)).encode()) % 3 == 0:
        return
    parts = case.operation.path.split("/")
    kind = next(
        (part for part in ("withdrawals", "payments", "connect-sessions") if part in parts), ""
    )
    there = {
        "userId": USER,
        "token": known.get(parts[1]),
        "id": known.get(kind),
        "proxy": "api/v1/accounts",
    }
    for name in drawn:
        drawn[name] = there.get(name) or drawn[name]


@schemathesis.check
def unknown_methods_are_the_gateways(ctx: Any, response: Any, case: Any) -> None:
    """API Gateway knows no 405: a route that is not there is its own 404."""
    if response.request.method not in allowed_methods(case):
        assert response.status_code in {403, 404, 501}, response.status_code


@schemathesis.check
def problems_have_a_documented_code(ctx: Any, response: Any, case: Any) -> None:
    """A code is part of the interface: each is told for its route and status."""
    content = response.headers.get("content-type", [""])
    is_asked = response.request.method.lower() == case.operation.method
    if is_asked and "application/problem+json" in str(content):
        code = json.loads(response.content)["code"]
        told = case.operation.definition.raw["responses"][str(response.status_code)]
        assert f"`{code}`" in told["description"], f"{response.status_code} {code}"


def allowed_methods(case: Any) -> set[str]:
    return {method.upper() for method in schema.raw_schema["paths"][case.operation.path]}


def is_unsigned(case: Any) -> bool:
    """Whether the signature is among what the case leaves out."""
    is_signed_route = bool(case.operation.definition.raw["security"])
    return (
        is_signed_route
        and case.meta.generation.mode.is_negative
        and "Authorization" not in (case.headers or {})
        and HEADER in case.meta.components
    )


@schemathesis.check
def unsigned_is_forbidden(ctx: Any, response: Any, case: Any) -> None:
    """API Gateway answers 403 where others would answer 401; no function is asked."""
    if is_unsigned(case):
        assert response.status_code in {403, 404, 413, 431}, response.status_code
        assert list(response.json()) == ["message"]


@schemathesis.check
def missing_header_is_malformed(ctx: Any, response: Any, case: Any) -> None:
    """The other header that a route requires."""
    data = case.meta.phase.data
    if getattr(data, "parameter", None) == "Idempotency-Key" and not case.headers.get(
        "Idempotency-Key"
    ):
        assert response.status_code in {400, 404}, response.status_code


OF_GATEWAY = ["unsupported_method", "missing_required_header"]
OURS = [
    missing_header_is_malformed,
    problems_have_a_documented_code,
    unknown_methods_are_the_gateways,
    unsigned_is_forbidden,
]


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_stack_answers_as_it_is_described(case: Any) -> None:
    aim(case)
    case.call_and_validate(
        base_url=known["url"],
        auth=None if is_unsigned(case) else SigV4(),
        excluded_checks=CHECKS.get_by_names(OF_GATEWAY),
        additional_checks=OURS,
        timeout=60,
        allow_redirects=False,
    )


ADDRESS = {"currency": "USDT", "chain": "trx", "account": "main"}
QUOTE = {name: value for name, value in ORDER.items() if name != "address"}
BASE = "/v1/connections/{userId}"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"{BASE}/withdrawals/quote", QUOTE, 200),
        ("POST", f"{BASE}/withdrawals", ORDER, 202),
        ("POST", f"{BASE}/deposit-addresses", ADDRESS, 201),
        ("GET", f"{BASE}/kucoin/{{proxy}}", None, 200),
        ("POST", "/v1/payments", PAYMENT, 200),
        ("GET", "/v1/payments", None, 200),
        ("GET", "/v1/payments/{id}", None, 200),
        ("DELETE", "/v1/payments/{id}", None, 200),
        ("POST", "/v1/payouts", {**ADDRESS, "userIds": [USER]}, 202),
        ("POST", "/v1/exports", EXPORT, 202),
        ("GET", "/v1/exports", None, 200),
        ("PUT", "/v1/archives/{userId}", None, 200),
        ("GET", "/v1/archives/{userId}", None, 200),
        ("DELETE", "/v1/archives/{userId}", None, 200),
    ],
)
def test_answer_that_needs_a_meaningful_request_is_as_described(method, path, body, status):
    target = path.replace("{userId}", USER).replace("{proxy}", "api/v1/accounts")
    target = target.replace("{id}", known["payments"])
    answer = requests.request(
        method,
        known["url"] + target,
        json=body,
        headers={"Idempotency-Key": "two" if "payouts" in path else "one"},
        auth=SigV4(),
        timeout=60,
    )
    assert answer.status_code == status, answer.text
    schema[path][method].validate_response(answer)


def test_docs_are_pages_of_the_local_stack_and_ask_no_other_site(
    local_stack_process: LocalStack,
) -> None:
    url = local_stack_process.gateway_url
    page = requests.get(f"{url}/docs", timeout=30)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "//" not in page.text.replace("</", "")
    found = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(found) == 3
    for path in found:
        assert requests.get(url + path, timeout=30).status_code == 200
    assert requests.get(f"{url}/docs/openapi.json", timeout=30).text == FILE.read_text()
    assert requests.post(f"{url}/docs", timeout=30).status_code == 404
