"""Least privilege, as far as the template alone can tell it."""

import re

import pytest

from tests.support.deployed import (
    as_list,
    find_references,
    list_routes,
    load_translated,
    select,
)

RESOURCES = load_translated()["Resources"]
ROLES = select(RESOURCES, "AWS::IAM::Role")
FUNCTIONS = select(RESOURCES, "AWS::Lambda::Function")
# Which role may do what with the vault key, and for which purpose. The heart of the design:
# no function can open what is not its own.
VAULT_USE = {
    "OauthCallbackRole": {("kms:GenerateDataKey", "oauth-tokens")},
    "TokenRefreshRole": {("kms:Decrypt", "oauth-tokens")},
    "KeyCreationRole": {
        ("kms:Decrypt", "oauth-tokens"),
        ("kms:Decrypt", "api-key"),
        ("kms:GenerateDataKey", "api-key"),
    },
    "WithdrawalRole": {("kms:Decrypt", "api-key")},
    "WithdrawalTrackerRole": {("kms:Decrypt", "api-key")},
    "KucoinProxyRole": {("kms:Decrypt", "api-key")},
    "DepositAddressRole": {("kms:Decrypt", "api-key")},
    "ExportRole": {("kms:Decrypt", "api-key")},
}
# Roles that no function has: who assumes them.
SCHEDULER_ROLES = {
    "ExportScheduleRole",
    "RebateScheduleRole",
    "RefreshScheduleRole",
    "WithdrawalScheduleRole",
}
SERVICES = dict.fromkeys(SCHEDULER_ROLES, "scheduler") | {"DeploymentRole": "codedeploy"}
CALLER_ROLES = {"BrokerReadRole", "BrokerTradeRole", "BrokerMoneyRole"}
# Actions for which AWS offers no resource to name.
WITHOUT_RESOURCE = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}


