"""The collector as tests watch it: its metrics, its messages, what it keeps."""

import json
from collections import defaultdict

from kubroker.aws.clients import get_sqs
from kubroker.aws.table import Table, marshal
from kubroker.exports.archive.model import ARCHIVED_KINDS, name_archive, name_progress
from kubroker.exports.archive.store import ArchiveStore
from kubroker.exports.windows import Window
from tests.exports.functional.living import EPOCH_MS
from tests.support.export_queues import QUEUES

EVER = Window(0, 10**15)


class Collecting:
    """Users who opted in, and rounds of the collector."""

    def __init__(self, world, capsys):
        self.world, self.functions, self.capsys = world, world.functions, capsys
        self.stack, self.aws = world.functions.stack, world.functions.stack.aws
        self.database = self.aws.client("dynamodb")
        tables = [self.stack.tables[name] for name in ("ExportsTable", "ConnectionsTable")]
        self.table = tables[0]
        self.store = ArchiveStore(*(Table(self.database, name) for name in tables))
        # What was sent with a delay or at once since the round began: seconds, body.
        self.sent: list[tuple[int, dict]] = []

    def begin(self, count=1, *, collected=None):
        """Users who opted in; kinds that were collected until then, all on New Year's Day."""
        self.world.begin(count)
        self.world.opt_in()
        until = dict.fromkeys(ARCHIVED_KINDS, EPOCH_MS) if collected is None else collected
        for user in self.world.users:
            self.change(user, since_ms=EPOCH_MS - 1000)
            for kind, until_ms in until.items():
                item = {
                    "exportId": self.archive(user),
                    "item": name_progress(kind),
                    "collectedUntilMs": until_ms,
                }
                self.database.put_item(TableName=self.table, Item=marshal(item))

    def change(self, user, *, since_ms):
        """Opted in since then, with the key of then."""
        since = {":s": {"N": str(since_ms // 1000)}}
        self.database.update_item(
            TableName=self.stack.tables["ConnectionsTable"],
            Key={"userId": {"S": user}},
            UpdateExpression="SET archivedSince = :s, apiKeyFacts.createdAt = :s",
            ExpressionAttributeValues=since,
        )

    def refuse(self, route, *, code="429000", **fields):
        """KuCoin answers with an error: for a while, unless the code is another one."""
        self.world.simulator.add_fault(route, "error", code=code, msg="no", **fields)

    def archive(self, user="user-0"):
        uid = self.world.api.get(f"/v1/connections/{user}").json()["kucoinUid"]
        return name_archive(user, uid)

    def start(self):
        """A round; nothing of it is worked yet."""
        self.functions.call("export", {"kind": "collect"})
        self.sent.clear()
        events = get_sqs().meta.events
        events.register("provide-client-params.sqs.SendMessage", self._note, unique_id="note")

    def _note(self, params, **_):
        self.sent.append((params["DelaySeconds"], json.loads(params["MessageBody"])))

    def step(self):
        """The next message, however long it would have waited; what came of it, or None."""
        results = self.functions.drain(QUEUES[1], limit=1)
        if not results and self.aws.release_delayed():
            results = self.functions.drain(QUEUES[1], limit=1)
        return results[0] if results else None

    def collect(self):
        """A round, all of it."""
        self.start()
        self.world.drain()

    def pauses(self):
        """Seconds that the users' messages waited, in order."""
        return [seconds for seconds, body in self.sent if body["kind"] == "collect_user"]

    def metrics(self):
        """Name to figures, in order, since the last time it was asked."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for line in self.capsys.readouterr().out.splitlines():
            if line.startswith('{"_aws"'):
                fields = json.loads(line)
                for directive in fields["_aws"]["CloudWatchMetrics"]:
                    for metric in directive["Metrics"]:
                        found[metric["Name"]] += fields[metric["Name"]]
        return found

    def chunks(self, kind, user="user-0"):
        return self.store.list_chunks(self.archive(user), kind, EVER)

    def progress(self, user="user-0"):
        """Kind to until when it was collected."""
        archive = self.archive(user)
        return {kind: self.store.find_progress(archive, kind) for kind in ARCHIVED_KINDS}

    def expect_whole(self, kinds=ARCHIVED_KINDS, *, start_ms=EPOCH_MS, user="user-0"):
        """The chunks lie side by side and hold each record once; gives until when."""
        until = {self.progress(user)[kind] for kind in kinds}
        assert len(until) == 1, until
        (until_ms,) = until
        book = self.world.book(start_ms, until_ms, kinds)
        for kind in kinds:
            chunks = self.chunks(kind, user)
            bounds = [(chunk.start_ms, chunk.end_ms) for chunk in chunks]
            assert [start for start, _ in bounds[1:]] == [end for _, end in bounds[:-1]], kind
            assert bounds[-1][1] == until_ms
            mine = [row for row in book[kind] if row["userId"] == user]
            assert sum(chunk.records for chunk in chunks) == len(mine), kind
        assert any(book.values())
        return until_ms
