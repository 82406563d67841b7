"""docs/scale.md is what tools/scale.py computes, from what the code does."""

import pytest

from kubroker.foundation.rotation_rules import RotationPolicy
from kubroker.rotation.model import DUE_SHARDS, plan_rotation
from tools import scale


def test_tables_are_fresh():
    text = scale.DOCUMENT.read_text()
    assert scale.fill(text) == text, "run `make docs`"


def test_model_has_the_codes_shards():
    assert scale.DUE_SHARDS == DUE_SHARDS


@pytest.mark.parametrize("policy", scale.POLICIES, ids=lambda policy: policy.name)
def test_model_has_the_codes_pace(policy):
    spans = [
        plan_rotation(
            RotationPolicy(policy.name),
            issued_at=0,
            access_expires_at=3600,
            refresh_expires_at=3 * 86_400,
            jitter=jitter,
        )
        for jitter in (0.0, 0.9999)
    ]
    assert policy.seconds == pytest.approx(sum(spans) / 2, rel=0.001)


def test_million_connections_by_hand():
    """1,000,000 / 2,880 s = 347.2/s; a month 900 million; KMS 3 USD a million."""
    fresh, prices = scale.POLICIES[1], scale.PRICES[0]
    assert scale.compute_rate(1_000_000, fresh) == pytest.approx(347.2, abs=0.1)
    cost = scale.compute_cost(1_000_000, fresh, prices)
    assert cost["KMS"] == pytest.approx(900 * 3 + 2)
    assert cost["SQS"] == pytest.approx(900 * 0.3 * 0.40)
    assert cost["DynamoDB"] == pytest.approx(900 * (13 * 0.625 + 0.125), rel=0.001)
