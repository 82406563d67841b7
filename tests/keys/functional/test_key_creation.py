"""Creating the key: permissions, refusals, lost answers, and what a redelivery does."""

import pytest

from tests.support.gallery import Outline
from tests.support.linking import Link


def attempt(link: Link) -> dict:
    return link.connection()["apiKey"]["attempt"]


def keys_at_kucoin(link: Link, user: str = "alice") -> list[dict]:
    (found,) = [row for row in link.simulator.state()["users"] if row["name"] == user]
    return [key for key in link.simulator.state()["keys"] if key["user"] == found["name"]]


def end_shown(link: Link) -> str:
    return link.api.get(f"{link.connect_path}/status").json()["code"]


def redeliver(link: Link) -> None:
    """The message that failed becomes visible again."""
    link.functions.stack.aws.release_delayed("kubroker-local-key-creation")
    link.create_key()


@pytest.mark.parametrize(
    ("user", "permissions", "code"),
    [
        ("bob", ["SPOT", "FUTURES"], "permission_mismatch"),
        ("dave", ["SPOT"], "key_limit_reached"),
    ],
)
def test_key_refused_by_kucoin_is_told_with_its_code(
    link: Link, user: str, permissions: list[str], code: str
) -> None:
    connection = link.walk(user, *permissions)
    assert connection["status"] == "FAILED"
    assert connection["apiKey"]["code"] == code
    assert end_shown(link) == code
    assert code in link.api.get(link.connect_path).text


def test_key_name_taken_names_what_to_delete(link: Link) -> None:
    link.simulator.set_worlds(one_key_per_broker=True)
    link.simulator.add_key("alice", groups=["API_COMMON"])
    connection = link.walk("alice", "SPOT")
    assert connection["apiKey"]["code"] == "key_name_taken"


def test_mismatch_tried_again_with_fewer_from_the_page_succeeds(link: Link) -> None:
    link.walk("bob", "SPOT", "FUTURES")
    page = link.api.get(link.connect_path)
    assert 'value="FUTURES"' in page.text
    answer = link.api.post(link.connect_path, form={"permissions": ["SPOT"]})
    assert (answer.status, answer.location) == (303, link.connect_path)
    link.create_key()
    assert link.connection()["status"] == "ACTIVE"
    assert end_shown(link) == "connected"


def test_mismatch_tried_again_with_more_is_refused(link: Link) -> None:
    link.walk("bob", "SPOT", "FUTURES")
    answer = link.api.post(link.connect_path, form={"permissions": ["SPOT", "MARGIN"]})
    assert answer.status == 422
    assert attempt(link)["state"] == "FAILED"


ONLY = {"addressbookOnly": "true"}


def link_unlimited_grant(link: Link, **session: object) -> None:
    """Asked for the address book only; granted at KuCoin without that limit."""
    link.open(**session)
    link.choose("SPOT", "WITHDRAWAL", **({} if session else ONLY))
    link.authorize("alice", permissions=["SPOT", "WITHDRAWAL"], isAddressbookOnly=False)
    link.come_back()
    link.complete()
    link.create_key()


def boxes(page: str) -> list[dict[str, str | None]]:
    """The page's address-book inputs."""
    return [field for field in Outline(page).all("input") if field["name"] == "addressbookOnly"]


def test_addressbook_only_never_ends_as_a_key_without_the_limit(link: Link) -> None:
    link_unlimited_grant(link)
    assert link.connection()["apiKey"]["code"] == "permission_mismatch"
    assert keys_at_kucoin(link) == []
    assert len(link.simulator.journal(route="create_key")) == 1


def test_addressbook_only_of_the_broker_is_not_the_users_to_drop(link: Link) -> None:
    link_unlimited_grant(link, isAddressbookOnly=True)
    page = link.api.get(link.connect_path).text
    assert [field["type"] for field in boxes(page)] == ["hidden"]
    link.api.post(link.connect_path, form={"permissions": ["SPOT", "WITHDRAWAL"]})
    link.create_key()
    assert link.connection()["apiKey"]["code"] == "permission_mismatch"
    assert keys_at_kucoin(link) == []


def test_addressbook_only_of_the_user_is_dropped_by_the_user_alone(link: Link) -> None:
    link_unlimited_grant(link)
    page = link.api.get(link.connect_path).text
    assert [(field["type"], "checked" in field) for field in boxes(page)] == [("checkbox", True)]
    kept = {"permissions": ["SPOT", "WITHDRAWAL"], **ONLY}
    link.api.post(link.connect_path, form=kept)
    link.create_key()
    assert link.connection()["apiKey"]["code"] == "permission_mismatch"
    link.api.post(link.connect_path, form={"permissions": ["SPOT", "WITHDRAWAL"]})
    link.create_key()
    facts = link.connection()["apiKey"]["facts"]
    assert (facts["isAddressbookOnly"], "WITHDRAWAL" in facts["permissions"]) == (False, True)


