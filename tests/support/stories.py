"""What each function does, shortly: enough that every permission of its role is used once.

A new function or permission needs its few lines here; ``tests/stack/functional/test_least_privilege.py``
says which.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kubroker.connections.model import Authorization
from kubroker.exports.records import ExportKind
from local.broker_account import give_broker_account, put_secret
from local.deployment.deployed import DeployedStack
from local.kucoin_simulator.control.client import SimulatorControl
from local.wakers.streams import StreamFeed
from tests.support.api import ApiClient, ApiResponse
from tests.support.export_queues import drain_exports
from tests.support.functions import FunctionHarness
from tests.support.linked import link_user
from tests.support.linking import Link
from tests.support.money import Money
from tests.support.paying import Paying
from tests.support.rotation import RotationWorld, refresh_event


class ColdFunctions(FunctionHarness):
    """Each function has caches and clients of its own, as in Lambda: not another one's answers."""

    _last = ""

    def call(self, name: str, event: dict[str, Any], *, remaining_ms: int = 20_000) -> Any:
        """Runs a function; a cold start where another one ran before."""
        function = self.stack.find_function(name).name
        if function != self._last:
            self.forget()
            self._last = function
        return super().call(name, event, remaining_ms=remaining_ms)


@dataclass
class Scene:
    """The stack, everything in it fresh, and what stories need of it."""

    stack: DeployedStack
    simulator: SimulatorControl
    monkeypatch: Any
    gateway_url: str
    return_url: str
    functions: FunctionHarness = field(init=False)
    api: ApiClient = field(init=False)

    def __post_init__(self) -> None:
        self.functions = ColdFunctions(self.stack)
        self.api = ApiClient(self.functions, self.gateway_url)
        self.world = RotationWorld(self.stack, self.simulator)

    def link(self, user_id: str) -> Link:
        """A linking story of its own user."""
        return Link(self.api, self.simulator, self.functions, self.return_url, user_id)

    def later(self, seconds: float) -> None:
        """Time passes here, not at KuCoin."""
        now = time.time
        self.monkeypatch.setattr("time.time", lambda: now() + seconds)

    def feed_stream(self, function: str) -> None:
        """Every change up to now, to a function behind a table's stream."""
        name = self.stack.find_function(function).name
        for source in self.stack.stream_sources:
            if source.function_name == name:
                feed = StreamFeed(self.stack.aws, source, self.functions.invoke)
                while feed.feed_once():
                    pass


def tell_linking(scene: Scene) -> None:
    """A first link, a second one, a key by request, a shredding; lists; an end."""
    link = scene.link("linking")
    assert link.walk("alice", "SPOT", "FUTURES")["status"] == "ACTIVE"
    link.api.get(link.connect_path)
    link.api.get("/health")
    link.walk("alice", "SPOT")
    link.api.post("/v1/connections/linking/api-key", json={"permissions": ["SPOT"]})
    link.create_key()
    assert scene.api.get("/v1/connections").status == 200
    assert scene.api.get("/v1/connections?status=ACTIVE").status == 200
    assert scene.api.delete("/v1/connections/linking").status == 200


def tell_shredding(scene: Scene) -> None:
    """A pair that nobody redeems."""
    link = scene.link("nobody")
    link.start("alice", "SPOT")
    scene.later(700)
    scene.stack.aws.release_delayed()
    link.create_key()


def tell_refused_key_creation(scene: Scene) -> None:
    """Key creation finds a dead access token: it refreshes, and counts what KuCoin refuses."""
    link = scene.link("dead-token")
    link.start("bob", "SPOT")
    assert link.complete().status == 200
    scene.simulator.advance(3600)
    scene.world.change("dead-token", accessTokenExpiresAt=1)
    scene.simulator.add_fault("refresh", "error", code="40002", times=1)
    link.create_key()
    link = scene.link("rescued-token")
    link.start("bob", "SPOT")
    assert link.complete().status == 200
    scene.world.change("rescued-token", accessTokenExpiresAt=1)
    scene.simulator.clear_faults()
    scene.functions.set_environment("key_creation", ROTATION_LEASE_SECONDS="2")
    scene.stack.aws.add_fault("error", operation="UpdateItem", match="tokenCiphertext", times=0)
    link.create_key()


