"""Rotation's times and metrics: what the template says is what the code means."""

import dataclasses

import pytest

from kubroker.foundation import observability
from kubroker.foundation.rotation_rules import RotationRules
from kubroker.foundation.settings import RotationSettings
from local.deployment.template import load_template
from tests.support.deployed import load_translated, select

PARAMETERS = load_template()["Parameters"]
RESOURCES = load_translated()["Resources"]
FIELDS = [field.name for field in dataclasses.fields(RotationRules)]


def name_parameter(field: str) -> str:
    return "Rotation" + "".join(word.capitalize() for word in field.split("_"))


@pytest.mark.parametrize("field", FIELDS)
def test_default_of_the_template_is_the_domains(field):
    default = getattr(RotationRules(), field)
    assert PARAMETERS[name_parameter(field)]["Default"] == default


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "policy"])
def test_bounds_of_the_template_are_the_settings(field):
    parameter = PARAMETERS[name_parameter(field)]
    for bound in (parameter["MinValue"], parameter["MaxValue"]):
        assert read(field, bound)
    for bound in (parameter["MinValue"] - 1, parameter["MaxValue"] + 1):
        with pytest.raises(Exception, match="malformed"):
            read(field, bound)


def read(field: str, value: int) -> RotationSettings:
    environment = {
        f"ROTATION_{name.upper()}": str(getattr(RotationRules(), name)) for name in FIELDS
    }
    environment[f"ROTATION_{field.upper()}"] = str(value)
    return RotationSettings.from_environment(environment)


def test_messages_stay_invisible_longer_than_a_claim_lives():
    queue = RESOURCES["RefreshQueue"]["Properties"]
    rules = RotationRules()
    assert queue["VisibilityTimeout"] > rules.lease_seconds + rules.grace_seconds
    assert queue["VisibilityTimeout"] > PARAMETERS["RotationLeaseSeconds"]["MaxValue"]


def test_lease_ends_before_the_function_does():
    timeout = RESOURCES["TokenRefreshFunction"]["Properties"]["Timeout"]
    assert PARAMETERS["RotationLeaseSeconds"]["MaxValue"] < timeout


def test_dispatcher_ends_before_its_next_tick():
    assert RESOURCES["RefreshDispatcherFunction"]["Properties"]["Timeout"] < 60
    (schedule,) = [
        properties
        for name, properties in select(RESOURCES, "AWS::Scheduler::Schedule").items()
        if name.startswith("RefreshDispatcher")
    ]
    assert schedule["ScheduleExpression"] == "rate(1 minute)"


def test_batch_is_worked_by_as_many_threads():
    sources = select(RESOURCES, "AWS::Lambda::EventSourceMapping")
    (source,) = [one for name, one in sources.items() if name.startswith("TokenRefreshFunction")]
    assert source["BatchSize"] == 10
    assert source["ScalingConfig"]["MaximumConcurrency"] == {"Ref": "RotationConcurrency"}


def test_rescued_pairs_are_kept_as_long_as_sqs_can():
    for name in ("RescueQueue", "RescueDeadLetterQueue"):
        assert RESOURCES[name]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400


def list_alarms() -> dict[str, dict]:
    return select(RESOURCES, "AWS::CloudWatch::Alarm")


@pytest.mark.parametrize(
    ("metric", "service"),
    [
        (observability.TOKENS_REFUSED, "token_refresh"),
        (observability.TOKENS_DOUBTED, "token_refresh"),
        (observability.TOKENS_RESCUED, "token_rescue"),
        (observability.TOKENS_LOST, "token_refresh"),
        (observability.CONFIGURATION_ERROR_FOUND, "token_refresh"),
        (observability.MASS_REFUSAL_FOUND, "token_refresh"),
        (observability.OLDEST_DUE_SECONDS, "token_refresh"),
        (observability.OLDEST_DUE_SECONDS, "refresh_dispatcher"),
        (observability.HOURS_LEFT, "token_refresh"),
    ],
)
def test_metric_has_an_alarm(metric, service):
    dimensions = [{"Name": "service", "Value": service}]
    assert [
        name
        for name, alarm in list_alarms().items()
        if alarm.get("MetricName") == metric and alarm.get("Dimensions") == dimensions
    ]


def test_share_of_refreshes_that_fail_has_an_alarm():
    metrics = list_alarms()["RefreshFailingAlarm"]["Metrics"]
    names = {one["MetricStat"]["Metric"]["MetricName"] for one in metrics if "MetricStat" in one}
    assert names == {observability.REFRESH_FAILED, observability.TOKENS_REFRESHED}


@pytest.mark.parametrize("name", list_alarms())
def test_alarm_pages(name):
    assert list_alarms()[name]["AlarmActions"]


def test_age_of_the_oldest_message_is_watched_only_where_it_is_seen():
    """SQS leaves what was received three times out of it, but for FIFO queues.

    Source: Amazon SQS, "Available CloudWatch metrics". So it may be watched where a message goes to
    the dead-letter queue soon after, whose own alarm rings.
    """
    resources = load_translated()["Resources"]
    watched = []
    for name, alarm in select(resources, "AWS::CloudWatch::Alarm").items():
        if alarm.get("MetricName") == "ApproximateAgeOfOldestMessage":
            queue_name = alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
            queue = resources[queue_name]["Properties"]
            watched.append(name)
            is_soon = queue.get("RedrivePolicy", {}).get("maxReceiveCount", 10**9) <= 5
            assert queue.get("FifoQueue") or is_soon, name
    assert watched
    assert "RescueDelayedAlarm" not in watched
