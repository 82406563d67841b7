"""Working the queue of exports: planning, units, files; and the collector's messages.

``plan_export`` {exportId} gives every user a unit, ``start_units`` {exportId, after} has each
worked, ``export_unit`` {exportId, item} works one, ``assemble_export`` {exportId} makes the files.
Whatever is delivered twice, or after a crash, goes on from what is written down.
"""

from collections.abc import Callable
from itertools import batched
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from kubroker.aws.queue import Queue
from kubroker.connections.store import ConnectionNames
from kubroker.exports.archive.collector import Collector
from kubroker.exports.assembly import ExportAssembly
from kubroker.exports.model import PLAN_USERS, Export, ExportState, ExportUnit, name_unit
from kubroker.exports.store import ExportStore
from kubroker.exports.units import UnitWork
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import (
    BadRequestError,
    ConfigurationError,
    KubrokerError,
    LostRaceError,
    StoreError,
)
from kubroker.foundation.observability import EXPORT_FAILED, count, logger

_MESSAGES = 10
# The queue gives a message up after so many deliveries.
LAST_DELIVERY = 5
_MARGIN_SECONDS = 6.0
_OVERTAKEN_SECONDS = 60


class ExportWork:
    """Works messages."""

    def __init__(
        self,
        store: ExportStore,
        names: ConnectionNames,
        queue: Queue,
        *,
        units: UnitWork,
        assembly: ExportAssembly,
        collector: Collector,
        clock: Clock,
    ) -> None:
        """Joins its parts."""
        self._store = store
        self._names = names
        self._queue = queue
        self._units = units
        self._assembly = assembly
        self._collector = collector
        self._clock = clock

    def work(self, record: SQSRecord, *, seconds: float) -> None:
        """Works one message; raising delivers it again.

        Args:
            record: The message.
            seconds: That this invocation has left.

        Raises:
            KubrokerError: Passing; or a message that this release does not know.
        """
        message, deadline = record.json_body, self._clock.start(seconds)
        if self._collector.work(message, deadline):
            return
        export = self._store.find(str(message.get("exportId")))
        if export is None or export.export_state is not ExportState.RUNNING:
            logger.info("a message is about an export that is over")
            return
        try:
            self._find_step(message)(export, message, deadline)
        except LostRaceError:
            self._look_again(message)
        except Exception as error:
            if int(record.attributes.approximate_receive_count) < LAST_DELIVERY:
                raise
            self._end_badly(export, message, error)

    def _look_again(self, message: dict[str, Any]) -> None:
        """Somebody else is further, and may crash before its own message."""
        logger.info("a step of an export was overtaken")
        self._queue.send(message, delay_seconds=_OVERTAKEN_SECONDS)

    def _end_badly(self, export: Export, message: dict[str, Any], error: Exception) -> None:
        """The last delivery: what is ours to mend ends the export, else a user's part is a gap."""
        is_ours = isinstance(error, StoreError | ConfigurationError)
        if message.get("kind") != "export_unit" or is_ours:
            self._give_up(export, error)
            raise error
        try:
            self._abandon_unit(export, message, error)
        except LostRaceError:
            self._look_again(message)
        except StoreError as failure:
            self._give_up(export, failure)
            raise

    def _find_step(
        self, message: dict[str, Any]
    ) -> Callable[[Export, dict[str, Any], Deadline], None]:
        steps = {
            "plan_export": self._plan,
            "start_units": self._start_units,
            "export_unit": self._work_unit,
            "assemble_export": self._assemble,
        }
        kind = message.get("kind")
        if kind not in steps:
            raise BadRequestError("This release does not know that kind of message.")
        return steps[kind]

    def _plan(self, export: Export, message: dict[str, Any], deadline: Deadline) -> None:
        """A unit for each user, page by page."""
        while not export.is_planned:
            if deadline.left() < _MARGIN_SECONDS:
                self._queue.send(message)
                return
            users, cursor = self._find_users(export)
            export = self._store.plan(
                export, [self._build_unit(export, user) for user in users], cursor
            )
        self._start_units(export, {"after": ""}, deadline)

    def _find_users(self, export: Export) -> tuple[list[str], str | None]:
        """The next page of users, and where the one behind it begins, None after the last."""
        if export.request.is_of_all:
            return self._names.list_page(export.plan_cursor, PLAN_USERS)
        number = int(export.plan_cursor or 0)
        is_last = number + 1 >= export.chunk_count
        return self._store.get_chunk(export, number), None if is_last else str(number + 1)

    def _build_unit(self, export: Export, user_id: str) -> ExportUnit:
        return ExportUnit(
            export_id=export.export_id,
            item=name_unit(user_id),
            user_id=user_id,
            cursor_ms=export.request.start_ms,
            ttl=export.kept_until,
        )

    def _start_units(self, export: Export, message: dict[str, Any], deadline: Deadline) -> None:
        """A message for each unit that is not done; twice is harmless."""
        after, has_more = str(message.get("after", "")), True
        while has_more:
            if deadline.left() < _MARGIN_SECONDS:
                self._queue.send(
                    {"kind": "start_units", "exportId": export.export_id, "after": after}
                )
                return
            page, has_more = self._store.list_units(export.export_id, after)
            for units in batched(
                [unit for unit in page if not unit.is_done], _MESSAGES, strict=False
            ):
                messages = [
                    {"kind": "export_unit", "exportId": export.export_id, "item": unit.item}
                    for unit in units
                ]
                if len(self._queue.send_all(messages)) < len(messages):
                    raise StoreError("SQS did not take all of an export's messages.")
            after = page[-1].item if page else after
        if self._store.get(export.export_id).users_left == 0:
            self._send_assembly(export)

    def _work_unit(self, export: Export, message: dict[str, Any], deadline: Deadline) -> None:
        unit = self._store.find_unit(export.export_id, str(message.get("item")))
        if unit is None:
            raise BadRequestError("A message names a unit that is not there.")
        pause = self._units.run(export, unit, deadline)
        if pause is not None:
            self._queue.send(message, delay_seconds=pause)
        else:
            self._end_unit(export)

    def _abandon_unit(self, export: Export, message: dict[str, Any], error: Exception) -> None:
        """One user's records that nobody can make sense of are a gap, not everybody's failure."""
        unit = self._store.find_unit(export.export_id, str(message.get("item")))
        if unit is None:
            raise error
        logger.error(
            "a user's part of an export was given up", extra={"error": type(error).__name__}
        )
        if not unit.is_done:
            self._units.abandon(export, unit, _find_code(error))
        self._end_unit(export)

    def _end_unit(self, export: Export) -> None:
        if self._store.get(export.export_id).users_left == 0:
            self._send_assembly(export)

    def _assemble(self, export: Export, message: dict[str, Any], deadline: Deadline) -> None:
        if not export.is_planned or export.users_left:
            raise BadRequestError("A message wants the files of an export that is not read yet.")
        if not self._assembly.run(export, deadline):
            self._queue.send(message)

    def _send_assembly(self, export: Export) -> None:
        self._queue.send({"kind": "assemble_export", "exportId": export.export_id})

    def _give_up(self, export: Export, error: Exception) -> None:
        """→ FAILED: the queue sets the message aside; the same request resumes the export."""
        code = _find_code(error)
        try:
            self._store.end(export, ExportState.FAILED, now=self._clock.now(), code=code)
        except StoreError:
            return  # it is over, or nothing can be written: the alarm of the queue tells
        count(EXPORT_FAILED)
        logger.error("an export was given up", extra={"code": code})


def _find_code(error: Exception) -> str:
    """What is told of a failure: never its words."""
    return error.code if isinstance(error, KubrokerError) else KubrokerError.code
