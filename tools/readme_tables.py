"""Writes the README's tables of parameters, variables and assumptions from their sources.

`make docs` runs it; a test fails where a table is stale. A table stands between
``<!-- table: NAME -->`` and ``<!-- end -->``.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from kubroker.foundation.settings import KucoinProtocol
from local.deployment.template import load_template

README = Path(__file__).parents[1] / "README.md"


def _build_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(header)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def build_parameters() -> str:
    """Every parameter of template.yaml with its default and description."""
    rows = [
        [
            f"`{name}`",
            f"`{parameter['Default']}`"
            if parameter.get("Default")
            else ("empty" if "Default" in parameter else "required"),
            " ".join(parameter["Description"].split()),
        ]
        for name, parameter in load_template()["Parameters"].items()
    ]
    return _build_table(["parameter", "default", "meaning"], rows)


def build_variables() -> str:
    """Every environment variable and the functions that have it."""
    template = load_template()
    shared = template["Globals"]["Function"].get("Environment", {}).get("Variables", {})
    users: dict[str, list[str]] = {name: ["all"] for name in shared}
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            environment = resource["Properties"].get("Environment", {}).get("Variables", {})
            for name in environment:
                if name not in shared:
                    users.setdefault(name, []).append(logical_id.removesuffix("Function"))
    rows = [
        [f"`{name}`", ", ".join(f"{function}" for function in functions)]
        for name, functions in sorted(users.items())
    ]
    return _build_table(["variable", "functions"], rows)


def build_assumptions() -> str:
    """Every fact of KuCoin's protocol that its documents do not state."""
    rows = [
        [f"`{name}`", _show(field.get_default(call_default_factory=True)), field.description or ""]
        for name, field in KucoinProtocol.model_fields.items()
    ]
    return _build_table(["field", "default", "what it is, and how sure"], rows)


def _show(value: object) -> str:
    if isinstance(value, (frozenset, set, tuple, list)):
        return ", ".join(f"`{item}`" for item in sorted(map(str, value))) or "none"
    return "unset" if value is None else f"`{value}`"


TABLES: dict[str, Callable[[], str]] = {
    "parameters": build_parameters,
    "variables": build_variables,
    "assumptions": build_assumptions,
}


def fill(text: str) -> str:
    """The README's text with every table fresh."""
    for name, build in TABLES.items():
        begin, end = f"<!-- table: {name} -->", "<!-- end -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        table = f"{begin}\n{build()}\n{end}"
        text = re.sub(pattern, lambda _, table=table: table, text, flags=re.DOTALL)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    before = README.read_text()
    README.write_text(fill(before))
    sys.stdout.write("README.md: tables are fresh\n")