def tell_rotation(scene: Scene) -> None:
    """A tick, refreshes, one that KuCoin refuses, one that has to be rescued."""
    world = scene.world
    world.link("rotation", "carol")
    scene.functions.call("refresh_dispatcher", {})
    scene.functions.drain("RefreshQueue")
    assert scene.api.post("/v1/connections/rotation/refresh").status == 200
    world.link("refused", "carol")
    scene.simulator.add_fault("refresh", "error", code="40002", times=2)
    for _ in range(2):
        scene.functions.call("token_refresh", refresh_event("refused"))
        world.lapse("refused")
    assert world.get("refused").authorization is Authorization.REQUIRED
    scene.simulator.clear_faults()
    world.link("rescued", "carol")
    scene.functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    world.aws.add_fault("error", service="dynamodb", operation="UpdateItem", skip=1, times=0)
    scene.functions.call("token_refresh", refresh_event("rescued"))
    world.aws.reset_faults()
    scene.functions.drain("RescueQueue")
    assert world.is_current("rescued", "carol")


def tell_withdrawals(scene: Scene) -> None:
    """Quoted, submitted, verified, looked at, listed, refused; a page; a switch."""
    money = Money(scene.api, scene.functions, scene.simulator, scene.monkeypatch, "money")
    money.connect(kucoin_user="alice", user_id="money")
    assert money.quote().status == 200
    assert money.submit().status == 202
    page = money.submit().json()["verifyUrl"].removeprefix(scene.api.base_url)
    assert scene.api.get(page).status == 200
    assert money.verify().status == 200
    assert scene.api.get(money.path()).status == 200
    assert scene.api.get(money.path() + "?status=SUBMITTED").status == 200
    scene.api.delete(money.path(money.id()))
    scene.simulator.add_fault("withdraw", "error", code="260210", msg="no", times=1)
    assert money.submit("refused").status == 422
    scene.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    money.no_factors()
    money.submit("lost", amount="7")
    (made,) = [one for one in money.made() if one["amount"] == "7"]
    settle = {
        "outcome": "SUCCESS",
        "kucoinWithdrawalId": made["id"],
        "evidence": "asked support",
        "operator": "op",
    }
    money.later(300)
    scene.api.post(money.path(money.id("lost"), "settlement"), json=settle)
    money.switch("on")


def tell_payments(scene: Scene) -> None:
    """Opened, looked at, paid with codes, listed; another one cancelled."""
    paying = Paying(scene.api, scene.functions, scene.simulator, scene.monkeypatch, "payer")
    paying.connect(kucoin_user="alice", user_id="payer")
    link = paying.link()
    assert scene.api.get(link).status == 200
    assert paying.pay(link).status == 303
    assert paying.confirm(link).status == 303
    assert paying.get()["status"] == "PROCESSING"
    assert len(scene.api.get("/v1/payments?status=PROCESSING").json()["payments"]) == 1
    paying.link("other", amount="7")
    assert scene.api.delete(f"/v1/payments/{paying.id('other')}").status == 200
    paying.switch("on")


def tell_proxy_and_deposits(scene: Scene) -> None:
    """A call of the broker's, an address, a payout and its file."""
    link_user(scene.stack, scene.simulator, user_id="trader")
    assert scene.api.get("/v1/connections/trader/kucoin/api/v1/accounts").status == 200
    path = "/v1/connections/trader/deposit-addresses"
    wish = {"currency": "USDT", "chain": "trx", "account": "main"}
    assert scene.api.post(path, json=wish).status in (200, 201)
    assert scene.api.get(f"{path}?currency=USDT").status == 200
    body = {**wish, "userIds": ["trader"]}
    opened = scene.api.post("/v1/payouts", json=body, headers={"Idempotency-Key": "payout-1"})
    assert opened.status == 202, opened.text
    scene.functions.drain("DepositAddressQueue")
    scene.api.get(f"/v1/payouts/{opened.json()['payoutId']}")


def tell_events(scene: Scene) -> None:
    """Changes go out; the endpoint does not take them; support looks and searches."""
    for name in ("event_publisher", "webhook_delivery"):
        scene.functions.set_environment(name, WEBHOOK_URL="http://localhost:9/webhooks")
    scene.link("told").walk("alice", "SPOT")
    scene.feed_stream("event_publisher")
    scene.feed_stream("audit_export")
    scene.functions.drain("WebhookQueue", limit=2)
    assert scene.api.get("/v1/connections/told/timeline").status == 200
    for name in ("kucoinUid", "withdrawalId", "txHash"):
        scene.api.get(f"/v1/search?{name}=12345678")


