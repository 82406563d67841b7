"""Where a page of withdrawals ends and the next begins: the index's key as a cursor."""

import re
from typing import Any

from kubroker.aws.table import marshal, unmarshal
from kubroker.foundation.cursors import build_cursor, build_cursor_error, parse_cursor


def build_position(key: dict[str, Any]) -> str:
    """The cursor of a page's last key."""
    return build_cursor({name: str(value) for name, value in unmarshal(key).items()})


def parse_position(cursor: str, user_id: str) -> dict[str, Any]:
    """The key to go on from.

    Raises:
        BadRequestError: It is not one of ours, or of another user's list.
    """
    key = parse_cursor(cursor)
    withdrawal_id, created_at = key.get("withdrawalId"), str(key.get("createdAt"))
    is_ours = set(key) == {"userId", "withdrawalId", "createdAt"} and key["userId"] == user_id
    is_whole = isinstance(withdrawal_id, str) and re.fullmatch(r"[0-9]{1,12}", created_at)
    if not is_ours or not is_whole:
        raise build_cursor_error()
    return marshal({"userId": user_id, "withdrawalId": withdrawal_id, "createdAt": int(created_at)})
