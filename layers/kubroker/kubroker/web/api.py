"""The HTTP side of every function: the resolver, request models, problem answers.

Request bodies are checked here with pydantic instead of Powertools' own validation, whose import
alone costs 150 ms of a cold start (docs/decisions.md).
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as RouteNotFoundError
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from kubroker.foundation.errors import (
    BadRequestError,
    KubrokerError,
    NotFoundError,
    UnprocessableError,
)
from kubroker.foundation.observability import AUDIT_FAILED, count, log_unexpected, logger
from kubroker.web.auditing import answer_audited

MAX_BODY_BYTES = 65_536
_FIELD_CHARACTERS = 100  # an unknown field is named as it was sent
_SAFE_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class RequestModel(BaseModel):
    """A JSON request: camelCase, exact types, no unknown field."""

    model_config = ConfigDict(
        defer_build=True,  # most functions use few of these models
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        frozen=True,
        populate_by_name=True,
    )


class ResponseModel(BaseModel):
    """A JSON answer: camelCase; what is not known is null."""

    model_config = ConfigDict(
        defer_build=True, alias_generator=to_camel, populate_by_name=True, frozen=True
    )


def create_api(
    render_page: Callable[[KubrokerError], Response[str]] | None = None,
) -> APIGatewayHttpResolver:
    """A resolver that renders every error of ours.

    Args:
        render_page: Errors of a browser's routes as pages; all others, and all where it is
            missing, are RFC 9457 problem+json.
    """
    api = APIGatewayHttpResolver()

    def render(error: KubrokerError) -> Response[str]:
        if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.error("request failed", extra={"code": error.code, "reason": error.message})
        if render_page is not None and _is_page_route(api.current_event.path):
            return render_page(error)
        return _build_problem(error, _request_id(api))

    api.exception_handler(KubrokerError)(render)

    @api.not_found
    def render_unknown_route(_: RouteNotFoundError) -> Response[str]:
        return render(NotFoundError("There is no such route.", code="route_not_found"))

    @api.exception_handler(Exception)
    def render_unexpected(error: Exception) -> Response[str]:
        log_unexpected(error)
        return render(KubrokerError("Something failed on our side."))

    return api


def _is_page_route(path: str) -> bool:
    is_for_code = path.startswith("/v1/") or path.endswith("/status") or path == "/health"
    return not is_for_code


def handle(api: APIGatewayHttpResolver, event: dict[str, Any], context: LambdaContext) -> Any:
    """Runs a request through a resolver, audited."""
    request_id = event.get("requestContext", {}).get("requestId")
    logger.append_keys(requestId=request_id)

    def refuse(error: KubrokerError) -> dict[str, Any]:
        count(AUDIT_FAILED)
        logger.error("the audit takes no entry", extra={"reason": error.message})
        answer = _build_problem(error, str(request_id or ""))
        return {
            "statusCode": answer.status_code,
            "headers": {**answer.headers, "Content-Type": answer.content_type},
            "body": answer.body,
            "isBase64Encoded": False,
        }

    return answer_audited(event, lambda: api.resolve(event, context), refuse)


def json_response(
    model: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response[str]:
    """A model as JSON, never cached."""
    return Response(
        status_code=int(status),
        content_type="application/json",
        body=model.model_dump_json(by_alias=True),
        headers={**_SAFE_HEADERS, **(headers or {})},
    )


def read_body(event: APIGatewayProxyEventV2, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The request's body as bytes.

    Raises:
        BadRequestError: It is not valid base64, or larger than ``max_bytes``.
    """
    raw = event.get("body") or ""
    try:
        body = base64.b64decode(raw, validate=True) if event.is_base64_encoded else raw.encode()
    except (binascii.Error, ValueError, UnicodeEncodeError):
        raise BadRequestError("The body can't be decoded.", code="invalid_body") from None
    if len(body) > max_bytes:
        raise BadRequestError(
            f"The body is larger than {max_bytes} bytes.", code="body_too_large", field="body"
        )
    return body


def parse_body[Model: RequestModel](
    event: APIGatewayProxyEventV2, model: type[Model], max_bytes: int = MAX_BODY_BYTES
) -> Model:
    """The request's JSON body as a model.

    Raises:
        BadRequestError: It is not a JSON object, or too large.
        UnprocessableError: A field is missing, unknown, of another type or out of bounds.
    """
    body = read_body(event, max_bytes)
    try:
        text = body.decode()
        is_object = isinstance(
            json.loads(text, object_pairs_hook=_build_object, parse_constant=_refuse_constant), dict
        )
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise BadRequestError(
            "The body has to be a JSON object, each field once.", code="invalid_json", field="body"
        )
    return validate(model, text)


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of a field that is there twice nobody knows which one holds."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field is there twice")
    return fields


def _refuse_constant(name: str) -> None:
    """Source: RFC 8259, section 6: NaN and Infinity are no JSON."""
    raise ValueError(f"{name} is no JSON")


def validate[Model: BaseModel](model: type[Model], text: str) -> Model:
    """Checks JSON text; the first fault is named with its field.

    Raises:
        UnprocessableError: With the field's name and pydantic's words, never the value.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])[:_FIELD_CHARACTERS] or "body"
        raise UnprocessableError(f"{field}: {first['msg']}.", field=field) from None


def format_time(epoch_seconds: int | None) -> str | None:
    """ISO 8601 in UTC, as in ``2026-05-27T09:58:35Z``."""
    if epoch_seconds is None:
        return None
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _request_id(api: APIGatewayHttpResolver) -> str:
    context = api.current_event.get("requestContext") or {}
    return str(context.get("requestId", ""))


def _build_problem(error: KubrokerError, request_id: str) -> Response[str]:
    """RFC 9457: type, title, status, detail, and our code, requestId, field and members."""
    status = HTTPStatus(error.http_status)
    problem: dict[str, Any] = {
        **error.members,
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": error.message,
        "code": error.code,
        "requestId": request_id,
    }
    if error.field is not None:
        problem["field"] = error.field
    headers = {**_SAFE_HEADERS, "Kubroker-Error": error.code}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return Response(
        status_code=int(status),
        content_type="application/problem+json",
        body=json.dumps(problem),
        headers=headers,
    )