@pytest.mark.parametrize(("is_only", "shown"), [(True, True), (False, False)])
def test_connected_page_shows_the_limit_to_the_address_book(
    link: Link, is_only: bool, shown: bool
) -> None:
    link.open()
    link.choose("WITHDRAWAL")
    link.authorize("alice", permissions=["WITHDRAWAL"], isAddressbookOnly=is_only)
    link.come_back()
    link.complete()
    link.create_key()
    assert end_shown(link) == "connected"
    page = link.api.get(link.connect_path).text
    assert ("Only to addresses in your KuCoin address book." in page) is shown


def test_key_that_kucoin_made_without_the_limit_is_not_used(link: Link) -> None:
    link.simulator.set_worlds(key_check_tells_addressbook=True, addressbook_held=False)
    link.open()
    link.choose("WITHDRAWAL", **ONLY)
    link.authorize("alice", permissions=["WITHDRAWAL"], isAddressbookOnly=True)
    link.come_back()
    link.complete()
    link.create_key()
    connection = link.connection()
    assert (connection["status"], connection["apiKey"]["code"]) == (
        "FAILED",
        "addressbook_mismatch",
    )
    (left,) = connection["apiKey"]["attempt"]["deleteAtKucoin"]
    (key,) = keys_at_kucoin(link)
    assert left["name"] == key["apiName"]
    page = link.api.get(link.connect_path).text
    assert "did not limit the key" in page
    assert key["apiName"] in page


def test_mismatch_with_withdrawal_is_tried_with_the_stricter_addressbook_choice(
    link: Link,
) -> None:
    link.open()
    link.choose("SPOT", "WITHDRAWAL")
    link.authorize("alice", permissions=["SPOT", "WITHDRAWAL"], isAddressbookOnly=True)
    link.come_back()
    link.complete()
    link.create_key()
    connection = link.connection()
    assert connection["status"] == "ACTIVE"
    assert connection["apiKey"]["facts"]["isAddressbookOnly"] is True
    assert len(link.simulator.journal(route="create_key")) == 2


def test_mismatch_without_withdrawal_is_asked_once(link: Link) -> None:
    link.walk("bob", "SPOT", "FUTURES")
    assert len(link.simulator.journal(route="create_key")) == 1


@pytest.mark.parametrize(
    ("kind", "phase"),
    [("drop", "after"), ("cut", "after"), ("garbage", "after"), ("status_5xx", "after")],
)
def test_key_whose_answer_is_lost_is_never_asked_for_again(
    link: Link, kind: str, phase: str
) -> None:
    link.simulator.add_fault("create_key", kind, phase=phase, times=1)
    link.walk("alice", "SPOT")
    redeliver(link)
    connection = link.connection()
    assert connection["status"] == "FAILED"
    assert connection["apiKey"]["state"] == "OUTCOME_UNKNOWN"
    assert end_shown(link) == "key_outcome_unknown"
    assert len(link.simulator.journal(route="create_key")) == 1


def test_key_whose_check_fails_in_passing_is_checked_again_not_made_again(link: Link) -> None:
    link.simulator.add_fault("check_key", "status_5xx", times=9)
    link.walk("alice", "SPOT")
    assert attempt(link)["state"] == "STORED"
    link.simulator.clear_faults()
    redeliver(link)
    assert link.connection()["status"] == "ACTIVE"
    assert len(keys_at_kucoin(link)) == 1


def test_key_deleted_before_its_check_is_gone(link: Link) -> None:
    link.simulator.add_fault("check_key", "status_5xx", times=9)
    link.walk("alice", "SPOT")
    link.simulator.clear_faults()
    link.simulator.delete_key(keys_at_kucoin(link)[0]["apiKey"])
    asked = len(link.simulator.journal(route="check_key"))
    redeliver(link)
    assert link.connection()["apiKey"]["code"] == "key_gone"
    assert len(link.simulator.journal(route="check_key")) == asked + 2


@pytest.mark.parametrize("code", ["400003", "400004"])
def test_key_that_kucoin_denies_once_is_no_reason_to_give_it_up(link: Link, code: str) -> None:
    link.simulator.add_fault("check_key", "error", code=code, msg="no", times=1)
    link.walk("alice", "SPOT")
    assert (attempt(link)["state"], attempt(link)["code"]) == ("STORED", "key_doubted")
    redeliver(link)
    assert link.connection()["status"] == "ACTIVE"
    assert attempt(link)["code"] is None
    assert len(keys_at_kucoin(link)) == 1


def test_key_behind_a_foreign_whitelist_waits_for_the_operator(link: Link) -> None:
    link.simulator.add_fault("check_key", "status_5xx", times=9)
    link.walk("alice", "SPOT")
    link.simulator.clear_faults()
    key = keys_at_kucoin(link)[0]["apiKey"]
    link.simulator.patch_key(key, ipWhitelist=["203.0.113.9"])
    redeliver(link)
    assert attempt(link)["state"] == "STORED"
    link.simulator.patch_key(key, ipWhitelist=["127.0.0.1"])
    redeliver(link)
    assert link.connection()["apiKey"]["facts"]["ipWhitelist"] == ["127.0.0.1"]


