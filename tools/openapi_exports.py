"""The routes of exports and archives, as docs/openapi.json tells them."""

from kubroker.exports import views as exports
from tools.openapi_operations import JSON_BODY, KNOWN_USER, LIST, STORED, Operation, join

_KNOWN = {404: ("export_not_found",)}

EXPORT_OPERATIONS = {
    "POST /v1/exports": Operation(
        "Has users' records of a period written to files; safe to repeat, which also resumes.",
        {202: exports.ExportResponse},
        exports.ExportOrder,
        join(
            STORED,
            JSON_BODY,
            {
                400: ("idempotency_key_missing", "idempotency_key_malformed"),
                409: ("export_over",),
                422: ("duplicate_user", "idempotency_key_reused", "idempotency_key_expired"),
            },
        ),
        headers=("Idempotency-Key",),
    ),
    "GET /v1/exports": Operation(
        "Exports, the latest first.",
        {200: exports.ExportListResponse},
        refusals=join(STORED, LIST),
        query=("limit", "cursor"),
    ),
    "GET /v1/exports/{id}": Operation(
        "How an export stands; its files once it is ready.",
        {200: exports.ExportResponse},
        refusals=join(STORED, _KNOWN),
    ),
    "DELETE /v1/exports/{id}": Operation(
        "Cancels a running export.",
        {200: exports.ExportResponse},
        refusals=join(STORED, _KNOWN, {409: ("export_over",)}),
    ),
    "GET /v1/archives/{userId}": Operation(
        "Whether a connection is archived, and how far.",
        {200: exports.ArchiveResponse},
        refusals=join(STORED, KNOWN_USER),
    ),
    "PUT /v1/archives/{userId}": Operation(
        "Has a connection archived daily.",
        {200: exports.ArchiveResponse},
        refusals=join(STORED, KNOWN_USER, {409: ("connection_disconnected",)}),
    ),
    "DELETE /v1/archives/{userId}": Operation(
        "Ends the archiving; what was archived stays.",
        {200: exports.ArchiveResponse},
        refusals=join(STORED, KNOWN_USER),
    ),
}