def tell_tracking(scene: Scene) -> None:
    """The tracker follows to the end, gives limits back, ends a disconnect, reconciles."""
    money = Money(scene.api, scene.functions, scene.simulator, scene.monkeypatch, "tracked")
    money.connect(kucoin_user="dave", user_id="tracked")
    money.connect(kucoin_user="alice", user_id="reconciled")
    for user in ("alice", "dave"):
        money.no_factors(user)
    assert money.submit("good").status == 201
    assert money.submit("good", user_id="reconciled").status == 201
    scene.simulator.add_fault("withdraw", "drop", phase="after", times=1)
    money.submit("lost", amount="5")
    assert scene.api.delete("/v1/connections/tracked").json()["status"] == "DISCONNECTING"
    money.track(40, step=120)
    scene.functions.call("withdrawal_tracker", {"kind": "check_keys"}, remaining_ms=58_000)
    for _ in range(3):
        scene.functions.call("withdrawal_tracker", {"kind": "reconcile"}, remaining_ms=58_000)


def tell_rebates(scene: Scene) -> None:
    """KuCoin's file is ordered; the tags of a user who traded are checked, and shown."""
    give_broker_account(scene.stack, scene.simulator)
    link_user(scene.stack, scene.simulator, user_id="rebated")
    path = "/v1/rebates?from=2025-06-01&to=2025-06-30&tradeType=SPOT"
    assert scene.api.get(path).status == 200
    scene.functions.call("rebate", {"kind": "check_tags"})
    assert scene.api.get("/v1/tag-checks/2025-06-16").status == 404
    put_secret(scene.stack)


def tell_exports(scene: Scene) -> None:
    """A user is archived and exported; an export is listed, another one cancelled."""
    link_user(scene.stack, scene.simulator, user_id="exported")
    scene.simulator.live(["alice"], days=2, fills=20)
    assert scene.api.put("/v1/archives/exported").status == 200
    assert scene.api.get("/v1/archives/exported").status == 200
    scene.functions.call("export", {"kind": "collect"})
    drain_exports(scene.functions)
    for key, users in (("one", {"userIds": ["exported"]}), ("two", {"allUsers": True})):
        opened = order_export(scene, key, **users)
        assert opened.status == 202, opened.text
        drain_exports(scene.functions)
        told = scene.api.get(f"/v1/exports/{opened.json()['exportId']}").json()
        assert told["state"] == "READY", told
    erase_archive(scene)
    third = order_export(scene, "three", userIds=["exported"]).json()["exportId"]
    assert scene.api.delete(f"/v1/exports/{third}").status == 200
    assert len(scene.api.get("/v1/exports").json()["exports"]) == 4
    assert scene.api.delete("/v1/archives/exported").status == 200
    drain_exports(scene.functions)


def erase_archive(scene: Scene) -> None:
    """What an operator deleted by hand is a gap."""
    storage, bucket = scene.stack.aws.client("s3"), scene.stack.physical_ids["ExportsBucket"]
    for item in storage.list_objects_v2(Bucket=bucket, Prefix="archive/exported/")["Contents"]:
        storage.delete_object(Bucket=bucket, Key=item["Key"])
    opened = order_export(scene, "erased", userIds=["exported"]).json()
    drain_exports(scene.functions)
    told = scene.api.get(f"/v1/exports/{opened['exportId']}").json()
    assert (told["state"], told["isComplete"]) == ("READY", False), told


def order_export(scene: Scene, key: str, **changes: Any) -> ApiResponse:
    """An export of the last days, all kinds."""
    now = scene.simulator.state()["clock"]["nowMs"] // 1000
    body = {
        "kinds": list(ExportKind),
        "from": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 3 * 86_400)),
        "to": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(now, time.time()) - 120)),
        "format": "csv",
        **changes,
    }
    return scene.api.post("/v1/exports", json=body, headers={"Idempotency-Key": key})


STORIES: list[Callable[[Scene], None]] = [
    tell_linking,
    tell_shredding,
    tell_refused_key_creation,
    tell_rotation,
    tell_withdrawals,
    tell_payments,
    tell_proxy_and_deposits,
    tell_events,
    tell_tracking,
    tell_rebates,
    tell_exports,
]
