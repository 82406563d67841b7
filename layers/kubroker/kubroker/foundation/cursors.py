"""Where a page of a list ends and the next begins, as opaque text for the caller. Pure."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from kubroker.foundation.errors import BadRequestError

_MAX_LENGTH = 1024


def build_cursor(position: Mapping[str, Any]) -> str:
    """The cursor of a position: JSON in base64url."""
    text = json.dumps(position, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_cursor(cursor: str) -> dict[str, Any]:
    """The position of a cursor, which its caller may have forged: check each value.

    Raises:
        BadRequestError: ``invalid_cursor``.
    """
    try:
        if len(cursor) <= _MAX_LENGTH:
            position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if isinstance(position, dict):
                return position
    except (ValueError, RecursionError):
        pass
    raise build_cursor_error()


def build_cursor_error(
    message: str = "The cursor is not one that this list gave.",
) -> BadRequestError:
    """The refusal of a cursor."""
    return BadRequestError(message, code="invalid_cursor", field="cursor")
