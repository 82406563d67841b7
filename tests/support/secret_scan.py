"""Looks for secrets in everything that a run left behind, in the disguises that they travel in."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

SHORTEST = 12
_RUNS = re.compile(rf"[A-Za-z0-9_.~%+/=-]{{{SHORTEST},}}")


@dataclass(frozen=True)
class Secret:
    """A string that must not be found.

    Attributes:
        kind: For example ``access_token``; names it in a report, where its value must not stand.
        places: Kinds of places where it may stand: its own way to the one it is for.
    """

    kind: str
    value: str
    places: frozenset[str] = frozenset()


@dataclass
class Haystack:
    """Texts by where they were found; each text of a place once."""

    texts: dict[str, set[str]] = field(default_factory=dict)

    def add(self, place: str, content: Any) -> None:
        """Adds a text, bytes, or anything that JSON can write; binary values also in hex."""
        if isinstance(content, bytes):
            content = content.decode("utf-8", "replace")
        elif not isinstance(content, str):
            content = json.dumps(content, default=_write_bytes, ensure_ascii=False)
        self.texts.setdefault(place, set()).add(content)

    def count(self, place: str) -> int:
        return len(self.texts.get(place, ()))

    def find(self, secrets: Iterable[Secret]) -> set[str]:
        """What was found where: ``kind as disguise in place``."""
        wanted = [(secret, build_disguises(secret.value)) for secret in secrets]
        return {
            f"{secret.kind} as {disguise} in {place}"
            for place, texts in self.texts.items()
            for text in [_condense(texts)]
            for secret, forms in wanted
            if place not in secret.places
            for disguise, form in forms.items()
            if form in text
        }


def build_disguises(value: str) -> Mapping[str, str]:
    """The forms that a secret may have been written in.

    In base64 a text looks different at each of three alignments; what is cut at both ends depends
    on its neighbours.
    """
    assert len(value) >= SHORTEST, "too short to look for"
    data = value.encode()
    forms = {
        "plain": value,
        "percent": quote(value, safe=""),
        "percent of all": "".join(f"%{byte:02X}" for byte in data),
        "hex": data.hex(),
        "HEX": data.hex().upper(),
        "backwards": value[::-1],
    }
    for alphabet, encode in (
        ("base64", base64.b64encode),
        ("base64url", base64.urlsafe_b64encode),
    ):
        for shift in range(3):
            encoded = encode(b"\0" * shift + data).decode().rstrip("=")
            forms[f"{alphabet}+{shift}"] = encoded[(0, 2, 3)[shift] : -2]
    assert all(_RUNS.fullmatch(form) for form in forms.values()), "not a run of its own"
    return forms


def _condense(texts: Iterable[str]) -> str:
    """What could be part of a secret in any disguise, each run of characters once."""
    return "\n".join({run for text in texts for run in _RUNS.findall(text)})


def _write_bytes(value: Any) -> str:
    """Bytes as text where they are, and in hex; a time as it is."""
    if not isinstance(value, bytes | bytearray):
        return str(value)
    data = bytes(value)
    return data.decode("utf-8", "replace") + " " + data.hex()
