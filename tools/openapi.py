"""Writes docs/openapi.json: the template's routes with the models of their requests and answers.

`make docs` runs it; tests fail where the file is stale and where a running stack answers otherwise.
Powertools' generator has nothing to say here: it reads the types of its own validation, which is
off (docs/decisions.md), so the models are read instead.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from kubroker.connections.model import ConnectionStatus
from kubroker.linking.model import SESSION_ID
from kubroker.revenue.client import TradeType
from kubroker.revenue.views import DAY_PATTERN
from kubroker.web.fields import USER_ID_PATTERN
from kubroker.withdrawals.model import WITHDRAWAL_ID, WithdrawalState
from kubroker.withdrawals.payment_status import PaymentStatus
from tests.support.deployed import list_routes, load_translated
from tools.openapi_operations import FORWARDED, PAGE, Operation
from tools.openapi_routes import OPERATIONS

FILE = Path(__file__).parents[1] / "docs/openapi.json"
_PROXIED = ("get", "post", "delete")  # no call of KuCoin's that is forwarded has another method
_REF = "#/components/schemas/"
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. Build on the code; the detail is for people.",
    "required": ["type", "title", "status", "detail", "code", "requestId"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "requestId": {"type": "string"},
        "field": {"type": "string", "description": "What is at fault in the request."},
    },
}
_MESSAGE = {
    "type": "object",
    "description": "API Gateway's own answer; no function was asked.",
    "required": ["message"],
    "properties": {"message": {"type": ["string", "null"]}},
}
# What API Gateway itself answers on every route.
_OF_GATEWAY = (404, 413, 429, 431, 500, 503)
# What every function may answer.
_OF_FUNCTIONS: dict[int, tuple[str, ...]] = {
    404: ("route_not_found",),
    500: ("internal_error", "configuration_error", "vault_error"),
    503: ("store_unavailable",),
}
_OF_BODIES: dict[int, tuple[str, ...]] = {400: ("invalid_json", "invalid_body", "body_too_large")}
_TITLES = {
    200: "Done.", 201: "Made.", 202: "Taken; it goes on.", 303: "Go on there with a GET.",
    400: "The request is malformed.", 403: "Not allowed for this caller or browser.",
    404: "There is no such thing.", 409: "The state of the thing does not allow it.",
    410: "It is over.", 413: "Too large.", 422: "A value is not acceptable.",
    429: "A limit is reached.", 431: "The headers are too large.", 500: "Our side failed.",
    502: "KuCoin could not be reached or refused.", 503: "Passing; ask again later.",
}  # fmt: skip
_IDS = {
    "connect-sessions": SESSION_ID,
    "withdrawals": WITHDRAWAL_ID,
    "payments": WITHDRAWAL_ID,
}


def _query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _text(most: int, pattern: str = "") -> dict[str, Any]:
    return {"type": "string", "maxLength": most} | ({"pattern": pattern} if pattern else {})


_QUERY: dict[str, dict[str, Any]] = {
    "status": _query("status", {"type": "string", "enum": list(ConnectionStatus)}),
    "withdrawalStatus": _query("status", {"type": "string", "enum": list(WithdrawalState)}),
    "paymentStatus": _query("status", {"type": "string", "enum": list(PaymentStatus)}),
    "payer": _query("userId", {"type": "string", "pattern": USER_ID_PATTERN}),
    "reference": _query("reference", {"type": "string", "pattern": "^[!-~]{1,60}$"}),
    "limit": _query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
    "cursor": _query("cursor", _text(2048)),
    "currency": _query(
        "currency", {"type": "string", "pattern": r"^[A-Za-z0-9]{1,32}$"}, required=True
    ),
    "chain": _query("chain", {"type": "string", "pattern": r"^[A-Za-z0-9._-]{1,32}$"}),
    "kucoinUid": _query("kucoinUid", {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
    "withdrawalId": _query("withdrawalId", {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
    "txHash": _query("txHash", {"type": "string", "pattern": "^[A-Za-z0-9_:@.-]{1,200}$"}),
    "from": _query("from", _text(10, DAY_PATTERN), required=True),
    "to": _query("to", _text(10, DAY_PATTERN), required=True),
    "tradeType": _query("tradeType", {"type": "string", "enum": list(TradeType)}, required=True),
    "code": _query("code", _text(512)),
    "state": _query("state", _text(512)),
    "success": _query("success", _text(5)),
}


def build() -> dict[str, Any]:
    """The description as a document of OpenAPI 3.1."""
    paths: dict[str, Any] = {}
    for route, deployed in sorted(list_routes(load_translated()).items()):
        method, path = route.split(" ")
        is_signed = deployed["security"] == [{"AWS_IAM": []}]
        shown = paths.setdefault(path.replace("+}", "}"), {})
        for one in _PROXIED if method == "ANY" else (method.lower(),):
            shown[one] = _build_operation(one, path, OPERATIONS[route], is_signed=is_signed)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kubroker",
            "version": "1",
            "description": "Links users' KuCoin accounts, and acts on them without a secret "
            "leaving the installation. Problems have stable codes; times are UTC.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": _build_schemas(), "securitySchemes": _build_security()},
    }


def render() -> str:
    """The file's content."""
    return json.dumps(build(), indent=1, ensure_ascii=False) + "\n"


