"""A small stack of its own, with every kind of event."""

from pathlib import Path

import pytest

from local.aws.client import AwsStandin
from local.deployment.deploy import deploy
from local.deployment.template import load_template
from local.gateway.runtime import FunctionPool
from local.processes import start_module, stop, wait_ready

TEMPLATE = Path(__file__).parents[2] / "support" / "small_stack" / "template.yaml"


@pytest.fixture(scope="session")
def small_aws():
    process = start_module(["local.aws.standin", "--port", "0"])
    yield AwsStandin(wait_ready(process, "aws stand-in ready"))
    stop(process)


@pytest.fixture(scope="session")
def small_stack_once(small_aws):
    return deploy(small_aws, {"Stage": "small"}, TEMPLATE)


@pytest.fixture
def small_stack(small_stack_once):
    small_stack_once.aws.reset_faults()
    small_stack_once.aws.clear_data()
    return small_stack_once


@pytest.fixture(scope="session")
def pool_once(small_stack_once, tmp_path_factory):
    pool = FunctionPool(small_stack_once, log_folder=tmp_path_factory.mktemp("logs"), size=2)
    yield pool
    pool.stop()


@pytest.fixture
def pool(pool_once, small_stack):
    return pool_once


@pytest.fixture
def small_template():
    return load_template(TEMPLATE)
