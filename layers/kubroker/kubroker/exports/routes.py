"""The routes of the function ``export``."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from kubroker.exports.views import (
    MAX_EXPORT_BYTES,
    ArchiveResponse,
    ExportListResponse,
    ExportOrder,
    ExportResponse,
    parse_export_id,
    parse_export_list,
)
from kubroker.exports.wiring import ExportUseCases
from kubroker.foundation.errors import BadRequestError
from kubroker.foundation.stored import read_list
from kubroker.web.api import json_response, parse_body
from kubroker.web.fields import parse_idempotency_key, parse_user_id


class ExportRoutes:
    """Each method answers one route; ``work`` takes the queues' messages, ``run`` the rest."""

    def __init__(self, usecases: ExportUseCases) -> None:
        """Remembers the use cases."""
        self._usecases = usecases

    def open_export(self, event: APIGatewayProxyEventV2) -> Response[str]:
        """``POST /v1/exports``."""
        key = parse_idempotency_key(dict(event.headers or {}))
        order = parse_body(event, ExportOrder, MAX_EXPORT_BYTES)
        export = self._usecases.exports.open(key, order.build_request(), order.user_ids or [])
        return json_response(ExportResponse.build(export, []), HTTPStatus.ACCEPTED)

    def list_exports(self, event: APIGatewayProxyEventV2) -> Response[str]:
        """``GET /v1/exports``."""
        limit, cursor = parse_export_list(event.query_string_parameters)
        page, following = self._usecases.exports.list_page(limit, cursor)
        rows = read_list(page, lambda export: ExportResponse.build(export, []))
        view = ExportListResponse(exports=rows, unreadable=rows.unreadable, next_cursor=following)
        return json_response(view)

    def get_export(self, export_id: str) -> Response[str]:
        """``GET /v1/exports/{id}``."""
        export, links = self._usecases.exports.get(parse_export_id(export_id))
        return json_response(ExportResponse.build(export, links))

    def cancel_export(self, export_id: str) -> Response[str]:
        """``DELETE /v1/exports/{id}``."""
        export = self._usecases.exports.cancel(parse_export_id(export_id))
        return json_response(ExportResponse.build(export, []))

    def archive(self, event: APIGatewayProxyEventV2, user_id: str) -> Response[str]:
        """``GET``, ``PUT`` and ``DELETE /v1/archives/{userId}``."""
        user_id, archives = parse_user_id(user_id), self._usecases.archives
        if event.http_method == "PUT":
            archives.opt_in(user_id)
        elif event.http_method == "DELETE":
            archives.opt_out(user_id)
        return json_response(ArchiveResponse.build(user_id, archives.find(user_id)))

    def work(self, record: SQSRecord, *, seconds: float) -> None:
        """One message of a queue."""
        self._usecases.work.work(record, seconds=seconds)

    def run(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """What a schedule or an operator invokes.

        Raises:
            BadRequestError: An event that this release does not know.
        """
        if event["kind"] == "collect":
            self._usecases.collector.start()
            return None
        if event["kind"] == "revive_exports":
            self._usecases.exports.revive()
            return None
        if event["kind"] == "resume_export":
            export = self._usecases.exports.resume(str(event.get("exportId")))
            return {"exportId": export.export_id, "state": export.export_state}
        raise BadRequestError("This release does not know that kind of event.")
