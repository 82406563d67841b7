import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.aws.client import REGION
from local.gateway.invocation import ThrottledError
from local.gateway.runtime import FunctionPool


def test_invoke_runs_the_code_with_its_environment(pool, small_stack):
    result = pool.invoke("EchoFunction", {"a": 1})
    assert result.function_error is None
    assert result.payload["event"] == {"a": 1}
    environment = result.payload["environment"]
    assert environment["BUS_NAME"] == "kubroker-small"
    assert environment["AWS_ENDPOINT_URL"] == small_stack.aws.url
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "kubroker-small-echo"
    assert environment["AWS_REGION"] == REGION
    assert 4000 < result.payload["left"] <= 5000
    assert "line of " in result.logs
    assert result.logs in pool.read_logs()


def test_invoke_again_is_the_same_process(pool):
    first, second = (pool.invoke("EchoFunction", {}).pid for _ in range(2))
    assert first == second
    assert first in pool.pids("EchoFunction")
    assert pool.pids("EchoFunction", busy_only=True) == []


def test_invoke_raising_is_an_error_result(pool):
    result = pool.invoke("EchoFunction", {"do": "raise"})
    assert result.function_error == "Unhandled"
    assert (result.payload["errorType"], result.payload["errorMessage"]) == (
        "ValueError",
        "as told",
    )


def test_invoke_too_slow_is_killed(pool):
    result = pool.invoke("SlowFunction", {"do": "sleep30"})
    assert result.function_error == "Unhandled"
    assert "Task timed out after 1.00 seconds" in result.payload["errorMessage"]
    assert result.pid not in pool.pids()


def test_invoke_exiting_is_an_error_and_the_next_works(pool):
    result = pool.invoke("EchoFunction", {"do": "exit"})
    assert result.payload["errorType"] == "Runtime.ExitError"
    assert pool.invoke("EchoFunction", {}).function_error is None


def test_invoke_that_can_not_be_loaded_tells_why(pool):
    result = pool.invoke("BrokenFunction", {})
    assert result.function_error == "Unhandled"
    assert "broken on purpose" in result.payload["errorMessage"]


def test_invoke_unknown_function_raises(pool):
    with pytest.raises(KeyError):
        pool.invoke("nothing", {})


def test_invoke_no_sandbox_free_raises(small_stack, tmp_path):
    pool = FunctionPool(small_stack, log_folder=tmp_path, size=1, free_seconds=0.1)
    try:
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(pool.invoke, "EchoFunction", {"do": "sleep1"})
            while not pool.pids(busy_only=True):
                pass
            with pytest.raises(ThrottledError):
                pool.invoke("EchoFunction", {})
            assert running.result().function_error is None
    finally:
        pool.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(running.result().pid, 0)


@pytest.mark.parametrize(("phase", "is_done"), [("before", False), ("after", True)])
def test_kill_at_a_held_request(pool, small_stack, phase, is_done):
    table = small_stack.tables["Things"]
    rule = small_stack.aws.hold(service="dynamodb", operation="PutItem", phase=phase)
    event = {"do": "put", "table": table, "id": "a"}
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(pool.invoke, "EchoFunction", event)
        held = small_stack.aws.wait_held(rule)
        name, _, pid = held["caller"].rpartition(".")
        assert name == "kubroker-small-echo"
        assert pool.pids("EchoFunction", busy_only=True) == [int(pid)]
        pool.kill(int(pid))
        assert running.result().payload["errorType"] == "Runtime.ExitError"
    small_stack.aws.release(held["id"], discard=True)
    database = small_stack.aws.client("dynamodb")
    found = database.get_item(TableName=table, Key={"id": {"S": "a"}})
    assert ("Item" in found) is is_done


def test_kill_unknown_process_raises(pool):
    with pytest.raises(KeyError):
        pool.kill(1)
