"""Linking again, listing, and the end of a connection."""

import time

from tests.support.linking import Link


def items(link: Link) -> list[dict]:
    return link.functions.stack.aws.client("dynamodb").scan(TableName="kubroker-local-connections")[
        "Items"
    ]


def test_relink_of_the_same_account_makes_a_new_key_and_names_the_old(link: Link) -> None:
    first = link.walk("alice", "SPOT")
    link.cookies = {}
    second = link.walk("alice", "SPOT", "FUTURES")
    assert second["status"] == "ACTIVE"
    assert second["linkGeneration"] > first["linkGeneration"]
    assert second["apiKey"]["facts"]["permissions"] == ["GENERAL", "SPOT", "FUTURES"]
    (old,) = second["apiKey"]["attempt"]["deleteAtKucoin"]
    assert old["hint"] == first["apiKey"]["facts"]["hint"]


def test_relink_serves_the_old_key_until_the_swap(link: Link) -> None:
    first = link.walk("alice", "SPOT")
    link.start("alice", "SPOT")
    link.complete()
    waiting = link.connection()
    assert waiting["status"] == "ACTIVE"
    assert waiting["apiKey"]["facts"] == first["apiKey"]["facts"]
    before = items(link)[0]["apiKeyCiphertext"]
    link.create_key()
    assert items(link)[0]["apiKeyCiphertext"] != before
    assert "pendingLink" not in items(link)[0]


def test_relink_keeps_the_key_where_kucoin_proves_the_account(link: Link) -> None:
    link.simulator.set_worlds(bearer_identity=True)
    link.functions.set_environment(
        "key_creation",
        KUCOIN_PROTOCOL_OVERRIDES='{"bearer_identity_path": "/api/v1/user/api-key"}',
    )
    first = link.walk("alice", "SPOT", "FUTURES")
    link.start("alice", "SPOT")
    link.complete()
    link.create_key()
    second = link.connection()
    assert second["apiKey"]["attempt"]["isKept"] is True
    assert second["apiKey"]["facts"]["hint"] == first["apiKey"]["facts"]["hint"]
    assert second["linkGeneration"] > first["linkGeneration"]
    assert len(link.simulator.journal(route="create_key")) == 1


def test_relink_that_needs_more_permissions_makes_a_new_key(link: Link) -> None:
    link.simulator.set_worlds(bearer_identity=True)
    link.functions.set_environment(
        "key_creation",
        KUCOIN_PROTOCOL_OVERRIDES='{"bearer_identity_path": "/api/v1/user/api-key"}',
    )
    link.walk("alice", "SPOT")
    second = link.walk("alice", "SPOT", "FUTURES")
    assert second["apiKey"]["attempt"]["isKept"] is False
    assert len(link.simulator.journal(route="create_key")) == 2


def test_relink_to_another_account_is_refused_and_the_old_key_serves(link: Link) -> None:
    first = link.walk("alice", "SPOT")
    second = link.walk("bob", "SPOT")
    assert second["status"] == "ACTIVE"
    assert second["kucoinUid"] == first["kucoinUid"]
    assert second["apiKey"]["facts"] == first["apiKey"]["facts"]
    assert second["apiKey"]["attempt"]["code"] == "account_mismatch"
    (orphan,) = second["apiKey"]["attempt"]["deleteAtKucoin"]
    assert orphan["hint"] != first["apiKey"]["facts"]["hint"]
    assert "account_mismatch" in link.api.get(link.connect_path).text


def test_relink_to_another_account_is_allowed_where_the_session_says_so(link: Link) -> None:
    first = link.walk("alice", "SPOT")
    assert "accountSince" not in items(link)[0]
    since = int(time.time())
    second = link.walk("bob", "SPOT", allowAccountChange=True)
    assert second["kucoinUid"] != first["kucoinUid"]
    assert second["apiKey"]["attempt"]["deleteAtKucoin"]
    assert since <= int(items(link)[0]["accountSince"]["N"]) <= time.time()


def test_relink_where_kucoin_refuses_a_second_key_names_the_one_to_delete(link: Link) -> None:
    link.simulator.set_worlds(one_key_per_broker=True)
    first = link.walk("alice", "SPOT")
    second = link.walk("alice", "SPOT")
    assert second["status"] == "ACTIVE"
    assert second["apiKey"]["attempt"]["code"] == "key_name_taken"
    page = link.api.get(link.connect_path).text
    assert first["apiKey"]["facts"]["name"] in page


def test_relink_while_a_key_is_being_made_is_a_conflict(link: Link) -> None:
    link.start("alice", "SPOT")
    link.complete()
    link.start("alice", "SPOT")
    answer = link.complete()
    assert (answer.status, answer.json()["code"]) == (409, "link_in_progress")


