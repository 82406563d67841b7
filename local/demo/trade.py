"""``make demo``: a user's own trade through the signing proxy, and addresses for a payout."""

import csv
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from local.demo.story import Step, StoryError, World

_USER = "demo-user-1"
_KUCOIN_USER = "alice"
_PROXY = f"/v1/connections/{_USER}/kucoin"
_ORDER = {
    "symbol": "BTC-USDT",
    "side": "buy",
    "type": "limit",
    "size": "0.001",
    "price": "20000",
    "clientOid": "demo-order-1",
}
_PURCHASE = {
    "symbol": "BTC-USDT",
    "side": "buy",
    "type": "market",
    "size": "0.001",
    "clientOid": "demo-order-2",
}
_PAYOUT = {"currency": "USDT", "chain": "trx", "account": "main", "userIds": [_USER, "nobody"]}
# An export takes what is a minute old by KuCoin's clock for settled.
_SETTLED_SECONDS = 120
_DAY_SECONDS = 86_400
_READY_SECONDS = 30.0
_POLL_SECONDS = 0.1


def trade(world: World) -> str:
    """An order is placed, found and cancelled; KuCoin holds the broker's tag of each call."""
    world.stack.simulator.add_balance(_KUCOIN_USER, "USDT", "100", account="trade")
    order = _forward(world, "POST", "/api/v1/hf/orders", _ORDER)["orderId"]
    path = f"/api/v1/hf/orders/{order}?symbol=BTC-USDT"
    state = _forward(world, "GET", path)
    _forward(world, "DELETE", path)
    entries = world.stack.simulator.journal(user=_KUCOIN_USER)
    tags = {entry["partner"] for entry in entries if "/hf/orders" in entry["path"]}
    return f"order {order}, {state['size']} at {state['price']}, cancelled; broker tag {tags.pop()}"


def try_withdrawal(world: World) -> str:
    """What is not on the list is not forwarded."""
    refused = world.call("POST", f"{_PROXY}/api/v3/withdrawals", {}, expect=403)
    return f"403 {refused['code']}: {refused['detail']}"


def get_address(world: World) -> str:
    """Got or created: asking twice gives the same."""
    path = f"/v1/connections/{_USER}/deposit-addresses"
    wish = {name: value for name, value in _PAYOUT.items() if name != "userIds"}
    first = world.call("POST", path, wish, expect=201)
    second = world.call("POST", path, wish)
    if first["address"] != second["address"]:
        raise StoryError(f"two addresses: {first} {second}")
    return f"{first['address']} on {first['chainName']}, the same when asked again"


def pay_out(world: World) -> str:
    """A payout's file: an address for each user, or the reason why not."""
    payout: Any = world.call(
        "POST", "/v1/payouts", _PAYOUT, expect=202, headers={"Idempotency-Key": "demo-payout-1"}
    )
    deadline = time.monotonic() + _READY_SECONDS
    while payout["state"] != "READY":
        if time.monotonic() > deadline:
            raise StoryError(f"not ready: {json.dumps(payout)}")
        time.sleep(_POLL_SECONDS)
        payout = world.call("GET", f"/v1/payouts/{payout['payoutId']}")
    url = next(file["url"] for file in payout["files"] if file["format"] == "csv")
    return "\n" + requests.get(url, timeout=10).text.replace("\r\n", "\n").strip()


def buy(world: World) -> str:
    """An order that the market fills at once."""
    order = _forward(world, "POST", "/api/v1/hf/orders", _PURCHASE)["orderId"]
    fills = _forward(world, "GET", f"/api/v1/hf/fills?symbol=BTC-USDT&orderId={order}")["items"]
    if not fills:
        raise StoryError(f"order {order} has no fill")
    bought = ", ".join(f"{fill['size']} at {fill['price']}" for fill in fills)
    return f"order {order} filled: {bought}"


