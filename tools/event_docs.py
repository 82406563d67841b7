"""Writes docs/events.md: the tables and JSON schemas of events from their models.

`make docs` runs it; a test fails where the page is stale. What people wrote stands above the line
``<!-- events -->``, what this program writes below it.
"""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kubroker.events.bus import SOURCE
from kubroker.events.list import EVENT_TYPES
from kubroker.events.types import Event, EventData

PAGE = Path(__file__).parents[1] / "docs/events.md"
MARK = "<!-- events -->"


def build_schema(model: type[BaseModel]) -> dict[str, Any]:
    """A model's JSON schema, open to the fields of later releases."""
    return dict(_open(model.model_json_schema(by_alias=True, mode="serialization")))


def _open(schema: Any) -> Any:
    """Without titles, which repeat the names, and without the ban on other fields."""
    if isinstance(schema, list):
        return [_open(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    is_schema = "type" in schema or "properties" in schema or "anyOf" in schema
    left_out = {"title", "additionalProperties"} if is_schema else set()
    return {name: _open(part) for name, part in schema.items() if name not in left_out}


def build_envelope_table() -> str:
    """The fields that every event has."""
    rows = [
        f"| `{field.alias}` | {field.description or 'The version of this page.'} |"
        for name, field in Event.model_fields.items()
        if name != "data"
    ]
    data = "| `data` | What differs from type to type, below. |"
    return "\n".join(["| field | meaning |", "| --- | --- |", *rows, data])


def build_type(event_type: type[EventData]) -> str:
    """A type's section."""
    schema = build_schema(event_type)
    rows = [
        f"| `{name}` | {_name_type(part)} | {part.get('description', '')} |"
        for name, part in schema.get("properties", {}).items()
    ]
    table = ["| data | JSON | meaning |", "| --- | --- | --- |", *rows]
    lines = [f"### {event_type.__name__}", "", _describe(event_type), ""]
    return "\n".join([*lines, *(table if rows else ["Its `data` is empty."]), "", _show(schema)])


def _show(schema: dict[str, Any]) -> str:
    text = json.dumps(schema, separators=(", ", ": "))
    return f"<details><summary>JSON schema</summary>\n\n```json\n{text}\n```\n\n</details>"


def _name_type(part: dict[str, Any]) -> str:
    if "anyOf" in part:
        return " or ".join(_name_type(one) for one in part["anyOf"])
    if part.get("type") == "array":
        return f"list of {_name_type(part['items'])}"
    return str(part.get("type") or part.get("$ref", "").rpartition("/")[2])


def fill(text: str) -> str:
    """The page with everything below the mark written anew."""
    written = text.partition(MARK)[0]
    intro = (
        f"On the bus `source` is `{SOURCE}`, `detail-type` the type and `detail` the event; a "
        "webhook's body is the event."
    )
    parts = [
        "## Every event",
        intro,
        build_envelope_table(),
        _show(build_schema(Event)),
        "## Types",
        *(build_type(event_type) for event_type in EVENT_TYPES),
    ]
    return written + MARK + "\n\n" + "\n\n".join(parts) + "\n"


def _describe(event_type: type[EventData]) -> str:
    return inspect.cleandoc(event_type.__doc__ or "")


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text()))
    sys.stdout.write("docs/events.md: fresh\n")
