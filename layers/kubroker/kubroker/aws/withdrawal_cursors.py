"""Where a page of withdrawals ends and the next begins, as text for the caller."""

import base64
import binascii
import json
from typing import Any

from kubroker.aws.table import marshal, unmarshal
from kubroker.errors import BadRequestError

_NAMES = {"userId", "withdrawalId", "createdAt"}


def build_cursor(key: dict[str, Any]) -> str:
    """The last key of a page."""
    plain = {name: str(value) for name, value in unmarshal(key).items()}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_cursor(cursor: str, user_id: str) -> dict[str, Any]:
    """The key to go on from.

    Raises:
        BadRequestError: It is not one of ours, or of another user's list.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(key, dict) and set(key) == _NAMES and key["userId"] == user_id:
            parts = (str(key["withdrawalId"]), int(key["createdAt"]))
            return marshal({"userId": user_id, "withdrawalId": parts[0], "createdAt": parts[1]})
    except (binascii.Error, ValueError, TypeError):
        pass
    raise BadRequestError(
        "The cursor is not one that this list gave.", code="invalid_cursor", field="cursor"
    )
