"""Least privilege, proven: what functions asked AWS for, against what their roles allow.

Nothing is missing: the stand-in refuses what a role does not allow (``local/aws/iam.py``), in every
functional test, and fixtures fail on a refusal that the code swallowed. Nothing is unused: each
permission here was used by a story (``tests/support/stories.py``) or stands in a table below.
"""

from collections import defaultdict

import pytest

from local.aws.iam import is_allowed
from tests.support.deployed import as_list
from tests.support.stories import STORIES, Scene

PURPOSE = "kms:EncryptionContext:purpose"
# Done by AWS itself in the function's name; no call of the function's.
DONE_BY_LAMBDA = {
    "logs:CreateLogStream": "Lambda delivers the function's log",
    "logs:PutLogEvents": "Lambda delivers the function's log",
    "sqs:DeleteMessage": "the event source mapping",
    "sqs:GetQueueAttributes": "the event source mapping",
    "sqs:ReceiveMessage": "the event source mapping",
    "dynamodb:DescribeStream": "the event source mapping",
    "dynamodb:GetRecords": "the event source mapping",
    "dynamodb:GetShardIterator": "the event source mapping",
    "dynamodb:ListStreams": "the event source mapping",
}
# Permission (function, action, resource as in the template) that no story uses: why it stays.
BY_LINK = "signs the link; who follows it uses the permission"
GIVEN_UP = "Lambda's destination of given-up batches"
UNUSED = {
    ("DepositAddressFunction", "s3:GetObject", "exports/payouts/*"): BY_LINK,
    **{
        (function, action, f"set-aside{end}"): GIVEN_UP
        for function in ("EventPublisherFunction", "AuditExportFunction")
        for action, end in (("s3:ListBucket", ""), ("s3:PutObject", "/*"))
    },
}


@pytest.fixture(scope="module")
def calls(aws, stack, simulator_process, addresses):
    """Function name to the calls that it made in all the stories."""
    aws.reset_faults()
    aws.clear_data()
    simulator_process[1].reset()
    since = aws.read_journal()[-1]["number"]
    with pytest.MonkeyPatch.context() as monkeypatch:
        for tell in STORIES:
            simulator_process[1].reset()
            return_url = f"{addresses.broker}/kucoin/return"
            control = simulator_process[1]
            tell(Scene(stack, control, monkeypatch, addresses.gateway, return_url))
            monkeypatch.undo()
            aws.reset_faults()
    found = defaultdict(list)
    for call in aws.read_journal(since):
        if call["caller"]:
            found[call["caller"].partition(".")[0]].append(call)
    return found


def read_statements(stack, function):
    """The statements of a function's role, resolved."""
    role_arn = stack.resources[function.logical_id]["Role"]
    (role,) = [
        stack.resources[name]
        for name, kind in stack.types.items()
        if kind == "AWS::IAM::Role" and stack.physical_ids[name] == role_arn.rpartition("/")[2]
    ]
    return [
        statement
        for policy in role["Policies"]
        for statement in as_list(policy["PolicyDocument"]["Statement"])
        if statement  # moto leaves AWS::NoValue in a list as None
    ]


def is_used(statement, action, resource, calls):
    """Whether one call needed this action on this resource under the statement's condition."""
    alone = [{**statement, "Action": action, "Resource": resource}]
    return any(
        is_allowed(alone, needed, arn, build_context(call))
        for call in calls
        for needed, arn in call["permissions"]
    )


def shorten(arn):
    """The resource as in the tables above, without stage, account and region."""
    name = arn.rpartition(":")[2].removeprefix("kubroker-local-")
    return name.replace("-123456789012-eu-west-1", "")


def build_context(call):
    return {f"kms:EncryptionContext:{k}": v for k, v in call["encryptionContext"].items()}


def list_functions():
    from local.deployment.template import load_template, read_code_folders

    return [name for name in read_code_folders(load_template()) if name.endswith("Function")]


@pytest.mark.parametrize("logical_id", list_functions())
def test_every_call_is_allowed(logical_id, calls, stack):
    function = stack.find_function(logical_id)
    statements = read_statements(stack, function)
    assert calls[function.name], "no story of tests/support/stories.py runs it"
    refused = {
        (action, resource)
        for call in calls[function.name]
        for action, resource in call["permissions"]
        if not is_allowed(statements, action, resource, build_context(call))
    }
    assert refused == set()


@pytest.mark.parametrize("logical_id", list_functions())
def test_every_permission_is_used(logical_id, calls, stack):
    function = stack.find_function(logical_id)
    unused = {
        (action, resource)
        for statement in read_statements(stack, function)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if action not in DONE_BY_LAMBDA
        and (logical_id, action, shorten(resource)) not in UNUSED
        and not is_used(statement, action, resource, calls[function.name])
    }
    assert unused == set()


def test_nothing_was_refused_in_the_stories(calls, aws):
    assert [
        call for found in calls.values() for call in found if "AccessDenied" in call["error"]
    ] == []


def test_reasons_are_for_permissions_that_there_are(stack):
    there = {
        (function.logical_id, action, shorten(resource))
        for function in stack.functions.values()
        for statement in read_statements(stack, function)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    assert set(UNUSED) <= there
    assert set(DONE_BY_LAMBDA) <= {action for _, action, _ in there}
