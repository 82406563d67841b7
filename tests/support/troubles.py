"""Stories of trouble: what makes each alarm ring, so that what it watches is really written."""

import json
import threading
import time

from kubroker.withdrawals.model import WithdrawalState
from local.broker_account import give_broker_account, put_secret
from tests.support.export_queues import deliver_at_last, drain_exports
from tests.support.linked import link_user
from tests.support.money import ORDER as WITHDRAWAL
from tests.support.money import Money
from tests.support.rotation import refresh_event
from tests.support.stories import Scene, order_export

AUDIT = {"service": "dynamodb", "operation": "PutItem", "match": "kubroker-local-audit"}
COMMIT = {"service": "dynamodb", "operation": "UpdateItem"}
ORDER = {
    "symbol": "BTC-USDT",
    "side": "buy",
    "type": "limit",
    "size": "0.001",
    "price": "20000",
    "clientOid": "order-1",
}


def tell_lost_audit(scene: Scene) -> None:
    """The audit takes nothing, whoever writes it: requests are refused, messages come again."""
    link = scene.link("unaudited")
    link.start("alice", "SPOT")
    assert link.complete().status == 200
    link_user(scene.stack, scene.simulator, user_id="trader-2")
    money = _build_money(scene, "unaudited-money")
    assert money.submit().status == 201
    scene.stack.aws.add_fault("error", **AUDIT, times=0)
    link.create_key()
    scene.link("refused-by-audit").open()
    scene.api.post("/v1/connections/unaudited/refresh")
    scene.api.delete("/v1/connections/unaudited")
    scene.api.get("/v1/connections/trader-2/kucoin/api/v1/accounts")
    wish = {"currency": "USDT", "chain": "trx", "account": "main"}
    scene.api.post("/v1/connections/trader-2/deposit-addresses", json=wish)
    money.submit("second")
    money.track(3, step=120)


def tell_refused_settings(scene: Scene) -> None:
    """KuCoin takes neither our client nor our address."""
    link = scene.link("misconfigured")
    link.open()
    link.choose("SPOT")
    link.authorize("alice")
    scene.simulator.add_fault("token", "error", code="40003", times=1)
    link.come_back()
    link = scene.link("elsewhere")
    scene.simulator.add_fault("check_key", "error", code="400006", msg="ip:203.0.113.9", times=1)
    link.walk("alice", "SPOT")
    key = link_user(scene.stack, scene.simulator, user_id="trader-3")
    scene.simulator.patch_key(key["apiKey"], ipWhitelist=["203.0.113.9"])
    scene.api.get("/v1/connections/trader-3/kucoin/api/v1/accounts")


def tell_lost_keys(scene: Scene) -> None:
    """A key that is gone at once, one whose answer was lost, an order likewise."""
    scene.simulator.add_fault("check_key", "error", code="400003", times=2)
    link = scene.link("gone")
    link.walk("alice", "SPOT")
    scene.stack.aws.release_delayed()
    link.create_key()
    scene.simulator.add_fault("create_key", "drop", phase="after", times=1)
    scene.link("lost").walk("bob", "SPOT")
    link_user(scene.stack, scene.simulator, user_id="trader-4")
    scene.simulator.add_fault("spot_order", "drop", phase="after", times=1)
    scene.api.post("/v1/connections/trader-4/kucoin/api/v1/hf/orders", json=ORDER)


def tell_failing_refreshes(scene: Scene) -> None:
    """In doubt, failed, misconfigured, lost, refused in numbers."""
    world, simulator = scene.world, scene.simulator
    for number, fault in enumerate(
        (
            {"kind": "drop", "phase": "after"},
            {"kind": "error", "code": "40003"},
        )
    ):
        world.link(f"failing-{number}", "carol")
        simulator.add_fault("refresh", times=1, **fault)
        scene.functions.call("token_refresh", refresh_event(f"failing-{number}"))
    world.link("unopened", "carol")
    world.aws.add_fault("error", service="kms", operation="Decrypt", times=0)
    scene.functions.call("token_refresh", refresh_event("unopened"))
    world.aws.reset_faults()
    scene.functions.set_environment("token_refresh", ROTATION_LEASE_SECONDS="2")
    world.link("rescued-pair", "carol")
    world.aws.add_fault("error", **COMMIT, skip=1, times=0)
    scene.functions.call("token_refresh", refresh_event("rescued-pair"), remaining_ms=4000)
    world.aws.reset_faults()
    world.link("lost-pair", "carol")
    world.aws.add_fault("error", **COMMIT, skip=1, times=0)
    world.aws.add_fault("error", service="sqs", operation="SendMessage", times=0)
    scene.functions.call("token_refresh", refresh_event("lost-pair"), remaining_ms=4000)
    world.aws.reset_faults()
    crowd = [f"crowd-{number}" for number in range(6)]
    for user in crowd:
        world.link(user, "carol")
    simulator.add_fault("refresh", "error", code="40002", times=None)
    scene.functions.call("token_refresh", refresh_event(*crowd))


