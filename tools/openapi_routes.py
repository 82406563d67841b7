"""Every route as docs/openapi.json tells it; the money's are in ``tools.openapi_money``."""

from kubroker.connections import views as models
from kubroker.linking import views as sessions
from kubroker.support import views as support_models
from tools.openapi_exports import EXPORT_OPERATIONS
from tools.openapi_money import MONEY
from tools.openapi_operations import (
    FORWARDED,
    JSON_BODY,
    KNOWN_USER,
    KUCOIN,
    LIST,
    NO_KEY,
    PAGE,
    PAGES,
    STORED,
    USER,
    Operation,
    join,
)

_CONSENT = {
    "type": "object",
    "properties": {
        "permissions": {"type": "array", "items": {"type": "string"}},
        "addressbookOnly": {"type": "string", "enum": ["true"]},
    },
}
_PROXY = join(
    KNOWN_USER,
    STORED,
    {
        400: ("invalid_path", "invalid_query", "invalid_json", "body_not_allowed"),
        403: ("call_not_forwarded", "permission_not_granted", "field_not_forwarded"),
        409: NO_KEY,
        429: ("kucoin_quota_used_up",),
        502: KUCOIN,
    },
)


def _forward(host: str) -> Operation:
    return Operation(
        f"Signs a call of KuCoin's {host} API with the user's key and forwards it. What KuCoin "
        "answers comes back with the header Kubroker-Forwarded, whatever its status.",
        {200: FORWARDED},
        refusals=_PROXY,
    )


OPERATIONS: dict[str, Operation] = {
    "GET /health": Operation("Whether it works.", {200: models.HealthResponse}),
    "POST /v1/connect-sessions": Operation(
        "Opens a linking session for a user.",
        {201: sessions.OpenSessionResponse},
        sessions.OpenSessionRequest,
        join(STORED, JSON_BODY, {422: ("return_url_not_allowed", "permission_not_available")}),
    ),
    "POST /v1/connect-sessions/{id}/complete": Operation(
        "Redeems a completion code for the user who is logged in at the broker.",
        {200: sessions.CompleteSessionResponse},
        sessions.CompleteSessionRequest,
        join(
            STORED,
            JSON_BODY,
            {
                403: ("user_mismatch", "completion_code_invalid"),
                404: ("session_not_found",),
                409: (
                    "session_not_authorized",
                    "link_in_progress",
                    "connection_disconnecting",
                    "conflict",
                ),
                410: ("session_expired",),
            },
        ),
    ),
    "GET /connect/{token}": Operation(
        "The consent page, the progress page or the end. Changes nothing.",
        dict.fromkeys(PAGES, PAGE),
    ),
    "POST /connect/{token}": Operation(
        "The user's choice: on to KuCoin's login, or another try with fewer permissions.",
        {**dict.fromkeys(PAGES, PAGE), 303: None},
        _CONSENT,
    ),
    "GET /connect/{token}/status": Operation(
        "What the progress page polls.",
        {200: sessions.ProgressResponse},
        refusals=join(STORED, {404: ("session_not_found",)}),
    ),
    "GET /oauth/callback": Operation(
        "KuCoin sends the user's browser back here.",
        {**dict.fromkeys(PAGES, PAGE), 303: None},
        query=("code", "state", "success"),
    ),
    "GET /v1/connections": Operation(
        "One page of connections, by status or all.",
        {200: models.ConnectionListResponse},
        refusals=join(STORED, LIST),
        query=("status", "limit", "cursor"),
    ),
    "GET /v1/connections/{userId}": Operation(
        "One connection; never a secret.",
        {200: models.ConnectionResponse},
        refusals=join(KNOWN_USER, STORED),
    ),
    "DELETE /v1/connections/{userId}": Operation(
        "Blocks, shreds, and tells what remains at KuCoin; repeatable.",
        {200: models.ReceiptResponse},
        refusals=join(KNOWN_USER, STORED, {409: ("conflict", "connection_changed")}),
    ),
    "GET /v1/connections/{userId}/timeline": Operation(
        "What happened to a user, the latest first.",
        {200: support_models.TimelineResponse},
        refusals=join(USER, STORED, LIST),
        query=("limit", "cursor"),
    ),
    "GET /v1/search": Operation(
        "Who is behind an id of KuCoin's, a withdrawal or a transaction. Name exactly one.",
        {200: support_models.SearchResponse},
        refusals=join(STORED, {400: ("unknown_parameter",), 422: ("invalid_value",)}),
        query=("kucoinUid", "withdrawalId", "txHash"),
    ),
    "POST /v1/connections/{userId}/api-key": Operation(
        "Asks for another API key, for example with other permissions.",
        {202: models.ConnectionResponse},
        models.CreateKeyRequest,
        join(
            KNOWN_USER,
            STORED,
            JSON_BODY,
            {
                409: (
                    "authorization_required",
                    "connection_disconnected",
                    "key_creation_in_progress",
                    "conflict",
                ),
                422: ("permission_not_available",),
            },
        ),
    ),
    "POST /v1/connections/{userId}/refresh": Operation(
        "Refreshes the token pair now, due or not.",
        {200: models.ConnectionResponse},
        refusals=join(
            KNOWN_USER,
            STORED,
            {
                409: ("authorization_required", "connection_disconnected", "refresh_in_progress"),
                502: KUCOIN,
                503: ("refresh_failed", "refresh_in_progress"),
            },
        ),
    ),
    "ANY /v1/connections/{userId}/kucoin/{proxy+}": _forward("spot"),
    "ANY /v1/connections/{userId}/kucoin-futures/{proxy+}": _forward("futures"),
    **MONEY,
    **EXPORT_OPERATIONS,
}
