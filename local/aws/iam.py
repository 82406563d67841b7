"""Refuses a function what its role does not allow, as IAM would; moto lets everybody do all.

Only requests that carry a function's name (AWS_SDK_UA_APP_ID) are judged: tests and the stand-in's
own helpers are the operator. A condition on a key that a request does not tell is not met.

Source:
    IAM user guide, "Policy evaluation logic": an explicit deny, then an allow, else no.
    "IAM JSON policy elements: Condition operators": values are or-ed, keys and operators and-ed.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from moto.iam.models import iam_backends

from local.aws import types
from local.aws.client import ACCOUNT_ID
from local.aws.iam_requests import Permission

type Statement = Mapping[str, Any]

_refused: list[str] = []


def find_refusal(caller: str, permissions: list[Permission], context: Mapping[str, str]) -> str:
    """Why IAM refuses, in AWS's words; empty if it does not.

    Args:
        caller: The function's name, with or without a process id after a dot.
        permissions: What the request needs.
        context: Condition keys and their values.
    """
    role = _find_role(caller.partition(".")[0])
    if role is None:
        return ""
    statements = [
        statement
        for document in role.policies.values()
        for statement in _as_list(_load(document)["Statement"])
        if statement  # moto leaves AWS::NoValue in a list as None
    ]
    for action, resource in permissions:
        if not is_allowed(statements, action, resource, context):
            _refused.append(
                f"User: {role.arn} ({caller}) is not authorized to perform: {action} on resource: "
                f"{resource} with {dict(context)} because no identity-based policy allows it"
            )
            return _refused[-1]
    return ""


def find_reticence(caller: str, permissions: list[Permission]) -> str:
    """Why S3 does not tell who asked for a missing object that it is missing; empty if it does.

    Only who may list the bucket is told; that permission is added to those that the request needs.

    Source: S3's API reference, GetObject, "Permissions".
    """
    needed = [
        ("s3:ListBucket", resource.partition("/")[0])
        for action, resource in permissions
        if action == "s3:GetObject"
    ]
    permissions += needed
    return find_refusal(caller, needed, {})


def take_refusals() -> list[str]:
    """What was refused since the last time: code may have swallowed it."""
    taken = _refused.copy()
    _refused.clear()
    return taken


def is_allowed(
    statements: list[Statement], action: str, resource: str, context: Mapping[str, str]
) -> bool:
    """Whether the statements of a role allow one action on one resource."""
    effects = {
        statement["Effect"]
        for statement in statements
        if _fits(statement.get("Action", []), action)
        and _fits(statement.get("Resource", []), resource)
        and _meets(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


def _find_role(function_name: str) -> Any:
    """The role of a function that is deployed; None for another caller."""
    if not function_name:
        return None
    for properties in list(types.RESOLVED.values()):
        if properties.get("FunctionName") == function_name and "Role" in properties:
            roles = iam_backends[ACCOUNT_ID]["aws"].get_roles()
            return next((role for role in roles if role.arn == properties["Role"]), None)
    return None


def _fits(patterns: Any, value: str) -> bool:
    """Secrets end in six characters that a caller by name does not know: both may hold signs."""
    return any(
        fnmatchcase(value, str(pattern)) or fnmatchcase(str(pattern), value)
        for pattern in _as_list(patterns)
    )


def _meets(conditions: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    return all(
        _OPERATORS[operator](context.get(key), [str(item) for item in _as_list(wanted)])
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _is_like(value: str | None, wanted: list[str]) -> bool:
    return value is not None and any(fnmatchcase(value, pattern) for pattern in wanted)


_OPERATORS: dict[str, Callable[[str | None, list[str]], bool]] = {
    "StringEquals": lambda value, wanted: value in wanted,
    "StringLike": _is_like,
    "ArnLike": _is_like,
    "ArnEquals": _is_like,
    "Bool": lambda value, wanted: value in wanted,
    "ForAllValues:StringEquals": lambda value, wanted: value is None or value in wanted,
    "ForAllValues:StringLike": lambda value, wanted: value is None or _is_like(value, wanted),
}


def _load(document: Any) -> Any:
    return json.loads(document) if isinstance(document, str) else document


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def list_grants(statements: list[Statement]) -> Iterator[tuple[str, str, Statement]]:
    """Action, resource and statement of everything that is allowed."""
    for statement in statements:
        for action in _as_list(statement["Action"]):
            for resource in _as_list(statement["Resource"]):
                yield action, resource, statement
