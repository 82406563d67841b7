"""What support asks, and what it must not be answered."""

import base64

import pytest


def test_timeline_pages_the_latest_first(link):
    link.walk("alice", "SPOT")
    path = "/v1/connections/user-1/timeline"
    whole = link.api.get(f"{path}?limit=100").json()
    assert whole["nextCursor"] is None
    pages, cursor = [], None
    while True:
        query = f"?limit=3&cursor={cursor}" if cursor else "?limit=3"
        page = link.api.get(path + query).json()
        assert len(page["entries"]) <= 3
        pages += page["entries"]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert pages == whole["entries"]
    assert len(pages) > 6


def test_timeline_of_nobody_is_empty(link):
    answer = link.api.get("/v1/connections/nobody/timeline")
    assert (answer.status, answer.json()) == (
        200,
        {"entries": [], "unreadable": 0, "nextCursor": None},
    )


def test_timeline_shows_one_user_only(link):
    link.walk("alice", "SPOT")
    assert link.api.get("/v1/connections/user/timeline").json()["entries"] == []


def cursor_of(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=0", 422, "invalid_value"),
        ("limit=101", 422, "invalid_value"),
        ("limit=-1", 422, "invalid_value"),
        ("limit=1e2", 422, "invalid_value"),
        ("limit=%D9%A1", 422, "invalid_value"),
        ("limit=" + "9" * 5000, 422, "invalid_value"),
        ("cursor=", 400, "invalid_cursor"),
        ("cursor=%00", 400, "invalid_cursor"),
        ("cursor=AAAA", 400, "invalid_cursor"),
        (f"cursor={cursor_of('1710275722123-')}", 400, "invalid_cursor"),
        (f"cursor={cursor_of('1710275722123-' + 'a' * 999)}", 400, "invalid_cursor"),
        (f"cursor={cursor_of('1710275722123-é')}", 400, "invalid_cursor"),
        ("cursor=" + "A" * 4_000, 400, "invalid_cursor"),
        ("userId=user-2", 400, "unknown_parameter"),
        ("Limit=1", 400, "unknown_parameter"),
    ],
)
def test_timeline_refuses(link, query, status, code):
    answer = link.api.get(f"/v1/connections/user-1/timeline?{query}")
    assert (answer.status, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    "user_id", ["a%20b", "..", "%2e%2e", "a" * 129, "%F0%9F%99%82", "a%00", "a'b"]
)
def test_timeline_of_a_strange_user_is_refused(link, user_id):
    answer = link.api.get(f"/v1/connections/{user_id}/timeline")
    assert answer.status in {400, 404}
    assert answer.json()["code"] in {"invalid_user_id", "route_not_found"} or answer.status == 404


def test_search_finds_who_is_behind_an_account(link):
    connection = link.walk("alice", "SPOT")
    answer = link.api.get(f"/v1/search?kucoinUid={connection['kucoinUid']}")
    assert answer.json() == {"matches": [{"userId": "user-1", "withdrawalId": None}]}
    link.api.delete("/v1/connections/user-1")
    again = link.api.get(f"/v1/search?kucoinUid={connection['kucoinUid']}").json()
    assert again["matches"], "also after the end"


def test_search_finds_a_withdrawal_by_each_of_its_ids(link, money):
    money.connect()
    money.no_factors()
    money.submit()
    money.later(61)
    money.track()
    told = money.get()
    expected = {"matches": [{"userId": "user-1", "withdrawalId": money.id()}]}
    for field, value in {
        "withdrawalId": money.id(),
        "txHash": told["walletTxId"],
    }.items():
        assert link.api.get(f"/v1/search?{field}={value}").json() == expected
    kucoins = money.stored().kucoin_withdrawal_id
    by_kucoins = link.api.get(f"/v1/search?withdrawalId={kucoins}").json()
    assert by_kucoins == expected


def test_search_for_nothing_known_is_empty(link):
    assert link.api.get("/v1/search?txHash=0xabc").json() == {"matches": []}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("kucoinUid=1&txHash=2", 400),
        ("userId=user-1", 400),
        ("kucoinUid=", 422),
        ("kucoinUid=1%00", 422),
        ("kucoinUid=" + "1" * 65, 422),
        ("txHash=" + "a" * 201, 422),
        ("txHash=a%20b", 422),
        ("txHash=%7B%22S%22%3A%22x%22%7D", 422),
        ("withdrawalId=%F0%9F%99%82", 422),
        ("withdrawalId=a/b", 422),
    ],
)
def test_search_refuses(link, query, status):
    answer = link.api.get(f"/v1/search?{query}")
    assert answer.status == status
    assert answer.json()["code"] in {"unknown_parameter", "invalid_value"}


@pytest.mark.parametrize("target", ["/v1/search?kucoinUid=1", "/v1/connections/user-1/timeline"])
def test_support_wants_a_signature(link, target):
    assert link.api.get(target, signed=False).status == 403


def test_support_is_read_only(link):
    for method in ("POST", "DELETE", "PUT"):
        assert link.api.request(method, "/v1/search?kucoinUid=1").status == 404


def test_support_without_the_store_is_503(link, functions):
    functions.stack.aws.add_fault("error", service="dynamodb", operation="Query", times=0)
    for target in ("/v1/search?kucoinUid=1", "/v1/connections/user-1/timeline"):
        assert link.api.get(target).status == 503
