"""An audit entry: who did what for whom, and what came of it."""

import re
from enum import StrEnum

from kubroker.foundation.stored import StoredModel

SCHEMA_VERSION = 1
# Where a request names no user that could exist.
NOBODY = "-"
ENTRY_ID = re.compile(r"[0-9]{13}-[A-Za-z0-9_-]{1,64}")


class AuditKind(StrEnum):
    """What an entry is about."""

    REQUEST = "REQUEST"
    ACT = "ACT"
    SECRET_USE = "SECRET_USE"  # noqa: S105 - no password
    EVENT = "EVENT"


class AuditOutcome(StrEnum):
    """How it stands; a BEGUN without an end was cut off."""

    BEGUN = "BEGUN"
    DONE = "DONE"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class AuditEntry(StoredModel):
    """The item of ``Audit``; written once, never changed.

    ==================  ====  ============================================================
    userId              key   the broker's name of the user, ``-`` where none is named
    entryId             key   milliseconds and a random part: the order of the timeline
    at                  n     epoch seconds
    kind, action        s     ``AuditKind``; the route, act, purpose or type of event
    outcome             s     ``AuditOutcome``, with status (HTTP) and code
    principal           s     ARN of the caller, or the function that acted by itself
    requestId           s     API Gateway's
    requestHash         hash  SHA-256 of the request's body; none where it held a code
    reference           s     the withdrawal, attempt or event; of the proxy the call, and code
                              is KuCoin's
    ==================  ====  ============================================================
    """

    user_id: str
    entry_id: str
    schema_version: int = SCHEMA_VERSION
    at: int
    kind: AuditKind
    action: str
    outcome: AuditOutcome
    principal: str
    request_id: str | None = None
    request_hash: str | None = None
    status: int | None = None
    code: str | None = None
    reference: str | None = None


def build_entry_id(at_ms: int, unique: str) -> str:
    """Sorts by time."""
    return f"{at_ms:013d}-{unique}"