def _build_security() -> dict[str, Any]:
    return {
        "sigv4": {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "description": "AWS Signature Version 4, service execute-api.",
            "x-amazon-apigateway-authtype": "awsSigv4",
        }
    }


def _build_schemas() -> dict[str, Any]:
    models: dict[type[BaseModel], Any] = {}
    for operation in OPERATIONS.values():
        if isinstance(operation.body, type):
            models[operation.body] = "validation"
        for answer in operation.answers.values():
            if isinstance(answer, type):
                models[answer] = "serialization"
    _, definitions = models_json_schema(
        list(models.items()), by_alias=True, ref_template=_REF + "{model}"
    )
    schemas = _drop_titles(definitions["$defs"])
    return dict(sorted({**schemas, "Problem": _PROBLEM, "Message": _MESSAGE}.items()))


def _drop_titles(schema: Any) -> Any:
    """Titles repeat the names."""
    if isinstance(schema, list):
        return [_drop_titles(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    is_text = isinstance(schema.get("title"), str)
    return {
        name: _drop_titles(part)
        for name, part in schema.items()
        if not (name == "title" and is_text)
    }


def _build_operation(
    method: str, path: str, operation: Operation, *, is_signed: bool
) -> dict[str, Any]:
    words = re.findall(r"[A-Za-z]+", path.removeprefix("/v1"))
    built: dict[str, Any] = {
        "operationId": method + "".join(word[0].upper() + word[1:] for word in words),
        "summary": operation.summary,
        "tags": ["pages" if PAGE in operation.answers.values() else words[0]],
        "security": [{"sigv4": []}] if is_signed else [],
        "parameters": _build_parameters(path, operation),
    }
    body = _build_body(method, operation)
    if body:
        built["requestBody"] = body
    built["responses"] = _build_responses(operation, has_body=bool(body), is_signed=is_signed)
    return built


def _build_parameters(path: str, operation: Operation) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": _describe_segment(name, path)}
        for name in re.findall(r"\{(\w+)\+?\}", path)
    ]
    found += [_QUERY[name] for name in operation.query]
    found += [
        {"name": name, "in": "header", "required": True, "schema": _text(64, "^[!-~]{1,64}$")}
        for name in operation.headers
    ]
    return found


def _describe_segment(name: str, path: str) -> dict[str, Any]:
    if name == "userId":
        return {"type": "string", "pattern": USER_ID_PATTERN}
    if name == "id":
        pattern = next((_IDS[part] for part in path.split("/") if part in _IDS), None)
        return {"type": "string", "pattern": f"^{pattern.pattern if pattern else '[0-9a-f]{32}'}$"}
    if name == "day":
        return {"type": "string", "format": "date", "pattern": DAY_PATTERN}
    if name == "proxy":
        return {
            "type": "string",
            "pattern": r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$",
            "description": "KuCoin's path, slashes and all.",
        }
    return {"type": "string", "minLength": 1, "maxLength": 300}


def _build_body(method: str, operation: Operation) -> dict[str, Any] | None:
    if isinstance(operation.body, dict):
        form = {"application/x-www-form-urlencoded": {"schema": operation.body}}
        return {"required": True, "content": form}
    if operation.body is not None:
        reference = {"$ref": _REF + operation.body.__name__}
        return {"required": True, "content": {"application/json": {"schema": reference}}}
    if FORWARDED in operation.answers.values() and method == "post":
        return {"content": {"application/json": {"schema": {"type": "object"}}}}
    return None


def _build_responses(operation: Operation, *, has_body: bool, is_signed: bool) -> dict[str, Any]:
    is_page = PAGE in operation.answers.values()
    codes = {status: set(found) for status, found in operation.refusals.items()}
    for status, more in {
        **_OF_FUNCTIONS,
        **(_OF_BODIES if has_body and not is_page else {}),
    }.items():
        codes.setdefault(status, set()).update(more)
    of_gateway = {*_OF_GATEWAY, 400, *([403] if is_signed else [])}
    statuses = sorted({*operation.answers, *codes, *of_gateway})
    return {
        str(status): _build_response(
            operation, status, sorted(codes.get(status, ())), is_gateway=status in of_gateway
        )
        for status in statuses
    }


def _build_response(
    operation: Operation, status: int, codes: list[str], *, is_gateway: bool
) -> dict[str, Any]:
    content: dict[str, Any] = {}
    answer = operation.answers.get(status)
    is_page = PAGE in operation.answers.values()
    is_forwarded = FORWARDED in operation.answers.values()
    if isinstance(answer, type):
        content["application/json"] = {"schema": {"$ref": _REF + answer.__name__}}
    if answer == PAGE or (is_page and codes):
        content["text/html"] = {"schema": {"type": "string"}}
    elif codes:
        content["application/problem+json"] = {"schema": {"$ref": _REF + "Problem"}}
    if is_forwarded:
        content["application/json"] = {}
    elif is_gateway:
        content["application/json"] = {"schema": {"$ref": _REF + "Message"}}
    told = f" Codes: {', '.join(f'`{code}`' for code in codes)}." if codes and not is_page else ""
    built: dict[str, Any] = {"description": _TITLES[status] + told}
    if status == 303:
        location = {"required": True, "schema": {"type": "string"}}
        return built | {"headers": {"Location": location}, "content": {"text/plain": {}}}
    return built | {"content": content}


if __name__ == "__main__":
    FILE.write_text(render())
    sys.stdout.write("docs/openapi.json: fresh\n")
