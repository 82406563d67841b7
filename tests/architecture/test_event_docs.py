"""docs/events.md comes from the models, and what is published fits its schemas."""

import json
import re

from jsonschema import Draft202012Validator

from kubroker.events.list import EVENT_TYPES
from kubroker.events.types import Event
from tools.event_docs import PAGE, build_schema, fill


def test_event_page_is_fresh():
    text = PAGE.read_text()
    assert fill(text) == text, "run `make docs`"


def test_event_page_names_every_type_once():
    headings = re.findall(r"^### (\w+)$", PAGE.read_text(), flags=re.MULTILINE)
    types = [event_type.__name__ for event_type in EVENT_TYPES]
    assert [heading for heading in headings if heading in types] == types


def test_schemas_are_schemas_and_open_to_more_fields():
    for model in (Event, *EVENT_TYPES):
        schema = build_schema(model)
        Draft202012Validator.check_schema(schema)
        assert "additionalProperties" not in json.dumps(schema)
