"""Nothing in clear: a whole run is searched for every secret that was in it.

The run is made by the functions in processes of their own, at the most talkative log level. What
it leaves is kept after each step: every item, every message, every answer, all that a process
wrote, both stand-ins' journals.
"""

import base64
import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests

from local.deployment.deployed import DeployedStack
from local.gateway.invocation import InvokeResult
from local.gateway.runtime import FunctionPool
from local.kucoin_simulator.control.client import SimulatorControl
from local.wakers.queues import QueueFeed
from tests.support.api import ApiClient, ApiResponse
from tests.support.linking import Link
from tests.support.rotation import build_event
from tests.support.secret_scan import Haystack, Secret, build_disguises

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ITEMS, MESSAGES, LOGS, ANSWERS = "items", "messages", "logs", "answers"
KUCOIN, AWS = "KuCoin's journal", "AWS's journal"
# The one way of each secret of ours: to the party that it is for, and nowhere else.
CONNECT_URL = "answer to the broker: connectUrl"
STATUS_URL = "answer to the broker: statusPageUrl"
OWN_PAGE = "page of the link itself"
OWN_COOKIE = "cookie of the browser that consents"
TO_KUCOIN = "redirect of that browser to KuCoin"
TO_BROKER = "redirect of that browser to the broker"
RETRY = "redirect of that browser to its own page"

BROKEN = ["drop", "status_5xx", "rate_limit", "garbage", "html_403", "failure_200000", "redirect"]


