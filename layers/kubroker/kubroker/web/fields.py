"""Fields and headers that several capabilities take from a caller."""

import re
from typing import Annotated, Any

from pydantic import StringConstraints

from kubroker.foundation.errors import BadRequestError, UnprocessableError

USER_ID_PATTERN = r"^[A-Za-z0-9_-]{1,128}$"


UserId = Annotated[str, StringConstraints(pattern=USER_ID_PATTERN)]


# Printable: no control characters, no line breaks, no bidirectional overrides.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+$"
Label = Annotated[
    str,
    StringConstraints(min_length=1, max_length=60, pattern=PRINTABLE),
]


def check_request_of_key(
    stored_hash: str, request_hash: str, *, kept_until: int, now: int, what: str
) -> None:
    """Whether a job that an Idempotency-Key names is what is asked for, and still there.

    Args:
        stored_hash: Of the request that the job was made from.
        request_hash: Of this request.
        kept_until: Epoch seconds.
        now: Epoch seconds.
        what: ``export`` or ``payout``.

    Raises:
        UnprocessableError: ``idempotency_key_reused``, ``idempotency_key_expired``.
    """
    if stored_hash != request_hash:
        raise UnprocessableError(
            f"This Idempotency-Key was used with another request. Use a new key for a new {what}.",
            code="idempotency_key_reused",
            field="Idempotency-Key",
        )
    if kept_until <= now:
        raise UnprocessableError(
            f"This Idempotency-Key was used for an earlier {what} that is gone. Use a new key.",
            code="idempotency_key_expired",
            field="Idempotency-Key",
        )


def parse_user_id(value: str) -> str:
    """A userId from a path.

    Raises:
        BadRequestError: It has another form than ``[A-Za-z0-9_-]{1,128}``.
    """
    if not re.fullmatch(USER_ID_PATTERN, value):
        raise BadRequestError(
            "userId has to be 1 to 128 of A-Z a-z 0-9 _ -.", code="invalid_user_id", field="userId"
        )
    return value


IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,64}")


def parse_idempotency_key(headers: dict[str, Any]) -> str:
    """The header ``Idempotency-Key``.

    Raises:
        BadRequestError: It is missing, or not 1 to 64 printable characters without spaces.
    """
    key = headers.get("idempotency-key", "")
    if not key:
        raise BadRequestError(
            "Send the header Idempotency-Key: one for each withdrawal, the same for each "
            "repetition.",
            code="idempotency_key_missing",
            field="Idempotency-Key",
        )
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise BadRequestError(
            "Idempotency-Key has to be 1 to 64 printable ASCII characters without spaces.",
            code="idempotency_key_malformed",
            field="Idempotency-Key",
        )
    return str(key)
