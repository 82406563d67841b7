"""What was sent as a secret is struck from what comes back. Pure.

KuCoin, or whatever answers in its place, may repeat what it was sent: whole, cut, or encoded. Its
words go into items, logs, answers and pages, so they are struck where they are read.
"""

import base64
import json
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

STRUCK = "[…]"
# Pieces so long are struck too; a shorter secret, such as a 2FA code, where it stands alone.
PIECE_CHARACTERS = 8
_SHORTEST = 4


def strike(text: str, secrets: Collection[str]) -> str:
    """The text without the secrets, their pieces of eight and more characters, and their encodings.

    Args:
        text: What came back.
        secrets: As they were sent.
    """
    if not text or not secrets:
        return text
    pieces, alone = _build_patterns(tuple(secrets))
    if alone is not None:
        text = alone.sub(STRUCK, text)
    if not pieces:
        return text
    last = len(text) - PIECE_CHARACTERS
    starts = [at for at in range(last + 1) if text[at : at + PIECE_CHARACTERS] in pieces]
    return _cut(text, starts) if starts else text


def strike_data(value: Any, secrets: Collection[str]) -> Any:
    """The same for every text of a JSON value; names of fields and numbers stay."""
    if isinstance(value, str):
        return strike(value, secrets)
    if isinstance(value, list):
        return [strike_data(item, secrets) for item in value]
    if isinstance(value, dict):
        return {name: strike_data(item, secrets) for name, item in value.items()}
    return value


def _cut(text: str, starts: list[int]) -> str:
    """Takes out each run of characters that a piece covers."""
    parts: list[str] = []
    end = 0
    for start in starts:
        if start > end or not parts:
            parts += [text[end:start], STRUCK]
        end = start + PIECE_CHARACTERS
    return "".join([*parts, text[end:]])


@lru_cache(maxsize=8)
def _build_patterns(secrets: tuple[str, ...]) -> tuple[frozenset[str], re.Pattern[str] | None]:
    """Every piece of the long secrets in each form, and a pattern of the short ones."""
    pieces = {
        form[at : at + PIECE_CHARACTERS]
        for secret in secrets
        if len(secret) >= PIECE_CHARACTERS
        for form in _list_forms(secret)
        for at in range(len(form) - PIECE_CHARACTERS + 1)
    }
    short = [
        re.escape(form)
        for secret in secrets
        if _SHORTEST <= len(secret) < PIECE_CHARACTERS
        for form in {secret, base64.b64encode(secret.encode()).decode()}
    ]
    alone = re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(short)})(?![0-9A-Za-z])") if short else None
    return frozenset(pieces), alone


def _list_forms(secret: str) -> Iterator[str]:
    """As it is, and as URLs, JSON and base64 write it."""
    data = secret.encode()
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    # Base64 of text that the secret stands in: at each of the three places in a group of bytes.
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * shift + data).decode().rstrip("=")
            # The first and the last group depend on what stands beside the secret.
            yield encoded[4 if shift else 0 : -2]
