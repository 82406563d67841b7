"""Writes docs/iam.md from template.yaml: who may do what, on which resource, under which condition.

`make docs` runs it; a test fails where the page is stale.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.deployment.template import load_template

PAGE = Path(__file__).parents[1] / "docs" / "iam.md"
_HEAD = """# Who may do what

Made from `template.yaml` by `make docs`; do not edit. One role a function, no managed policies, no
`*` where AWS offers an ARN. `tests/stack/functional/test_least_privilege.py` proves it: the AWS
stand-in refuses what a role does not allow, and each permission is used by a story, or its reason
is there.

The service key needs no line: its own policy lets this account use it through DynamoDB, SQS, S3 and
Secrets Manager only.
"""


def build_page() -> str:
    """The whole page."""
    roles = {
        name: resource["Properties"]
        for name, resource in load_template()["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
    }
    parts = [_HEAD]
    for name, role in roles.items():
        parts += [f"## {name}\n", f"Assumed by {', '.join(_list_principals(role))}.\n"]
        rows = sorted(
            {row for statement in _list_statements(role) for row in _list_rows(statement)}
        )
        lines = ["| action | resource | condition |", "| --- | --- | --- |"]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _list_principals(role: dict[str, Any]) -> Iterator[str]:
    for statement in role["AssumeRolePolicyDocument"]["Statement"]:
        for values in statement["Principal"].values():
            yield from (f"`{_show(value)}`" for value in _as_list(values))


def _list_statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield from _list_branches(statement)


def _list_branches(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A statement under a condition of the stack says so."""
    if "Fn::If" in statement:
        name, yes, no = statement["Fn::If"]
        for branch, word in ((yes, name), (no, f"not {name}")):
            if "Action" in branch:
                yield {**branch, "Only": word}
    else:
        yield statement


def _list_rows(statement: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    conditions = [
        f"{key} {'=' if 'Equals' in operator else operator} {_show(value)}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, value in keys.items()
    ]
    if "Only" in statement:
        conditions.append(f"stack: {statement['Only']}")
    for action in _as_list(statement["Action"]):
        for resource in _as_list(statement["Resource"]):
            yield f"`{action}`", f"`{_show(resource)}`", ", ".join(conditions) or "none"


def _show(value: Any) -> str:
    """A resource in as few words as name it."""
    if isinstance(value, list):
        return " or ".join(map(_show, value))
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Fn::GetAtt":
        parts = argument if isinstance(argument, list) else argument.split(".")
        return str(parts[0] if parts[-1] == "Arn" else ".".join(parts))
    if function == "Fn::Sub":
        text = str(argument if isinstance(argument, str) else argument[0])
        return text.replace("${AWS::Partition}", "aws").replace(".Arn}", "}")
    if function == "Fn::If":
        return f"{_show(argument[1])} (if {argument[0]})"
    return str(argument)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    PAGE.write_text(build_page())
    sys.stdout.write("docs/iam.md: fresh\n")
