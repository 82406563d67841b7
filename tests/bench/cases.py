"""One event a function, that takes its handler through its real work."""

import base64
import json
import re
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from kubroker.connections.model import Authorization, Connection, ConnectionStatus
from kubroker.foundation.hashes import hash_secret
from kubroker.kucoin.permissions import Permission
from kubroker.linking.model import ConnectSession, SessionStatus
from local.deployment.template import load_template
from tests.support.deployed import fill_parameters, load_translated

ROOT = Path(__file__).parents[2]
SESSION_ID = "EXAMPLEsession00000000"
SECRET = "EXAMPLEsecret".ljust(43, "0")
HANDLE = f"{SESSION_ID}.{SECRET}"


@dataclass(frozen=True)
class Case:
    """A function, the event that wakes it, and the answer that shows that it worked.

    Attributes:
        folder: Of the function.
        event: What it gets.
        status: The answer's status code.
        goal: The most times the floor that its cold start may take; None where nobody waits.
    """

    folder: Path
    event: dict[str, Any]
    status: int
    goal: float | None

    @property
    def name(self) -> str:
        """The function's."""
        return self.folder.name


def build_items() -> dict[str, dict[str, Any]]:
    """Table to the one item that it answers with, as DynamoDB would send it."""
    now = int(time.time())
    session = ConnectSession(
        session_id=SESSION_ID,
        user_id="user-1",
        account_label="Main account",
        offered=[Permission.SPOT, Permission.FUTURES, Permission.WITHDRAWAL],
        required=[Permission.SPOT],
        is_addressbook_only=False,
        return_url="https://www.broker.example/linked",
        allow_account_change=False,
        session_status=SessionStatus.AUTHORIZING,
        created_at=now,
        expires_at=now + 3600,
        ttl=now + 7200,
        link_hash=hash_secret(SECRET),
        browser_hash=hash_secret(SECRET),
        state_hash=hash_secret(SECRET),
        state_expires_at=now + 3600,
        chosen=[Permission.GENERAL, Permission.SPOT],
    )
    connection = Connection(
        user_id="user-1",
        account_label="Main account",
        link_generation=1,
        connection_status=ConnectionStatus.CONNECTING,
        authorization=Authorization.LIVE,
        token_data_key=b"wrapped",
        token_ciphertext=b"ciphertext",
        access_token_expires_at=now + 3600,
        refresh_token_expires_at=now + 3 * 86_400,
        created_at=now,
        updated_at=now,
    )
    return {
        "ConnectSessionsTable": _marshal(session.to_item()),
        "ConnectionsTable": _marshal(connection.to_item()),
    }


def _marshal(item: dict[str, Any]) -> dict[str, Any]:
    attributes = {key: TypeSerializer().serialize(value) for key, value in item.items()}
    text = json.dumps(attributes, default=lambda value: base64.b64encode(bytes(value)).decode())
    return dict(json.loads(text))


def _load(function: str, case: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "events" / function / f"{case}.json").read_text()))


FLOOR = Case(ROOT / "tests/bench/floor", {}, 200, None)


def build_cases() -> list[Case]:
    """Every function that is woken by somebody who waits, once."""
    consent = _load("connect", "show_consent")
    consent |= {"rawPath": f"/connect/{HANDLE}", "pathParameters": {"token": HANDLE}}
    consent["requestContext"]["http"]["path"] = consent["rawPath"]
    callback = _load("oauth_callback", "authorized")
    callback["queryStringParameters"]["state"] = HANDLE
    callback["rawQueryString"] = f"code=EXAMPLEcode&state={HANDLE}"
    callback["cookies"] = [f"__Host-kubroker-{SESSION_ID}={SECRET}"]
    functions = ROOT / "functions"
    return [
        Case(functions / "connect", consent, 200, 1.5),
        Case(functions / "oauth_callback", callback, 303, 1.5),
        Case(functions / "key_creation", _load("key_creation", "request_key"), 202, None),
        Case(functions / "connections", _load("connections", "get"), 200, None),
    ]


@cache
def build_environment(folder: Path, stand_in_url: str) -> dict[str, str]:
    """A function's variables as the template has them, pointed at the stand-in."""
    parameters = fill_parameters(
        load_template(), KucoinWebUrl=stand_in_url, KucoinRestUrl=stand_in_url
    )
    logical_id = "".join(word.capitalize() for word in folder.name.split("_")) + "Function"
    resource = load_translated()["Resources"].get(logical_id, {"Properties": {}})
    variables = resource["Properties"].get("Environment", {}).get("Variables", {})

    def resolve(value: Any) -> str:
        match value:
            case {"Ref": name}:
                return parameters.get(name, name)
            case {"Fn::GetAtt": [name, _]}:
                return f"arn:aws:service:eu-west-1:123456789012:{name}"
            case {"Fn::Sub": text}:
                return re.sub(r"\$\{(\w+)\}", lambda found: parameters[found[1]], text)
        return str(value)

    return {
        **{name: resolve(value) for name, value in variables.items()},
        "AWS_ENDPOINT_URL": stand_in_url,
        "KEY_CREATION_QUEUE_URL": f"{stand_in_url}/123456789012/key-creation",
    }
