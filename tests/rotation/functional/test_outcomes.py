"""What KuCoin may answer, and what becomes of the connection: the outcome table, over real HTTP."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from kubroker.connections.model import Authorization
from tests.support.rotation import refresh_event


@dataclass(frozen=True)
class Fault:
    """A fault of KuCoin's and what follows from it at once.

    Attributes:
        name: In words.
        fault: As the simulator takes it.
        is_committed: A new pair is in the store.
        is_in_doubt: The refresh token may be spent.
        is_refused: The refusal is held.
        is_spent: KuCoin rotated although we can't know.
    """

    name: str
    fault: dict[str, Any]
    is_committed: bool = False
    is_in_doubt: bool = False
    is_refused: bool = False
    is_spent: bool = False
    worlds: dict[str, Any] = field(default_factory=dict)


def _error(code: str, **more: Any) -> dict[str, Any]:
    return {"kind": "error", "code": code, **more}


DOUBT = {"is_in_doubt": True}
SPENT = {"is_in_doubt": True, "is_spent": True}
PAIR = {"is_committed": True}

FAULTS = [
    # KuCoin's words
    Fault("refused for good", _error("40002"), is_refused=True),
    Fault("refused for good, 400", _error("40002", status=400), is_refused=True),
    Fault("our client is wrong", _error("40003")),
    Fault("unknown code", _error("99999"), **DOUBT),
    Fault("unknown code, 403", _error("99999", status=403), **DOUBT),
    Fault("busy", _error("230005"), **DOUBT),
    Fault("no such path", _error("404", status=404), **DOUBT),
    Fault("a definite no", _error("400001")),
    Fault("too many requests", {"kind": "rate_limit"}),
    Fault("success code that says no", {"kind": "failure_200000"}, **DOUBT),
    Fault("429 without a quota", {"kind": "rate_limit", "headers": False}, **DOUBT),
    Fault("500000", _error("500000"), **DOUBT),
    Fault("408000", _error("408000"), **DOUBT),
    Fault("refused for good, but 500", _error("40002", status=500), **DOUBT),
    # HTTP
    Fault("503", {"kind": "status_5xx"}, **DOUBT),
    Fault("504 after the work", {"kind": "status_5xx", "status": 504, "phase": "after"}, **SPENT),
    Fault("firewall", {"kind": "html_403"}, **DOUBT),
    Fault("redirect", {"kind": "redirect"}, **DOUBT),
    Fault("garbage", {"kind": "garbage"}, **DOUBT),
    Fault("garbage after the work", {"kind": "garbage", "phase": "after"}, **SPENT),
    Fault("too large", {"kind": "oversize", "phase": "after"}, **SPENT),
    # the connection
    Fault("closed before the work", {"kind": "drop"}, **DOUBT),
    Fault("reset before the work", {"kind": "drop", "reset": True}, **DOUBT),
    Fault("closed after the work", {"kind": "drop", "phase": "after"}, **SPENT),
    Fault("cut answer", {"kind": "cut", "phase": "after"}, **SPENT),
    Fault("closes without having said so", {"kind": "idle_close"}, **PAIR),
    Fault("slow, but in time", {"kind": "delay", "seconds": 0.3}, **PAIR),
    Fault("drips, but in time", {"kind": "drip", "seconds": 0.001}, **PAIR),
    # the pair
    Fault("no expires_in", {"kind": "expires_in"}, **PAIR),
    Fault("negative expires_in", {"kind": "expires_in", "value": -1}, **PAIR),
    Fault("zero expires_in", {"kind": "expires_in", "value": 0}, **PAIR),
    Fault("huge expires_in", {"kind": "expires_in", "value": 10**15}, **PAIR),
    Fault("text as expires_in", {"kind": "expires_in", "value": "3600"}, **PAIR),
    Fault("true as expires_in", {"kind": "expires_in", "value": True}, **PAIR),
    Fault("fraction as expires_in", {"kind": "expires_in", "value": 3599.5}, **PAIR),
    Fault("no access token", {"kind": "rewrite", "remove": ["access_token"]}, **SPENT),
    Fault("empty access token", {"kind": "rewrite", "set": {"access_token": ""}}, **SPENT),
    Fault("access token that is no header", {"kind": "rewrite", "set": {"access_token": "a\r\nb"}}, **SPENT),
]  # fmt: skip


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.name)
def test_refresh_answered_with(case, functions, world):
    before = world.link()
    world.simulator.add_fault("refresh", **case.fault)
    assert functions.call("token_refresh", refresh_event("user-1")) == {"batchItemFailures": []}
    after = world.get()
    assert after.authorization is Authorization.LIVE, "no state changes at once"
    assert (after.committed_seq == 1) is case.is_committed
    assert (after.rotation is not None) is case.is_in_doubt
    assert (after.refused_at is not None) is case.is_refused
    assert after.next_action_at == after.action_due_at > after.updated_at
    if case.is_committed:
        assert world.is_current()
        assert world.is_accepted()
        assert 1 <= after.access_token_expires_at - after.updated_at <= 3600
        return
    assert after.token_ciphertext == before.token_ciphertext
    rotations = world.simulator.rotations()["rotations"]
    assert len(rotations) == case.is_spent
    assert after.refresh_failures == (0 if case.is_refused else 1)


@pytest.mark.parametrize("case", [case for case in FAULTS if not case.is_committed], ids=lambda case: case.name)  # fmt: skip
def test_refresh_after_a_fault_that_passed(case, functions, world):
    """KuCoin is well again: whoever still has a good refresh token gets a new pair."""
    world.link()
    world.simulator.add_fault("refresh", **case.fault)
    functions.call("token_refresh", refresh_event("user-1"))
    for _ in range(2):
        world.lapse()
        functions.call("token_refresh", refresh_event("user-1"))
    after = world.get()
    if case.is_spent:
        assert after.authorization_cause == "in_doubt"
        assert after.authorization is Authorization.REQUIRED
    elif case.is_refused:
        assert after.authorization_cause == "refused"
    else:
        assert after.authorization is Authorization.LIVE
        assert world.is_current()
        assert (after.refresh_failures, after.rotation) == (0, None)
    assert after.rotation is None


def test_refresh_without_a_new_refresh_token_keeps_and_doubts_the_old(functions, world):
    """RFC 6749, 6: the server may leave the refresh token as it is."""
    world.simulator.set_worlds(refresh_rotation="survives")
    before = world.link()
    old = world.open_pair()
    world.simulator.add_fault("refresh", "no_refresh_token")
    functions.call("token_refresh", refresh_event("user-1"))
    after, pair = world.get(), world.open_pair()
    assert pair["refreshToken"] == old["refreshToken"]
    assert pair["accessToken"] != old["accessToken"]
    assert world.is_current()
    assert after.rotation.is_in_doubt
    assert after.refresh_token_expires_at == before.refresh_token_expires_at, "its end is not moved"
    assert after.action_due_at < after.access_token_expires_at, "soon, whatever the policy"
    world.lapse()
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().rotation is None
    assert world.is_accepted()


def test_refresh_without_a_new_refresh_token_where_the_old_is_dead_asks_the_user(functions, world):
    world.link()
    world.simulator.add_fault("refresh", "no_refresh_token")
    for _ in range(3):
        functions.call("token_refresh", refresh_event("user-1"))
        world.lapse()
    assert world.get().authorization_cause == "in_doubt"


def test_refresh_where_nothing_listens_is_not_spent(functions, world):
    world.link()
    functions.set_environment("token_refresh", KUCOIN_WEB_URL="http://127.0.0.1:9")
    functions.call("token_refresh", refresh_event("user-1"))
    after = world.get()
    assert (after.rotation, after.refresh_failures) == (None, 1)


def test_refresh_whose_host_has_no_name_is_not_spent(functions, world):
    world.link()
    functions.set_environment("token_refresh", KUCOIN_WEB_URL="http://kucoin.invalid")
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().rotation is None


@pytest.mark.parametrize(
    ("fault", "is_spent"),
    [
        ({"kind": "hold", "phase": "before"}, False),
        ({"kind": "hold", "phase": "after"}, True),
        ({"kind": "drip", "phase": "after", "seconds": 0.3}, True),
        ({"kind": "drip", "phase": "after", "seconds": 0.3, "part": "header"}, True),
    ],
    ids=["silent", "silent after the work", "drips", "drips its headers"],
)
def test_refresh_without_a_whole_answer_in_time_is_in_doubt(fault, is_spent, functions, world):
    """One total deadline, half of the lease, body included."""
    functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    world.link()
    world.simulator.add_fault("refresh", **fault)
    functions.call("token_refresh", refresh_event("user-1"))
    world.simulator.release(drop=True)
    after = world.get()
    assert after.rotation.is_in_doubt
    assert not after.rotation.is_live(after.updated_at)
    assert bool(world.simulator.rotations()["rotations"]) is is_spent


def test_refresh_without_time_left_asks_nobody(functions, world):
    world.link()
    functions.call("token_refresh", refresh_event("user-1"), remaining_ms=5500)
    assert world.count_asked() == 0
    assert world.get().rotation is None


def test_refresh_as_rfc6749_errors_says_the_same(functions, world):
    world.simulator.set_worlds(oauth_error_form="rfc6749")
    world.link()
    world.simulator.revoke_chain(world.chain_of()["id"])
    functions.call("token_refresh", refresh_event("user-1"))
    assert world.get().refused_at is not None