@dataclass
class Recorder:
    """The functions in processes; keeps all that they take in and give out."""

    stack: DeployedStack
    pool: FunctionPool
    simulator: SimulatorControl
    hay: Haystack = field(default_factory=Haystack)
    users: deque[str] = field(default_factory=lambda: deque(["user-1"], maxlen=4))

    def __post_init__(self) -> None:
        self._database = self.stack.aws.client("dynamodb")

    def invoke(self, name: str, event: dict[str, Any]) -> InvokeResult:
        for record in event.get("Records", []):
            self.hay.add(MESSAGES, record["body"])
        result = self.pool.invoke(name, event)
        if name.endswith("oauth-callback"):
            self.keep_sessions()  # the one moment of a staged pair
        return result

    def drain(self, queue: str) -> None:
        """Works what is visible."""
        name = self.stack.queues[queue].rpartition("/")[2]
        (source,) = [one for one in self.stack.queue_sources if one.arn.endswith(f":{name}")]
        feed = QueueFeed(self.stack.aws, source, self.invoke)
        while feed.feed_once():
            pass

    def keep_sessions(self) -> None:
        """The sessions of the users of this moment; a table with a stream tells all by itself."""
        names = [f":u{number}" for number in range(len(self.users))]
        values = {name: {"S": user} for name, user in zip(names, self.users, strict=True)}
        self._keep(
            TableName=self.stack.tables["ConnectSessionsTable"],
            FilterExpression=f"userId IN ({', '.join(names)})",
            ExpressionAttributeValues=values,
        )

    def _keep(self, **scan: Any) -> None:
        for item in self._database.scan(**scan)["Items"]:
            self.hay.add(ITEMS, item)

    def keep_messages(self) -> None:
        """What no function took, dead letters included."""
        queues = self.stack.aws.client("sqs")
        self.stack.aws.release_delayed()
        for url in self.stack.queues.values():
            while batch := queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
                "Messages"
            ):
                for message in batch:
                    self.hay.add(MESSAGES, message["Body"])

    def keep_the_rest(self) -> None:
        """Tables as they are, what streams told of them, journals, and what processes wrote."""
        for table in self.stack.tables.values():
            self._keep(TableName=table)
        streams = self.stack.aws.client("dynamodbstreams")
        for arn in self.stack.streams.values():
            for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
                place = streams.get_shard_iterator(
                    StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
                for record in streams.get_records(ShardIterator=place)["Records"]:
                    self.hay.add(ITEMS, record["dynamodb"])
        for line in self.pool.read_logs().splitlines():
            self.hay.add(LOGS, line)
        for entry in self.simulator.journal():
            self.hay.add(KUCOIN, entry)
        for entry in self.stack.aws.read_journal():
            self.hay.add(AWS, entry)


class RecordingApi(ApiClient):
    """Keeps every answer; what may name a secret of ours has a place of its own."""

    def __init__(self, recorder: Recorder, base_url: str) -> None:
        super().__init__(recorder, base_url)  # type: ignore[arg-type]  # has what it asks of it
        self._hay = recorder.hay
        self.cookies: set[str] = set()
        self.links: set[str] = set()
        self.codes: set[str] = set()
        self.states: set[str] = set()

    def request(self, method: str, target: str, **named: Any) -> ApiResponse:
        answer = super().request(method, target, **named)
        path, text = target.partition("?")[0], answer.text
        if answer.status in (200, 201) and path.startswith("/v1/connect-sessions"):
            body = answer.json()
            for name, place in (("connectUrl", CONNECT_URL), ("statusPageUrl", STATUS_URL)):
                if url := body.pop(name, ""):
                    self._hay.add(place, url)
                    self.links.add(url.rpartition(".")[2])
            text = json.dumps(body)
        is_page = answer.header("content-type").startswith("text/html")
        self._hay.add(OWN_PAGE if is_page and path.startswith("/connect/") else ANSWERS, text)
        for name, value in answer.raw.headers:
            self._hay.add(self._find_place(path, name, value), f"{name}: {value}")
        self.cookies |= {value for value in answer.cookies.values() if value}
        return answer

    def _find_place(self, path: str, name: str, value: str) -> str:
        if name == "set-cookie":
            return OWN_COOKIE
        if name != "location":
            return ANSWERS
        query = dict(part.split("=", 1) for part in urlsplit(value).query.split("&") if part)
        if "state" in query:
            self.states.add(query["state"].partition(".")[2])
            return TO_KUCOIN
        if "completionCode" in query:
            self.codes.add(query["completionCode"])
            return TO_BROKER
        return RETRY if path.startswith("/connect/") else ANSWERS


@dataclass
class Story:
    """The whole run."""

    recorder: Recorder
    api: RecordingApi
    return_url: str
    count: int = 0

    @property
    def simulator(self) -> SimulatorControl:
        return self.recorder.simulator

    def new_link(self) -> Link:
        """Another user's."""
        self.count += 1
        self.recorder.users.append(f"user-{self.count}")
        return Link(
            self.api,
            self.simulator,
            self.recorder,  # type: ignore[arg-type]  # has what it asks of it
            self.return_url,
            user_id=f"user-{self.count}",
        )

    def last(self, kind: str) -> str:
        """What KuCoin issued last of a kind."""
        secrets = self.simulator.call("GET", "/secrets")["secrets"]
        return [item["value"] for item in secrets if item["kind"] == kind][-1]

    def redeliver(self, queue: str = "KeyCreationQueue") -> None:
        self.recorder.stack.aws.release_delayed()
        self.recorder.drain(queue)

    def tell(self) -> None:
        """Everything, with each failure that KuCoin, AWS and people can make."""
        with ThreadPoolExecutor(2) as threads:
            waits = [threads.submit(wait) for wait in self.prepare_waits()]
            self.link_with_withdrawal()
            self.link_again_and_disconnect()
            self.refuse_and_misuse()
            for kind in BROKEN:
                self.break_token(kind)
                self.break_creation(kind)
                self.break_check(kind)
            self.echo()
            self.refresh()
            self.break_aws()
            for wait in waits:
                wait.result()
        self.leave_alone()

    def link_with_withdrawal(self) -> None:
        """40503 until the other address-book choice; every page on the way."""
        link = self.new_link()
        link.open()
        page = link.api.get(link.connect_path)
        link.cookies |= page.cookies
        login = link.choose("SPOT", "WITHDRAWAL")
        requests.get(login.location, timeout=10)
        link.authorize("alice", permissions=["SPOT", "WITHDRAWAL"], isAddressbookOnly=True)
        link.come_back()
        link.come_back()
        link.api.get(link.connect_path)
        status = urlsplit(link.complete().json()["statusPageUrl"]).path
        link.complete()
        link.api.get(status)
        link.create_key()
        status = urlsplit(link.complete().json()["statusPageUrl"]).path
        for path in (status, f"{status}/status", link.connect_path, "/health"):
            assert link.api.get(path).status == 200
        assert link.connection()["status"] == "ACTIVE"
        link.api.get("/v1/connections?limit=100")

    def link_again_and_disconnect(self) -> None:
        link = self.new_link()
        link.walk("bob", "SPOT", "FUTURES")
        link.api.get(link.connect_path)
        link.api.post(link.connect_path, form={"permissions": ["SPOT"]})
        link.create_key()
        assert link.connection()["status"] == "ACTIVE"
        link.cookies = {}
        link.walk("bob", "SPOT")
        link.cookies = {}
        link.walk("carol", "SPOT")
        link.api.get(link.connect_path)
        link.cookies = {}
        self.simulator.set_worlds(one_key_per_broker=True)
        link.walk("bob", "SPOT")
        link.api.get(link.connect_path)
        self.simulator.set_worlds(one_key_per_broker=False)
        link.api.post(f"/v1/connections/{link.user_id}/api-key", json={"permissions": []})
        link.create_key()
        for _ in range(2):
            assert link.api.delete(f"/v1/connections/{link.user_id}").status == 200
        link.complete()
        link.walk("dave", "SPOT")

    def refuse_and_misuse(self) -> None:
        """People who cancel, come in another browser, or send secrets where none belong."""
        link = self.new_link()
        link.start("alice", "SPOT")
        assert link.complete(userId="user-1").status == 403
        assert link.complete(completionCode="0" * 64).status == 403
        token = self.last("access_token")
        for misplaced in (link.completion_code, token, link.state):
            code = quote(misplaced)
            link.api.get(f"/v1/connections?cursor={code}")
            link.api.get(f"/v1/connections/{code}.")
            link.api.get(f"/connect/{code}")
            link.api.get(f"/oauth/callback?code={code}&state={code}&error={code}")
            link.complete(completionCode=misplaced, userId=f"{misplaced}.")
            link.open(returnUrl=misplaced, ttlSeconds=misplaced)
            link.api.post(link.connect_path, form={"permissions": [misplaced]})
            link.api.request("POST", f"/v1/{code}", json={"x": misplaced})
        link.cookies = {}
        link.come_back()
        for refusal in ({"cancel": True}, {}):
            other = self.new_link()
            other.open()
            other.choose("SPOT")
            other.authorize("alice", permissions=["SPOT"], **refusal)
            other.api.get(other.callback)
            other.api.get(other.callback, cookies=other.cookies)

    def grant(self, user: str = "alice") -> Link:
        """A new user whose browser is about to come back."""
        link = self.new_link()
        link.open()
        link.choose("SPOT")
        link.authorize(user, permissions=["SPOT"])
        return link

    def hold_out(self, link: Link) -> None:
        """The browser comes back twice, and looks."""
        for _ in range(2):
            link.api.get(link.callback, cookies=link.cookies)
        link.api.get(link.connect_path)

    def complete(self, link: Link) -> None:
        assert link.come_back().status == 303
        assert link.complete().status == 200

    def break_token(self, kind: str, **more: Any) -> None:
        link = self.grant()
        code = self.last("authorization_code")
        self.simulator.add_fault("token", kind, phase="after", contains=code, **more)
        self.hold_out(link)

    def break_creation(self, kind: str, **more: Any) -> None:
        link = self.grant()
        self.complete(link)
        token = self.last("access_token")
        self.simulator.add_fault("create_key", kind, phase="after", contains=token, **more)
        link.create_key()
        self.redeliver()
        link.connection()
        link.api.get(link.connect_path)

    def break_check(self, kind: str, **more: Any) -> None:
        link = self.grant()
        self.complete(link)
        self.simulator.add_fault("check_key", kind, phase="before", times=2, **more)
        link.create_key()
        link.api.get(link.connect_path)
        self.redeliver()
        self.redeliver()

    def echo(self) -> None:
        """KuCoin repeats in its words what it refuses."""
        words = {"code": "400100", "status": 400}
        secrets = " ".join(
            self.last(kind) for kind in ("authorization_code", "access_token", "refresh_token")
        )
        for kind in ("error", "failure_200000"):
            extra = words if kind == "error" else {}
            link = self.grant()
            code = self.last("authorization_code")
            msg = f"refused {code} {code} client_secret={self.last('client_secret')}"
            self.simulator.add_fault("token", kind, contains=code, msg=msg, **extra)
            self.hold_out(link)
            self.break_creation(kind, msg=secrets, **extra)
            self.break_check(kind, msg=f"{secrets} {self.last('api_secret')}", **extra)

    def refresh(self) -> None:
        link = self.new_link()
        link.walk("alice", "SPOT")
        path = f"/v1/connections/{link.user_id}/refresh"
        assert link.api.post(path).status == 200
        for kind in BROKEN:
            self.simulator.add_fault("refresh", kind, phase="before")
            link.api.post(path)
        words = {"code": "invalid_grant", "status": 400}
        msg = f"refused {self.last('refresh_token')}"
        self.simulator.add_fault("refresh", "error", phase="before", msg=msg, **words)
        link.api.post(path)
        link.connection()

    def break_aws(self) -> None:
        """Calls that fail; their errors may repeat what was asked."""
        refused = {"kind": "error", "code": "AccessDeniedException"}
        for fault, acts in (
            ({"service": "kms", "operation": "GenerateDataKey", **refused}, "back key"),
            ({"service": "kms", "operation": "Decrypt", **refused}, "key"),
            ({"service": "sqs", "operation": "SendMessage", **refused}, "back complete"),
            ({"service": "dynamodb", "operation": "UpdateItem", **refused}, "back key"),
            ({"service": "dynamodb", "operation": "UpdateItem", "kind": "drop"}, "back"),
            ({"service": "dynamodb", "operation": "TransactWriteItems", **refused}, "complete"),
            ({"service": "dynamodb", "operation": "GetItem", **refused}, "back complete key"),
        ):
            link = self.grant()
            if "back" in acts:
                self.fail_meanwhile(fault, partial(self.hold_out, link))
            if link.api.get(link.callback, cookies=link.cookies).status != 303:
                continue
            link.come_back()
            if "complete" in acts:
                self.fail_meanwhile(fault, link.complete)
            link.complete()
            if "key" in acts:
                self.fail_meanwhile(fault, link.create_key)
            self.redeliver()

    def fail_meanwhile(self, fault: dict[str, Any], act: Callable[[], Any]) -> None:
        aws = self.recorder.stack.aws
        aws.add_fault(times=0, caller="kubroker-local", **fault)
        act()
        aws.reset_faults()

    def prepare_waits(self) -> list[Callable[[], Any]]:
        """Two calls that KuCoin answers after our patience has ended."""
        asking = self.grant("carol")
        hold = {"kind": "hold", "phase": "after", "seconds": 30}
        self.simulator.add_fault("token", contains=self.last("authorization_code"), **hold)
        creating = self.grant("carol")
        self.complete(creating)
        self.simulator.add_fault("create_key", contains=self.last("access_token"), **hold)
        event = build_event(
            "kubroker-local-key-creation",
            {"kind": "create_key", "userId": creating.user_id, "attemptId": creating.session_id},
        )
        return [
            partial(self.hold_out, asking),
            partial(self.recorder.invoke, "key_creation", event),
        ]

    def leave_alone(self) -> None:
        """A pair that nobody redeems is shredded; what is left in queues is kept."""
        link = self.grant()
        link.come_back()
        self.recorder.keep_sessions()
        self.recorder.stack.aws.client("dynamodb").update_item(
            TableName=self.recorder.stack.tables["ConnectSessionsTable"],
            Key={"sessionId": {"S": link.session_id}},
            UpdateExpression="SET completionExpiresAt = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )
        self.redeliver()
        assert link.complete().status == 410
        self.recorder.keep_messages()
        self.recorder.keep_the_rest()

    def secrets(self) -> list[Secret]:
        """All of KuCoin's, the keys' names, and our own with their one way."""
        link_places = frozenset({CONNECT_URL, STATUS_URL, OWN_PAGE, RETRY})
        keys = [entry["apiKey"] for entry in self.simulator.journal() if entry["apiKey"]]
        return [
            *(
                Secret(item["kind"], item["value"])
                for item in self.simulator.call("GET", "/secrets")["secrets"]
            ),
            *(Secret("api key", key, frozenset({KUCOIN})) for key in set(keys)),
            *(Secret("link secret", value, link_places) for value in self.api.links),
            *(
                Secret("browser secret", value, frozenset({OWN_COOKIE}))
                for value in self.api.cookies
            ),
            *(Secret("state", value, frozenset({TO_KUCOIN})) for value in self.api.states),
            *(Secret("completion code", value, frozenset({TO_BROKER})) for value in self.api.codes),
        ]


@pytest.fixture(scope="module")
def story(stack, simulator_process, addresses, tmp_path_factory) -> Iterator[Story]:
    stack.aws.reset_faults()
    stack.aws.clear_data()
    simulator_process[1].reset()
    talkative = {
        name: replace(one, environment={**one.environment, "POWERTOOLS_LOG_LEVEL": "DEBUG"})
        for name, one in stack.functions.items()
    }
    pool = FunctionPool(
        replace(stack, functions=talkative), log_folder=tmp_path_factory.mktemp("logs"), size=3
    )
    recorder = Recorder(stack, pool, simulator_process[1])
    told = Story(recorder, RecordingApi(recorder, addresses.gateway), f"{addresses.broker}/kucoin")
    try:
        told.tell()
        yield told
    finally:
        pool.stop()
        stack.aws.reset_faults()
        stack.aws.clear_data()
        simulator_process[1].reset()


def test_run_left_no_secret_anywhere(story: Story) -> None:
    assert story.recorder.hay.find(story.secrets()) == set()


def test_run_had_every_kind_of_secret_and_of_place(story: Story) -> None:
    kinds = {secret.kind for secret in story.secrets()}
    assert kinds == {
        "authorization_code", "access_token", "refresh_token", "api_secret", "api_passphrase",
        "client_secret", "broker_key", "api key", "link secret", "browser secret", "state",
        "completion code",
    }  # fmt: skip
    hay = story.recorder.hay
    for place, least in {
        ITEMS: 100,
        MESSAGES: 40,
        LOGS: 50,
        ANSWERS: 150,
        KUCOIN: 100,
        AWS: 500,
    }.items():
        assert hay.count(place) >= least, place
    logs = "\n".join(hay.texts[LOGS])
    for line in (
        "code exchange failed",
        "no key was made",
        '"_aws"',
        "a message was not worked off",
    ):
        assert line in logs
    ends = {"staged", "keyAttempt", "pendingLink", "tokenCiphertext", "apiKeyCiphertext"}
    assert all(any(name in text for text in hay.texts[ITEMS]) for name in ends)
    states = {entry["outcome"] for entry in story.simulator.journal()}
    assert {"40503", "200000", "garbage"} <= states


@pytest.mark.parametrize("place", [ITEMS, MESSAGES, LOGS, ANSWERS, KUCOIN, AWS])
@pytest.mark.parametrize("disguise", list(build_disguises("x" * 16)))
def test_scan_finds_what_is_planted(story: Story, place: str, disguise: str) -> None:
    for secret in (story.last("refresh_token"), story.last("api_passphrase")):
        planted = Haystack({place: {f'{{"a":"{build_disguises(secret)[disguise]}"}}'}})
        assert any(place in found for found in planted.find(story.secrets()))


def test_scan_finds_a_secret_in_an_item_a_message_and_a_log_line(story: Story) -> None:
    recorder = replace(story.recorder, hay=Haystack())
    aws, secret = recorder.stack.aws, story.last("access_token")
    item = {"userId": {"S": "planted"}, "x": {"B": base64.b64encode(f"a{secret}b".encode())}}
    aws.client("dynamodb").put_item(TableName=recorder.stack.tables["ConnectionsTable"], Item=item)
    url = recorder.stack.queues["KeyCreationDeadLetterQueue"]
    aws.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({"t": secret}))
    (recorder.pool.log_folder / "planted.log").write_text(f"bearer {quote(secret)}\n")
    recorder.keep_messages()
    recorder.keep_the_rest()
    found = recorder.hay.find(story.secrets())
    for place in (ITEMS, MESSAGES, LOGS):
        assert any("access_token as" in one and one.endswith(place) for one in found)