def tell_troubled_withdrawals(scene: Scene) -> None:
    """A switch that can't be read, a wrong path, a refused address, stuck ones, a contradiction."""
    aws, money = scene.stack.aws, _build_money(scene, "troubled")
    aws.add_fault("error", service="ssm", operation="GetParameter", times=0)
    money.submit("unread")
    aws.reset_faults()
    scene.functions.forget()
    scene.simulator.add_fault("withdraw", "error", code="404", msg="Not Found", status=404)
    money.submit("misled")
    scene.simulator.add_fault("withdraw", "error", code="400006", msg="ip:203.0.113.9", times=1)
    money.submit("refused")
    hold = aws.hold(service="dynamodb", match='"SUBMITTED"', caller="withdrawal")
    worker = threading.Thread(target=money.submit, args=("contradicted",), kwargs={"amount": "3"})
    worker.start()
    aws.wait_held(hold)
    for state in (WithdrawalState.OUTCOME_UNKNOWN, WithdrawalState.NOT_DONE):
        money.store.move(money.stored("contradicted"), state, {}, now=int(time.time()))
    aws.release()
    worker.join(30)
    hold = aws.hold(service="dynamodb", match='"SUBMITTED"', caller="withdrawal")
    worker = threading.Thread(target=money.submit, args=("lapsed",), kwargs={"amount": "2"})
    worker.start()
    aws.wait_held(hold)
    aws.add_fault("error", service="dynamodb", operation="TransactWriteItems", times=0)
    aws.release(discard=True)
    worker.join(60)
    aws.reset_faults()
    money.later(120)
    money.track()
    failing = money.submit("failing", amount="6").json()["kucoinWithdrawalId"]
    scene.simulator.set_withdrawal(failing, "FAILURE", failureReason="x", returnStatus="SUCCESS")
    money.track(2, step=120)
    scene.simulator.add_fault("withdraw", "drop", phase="before", times=1)
    assert money.submit("copied", amount="8").status == 202
    money.withdraw_by_hand(amount="9", remark=money.stored("copied").remark_name)
    money.track(2, step=120)
    assert money.submit("stuck", amount="7").status == 201
    money.withdraw_by_hand(**{**WITHDRAWAL, "amount": "4"}, remark="abcdefgh234567xy lost")
    keys = [one["apiKey"] for one in scene.simulator.state()["keys"] if one["user"] == "dave"]
    money.later(700)
    scene.functions.call("withdrawal_tracker", {"kind": "reconcile"}, remaining_ms=58_000)
    for key in keys:
        scene.simulator.patch_key(key, ipWhitelist=["203.0.113.9"])
    money.track(2, step=120)


def tell_poisoned_record(scene: Scene) -> None:
    """A record of a stream that nobody can read."""
    image = {"userId": {"S": "poison"}, "linkGeneration": {"S": "not a number"}}
    record = {
        "eventID": "1",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"userId": {"S": "poison"}},
            "NewImage": image,
            "SequenceNumber": "1",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": scene.stack.streams["ConnectionsTable"],
    }
    scene.functions.call("event_publisher", {"Records": [record]})


def tell_lost_tags(scene: Scene) -> None:
    """An order without the broker's headers, a day later its volume, a key that is no broker's."""
    give_broker_account(scene.stack, scene.simulator)
    secrets = scene.stack.aws.client("secretsmanager")
    held = secrets.get_secret_value(SecretId=scene.stack.physical_ids["KucoinSecret"])
    put_secret(scene.stack, account=json.loads(held["SecretString"])["account"], spot={})
    link_user(scene.stack, scene.simulator, user_id="untagged")
    scene.simulator.add_balance("alice", "USDT", "1000", account="trade")
    scene.functions.forget()
    order = {"symbol": "BTC-USDT", "side": "buy", "type": "market", "size": "0.001"}
    path = "/v1/connections/untagged/kucoin/api/v1/hf/orders"
    scene.api.post(path, json={**order, "clientOid": "order-9"})
    scene.later(36 * 3600 - time.time() % 86_400)
    scene.functions.call("rebate", {"kind": "check_tags"})
    scene.simulator.add_fault("rebate_report", "error", code="260500", msg="no", times=1)
    scene.api.get("/v1/rebates?from=2025-06-01&to=2025-06-30&tradeType=SPOT")
    put_secret(scene.stack)


def tell_deleted_keys(scene: Scene) -> None:
    """KuCoin knows none of seven keys any more: some are believed to be gone, some not."""
    for number in range(7):
        made = link_user(scene.stack, scene.simulator, user_id=f"deleted-{number}")
        scene.simulator.delete_key(made["apiKey"])
    scene.functions.call("withdrawal_tracker", {"kind": "check_keys"}, remaining_ms=58_000)


def tell_lost_exports(scene: Scene) -> None:
    """An export is given up; the archive has a gap, a dead key, and an address KuCoin refuses."""
    key = link_user(scene.stack, scene.simulator, user_id="archived")
    scene.simulator.live(["alice"], days=2, fills=10)
    given_up = order_export(scene, "given-up", userIds=["archived"]).json()["exportId"]
    message = {"kind": "of another release", "exportId": given_up}
    deliver_at_last(scene.functions, json.dumps(message))
    scene.api.put("/v1/archives/archived")
    _collect(scene)
    scene.simulator.advance(9 * 86_400)
    _collect(scene)
    scene.simulator.patch_key(key["apiKey"], ipWhitelist=["203.0.113.9"])
    scene.simulator.advance(86_400)
    _collect(scene)
    scene.simulator.delete_key(key["apiKey"])
    _collect(scene)


def _collect(scene: Scene) -> None:
    scene.functions.forget()
    scene.functions.call("export", {"kind": "collect"})
    drain_exports(scene.functions)


def _build_money(scene: Scene, user_id: str) -> Money:
    money = Money(scene.api, scene.functions, scene.simulator, scene.monkeypatch, user_id)
    money.connect(kucoin_user="dave", user_id=user_id)
    money.no_factors("dave")
    return money


TROUBLES = [
    tell_lost_audit,
    tell_refused_settings,
    tell_lost_keys,
    tell_failing_refreshes,
    tell_troubled_withdrawals,
    tell_poisoned_record,
    tell_lost_tags,
    tell_deleted_keys,
    tell_lost_exports,
]
