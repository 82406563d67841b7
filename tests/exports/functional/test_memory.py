"""The export worker's memory does not grow with what it exports: files of many parts of 5 MiB."""

import sys
import tracemalloc
from functools import partial

import pytest

from kubroker.aws.files import FileStore
from kubroker.aws.table import Table
from kubroker.exports.archive.model import ArchiveChunk, name_archive, name_chunk
from kubroker.exports.archive.store import ArchiveStore
from kubroker.exports.files import RecordLines, build_line
from kubroker.exports.records import ExportKind
from tests.exports.functional.living import EPOCH_MS, show

KIND = ExportKind.TRADE_LEDGER
MIB = 1024 * 1024
SIZES_MIB = (32, 64)
CHUNK_MS = 3_600_000
# An upload part in the buffer, the same on its way, and what lies around: 14 MiB were measured.
MOST_MIB = 18


def build_lines(start_ms):
    """Entries of a trade ledger, as large as an object of the archive becomes."""
    lines, number = RecordLines(), 0
    while not lines.is_full:
        moment = str(start_ms + number)
        fields = {
            "userId": "user-0",
            "recordId": moment,
            "time": f"2025-01-01T00:00:00.{moment[-3:]}Z",
            "timeOriginal": moment,
            "currency": "USDT",
            "change": f"-0.{moment}",
            "direction": "out",
            "amount": f"0.{moment}",
            "fee": "0.00001",
            "balance": f"1000.{moment}",
            "accountType": "TRADE_HF",
            "bizType": "TRADE_EXCHANGE",
            "tax": "0",
            "context": "x" * 1700,
        }
        lines.add_line(build_line(fields))
        number += 1
    return lines


class Archive:
    """Of one user, filled without KuCoin."""

    def __init__(self, world):
        stack, (user,) = world.functions.stack, world.users
        variables = stack.find_function("export").environment
        database = stack.aws.client("dynamodb")
        names = ("ExportsTable", "ConnectionsTable")
        self.store = ArchiveStore(*(Table(database, stack.tables[name]) for name in names))
        self.files = FileStore(stack.aws.client("s3"), variables["EXPORTS_BUCKET"])
        uids = {one["name"]: one["uid"] for one in world.simulator.state()["users"]}
        self.name, self.end_ms = name_archive(user, str(uids[world.users[user]])), EPOCH_MS

    def fill(self, size):
        """Adds chunks until there is so much."""
        written = 0
        while written < size:
            start, end = self.end_ms, self.end_ms + CHUNK_MS
            lines, key = build_lines(start), f"archive/{start}.jsonl"
            self.files.put(key, lines.join(), content_type="application/x-ndjson")
            chunk = ArchiveChunk(
                export_id=self.name,
                item=name_chunk(KIND, start),
                start_ms=start,
                end_ms=end,
                windows=1,
                records=len(lines),
                key=key,
                ttl=2**32,
            )
            self.store.add_chunk(chunk, KIND, seen_ms=None if start == EPOCH_MS else start)
            self.end_ms, written = end, written + lines.size_bytes


def measure(world, archive, key):
    """Sizes of the files, and the most that the worker held meanwhile; in MiB."""
    end = show(archive.end_ms)
    opened = world.open(key, kinds=[KIND], to=end)
    assert opened.status == 202, opened.text
    tracemalloc.start()
    world.drain()
    peak = tracemalloc.get_traced_memory()[1] / MIB
    tracemalloc.stop()
    export = world.get(opened.json()["exportId"])
    assert (export["state"], export["isComplete"]) == ("READY", True), export
    sizes = [file["sizeBytes"] / MIB for file in export["files"] if file["kind"] == KIND]
    return sizes, peak


@pytest.mark.slow
def test_memory_of_worker_is_bounded_whatever_it_exports(world, monkeypatch):
    # Files as large as they become, though memory is traced and the machine busy.
    patient = partial(world.functions.call, remaining_ms=600_000)
    monkeypatch.setattr(world.functions, "call", patient)
    world.begin(1)
    archive, done, peaks = Archive(world), 0, []
    for size in SIZES_MIB:
        archive.fill((size - done) * MIB)
        # The archive ends in the past, by KuCoin's clock.
        world.simulator.set_clock(nowMs=archive.end_ms + CHUNK_MS)
        sizes, peak = measure(world, archive, f"{size}-mib")
        print(
            f"export of {size} MiB: files of {', '.join(f'{one:.1f}' for one in sizes)} MiB, "
            f"the worker's memory at most {peak:.1f} MiB",
            file=sys.stderr,
        )
        assert sum(sizes) >= size
        assert max(sizes) > 1.5 * MOST_MIB
        done = size
        peaks.append(peak)
    small, large = peaks
    assert small < MOST_MIB
    assert large < small * 1.1 + 1