def export(world: World) -> str:
    """The user is archived, and everything of the day is in files, once."""
    world.call("PUT", f"/v1/archives/{_USER}")
    with _kucoin_ahead(world, _SETTLED_SECONDS):
        made = _make_export(world)
    contents = _read_files(made)
    fills = _check_fills(world, contents)
    names = ", ".join(file["name"] for file in made["files"])
    return (
        f"{made['records']} records, among them each of the user's fills: {fills}; "
        f"complete: {made['isComplete']}; {names}"
    )


def list_rebates(world: World) -> str:
    """The broker's own account orders KuCoin's file of the day: the user's fills bring rebates."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    with _kucoin_ahead(world, _DAY_SECONDS):
        made = world.call("GET", f"/v1/rebates?from={day}&to={day}&tradeType=SPOT")
        text = requests.get(made["url"], timeout=10).text
    listed = {row["tradeId"] for row in csv.DictReader(text.splitlines())}
    records = world.stack.simulator.records("spot-fills", _KUCOIN_USER)
    missing = {str(entry["record"]["tradeId"]) for entry in records} - listed
    if missing:
        raise StoryError(f"no rebate for the trades {sorted(missing)}")
    return f"{len(listed)} trades in KuCoin's file, the user's among them"


@contextmanager
def _kucoin_ahead(world: World, seconds: int) -> Iterator[None]:
    """KuCoin's clock goes ahead meanwhile, so that nobody has to wait."""
    world.stack.simulator.set_clock(offsetSeconds=seconds)
    try:
        yield
    finally:
        world.stack.simulator.set_clock(offsetSeconds=0)


def _make_export(world: World) -> Any:
    now = time.time()
    order = {
        "userIds": [_USER],
        "kinds": ["spot_fills", "trade_ledger", "deposits"],
        "from": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 86_400)),
        "to": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "format": "csv",
    }
    headers = {"Idempotency-Key": "demo-export-1"}
    opened = world.call("POST", "/v1/exports", order, expect=202, headers=headers)
    path, deadline = f"/v1/exports/{opened['exportId']}", time.monotonic() + _READY_SECONDS
    while (made := world.call("GET", path))["state"] != "READY":
        if time.monotonic() > deadline or made["state"] != "RUNNING":
            raise StoryError(f"not ready: {json.dumps(made)}")
        time.sleep(_POLL_SECONDS)
    return made


def _read_files(made: Any) -> dict[str, str]:
    """The files by their names, each as its hash says."""
    contents = {}
    for file in made["files"]:
        content = requests.get(file["url"], timeout=10).content
        if hashlib.sha256(content).hexdigest() != file["sha256"]:
            raise StoryError(f"{file['name']} is not what its hash says")
        contents[file["name"]] = content.decode()
    return contents


def _check_fills(world: World, contents: dict[str, str]) -> int:
    """How many fills the export holds: all that the simulator has of the user, each once."""
    exported = Counter(
        row["tradeId"]
        for name, content in contents.items()
        if name.startswith("spot_fills")
        for row in csv.DictReader(content.splitlines())
    )
    records = world.stack.simulator.records("spot-fills", _KUCOIN_USER)
    known = Counter(str(entry["record"]["tradeId"]) for entry in records)
    if not known or exported != known:
        raise StoryError(
            "the export does not have the user's fills, each once: "
            f"at KuCoin {sorted(known.elements())}, in the files {sorted(exported.elements())}"
        )
    return exported.total()


def _forward(world: World, method: str, path: str, body: Any = None) -> Any:
    answer = world.call(method, _PROXY + path, body)
    if answer["code"] != "200000":
        raise StoryError(f"KuCoin said no: {answer}")
    return answer["data"]


TRADE: list[Step] = [
    ("an order through the signing proxy (signed)", trade),
    ("an order that is filled (signed)", buy),
    ("a withdrawal through it (signed)", try_withdrawal),
    ("a deposit address (signed)", get_address),
    ("a payout to two users (signed)", pay_out),
    ("an export of the day (signed)", export),
    ("the broker's rebates of the day (signed)", list_rebates),
]
