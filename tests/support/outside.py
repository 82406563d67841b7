"""Everything that learns of events: the bus, the broker's endpoint, the set-aside bucket."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook

from local.wakers.pollers import Pollers
from local.wakers.queues import QueueFeed
from local.wakers.streams import StreamFeed
from tests.support.functions import FunctionHarness

_RULE = "everything"


class Endpoint:
    """The broker's endpoint. It answers 200 but to the users named in ``refused``."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.received: list[tuple[dict[str, str], bytes]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.received.append((dict(self.headers), body))
                is_refused = json.loads(body)["userId"] in endpoint.refused
                self.send_response(503 if is_refused else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def bodies(self) -> list[Any]:
        """What came, parsed."""
        return [json.loads(body) for _, body in self.received]


class Outside:
    """Feeds the streams by hand and reads what comes out."""

    def __init__(self, functions: FunctionHarness, endpoint: Endpoint | None) -> None:
        self.functions = functions
        self.stack = functions.stack
        self.aws = functions.stack.aws
        self.endpoint = endpoint
        self.pollers = Pollers(self.stack, functions.invoke)
        self.feeds: dict[str, StreamFeed] = {}
        url = endpoint.url if endpoint else ""
        functions.set_environment("event_publisher", WEBHOOK_URL=url)
        functions.set_environment("webhook_delivery", WEBHOOK_URL=url)
        self.bus_queue = self._listen()

    def _listen(self) -> str:
        """A queue that gets everything on the bus."""
        queues, events = self.aws.client("sqs"), self.aws.client("events")
        url = str(queues.create_queue(QueueName="bus-listener")["QueueUrl"])
        arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        bus = self.stack.physical_ids["EventBus"]
        pattern = json.dumps({"source": ["kubroker"]})
        events.put_rule(Name=_RULE, EventBusName=bus, EventPattern=pattern)
        target = {"Id": "listener", "Arn": arn["Attributes"]["QueueArn"]}
        events.put_targets(Rule=_RULE, EventBusName=bus, Targets=[target])
        return url

    def publish(self, *tables: str) -> None:
        """Feeds the publisher until the streams have nothing new."""
        for table in tables or ("ConnectionsTable", "WithdrawalsTable"):
            while (result := self.feed(table).feed_once()) is not None:
                assert result.function_error is None, result.logs

    def feed(self, table: str) -> StreamFeed:
        """The feed of a table, where it stands."""
        if table not in self.feeds:
            self.feeds[table] = self.pollers.feed_stream(table)
        return self.feeds[table]

    def replay(self, table: str = "ConnectionsTable") -> None:
        """Everything of a table once more."""
        self.feeds.pop(table, None)
        self.publish(table)

    def on_bus(self) -> list[Any]:
        """What came over the bus since the last look: ``detail`` of each."""
        queue = self.aws.client("sqs")
        found: list[Any] = []
        while batch := queue.receive_message(QueueUrl=self.bus_queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in batch:
                event = json.loads(message["Body"])
                assert event["detail-type"] == event["detail"]["type"]
                found.append(event["detail"])
                queue.delete_message(
                    QueueUrl=self.bus_queue, ReceiptHandle=message["ReceiptHandle"]
                )
        return found

    def deliver(self, *, limit: int = 100) -> None:
        """Webhooks, until none is to be had now."""
        feed = self.webhook_feed()
        for _ in range(limit):
            if feed.feed_once() is None:
                return

    def webhook_feed(self) -> QueueFeed:
        name = self.stack.queues["WebhookQueue"].rpartition("/")[2]
        source = next(s for s in self.stack.queue_sources if s.arn.rpartition(":")[2] == name)
        return QueueFeed(self.aws, source, self.functions.invoke)

    def secret(self) -> dict[str, str]:
        """What webhooks are signed with."""
        name = self.stack.find_function("webhook_delivery").environment["WEBHOOKS_SECRET_NAME"]
        value = self.aws.client("secretsmanager").get_secret_value(SecretId=name)
        return dict(json.loads(value["SecretString"]))

    def verify_all(self) -> None:
        """A stranger verifies everything that came."""
        assert self.endpoint
        for headers, body in self.endpoint.received:
            Webhook(self.secret()["current"]).verify(body, headers)

    def list_objects(self, logical_id: str) -> dict[str, str]:
        """Key to content of a bucket's objects."""
        storage, bucket = self.aws.client("s3"), self.stack.physical_ids[logical_id]
        found = storage.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {
            item["Key"]: storage.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode()
            for item in found
        }

    def entries(self) -> list[dict[str, Any]]:
        """Every entry of the audit, by time, plain values."""
        items = self.aws.client("dynamodb").scan(TableName=self.stack.tables["AuditTable"])["Items"]
        rows = [{name: next(iter(v.values())) for name, v in item.items()} for item in items]
        return sorted(rows, key=lambda row: row["entryId"])
