"""The check after a deploy names the secret that can't sign, and never its content."""

import json

import boto3
import pytest
from moto import mock_aws

from tools.check_secrets import check_webhooks

GOOD = "bmV3" * 11


@pytest.fixture
def client():
    with mock_aws():
        yield boto3.client(
            "secretsmanager",
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"current": GOOD, "previous": ""}, None),
        ({"current": "c2hvcnQ=", "previous": ""}, "The field current of the secret"),
        ({"current": GOOD, "previous": "c2hvcnQ="}, "The field previous of the secret"),
        ({}, "has to be JSON with the fields current and previous"),
    ],
)
def test_check_names_what_can_not_sign(client, content, fault):
    client.create_secret(Name="kubroker/prod/webhooks", SecretString=json.dumps(content))
    told = check_webhooks(client, "prod")
    assert (told is None) is (fault is None)
    if fault:
        assert fault in told
        assert "kubroker/prod/webhooks" in told
        assert "c2hvcnQ=" not in told


def test_check_of_a_secret_that_is_not_there_says_so(client):
    assert "kubroker/prod/webhooks can't be read" in check_webhooks(client, "prod")
