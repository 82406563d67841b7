"""Working a payout: part by part from the queue, then its files."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from kubroker.aws.files import FileStore
from kubroker.aws.queue import Queue
from kubroker.foundation.clock import Clock, Deadline, read_now
from kubroker.foundation.errors import (
    BadRequestError,
    ConfigurationError,
    KubrokerError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
    LostRaceError,
    StoreError,
)
from kubroker.foundation.observability import PAYOUT_ADDRESS_FAILED, PAYOUT_COMPLETED, count, logger
from kubroker.kucoin.codes import is_passing_read
from kubroker.payouts.addresses import DepositAddresses
from kubroker.payouts.addresses_model import AddressWish
from kubroker.payouts.model import (
    MAX_ATTEMPTS,
    Payout,
    PayoutFile,
    PayoutPart,
    PayoutRow,
    PayoutState,
    name_part,
)
from kubroker.payouts.store import PayoutStore

COLUMNS = (
    "userId", "address", "memo", "currency", "chain", "account", "contractAddress", "code", "detail"
)  # fmt: skip
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


def build_rows(payout: Payout, rows: Iterable[PayoutRow]) -> list[dict[str, str | None]]:
    """Every column of every row; what is not there is None."""
    shared = {"currency": payout.currency, "chain": payout.chain, "account": payout.account.value}
    return [{name: ({**row.to_item(), **shared}).get(name) for name in COLUMNS} for row in rows]


def build_jsonl(rows: Iterable[dict[str, str | None]]) -> bytes:
    """A JSON object a line."""
    lines = (json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n" for row in rows)
    return "".join(lines).encode()


def build_csv(rows: Iterable[dict[str, str | None]]) -> bytes:
    """A header line and a line a row, every value in quotes and to the letter.

    Source: RFC 4180: lines end with CRLF.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows({name: value or "" for name, value in row.items()} for row in rows)
    return text.getvalue().encode()


# A user is begun only with so much time left; the last seconds are for saving.
USER_SECONDS = 12.0
SAVING_SECONDS = 3.0
FIRST_PAUSE_SECONDS = 15
_MESSAGES = 10


class PayoutWork:
    """Works the queue's messages: ``start_payout`` {payoutId}, ``payout_part`` {payoutId, part}."""

    def __init__(
        self,
        store: PayoutStore,
        queue: Queue,
        files: FileStore,
        addresses: DepositAddresses,
        *,
        clock: Clock,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins its parts."""
        self._store = store
        self._queue = queue
        self._files = files
        self._addresses = addresses
        self._clock = clock
        self._now = now

    def work(self, record: SQSRecord, *, seconds: float) -> None:
        """Works one message; raising delivers it again.

        Args:
            record: The message.
            seconds: That this invocation has left.

        Raises:
            KubrokerError: Passing; or a message that this release does not know.
        """
        message = record.json_body
        payout = self._store.find(str(message.get("payoutId")))
        if payout is None:
            logger.warning("a message names a payout that is not there any more")
            return
        kind = message.get("kind")
        if kind == "start_payout":
            self._start(payout)
        elif kind == "payout_part":
            self._work_part(payout, str(message["part"]), self._clock.start(seconds))
        else:
            raise BadRequestError("This release does not know that kind of message.")

    def _start(self, payout: Payout) -> None:
        """A message for each part; twice is harmless."""
        names = [name_part(payout.request_hash, number) for number in range(payout.part_count)]
        messages = [self._build_message(payout, name) for name in names]
        for start in range(0, len(messages), _MESSAGES):
            batch = messages[start : start + _MESSAGES]
            if len(self._queue.send_all(batch)) < len(batch):
                raise StoreError("SQS did not take all of a payout's messages.")

    def _work_part(self, payout: Payout, name: str, deadline: Deadline) -> None:
        part = self._store.find_part(payout.payout_id, name)
        if part is not None and not part.is_done and not self._settle_part(payout, part, deadline):
            return
        payout = self._store.get(payout.payout_id)
        if payout.parts_left == 0 and payout.payout_state is PayoutState.RUNNING:
            self._write_files(payout)

    def _settle_part(self, payout: Payout, part: PayoutPart, deadline: Deadline) -> bool:
        """Goes through the users that are open; true once none is."""
        wish = AddressWish(payout.currency, payout.chain, payout.account)
        rows, has_failed = list(part.rows), False
        is_last = part.attempt + 1 >= MAX_ATTEMPTS
        for user_id in part.list_open():
            left = deadline.left() - SAVING_SECONDS
            if left < USER_SECONDS:
                break
            row = self._settle_user(user_id, wish, left, is_last=is_last)
            has_failed = has_failed or row is None
            rows += [row] if row is not None else []
        try:
            if len(rows) == len(part.users):
                self._store.finish_part(part, _sort(rows, part.users))
                return True
            attempt = part.attempt + 1 if has_failed else part.attempt
            self._store.save_rows(part, rows, attempt=attempt)
        except LostRaceError:
            return True  # another delivery was faster
        delay = FIRST_PAUSE_SECONDS * 2**part.attempt if has_failed else 0
        self._queue.send(self._build_message(payout, part.part), delay_seconds=delay)
        return False

    def _settle_user(
        self, user_id: str, wish: AddressWish, seconds: float, *, is_last: bool
    ) -> PayoutRow | None:
        """The row; None for what failed in passing and will be tried again."""
        try:
            found, _ = self._addresses.get_or_create(user_id, wish, seconds=seconds)
        except ConfigurationError:
            raise
        except KubrokerError as error:
            if _is_passing(error) and not is_last:
                return None
            count(PAYOUT_ADDRESS_FAILED)
            return PayoutRow(user_id=user_id, code=error.code, detail=error.message)
        return PayoutRow.of_address(user_id, found)

    def _write_files(self, payout: Payout) -> None:
        """Both files; writing them again gives the same ones."""
        rows = build_rows(
            payout, (row for part in self._store.iterate_parts(payout) for row in part.rows)
        )
        files = []
        for file_format, content in (("csv", build_csv(rows)), ("jsonl", build_jsonl(rows))):
            key = f"payouts/{payout.payout_id}.{file_format}"
            digest = self._files.put(key, content, content_type=CONTENT_TYPES[file_format])
            files.append(
                PayoutFile(format=file_format, key=key, size_bytes=len(content), sha256=digest)
            )
        self._store.make_ready(payout, files, now=self._now())
        count(PAYOUT_COMPLETED)

    def _build_message(self, payout: Payout, part: str) -> dict[str, str]:
        return {"kind": "payout_part", "payoutId": payout.payout_id, "part": part}


def _sort(rows: Sequence[PayoutRow], users: Sequence[str]) -> list[PayoutRow]:
    """In the order of the request."""
    by_user = {row.user_id: row for row in rows}
    return [by_user[user] for user in users]


def _is_passing(error: KubrokerError) -> bool:
    """Whether asking again later makes sense."""
    if isinstance(error, KucoinRefusedError):
        return is_passing_read(error)
    return error.retryable or isinstance(error, KucoinOutcomeUnknownError)
