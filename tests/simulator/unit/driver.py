"""Talks to the simulator as a broker would, with nothing but requests and the protocol."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import requests

from local.kucoin_simulator.control.client import SimulatorControl

REDIRECT_URL = "http://localhost:3000/oauth/callback"
CLIENT_ID = "kubroker-local"
CLIENT_SECRET = "local-client-secret"
SCOPE = "OAUTH_CREATE_API"
TOKEN_PATH = "/_oauth/access-token"
REFRESH_PATH = "/_oauth/refresh-token"
V2_PATH = "/_oauth/resource/cyber-truck-vault/v2/outer/api-key/add"
V1_PATH = "/_oauth/resource/ucenter/outer/api-key/add"
SPOT = ("kubrokerspot", "kubrokerspotND", "local-spot-broker-key")
FUTURES = ("kubrokerfutures", "kubrokerfuturesND", "local-futures-broker-key")


def hmac64(secret, text):
    return base64.b64encode(
        hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    ).decode()


@dataclass
class Key:
    api_key: str
    secret: str
    passphrase: str

    @classmethod
    def of(cls, data):
        return cls(data["apiKey"], data["secret"], data["passphrase"])


class Driver:
    def __init__(self, url):
        self.url = url
        self.control = SimulatorControl(url)
        self.session = requests.Session()

    def get(self, target, **options):
        return self.session.get(self.url + target, timeout=10, **options)

    def login_url(self, **changes):
        fields = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URL,
            "scope": SCOPE,
            "state": "s1",
        } | changes
        return "/oauth?" + "&".join(f"{name}={value}" for name, value in fields.items() if value)

    def exchange(self, code, **changes):
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URL,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        } | changes
        query = "&".join(f"{name}={value}" for name, value in fields.items() if value is not None)
        return self.get(f"{TOKEN_PATH}?{query}")

    def tokens(self, user="alice", **grant):
        return self.exchange(self.control.authorization_code(user, **grant)).json()

    def refresh(self, token, **changes):
        fields = {"grant_type": "authorization_code", "refresh_token": token, "scope": SCOPE}
        fields |= changes
        return self.session.post(
            self.url + REFRESH_PATH,
            data={name: value for name, value in fields.items() if value is not None},
            timeout=10,
        )

    def create_key(self, access, groups=("API_COMMON",), is_addressbook_only=False):
        body = {
            "authGroupMap": dict.fromkeys(groups, True),
            "isAddressbookOnly": is_addressbook_only,
        }
        return self.create_key_raw(access, json.dumps(body))

    def create_key_raw(self, access, body, content_type="application/json"):
        return self.session.post(
            self.url + V2_PATH,
            data=body,
            headers={"Authorization": f"bearer {access}", "Content-Type": content_type},
            timeout=10,
        )

    def create_key_v1(self, access, body=""):
        return self.session.post(
            self.url + V1_PATH,
            data=body,
            headers={
                "Authorization": f"bearer {access}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            timeout=10,
        )

    def key(self, user="alice", groups=None, **fields):
        if groups is not None:
            fields["groups"] = list(groups)
        return Key.of(self.control.add_key(user, **fields))

    def call(
        self,
        key,
        method,
        path,
        query=None,
        body=None,
        *,
        host="",
        partner=SPOT,
        headers=None,
        timestamp=None,
        signed_query=None,
        session=None,
        timeout=10,
    ):
        """Sign as the protocol says; `headers` replaces (None removes) what would be sent."""
        text = "" if body is None else json.dumps(body)
        raw = "&".join(f"{name}={value}" for name, value in (query or {}).items())
        encoded = urlencode(query or {}, quote_via=quote)
        signed = raw if signed_query is None else signed_query
        stamp = str(timestamp if timestamp is not None else time.time_ns() // 1_000_000)
        target = f"{path}?{signed}" if raw else path
        sent = {
            "KC-API-KEY": key.api_key,
            "KC-API-SIGN": hmac64(key.secret, stamp + method + target + text),
            "KC-API-TIMESTAMP": stamp,
            "KC-API-PASSPHRASE": hmac64(key.secret, key.passphrase),
            "KC-API-KEY-VERSION": "3",
            "Content-Type": "application/json",
            "KC-API-PARTNER": partner[0],
            "KC-API-PARTNER-SIGN": hmac64(partner[2], stamp + partner[0] + key.api_key),
            "KC-BROKER-NAME": partner[1],
            "KC-API-PARTNER-VERIFY": "true",
        } | (headers or {})
        return (session or self.session).request(
            method,
            self.url + host + path + (f"?{encoded}" if encoded else ""),
            data=text or None,
            headers={name: value for name, value in sent.items() if value is not None},
            timeout=timeout,
        )

    def check_key(self, key, **options):
        return self.call(key, "GET", "/api/v1/user/api-key", **options)

    def last_entry(self, **filters):
        return self.control.journal(**filters)[-1]


def code_of(response):
    return response.json()["code"]


ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
WITHDRAW_PATH = "/api/v2/broker/withdrawal"


def order(**changes):
    """A withdrawal request that every check passes for alice; None takes a field out."""
    body = {
        "currency": "USDT",
        "address": ADDRESS,
        "amount": "100",
        "withdrawType": "ADDRESS",
        "chain": "eth",
        "remark": "kb-0001 rent",
    } | changes
    return {name: value for name, value in body.items() if value is not None}


class Purse:
    """A key of one user, and what withdrawing needs."""

    def __init__(self, driver, user="alice", **key):
        self.driver, self.user = driver, user
        self.key = driver.key(user, **key)

    def get(self, path, **query):
        return self.driver.call(self.key, "GET", path, query)

    def submit(self, body, **options):
        return self.driver.call(self.key, "POST", WITHDRAW_PATH, body=body, **options)

    def codes(self, transaction_id):
        waiting = self.driver.control.codes(self.user)
        return next(c["factors"] for c in waiting if c["transactionId"] == transaction_id)

    def verify(self, body, transaction_id, codes=None):
        codes = self.codes(transaction_id) if codes is None else codes
        factors = [{"factorType": name, "factorValue": code} for name, code in codes.items()]
        validation = {"transactionId": transaction_id, "factors": factors}
        return self.submit({**body, "validation": validation})

    def withdraw(self, **changes):
        """Both steps; the withdrawal's id."""
        body = order(**changes)
        transaction_id = self.submit(body).json()["data"]["transactionId"]
        return self.verify(body, transaction_id).json()["data"]["withdrawalId"]

    def history(self, **query):
        return self.get("/api/v1/withdrawals", **query).json()["data"]["items"]

    def main(self, currency="USDT"):
        listed = self.get("/api/v1/accounts", type="main", currency=currency).json()["data"]
        return listed[0]["available"] if listed else "0"


