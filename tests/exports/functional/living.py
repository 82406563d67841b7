"""Users of the simulator who live for days, the collector, exports, and the simulator's own book."""

import csv
import hashlib
import io
import json
from datetime import UTC, datetime

import requests

from kubroker.exports.records import ExportKind
from tests.exports.functional import book
from tests.support.export_queues import drain_exports
from tests.support.linked import link_user

DAY_MS = 86_400_000
EPOCH_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z
NAMES = ("alice", "bob", "carol")


def show(epoch_ms):
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class World:
    """All that a test of exports does."""

    def __init__(self, functions, api, simulator):
        self.functions, self.api, self.simulator = functions, api, simulator
        self.users = {}

    def begin(self, count=3):
        """Users on 1 January 2025 of KuCoin's clock."""
        self.simulator.reset(now_ms=EPOCH_MS)
        for number in range(count):
            name, user_id = f"lives-{number}", f"user-{number}"
            self.simulator.add_user(name)
            link_user(self.functions.stack, self.simulator, user_id=user_id, kucoin_user=name)
            self.users[user_id] = name

    def live(self, days, fills, **fields):
        return self.simulator.live(list(self.users.values()), days=days, fills=fills, **fields)

    def now_ms(self):
        return self.simulator.state()["clock"]["nowMs"]

    def opt_in(self):
        for user in self.users:
            answer = self.api.put(f"/v1/archives/{user}")
            assert answer.status == 200, answer.text

    def collect(self):
        self.functions.call("export", {"kind": "collect"})
        self.drain()

    def drain(self):
        drain_exports(self.functions)

    def open(self, key="one", **changes):
        body = {
            "userIds": sorted(self.users),
            "kinds": list(ExportKind),
            "from": show(EPOCH_MS),
            "to": show(self.now_ms() - 120_000),
            "format": "jsonl",
            **changes,
        }
        body = {name: value for name, value in body.items() if value is not None}
        return self.api.post("/v1/exports", json=body, headers={"Idempotency-Key": key})

    def export(self, key="one", **changes):
        opened = self.open(key, **changes)
        assert opened.status == 202, opened.text
        self.drain()
        return self.get(opened.json()["exportId"])

    def get(self, export_id):
        answer = self.api.get(f"/v1/exports/{export_id}")
        assert answer.status == 200, answer.text
        return answer.json()

    def fetch(self, export):
        """File name to content; sizes and hashes are held against what is told."""
        contents = {}
        for file in export["files"]:
            answer = requests.get(file["url"], timeout=20)
            assert answer.status_code == 200
            assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
            assert len(answer.content) == file["sizeBytes"]
            contents[file["name"]] = answer.content
        return contents

    def read(self, export):
        """Kind to its rows."""
        contents = self.fetch(export)
        rows: dict[ExportKind, list] = {kind: [] for kind in ExportKind}
        for file in export["files"]:
            if file["kind"] not in set(ExportKind):
                continue
            text = contents[file["name"]].decode()
            if file["name"].endswith(".csv"):
                found = list(csv.DictReader(io.StringIO(text, newline="")))
            else:
                found = [json.loads(line) for line in text.splitlines()]
            assert len(found) == file["records"]
            rows[ExportKind(file["kind"])] += found
        return rows

    def manifest(self, export):
        return json.loads(self.fetch(export)["manifest.json"])

    def coverage(self, export):
        contents = self.fetch(export)
        lines = [
            line
            for name, content in contents.items()
            if name.startswith("coverage")
            for line in content.decode().splitlines()
        ]
        return {line["userId"]: line for line in map(json.loads, lines)}

    def book(self, start_ms, end_ms, kinds=tuple(ExportKind)):
        """What the simulator itself knows, as export rows."""
        rows: dict[ExportKind, list] = {kind: [] for kind in kinds}
        for user, name in self.users.items():
            for kind in kinds:
                for item in self.simulator.records(book.KINDS[kind][0], name):
                    moment, row = book.build_row(kind, user, item["record"])
                    if start_ms <= moment < end_ms:
                        rows[kind].append(row)
        return rows

    def balances(self):
        """What the users' accounts hold, by the simulator's own double entry."""
        told = self.simulator.book(limit=0)
        assert told["sound"]
        return book.sum_balances(told["balances"], self.users)
