"""Every alarm on our own metrics watches what a run really wrote: namespace, name, dimensions."""

import io
import json
from contextlib import redirect_stdout

import pytest

from tests.support.deployed import load_translated, select
from tests.support.stories import STORIES, Scene
from tests.support.troubles import TROUBLES

ALARMS = select(load_translated()["Resources"], "AWS::CloudWatch::Alarm")


def list_watched(alarm):
    """The metrics of an alarm: namespace, name, dimensions."""
    metrics = [
        part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part
    ]
    for metric in metrics or [alarm]:
        if metric["Namespace"] == "Kubroker":
            dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
            yield metric["Namespace"], metric["MetricName"], tuple(sorted(dimensions.items()))


WATCHED = sorted(
    {(name, *watched) for name, alarm in ALARMS.items() for watched in list_watched(alarm)}
)


@pytest.fixture(scope="module")
def written(aws, stack, simulator_process, addresses):
    """Namespace, name and dimensions of every EMF line of the stories."""
    printed = io.StringIO()
    control = simulator_process[1]
    return_url = f"{addresses.broker}/kucoin/return"
    with pytest.MonkeyPatch.context() as monkeypatch, redirect_stdout(printed):
        for tell in [*STORIES, *TROUBLES]:
            aws.reset_faults()
            aws.clear_data()
            control.reset()
            tell(Scene(stack, control, monkeypatch, addresses.gateway, return_url))
            monkeypatch.undo()
    aws.reset_faults()
    aws.clear_data()
    aws.take_refusals()
    return {found for line in printed.getvalue().splitlines() for found in read_emf(line)}


def read_emf(line):
    """What CloudWatch makes of a line.

    Source: CloudWatch, "Specification: Embedded metric format".
    """
    if not line.startswith('{"_aws"'):
        return
    fields = json.loads(line)
    for directive in fields["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = tuple(sorted((name, fields[name]) for name in names))
            for metric in directive["Metrics"]:
                assert metric["Name"] in fields
                yield directive["Namespace"], metric["Name"], dimensions


@pytest.mark.parametrize(("alarm", "namespace", "metric", "dimensions"), WATCHED)
def test_alarm_watches_what_is_written(alarm, namespace, metric, dimensions, written):
    assert (namespace, metric, dimensions) in written, f"{alarm} would never ring"


def test_dashboard_shows_what_is_written(written):
    body = load_translated()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown: set = set()
    last: list[str] = []
    for widget in json.loads(body)["widgets"]:
        for row in widget["properties"]["metrics"]:
            parts = [part for part in row if isinstance(part, str)]
            if parts and parts[0] == "...":
                parts = last[: len(last) - len(parts) + 1] + parts[1:]
            parts = [last[at] if part == "." else part for at, part in enumerate(parts)]
            last = parts
            if parts[0] == "Kubroker":
                shown.add((parts[0], parts[1], ((parts[2], parts[3]),)))
    assert len(shown) > 10
    assert shown <= written
