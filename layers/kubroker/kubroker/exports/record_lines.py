"""Records as JSON lines, in the pieces that one object holds."""

import json
from collections.abc import Iterable, Mapping

from kubroker.exports.records import MS_DIGITS, ExportRecord

# What is held in memory at most before it is written down: records of one window more.
PIECE_BYTES = 2 * 1024 * 1024


class RecordLines:
    """Lines in the making."""

    def __init__(self) -> None:
        """Starts empty."""
        self._lines: list[bytes] = []
        self.size_bytes = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._lines)

    @property
    def is_full(self) -> bool:
        """Whether it is time to write them down."""
        return self.size_bytes >= PIECE_BYTES

    def add(self, records: Iterable[ExportRecord]) -> None:
        """Adds records."""
        for record in records:
            self.add_line(build_line(record.fields))

    def add_line(self, line: bytes) -> None:
        """Adds one that is a line already, without its end."""
        self._lines.append(line)
        self.size_bytes += len(line) + 1

    def join(self) -> bytes:
        """All of them, each with its end."""
        return b"".join(line + b"\n" for line in self._lines)


def build_line(fields: Mapping[str, str]) -> bytes:
    """A record as a JSON object, without the line's end."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def find_time_ms(line: bytes) -> int:
    """When a record of ``build_line`` happened, epoch milliseconds."""
    return int(json.loads(line)["timeOriginal"][:MS_DIGITS])