@pytest.mark.parametrize("operation", ["GenerateDataKey", "Decrypt"])
def test_key_while_kms_is_down_is_made_later(link: Link, operation: str) -> None:
    link.start()
    link.complete()
    aws = link.functions.stack.aws
    aws.add_fault(service="kms", operation=operation, times=3, kind="error")
    link.create_key()
    aws.reset_faults()
    redeliver(link)
    assert link.connection()["status"] == "ACTIVE"
    assert len(keys_at_kucoin(link)) == 1


def test_key_that_could_not_be_stored_has_an_unknown_outcome(link: Link, monkeypatch) -> None:
    import time

    link.start()
    link.complete()
    aws = link.functions.stack.aws
    aws.add_fault(service="dynamodb", operation="UpdateItem", match="STORED", times=9, kind="error")
    link.create_key()
    aws.reset_faults()
    moment = time.time() + 60
    monkeypatch.setattr("time.time", lambda: moment)
    assert link.connection()["apiKey"]["state"] == "OUTCOME_UNKNOWN"
    redeliver(link)
    assert attempt(link)["state"] == "OUTCOME_UNKNOWN"
    assert len(link.simulator.journal(route="create_key")) == 1


def test_key_while_kucoin_refuses_connections_is_tried_again_then_told(link: Link) -> None:
    link.functions.set_environment("key_creation", KUCOIN_WEB_URL="http://127.0.0.1:9")
    link.start()
    link.complete()
    link.create_key()
    assert attempt(link)["state"] == "REQUESTED"
    for _ in range(4):
        redeliver(link)
    assert link.connection()["apiKey"]["code"] == "kucoin_unreachable"


def test_key_requested_by_the_broker_replaces_the_one_in_use(link: Link) -> None:
    link.walk("alice", "SPOT")
    path = f"/v1/connections/{link.user_id}/api-key"
    answer = link.api.post(path, json={"permissions": []})
    assert answer.status == 202
    again = link.api.post(path, json={"permissions": []})
    assert (again.status, again.json()["code"]) == (409, "key_creation_in_progress")
    assert link.connection()["status"] == "ACTIVE"
    link.create_key()
    connection = link.connection()
    assert connection["apiKey"]["facts"]["permissions"] == ["GENERAL"]
    (old,) = connection["apiKey"]["attempt"]["deleteAtKucoin"]
    assert old["hint"] != connection["apiKey"]["facts"]["hint"]


def test_key_requested_that_kucoin_refuses_leaves_the_one_in_use(link: Link) -> None:
    link.walk("alice", "SPOT")
    link.api.post(f"/v1/connections/{link.user_id}/api-key", json={"permissions": ["FUTURES"]})
    link.create_key()
    connection = link.connection()
    assert connection["status"] == "ACTIVE"
    assert connection["apiKey"]["facts"]["permissions"] == ["GENERAL", "SPOT"]
    assert connection["apiKey"]["attempt"]["code"] == "permission_mismatch"


def test_key_requested_for_nobody_is_not_found(link: Link) -> None:
    answer = link.api.post("/v1/connections/nobody/api-key", json={"permissions": []})
    assert (answer.status, answer.json()["code"]) == (404, "connection_not_found")


def test_key_with_the_old_creation_sends_no_permissions(link: Link) -> None:
    link.functions.set_environment("key_creation", KUCOIN_KEY_VERSION="v1")
    connection = link.walk("alice", "SPOT")
    assert connection["status"] == "ACTIVE"
    (entry,) = link.simulator.journal(route="create_key_v1")
    assert entry["path"].endswith("/ucenter/outer/api-key/add")


def test_misconfigured_secret_changes_no_user_and_pages(link: Link, capsys) -> None:
    link.start()
    link.complete()
    secrets = link.functions.stack.aws.client("secretsmanager")
    kept = secrets.get_secret_value(SecretId="kubroker/local/kucoin")["SecretString"]
    secrets.put_secret_value(SecretId="kubroker/local/kucoin", SecretString="not json")
    link.functions.forget()
    try:
        link.create_key()
        assert "ConfigurationErrorFound" in capsys.readouterr().out
        assert attempt(link)["state"] == "STORED"
    finally:
        secrets.put_secret_value(SecretId="kubroker/local/kucoin", SecretString=kept)
    link.functions.forget()
    redeliver(link)
    assert link.connection()["status"] == "ACTIVE"


def test_message_of_an_unknown_kind_goes_to_the_dead_letter_queue(link: Link) -> None:
    sqs = link.functions.stack.aws.client("sqs")
    url = link.functions.stack.queues["KeyCreationQueue"]
    sqs.send_message(QueueUrl=url, MessageBody='{"schemaVersion": 9, "kind": "new"}')
    for _ in range(6):
        redeliver(link)
    dead = sqs.get_queue_attributes(
        QueueUrl=link.functions.stack.queues["KeyCreationDeadLetterQueue"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    assert dead["Attributes"]["ApproximateNumberOfMessages"] == "1"
