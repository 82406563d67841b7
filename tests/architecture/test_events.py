"""Golden events, one file a case: what the real gateway and queue would send."""

import json
import re
from pathlib import Path

import pytest

from tests.support.deployed import as_list, find_references, list_routes, load_translated, select

ROOT = Path(__file__).parents[2]
EVENTS = sorted((ROOT / "events").glob("*/*.json"))
TRANSLATED = load_translated()
ROUTES = list_routes(TRANSLATED)
# Functions whose queue has another name.
QUEUES = {"webhook_delivery": {"webhook.fifo"}, "export": {"export", "archive"}}
# Functions that a schedule calls, with no event of its own.
SCHEDULED = {"export", "rebate", "refresh_dispatcher", "withdrawal_tracker"}


def _name(path):
    return path.relative_to(ROOT / "events").as_posix()


def _find_folder(operation):
    uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    function = re.search(r"\$\{(\w+)FunctionAliaslive\}", uri)[1]
    return re.sub(r"(?<!^)(?=[A-Z])", "_", function).lower()


def _check_stream_event(function, sources):
    """The streams of a batch are one, and one that the function reads."""
    (source,) = sources
    resources = TRANSLATED["Resources"]
    read = {
        resources[next(find_references(mapping["EventSourceArn"]))]["Properties"]["TableName"][
            "Fn::Sub"
        ]
        for name, mapping in select(resources, "AWS::Lambda::EventSourceMapping").items()
        if name.startswith(function.title().replace("_", "") + "Function")
    }
    table = source.split(":")[5].split("/")[1]
    assert table.replace("kubroker-dev-", "kubroker-${Stage}-") in read


@pytest.mark.parametrize("path", EVENTS, ids=_name)
def test_event_belongs_to_its_function(path):
    event = json.loads(path.read_text())
    function = path.parent.name
    assert (ROOT / "functions" / function / "app.py").exists()
    if set(event) <= {"kind"}:
        assert function in SCHEDULED, "nothing else is called without a request"
        return
    if "Records" in event:
        sources = {record["eventSourceARN"] for record in event["Records"]}
        if "dynamodb" in event["Records"][0]:
            _check_stream_event(function, sources)
            return
        (source,) = sources
        name = source.removeprefix("arn:aws:sqs:eu-west-1:123456789012:kubroker-dev-")
        assert name in QUEUES.get(function, {function.replace("_", "-")})
        assert all(json.loads(record["body"])["kind"] for record in event["Records"])
        return
    assert _find_folder(ROUTES[event["routeKey"]]) == function
    method, route = event["routeKey"].split(" ")
    http = event["requestContext"]["http"]
    assert http["path"] == event["rawPath"]
    assert method in {"ANY", http["method"]}
    pattern = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", re.escape(route))
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern)
    found = re.fullmatch(pattern, event["rawPath"])
    assert found.groupdict() == event.get("pathParameters", {})
    is_signed = "iam" in event["requestContext"].get("authorizer", {})
    assert is_signed == (ROUTES[event["routeKey"]]["security"] == [{"AWS_IAM": []}])


def test_every_route_has_an_event():
    events = [json.loads(path.read_text()) for path in EVENTS]
    assert {event["routeKey"] for event in events if "routeKey" in event} == set(ROUTES)


def test_every_queue_consumer_has_an_event():
    mappings = select(TRANSLATED["Resources"], "AWS::Lambda::EventSourceMapping").values()
    for mapping in mappings:
        (function,) = find_references(as_list(mapping["FunctionName"])[0])
        folder = re.sub(r"(?<!^)(?=[A-Z])", "_", function.removesuffix("Function")).lower()
        cases = [path for path in EVENTS if path.parent.name == folder]
        assert [path for path in cases if "Records" in json.loads(path.read_text())]
