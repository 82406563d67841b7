"""docs/openapi.json comes from the template and the models, and is a document of OpenAPI."""

import json
import re
from pathlib import Path

from openapi_spec_validator import validate

from tests.support.deployed import list_routes, load_translated
from tools.openapi import FILE, render
from tools.openapi_routes import OPERATIONS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/kubroker/kubroker"


def test_api_description_is_fresh():
    assert FILE.read_text() == render(), "run `make docs`"


def test_api_description_is_valid_openapi():
    validate(json.loads(FILE.read_text()))


def test_api_description_tells_every_route_of_the_template():
    assert set(OPERATIONS) == set(list_routes(load_translated()))


def test_api_description_names_no_code_that_the_code_does_not_have():
    source = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    told = {
        code
        for operation in OPERATIONS.values()
        for codes in operation.refusals.values()
        for code in codes
    }
    assert not {code for code in told if not re.search(rf'"{code}"', source)}


def test_api_description_gives_codes_the_status_that_the_readme_gives():
    rows = re.findall(
        r"^\| ((?:`[a-z_]+`,? ?)+) \| ([0-9, ]+) \|", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    readme: dict[str, set[str]] = {}
    for codes, statuses in rows:
        for code in re.findall(r"`(\w+)`", codes):
            readme.setdefault(code, set()).update(statuses.split(", "))
    readme["kucoin_refused"].add("422")  # of a withdrawal: it was refused and is over
    wrong = {
        (code, status)
        for operation in OPERATIONS.values()
        for status, codes in operation.refusals.items()
        for code in codes
        if str(status) not in readme.get(code, {str(status)})
    }
    assert not wrong
