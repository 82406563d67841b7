"""docs/operations.md has a section for every alarm, with what it means and what to do."""

import re
from pathlib import Path

import pytest

from tests.support.deployed import load_translated, select

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
RESOURCES = load_translated()["Resources"]
ALARMS = {
    name: alarm["AlarmName"]["Fn::Sub"].removeprefix("kubroker-${Stage}-")
    for name, alarm in select(RESOURCES, "AWS::CloudWatch::Alarm").items()
}
SECTIONS = dict(re.findall(r"^### `([^`]+)`\n(.*?)(?=^##)", PAGE, flags=re.MULTILINE | re.DOTALL))
FUNCTIONS = {
    function["FunctionName"]["Fn::Sub"].removeprefix("kubroker-${Stage}-")
    for function in select(RESOURCES, "AWS::Lambda::Function").values()
}


def find_section(slug):
    """A function's own alarms share one section."""
    for kind in ("errors", "throttles"):
        if slug.removesuffix(f"-{kind}") in FUNCTIONS and slug.endswith(f"-{kind}"):
            return f"<function>-{kind}"
    return slug


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_has_a_section_that_says_what_to_do(name):
    text = SECTIONS[find_section(ALARMS[name])]
    assert "*Means*" in text
    assert "*Do*" in text


def test_sections_are_of_alarms_that_there_are():
    assert set(SECTIONS) == {find_section(slug) for slug in ALARMS.values()}


def test_every_function_has_alarms_of_errors_and_throttles():
    assert {f"{name}-{kind}" for name in FUNCTIONS for kind in ("errors", "throttles")} <= set(
        ALARMS.values()
    )


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_pages_somebody(name):
    own, given = {"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}
    topic = {"Fn::If": ["HasAlarmTopic", given, own]}
    assert RESOURCES[name]["Properties"]["AlarmActions"] == [topic]


@pytest.mark.parametrize(
    "heading",
    [
        "Kill switches",
        "Rotating the client secret",
        "Rotating broker keys",
        "Restoring a table",
        "Moving to another region",
        "Removing it all",
    ],
)
def test_page_has_its_procedures(heading):
    assert f"\n## {heading}\n" in PAGE


def test_saved_queries_are_of_every_functions_log():
    groups = set(select(RESOURCES, "AWS::Logs::LogGroup")) - {"AccessLogGroup"}
    for name in ("ErrorsQuery", "UserQuery", "WithdrawalsQuery"):
        chosen = RESOURCES[name]["Properties"]["LogGroupNames"]
        assert {group["Ref"] for group in chosen} == groups
