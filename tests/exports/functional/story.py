"""One export, and what the table has of it at another time."""

import json
import time

from kubroker.aws.table import marshal, unmarshal
from kubroker.exports.model import HEAD
from kubroker.exports.records import ExportKind
from tests.exports.functional.book import compare
from tests.exports.functional.living import EPOCH_MS, show
from tests.support.export_queues import count_messages, deliver_at_last, lose_messages

KINDS = [ExportKind.DEPOSITS, ExportKind.FUNDING_LEDGER]
QUEUE = "ExportQueue"


class Story:
    """An export of two users who lived for a day."""

    def __init__(self, world):
        world.begin(2)
        world.live(1, 30, seed=1)
        self.world, self.functions = world, world.functions
        self.end_ms = world.now_ms() // 1000 * 1000 - 120_000
        self.database = world.functions.stack.aws.client("dynamodb")
        self.table = world.functions.stack.tables["ExportsTable"]
        self.id = self.ask()["exportId"]

    def ask(self):
        """The same request with the same key."""
        answer = self.world.open(kinds=KINDS, to=show(self.end_ms))
        assert answer.status == 202, answer.text
        return answer.json()

    def plan(self):
        """Its users have their units; the units' messages are lost."""
        (result,) = self.functions.drain(QUEUE, limit=1)
        assert result.payload == {"batchItemFailures": []}
        assert self.head()["isPlanned"]
        self.lose()

    def lose(self):
        lose_messages(self.functions, QUEUE)

    def waiting(self):
        return count_messages(self.functions, QUEUE)

    def items(self):
        pages = self.database.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="exportId = :e",
            ExpressionAttributeValues=marshal({":e": self.id}),
        )
        return [unmarshal(item) for page in pages for item in page["Items"]]

    def head(self):
        (head,) = [item for item in self.items() if item["item"] == HEAD]
        return head

    def change(self, **attributes):
        """The head, as it would be found at another time."""
        item = marshal({**self.head(), **attributes})
        self.database.put_item(TableName=self.table, Item=item)

    def stand_still(self, seconds, *, begun=0):
        """Nothing was done for so long; it was begun so long ago."""
        now = int(time.time())
        self.change(updatedAt=now - seconds, createdAt=now - max(seconds, begun))

    def look(self):
        """The daily look."""
        self.functions.call("export", {"kind": "revive_exports"})

    def resume(self, export_id=None):
        event = {"kind": "resume_export", "exportId": export_id or self.id}
        return self.functions.invoke("export", event)

    def fail(self):
        """A message that nobody understands, delivered for the last time."""
        message = {"kind": "of another release", "exportId": self.id}
        deliver_at_last(self.functions, json.dumps(message))
        assert self.head()["exportState"] == "FAILED"

    def expect_ready(self):
        """Worked off, it has each record once."""
        self.world.drain()
        export = self.world.get(self.id)
        assert (export["state"], export["isComplete"]) == ("READY", True), export
        book = self.world.book(EPOCH_MS, self.end_ms, KINDS)
        total, missing, twice, *rest = compare(self.world.read(export), book)
        assert (missing, twice) == (0, 0), rest
        assert total == export["records"] > 0