def test_disconnect_shreds_everything_and_says_what_remains(link: Link) -> None:
    first = link.walk("alice", "SPOT")
    receipt = link.api.delete("/v1/connections/user-1")
    body = receipt.json()
    assert receipt.status == 200
    assert body["status"] == "DISCONNECTED"
    assert [key["hint"] for key in body["deleteAtKucoin"]] == [first["apiKey"]["facts"]["hint"]]
    (item,) = items(link)
    for name in ("tokenDataKey", "tokenCiphertext", "apiKeyDataKey", "apiKeyCiphertext"):
        assert name not in item
    assert link.connection()["status"] == "DISCONNECTED"


def test_disconnect_again_gives_the_same_receipt(link: Link) -> None:
    link.walk("alice", "SPOT")
    first = link.api.delete("/v1/connections/user-1").json()
    assert link.api.delete("/v1/connections/user-1").json() == first


def test_disconnect_of_nobody_is_not_found(link: Link) -> None:
    assert link.api.delete("/v1/connections/nobody").status == 404


def test_disconnect_while_the_key_is_made_wins(link: Link) -> None:
    link.start("alice", "SPOT")
    link.complete()
    link.api.delete("/v1/connections/user-1")
    link.create_key()
    assert link.connection()["status"] == "DISCONNECTED"
    assert link.simulator.journal(route="create_key") == []


def test_link_after_a_disconnect_starts_anew(link: Link) -> None:
    first = link.walk("alice", "SPOT")
    link.api.delete("/v1/connections/user-1")
    second = link.walk("alice", "SPOT")
    assert second["status"] == "ACTIVE"
    assert second["kucoinUid"] == first["kucoinUid"]
    assert second["linkGeneration"] > first["linkGeneration"]
    assert "accountSince" not in items(link)[0]


def test_link_after_a_disconnect_takes_another_account_only_where_it_is_allowed(link: Link) -> None:
    first = link.walk("alice", "SPOT")
    link.api.delete("/v1/connections/user-1")
    refused = link.walk("bob", "SPOT")
    assert (refused["status"], refused["kucoinUid"]) == ("FAILED", None)
    assert refused["apiKey"]["code"] == "account_mismatch"
    assert refused["apiKey"]["attempt"]["deleteAtKucoin"]
    assert "account_mismatch" in link.api.get(link.connect_path).text
    again = link.walk("bob", "SPOT")
    assert again["apiKey"]["code"] == "account_mismatch", "a try that failed allows nothing"
    allowed = link.walk("bob", "SPOT", allowAccountChange=True)
    assert allowed["status"] == "ACTIVE"
    assert allowed["kucoinUid"] not in (None, first["kucoinUid"])
    assert "accountSince" in items(link)[0]


def test_another_account_that_was_allowed_after_a_disconnect_is_linked_at_once(link: Link) -> None:
    first = link.walk("alice", "SPOT")
    link.api.delete("/v1/connections/user-1")
    second = link.walk("bob", "SPOT", allowAccountChange=True)
    assert second["status"] == "ACTIVE"
    assert second["kucoinUid"] != first["kucoinUid"]
    back = link.walk("alice", "SPOT")
    assert back["apiKey"]["attempt"]["code"] == "account_mismatch", "allowed once, not for ever"
    assert back["kucoinUid"] == second["kucoinUid"]


def test_completion_of_an_old_session_brings_nothing_back(link: Link) -> None:
    link.walk("alice", "SPOT")
    link.api.delete("/v1/connections/user-1")
    answer = link.complete()
    link.create_key()
    assert answer.json()["connection"]["status"] == "DISCONNECTED"
    assert link.connection()["status"] == "DISCONNECTED"


def test_list_pages_through_all_and_by_status(link: Link) -> None:
    for number in range(5):
        link.user_id, link.cookies = f"user-{number}", {}
        link.walk("alice", "SPOT")
    link.api.delete("/v1/connections/user-3")
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        page = link.api.get(f"/v1/connections{query}").json()
        assert len(page["connections"]) <= 2
        seen += [row["userId"] for row in page["connections"]]
        cursor = page["nextCursor"]
    assert sorted(seen) == [f"user-{number}" for number in range(5)]
    active = link.api.get("/v1/connections?status=ACTIVE&limit=100").json()["connections"]
    assert [row["userId"] for row in active] == ["user-0", "user-1", "user-2", "user-4"]
    gone = link.api.get("/v1/connections?status=DISCONNECTED").json()["connections"]
    assert [row["userId"] for row in gone] == ["user-3"]


def test_list_cursor_of_another_list_is_refused(link: Link) -> None:
    for number in range(2):
        link.user_id, link.cookies = f"user-{number}", {}
        link.walk("alice", "SPOT")
    cursor = link.api.get("/v1/connections?status=ACTIVE&limit=1").json()["nextCursor"]
    for query in (f"cursor={cursor}", f"status=FAILED&cursor={cursor}", "cursor=e30", "cursor=%00"):
        answer = link.api.get(f"/v1/connections?{query}")
        assert (answer.status, answer.json()["code"]) == (400, "invalid_cursor")