class Trader:
    """A key of one user, and what trading needs; the clock stands still."""

    def __init__(self, driver, user="alice", **key):
        self.driver, self.control, self.user = driver, driver.control, user
        self.control.set_clock(frozen=True)
        self.control.set_settings(timestamp_window_ms=10**12)
        self.key = driver.key(user, **key)

    @property
    def now_ms(self):
        return self.control.state()["clock"]["nowMs"]

    def get(self, path, *, host="", **query):
        partner = FUTURES if host else SPOT
        return self.driver.call(self.key, "GET", path, query, host=host, partner=partner)

    def data(self, path, *, host="", **query):
        answer = self.get(path, host=host, **query).json()
        assert answer["code"] == "200000", answer
        return answer["data"]

    def send(self, method, path, body=None, *, host="", query=None, **options):
        options.setdefault("partner", FUTURES if host else SPOT)
        return self.driver.call(self.key, method, path, query, body, host=host, **options)

    def spot(self, **changes):
        """Place a spot order; a market buy of 0.01 BTC unless changed; None takes a field out."""
        body = {"symbol": "BTC-USDT", "side": "buy", "type": "market", "size": "0.01"} | changes
        body = {name: value for name, value in body.items() if value is not None}
        return self.send("POST", "/api/v1/hf/orders", body)

    def spot_order(self, **changes):
        """Place a spot order that is taken, and return it."""
        order_id = self.spot(**changes).json()["data"]["orderId"]
        symbol = changes.get("symbol", "BTC-USDT")
        return self.data(f"/api/v1/hf/orders/{order_id}", symbol=symbol)

    def futures(self, **changes):
        """Place a futures order; a market buy of 3 lots at leverage 10 unless changed."""
        body = {
            "clientOid": f"c{time.monotonic_ns()}",
            "symbol": "XBTUSDTM",
            "side": "buy",
            "type": "market",
            "size": 3,
            "leverage": 10,
        } | changes
        body = {name: value for name, value in body.items() if value is not None}
        return self.send("POST", "/api/v1/orders", body, host="/futures")

    def futures_order(self, **changes):
        order_id = self.futures(**changes).json()["data"]["orderId"]
        return self.data(f"/api/v1/orders/{order_id}", host="/futures")

    def transfer(self, source="MAIN", target="TRADE", amount="100", **changes):
        body = {
            "clientOid": f"c{time.monotonic_ns()}",
            "currency": "USDT",
            "amount": amount,
            "type": "INTERNAL",
            "fromAccountType": source,
            "toAccountType": target,
        } | changes
        return self.send("POST", "/api/v3/accounts/universal-transfer", body)

    def balance(self, account="trade", currency="USDT"):
        """What is available, by the book."""
        for item in self.control.book()["balances"]:
            if (item["owner"], item["account"], item["currency"]) == (self.user, account, currency):
                return item["amount"]
        return "0"
