"""What is not in the README does not exist: settings, routes, error codes, commands."""

import ast
import re
from pathlib import Path

import pytest

from kubroker.foundation.settings import KucoinProtocol
from local.deployment.template import load_template
from tests.support.deployed import list_routes, load_translated, select

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SOURCES = sorted(
    [*(ROOT / "layers/kubroker/kubroker").rglob("*.py"), *ROOT.glob("functions/*/app.py")]
)
TRANSLATED = load_translated()
VARIABLES = sorted(
    {
        name
        for function in select(TRANSLATED["Resources"], "AWS::Lambda::Function").values()
        for name in function["Environment"]["Variables"]
        if not name.startswith("POWERTOOLS_")
    }
)


def _find_error_codes(source: str) -> set[str]:
    """Codes of error classes, of errors and explanations built, and of tables named for codes."""
    codes = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
            codes |= {
                str(statement.value.value)
                for statement in node.body
                if isinstance(statement, ast.Assign)
                and isinstance(statement.value, ast.Constant)
                and ast.unparse(statement.targets[0]) == "code"
            }
        elif isinstance(node, ast.Assign) and "_CODES_OF_" in ast.unparse(node.targets[0]):
            codes |= {str(word.value) for word in ast.walk(node) if isinstance(word, ast.Constant)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "_refuse":
            codes |= {str(word.value) for word in node.args[:1] if isinstance(word, ast.Constant)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("Error", "Explanation")
        ):
            codes |= {
                str(keyword.value.value)
                for keyword in node.keywords
                if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
            }
    return codes


ERROR_CODES = sorted({code for source in SOURCES for code in _find_error_codes(source.read_text())})


@pytest.fixture(scope="module")
def readme():
    assert README.exists(), "README.md is missing: it is where brokers begin"
    return README.read_text()


def _is_named(name: str, text: str) -> bool:
    """Whether the name stands in the text as code: in backticks or a code block's line."""
    return bool(re.search(rf"`[^`\n]*(?<![\w-]){re.escape(name)}(?![\w-])[^`\n]*`", text))


def test_is_named_wants_code_and_whole_words():
    assert _is_named("bad_request", "| `bad_request` | 400 |")
    assert not _is_named("bad_request", "| bad_request | 400 |")
    assert not _is_named("bad", "| `bad_request` | 400 |")


@pytest.mark.parametrize("name", load_template()["Parameters"])
def test_readme_explains_parameter(readme, name):
    assert _is_named(name, readme), f"add {name} to the README's configuration table"


@pytest.mark.parametrize("name", VARIABLES)
def test_readme_explains_variable(readme, name):
    assert _is_named(name, readme), f"add {name} to the README's configuration table"


@pytest.mark.parametrize("name", KucoinProtocol.model_fields)
def test_readme_lists_assumption(readme, name):
    assert _is_named(name, readme), f"add {name} to the README's table of assumptions"
    description = KucoinProtocol.model_fields[name].description
    assert re.search(r"\[(doc|sdk|seen|assumed)\]$", description), "say how sure it is"


@pytest.mark.parametrize("code", ERROR_CODES)
def test_readme_explains_error_code(readme, code):
    assert _is_named(code, readme), f"add {code} to the README's table of error codes"
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", code)


def test_error_codes_are_found():
    assert {"bad_request", "conflict", "kucoin_refused"} <= set(ERROR_CODES)
    assert {"address_invalid", "address_not_whitelisted", "account_frozen"} <= set(ERROR_CODES)


@pytest.mark.parametrize("route", sorted(list_routes(TRANSLATED)))
def test_readme_lists_route(readme, route):
    method, path = route.split(" ")
    pattern = rf"`[^`\n]*\b{method}\b[^`\n]*{re.escape(path)}(?![/\w{{])[^`\n]*`"
    assert re.search(pattern, readme), f"add `{route}` to the README's table of routes"


@pytest.mark.parametrize("command", ["run", "demo", "test", "check", "bench", "soak", "year"])
def test_readme_shows_command(readme, command):
    assert f"make {command}" in readme
    assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