def _list_statements(role):
    """All statements, those under a condition of the stack too."""
    return [
        statement["Fn::If"][1] if "Fn::If" in statement else statement
        for policy in ROLES[role].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_every_function_has_a_role_of_its_own():
    used = [list(find_references(function["Role"])) for function in FUNCTIONS.values()]
    assert sorted(used) == sorted(
        [role] for role in ROLES if role not in {*SERVICES, *CALLER_ROLES}
    )


@pytest.mark.parametrize("role", sorted(set(ROLES) - CALLER_ROLES))
def test_role_is_assumed_by_its_one_service(role):
    (statement,) = ROLES[role]["AssumeRolePolicyDocument"]["Statement"]
    service = SERVICES.get(role, "lambda")
    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"


@pytest.mark.parametrize("role", ROLES)
def test_role_has_no_managed_policy_and_no_fixed_name(role):
    assert "ManagedPolicyArns" not in ROLES[role]
    assert "RoleName" not in ROLES[role], "IAM is global: a stage may stand in two regions"


@pytest.mark.parametrize("role", ROLES)
def test_role_names_its_actions_and_resources(role):
    for statement in _list_statements(role):
        assert statement["Effect"] in {"Allow", "Deny"}
        assert not {"NotAction", "NotResource"} & set(statement), statement["Sid"]
        actions = as_list(statement["Action"])
        assert not [action for action in actions if "*" in action], statement["Sid"]
        if set(actions) <= WITHOUT_RESOURCE:
            continue
        for resource in as_list(statement["Resource"]):
            assert resource != "*", statement["Sid"]
            is_named = ":alarm:kubroker-${Stage}-" in str(resource)  # a Ref would make a circle
            assert is_named or set(find_references(resource)) & set(RESOURCES), statement["Sid"]


@pytest.mark.parametrize("role", ROLES)
def test_role_is_within_the_boundary(role):
    boundary = {"Ref": "PermissionsBoundaryArn"}
    none = {"Ref": "AWS::NoValue"}
    expected = {"Fn::If": ["HasPermissionsBoundary", boundary, none]}
    assert ROLES[role]["PermissionsBoundary"] == expected


@pytest.mark.parametrize("role", ROLES)
def test_role_repeats_no_action_on_a_resource(role):
    pairs = [
        (action, str(resource), str(statement.get("Condition")), statement["Effect"])
        for statement in _list_statements(role)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_role_logs_into_its_functions_group_only(name):
    (role,) = find_references(FUNCTIONS[name]["Role"])
    logging = [s for s in _list_statements(role) if "logs:PutLogEvents" in as_list(s["Action"])]
    (statement,) = logging
    assert as_list(statement["Action"]) == ["logs:CreateLogStream", "logs:PutLogEvents"]
    group = FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]
    assert statement["Resource"] == {"Fn::GetAtt": [group, "Arn"]}


@pytest.mark.parametrize("role", ROLES)
def test_role_uses_the_vault_for_its_purpose_only(role):
    used = set()
    for statement in _list_statements(role):
        actions = [action for action in as_list(statement["Action"]) if action[:4] == "kms:"]
        if not actions:
            continue
        assert list(find_references(statement["Resource"])) == ["VaultKey"]
        (purpose,) = as_list(
            statement["Condition"]["StringEquals"]["kms:EncryptionContext:purpose"]
        )
        used |= {(action, purpose) for action in actions}
    assert used == VAULT_USE.get(role, set())


@pytest.mark.parametrize("role", sorted(SCHEDULER_ROLES))
def test_schedule_may_invoke_its_function_only(role):
    (statement,) = _list_statements(role)
    assert statement["Action"] == "lambda:InvokeFunction"
    (function,) = find_references(statement["Resource"])
    assert function in FUNCTIONS
    (trust,) = ROLES[role]["AssumeRolePolicyDocument"]["Statement"]
    source = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert trust["Condition"] == source, "no other account's schedule may assume it"


def test_queue_consumers_may_work_their_queue():
    needed_of = {
        "AWS::SQS::Queue": {
            "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
        },
        "AWS::DynamoDB::Table": {
            "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        },
    }  # fmt: skip
    for mapping in select(RESOURCES, "AWS::Lambda::EventSourceMapping").values():
        (queue,) = find_references(mapping["EventSourceArn"])
        needed = needed_of[RESOURCES[queue]["Type"]]
        (function,) = find_references(mapping["FunctionName"])
        (role,) = find_references(FUNCTIONS[function]["Role"])
        granted = {
            action
            for statement in _list_statements(role)
            if queue in find_references(statement["Resource"])
            for action in as_list(statement["Action"])
        }
        assert needed <= granted, function


def _list_audit_actions(role):
    return {
        action
        for statement in _list_statements(role)
        if "AuditTable" in find_references(statement["Resource"])
        for action in as_list(statement["Action"])
    }


@pytest.mark.parametrize("role", ROLES)
def test_role_can_only_add_to_the_audit(role):
    reads = {
        "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator",
        "dynamodb:ListStreams", "dynamodb:Query",
    }  # fmt: skip
    assert _list_audit_actions(role) <= {"dynamodb:PutItem", *reads}


def test_every_function_that_opens_secrets_or_acts_can_add_to_the_audit():
    writers = {
        role
        for role in ROLES
        if any(
            "kms:Decrypt" in as_list(statement["Action"]) for statement in _list_statements(role)
        )
    }
    for route, operation in list_routes(load_translated()).items():
        method, _, path = route.partition(" ")
        if path.startswith("/v1/") and method != "GET":
            uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            function = re.search(r"\$\{(\w+Function)Aliaslive\}", uri)[1]
            writers |= set(find_references(FUNCTIONS[function]["Role"]))
    assert writers
    for role in writers:
        assert "dynamodb:PutItem" in _list_audit_actions(role), f"{role}: add its WriteAudit"


def _get_key_statements(name):
    return {
        statement["Sid"]: statement
        for statement in RESOURCES[name]["Properties"]["KeyPolicy"]["Statement"]
    }


@pytest.mark.parametrize("name", ["VaultKey", "ServiceKey"])
def test_key_rotates_and_waits_before_it_goes(name):
    key = RESOURCES[name]["Properties"]
    assert key["EnableKeyRotation"]
    assert key["PendingWindowInDays"] == 30


@pytest.mark.parametrize("name", ["VaultKey", "ServiceKey"])
def test_key_administration_can_not_use_the_key(name):
    actions = _get_key_statements(name)["AdministerWithoutUsing"]["Action"]
    assert "kms:PutKeyPolicy" in actions, "else the key could never be administered again"
    use = ("Encrypt", "Decrypt", "GenerateData", "ReEncrypt", "CreateGrant", "*", "Sign", "Mac")
    assert not [action for action in actions if any(word in action for word in use)]


@pytest.mark.parametrize("name", ["VaultKey", "ServiceKey"])
def test_key_use_is_always_conditional(name):
    for sid, statement in _get_key_statements(name).items():
        if statement["Effect"] == "Allow" and sid != "AdministerWithoutUsing":
            assert statement["Condition"], sid


@pytest.mark.parametrize(
    ("sid", "field"), [("NothingWithoutPurpose", "purpose"), ("NothingWithoutUser", "userId")]
)
def test_vault_key_denies_use_without_context(sid, field):
    statement = _get_key_statements("VaultKey")[sid]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Null": {f"kms:EncryptionContext:{field}": "true"}}
    assert {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"} <= set(statement["Action"])


def test_vault_key_is_multi_region():
    assert RESOURCES["VaultKey"]["Properties"]["MultiRegion"]


def test_service_key_is_used_through_services_only():
    for sid, statement in _get_key_statements("ServiceKey").items():
        if sid == "AdministerWithoutUsing":
            continue
        if "Service" in statement["Principal"]:
            condition = {key for part in statement["Condition"].values() for key in part}
            assert [key for key in condition if key.startswith("kms:EncryptionContext:aws:")], sid
        else:
            equals = statement["Condition"]["StringEquals"]
            assert equals["kms:CallerAccount"] == {"Ref": "AWS::AccountId"}
            assert equals["kms:ViaService"], sid
