"""The optional edge: one address can't use up what all share, and nothing is cached or logged."""

import pytest

from local.deployment.template import ROOT, load_template
from tests.support.deployed import list_routes, load_translated

EDGE = load_template(ROOT / "edge.yaml")
ACL = EDGE["Resources"]["WebAcl"]["Properties"]
RULES = {rule["Name"]: rule for rule in ACL["Rules"]}
CONFIG = EDGE["Resources"]["Distribution"]["Properties"]["DistributionConfig"]


def test_every_rule_counts_by_address_and_answers_429():
    assert ACL["Scope"] == "CLOUDFRONT"
    assert set(RULES) == {"work-by-address", "all-by-address"}
    for rule in RULES.values():
        statement = rule["Statement"]["RateBasedStatement"]
        assert (statement["AggregateKeyType"], statement["EvaluationWindowSec"]) == ("IP", 300)
        assert rule["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 429
    priorities = [rule["Priority"] for rule in RULES.values()]
    assert sorted(priorities) == list(range(len(RULES)))


def test_work_is_the_callback_and_every_form():
    rule = RULES["work-by-address"]["Statement"]["RateBasedStatement"]["ScopeDownStatement"]
    matched = {
        match["ByteMatchStatement"]["SearchString"] for match in rule["OrStatement"]["Statements"]
    }
    assert matched == {"/oauth/callback", "POST"}
    routes = set(list_routes(load_translated()))
    assert {"GET /oauth/callback", "POST /connect/{token}", "POST /verify/{token}"} <= routes


@pytest.mark.parametrize("name", ["RequestsPerAddress", "CallbacksPerAddress"])
def test_limits_are_parameters_that_aws_takes(name):
    slot = EDGE["Parameters"][name]
    assert slot["MinValue"] >= 10, "AWS WAF takes no lower limit"
    assert slot["MinValue"] <= slot["Default"] <= slot["MaxValue"]
    assert (
        EDGE["Parameters"]["CallbacksPerAddress"]["Default"]
        < EDGE["Parameters"]["RequestsPerAddress"]["Default"]
    )


def test_addresses_that_hold_secrets_are_sampled_and_logged_nowhere():
    for one in (ACL, *RULES.values()):
        assert one["VisibilityConfig"]["SampledRequestsEnabled"] is False
    assert "Logging" not in CONFIG


def test_nothing_is_cached_and_the_host_stays_the_apis():
    behaviour = CONFIG["DefaultCacheBehavior"]
    assert behaviour["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
    # AllViewerExceptHostHeader: API Gateway answers its own host only.
    assert behaviour["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert behaviour["ViewerProtocolPolicy"] == "https-only"
    assert CONFIG["Origins"][0]["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert CONFIG["WebACLId"] == {"Fn::GetAtt": "WebAcl.Arn"} or CONFIG["WebACLId"] == {
        "Fn::GetAtt": ["WebAcl", "Arn"]
    }
