import pytest

from local.deployment.template import load_template
from tests.support.deployed import load_translated


@pytest.fixture(scope="session")
def template():
    return load_template()


@pytest.fixture(scope="session")
def translated():
    return load_translated()


@pytest.fixture(scope="session")
def resources(translated):
    return translated["Resources"]
