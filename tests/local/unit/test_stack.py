import pytest

from local.deployment.deploy import DeploymentError, deploy
from local.deployment.parameters import ParameterError, build_local_parameters, check_parameters
from local.deployment.template import load_template


def test_deploy_every_odd_type_is_there(small_stack):
    for logical_id in ("WorkPolicy", "BusRule", "Subscription", "Filter", "Alarm"):
        assert logical_id in small_stack.types
    assert "ExtraTopic" not in small_stack.types
    assert "AWS::Lambda::Version" in small_stack.types.values()
    assert "AWS::Lambda::EventInvokeConfig" in small_stack.types.values()


def test_deploy_environment_is_resolved(small_stack):
    environment = small_stack.find_function("EchoFunction").environment
    assert environment["BUS_NAME"] == "kubroker-small"
    assert environment["NUMBER"] == "3"
    assert environment["QUEUE_URL"].endswith("/kubroker-small-work")
    assert environment["SECRET_NAME"].startswith("arn:aws:secretsmanager:")


def test_deploy_routes_behind_an_alias_lead_to_the_function(small_stack):
    routes = {f"{route.method} {route.path}": route for route in small_stack.routes}
    assert routes["ANY /echo"].function_name == "kubroker-small-echo"
    assert routes["ANY /echo"].authorizer == "NONE"
    assert routes["POST /signed"].authorizer == "AWS_IAM"


def test_deploy_schedule_and_sources_are_read(small_stack):
    [schedule] = small_stack.schedules
    assert schedule.name == "kubroker-small-tick"
    assert schedule.event == {"tick": True}
    [queue] = small_stack.queue_sources
    assert (queue.batch_size, queue.reports_item_failures) == (4, True)
    [stream] = small_stack.stream_sources
    assert stream.arn == small_stack.streams["Things"]


def test_deploy_unknown_type_is_refused(small_aws, tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text("Resources:\n  Odd:\n    Type: AWS::Odd::Thing\n")
    with pytest.raises(DeploymentError, match=r"Odd \(AWS::Odd::Thing\)"):
        deploy(small_aws, {}, path, stack_name="odd")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "Stage is missing"),
        ({"Stage": "X"}, "Stage can't be 'X': 2 to 8"),
        ({"Stage": "dev", "Number": "6"}, "Number"),
        ({"Stage": "dev", "Extra": "no"}, "Extra"),
        ({"Stage": "dev", "Extra": "yes"}, "Extra needs 2 or 4"),
        ({"Stage": "dev", "Other": "1"}, "no parameters"),
    ],
)
def test_check_parameters_refuses(given, told, small_template):
    with pytest.raises(ParameterError, match=told):
        check_parameters(small_template, given)


def test_check_parameters_rule_holds(small_template):
    given = {"Stage": "dev", "Extra": "yes", "Number": "2"}
    assert check_parameters(small_template, given) == given


def test_build_local_parameters_are_what_the_template_takes():
    parameters = build_local_parameters(
        gateway_url="http://localhost:3000",
        simulator_url="http://127.0.0.1:3001",
        broker_url="http://localhost:3003",
    )
    assert check_parameters(load_template(), parameters)["KucoinKeyVersion"] == "v2"
