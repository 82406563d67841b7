"""The real template through the real SAM CLI, and a built function in the Lambda container."""

import json
from pathlib import Path

import pytest

from tests.support.built import ROOT, build, invoke, measure_layer_bytes, run_in_layer, run_sam
from tests.support.deployed import load_translated, select

pytestmark = [pytest.mark.sam_local, pytest.mark.timeout(600)]
MAX_LAYER_BYTES = 12 * 1024 * 1024


@pytest.fixture(scope="module")
def built():
    return build()


def test_template_is_valid_for_sam_and_cfn_lint():
    result = run_sam("validate", "--lint", seconds=120)
    assert result.returncode == 0, result.stdout + result.stderr


def test_build_gives_each_function_its_page_and_the_layer_the_rest(built):
    layer = built / "KubrokerLayer/python"
    assert (layer / "kubroker/foundation/errors.py").exists()
    assert not (layer / "boto3").exists(), "the runtime brings it"
    for name in select(load_translated()["Resources"], "AWS::Lambda::Function"):
        assert [path.name for path in (built / name).iterdir()] == ["app.py"]


def test_built_layer_is_complete(built):
    code = """
import importlib, pathlib
for path in sorted(pathlib.Path("/opt/python/kubroker").rglob("*.py")):
    importlib.import_module(".".join(path.relative_to("/opt/python").with_suffix("").parts))
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
assert AESGCM(bytes(32)).encrypt(bytes(12), b"payload", b"context")
import pydantic
assert pydantic.__file__.startswith("/opt/python/")
"""
    result = run_in_layer(code)
    assert result.returncode == 0, result.stderr


def test_built_layer_is_compiled(built):
    code = "import kubroker.foundation.errors as e; print(e.__cached__, e.KubrokerError.__init__.__code__.co_filename)"
    cached, source = run_in_layer(code).stdout.split()
    assert (built / "KubrokerLayer" / Path(cached).relative_to("/opt")).exists()
    assert source == "/opt/python/kubroker/foundation/errors.py"


def test_built_layer_is_small(built):
    assert measure_layer_bytes() <= MAX_LAYER_BYTES


def test_built_connect_function_answers_in_the_lambda_container(built):
    answer = invoke("ConnectFunction", ROOT / "events/connect/health.json")
    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Type"] == "application/json"
    health = json.loads(answer["body"])
    assert (health["status"], health["stage"]) == ("ok", "dev")
