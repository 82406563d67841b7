"""The store of exports: heads, units, parts, files; one table."""

import contextlib
import re
from collections.abc import Sequence
from typing import Any

from kubroker.aws.table import Put, Table, Update, marshal
from kubroker.exports.model import (
    ASSEMBLY,
    HEAD,
    INDEX,
    UNIT_PREFIX,
    Assembly,
    Export,
    ExportFile,
    ExportPart,
    ExportState,
    ExportUnit,
    name_chunk,
    name_entry,
)
from kubroker.foundation.cursors import build_cursor, build_cursor_error, parse_cursor
from kubroker.foundation.errors import LostRaceError, NotFoundError, StoreError
from kubroker.foundation.stored import ReadableList, read_list

_IS_NEW = ["attribute_not_exists(#exportId)"]
_IS_RUNNING = "#exportState = :running"
_RUNNING = {":running": ExportState.RUNNING}
_SAME_VERSION = "#version = :version"
_ENTRY = re.compile(r"[0-9]{10}#[0-9a-f]{32}", re.ASCII)


class ExportStore:
    """Reads and writes ``Exports``; every change of a step is fenced by a version or a state."""

    def __init__(self, table: Table) -> None:
        """Remembers the table."""
        self._table = table

    def find(self, export_id: str) -> Export | None:
        """The head, or None; read consistently."""
        item = self._table.find({"exportId": export_id, "item": HEAD})
        return None if item is None else Export.model_validate(item)

    def get(self, export_id: str) -> Export:
        """The head.

        Raises:
            NotFoundError: There is no such export (any more).
        """
        export = self.find(export_id)
        if export is None:
            raise NotFoundError("There is no such export.", code="export_not_found")
        return export

    def list_page(self, limit: int, cursor: str | None) -> tuple[ReadableList[Export], str | None]:
        """Exports that can be read, the latest first.

        Raises:
            BadRequestError: The cursor is none of ours.
        """
        start = None if cursor is None else {"exportId": INDEX, "item": _parse_entry(cursor)}
        rows, last = self._query(
            INDEX,
            "",
            Limit=limit,
            ScanIndexForward=False,
            **({"ExclusiveStartKey": marshal(start)} if start else {}),
        )
        ids = [str(row["item"]).partition("#")[2] for row in rows]
        heads = (
            self._table.find_many([{"exportId": one, "item": HEAD} for one in ids]) if ids else []
        )
        found = {head["exportId"]: head for head in heads}
        page = read_list((found[one] for one in ids if one in found), Export.model_validate)
        return page, build_cursor({"item": rows[-1]["item"]}) if last else None

    def create(self, export: Export, chunks: Sequence[Sequence[str]]) -> None:
        """Writes the chunks of users, then head and entry of the list at once.

        Raises:
            LostRaceError: The head is there already.
            StoreError: DynamoDB could not be asked; doing it again is safe.
        """
        for number, users in enumerate(chunks):
            item = name_chunk(export.request_hash, number)
            body = {"exportId": export.export_id, "item": item, "users": list(users)}
            # Its name holds the request's hash: one that is there has the same users.
            with contextlib.suppress(LostRaceError):
                self._table.write(Put({**body, "ttl": export.kept_until}, _IS_NEW))
        entry = {"exportId": INDEX, "item": name_entry(export), "ttl": export.kept_until}
        self._table.transact(
            [(self._table, Put(export.to_item(), _IS_NEW)), (self._table, Put(entry, _IS_NEW))]
        )

    def get_chunk(self, export: Export, number: int) -> list[str]:
        """The users of a chunk."""
        key = {"exportId": export.export_id, "item": name_chunk(export.request_hash, number)}
        item = self._table.find(key)
        if item is None:
            raise StoreError("A part of an export's users is not there.")
        return [str(user) for user in item["users"]]

    def plan(self, export: Export, units: Sequence[ExportUnit], cursor: str | None) -> Export:
        """Adds units and moves the planning on, all or nothing.

        Args:
            export: As it was read.
            units: At most ``PLAN_USERS``.
            cursor: Where planning goes on; None once it is over.

        Raises:
            LostRaceError: Somebody else planned them, or the export is over.
        """
        head = Update(
            key=_head(export.export_id),
            set_={"planCursor": cursor or "", "isPlanned": cursor is None},
            add={"users": len(units), "usersLeft": len(units)},
            conditions=[_IS_RUNNING, "#planCursor = :cursor", "#isPlanned = :no"],
            values={**_RUNNING, ":cursor": export.plan_cursor, ":no": False},
        )
        puts = [(self._table, Put(unit.to_item(), _IS_NEW)) for unit in units]
        self._table.transact([(self._table, head), *puts])
        return self.get(export.export_id)

    def list_units(self, export_id: str, after: str = "") -> tuple[list[ExportUnit], bool]:
        """A page of units behind an item, in order, and whether there are more."""
        rows, last = self._list(export_id, UNIT_PREFIX, after)
        return [ExportUnit.model_validate(row) for row in rows], last is not None

    def find_unit(self, export_id: str, item: str) -> ExportUnit | None:
        """One unit, or None; read consistently."""
        row = self._table.find({"exportId": export_id, "item": item})
        return None if row is None else ExportUnit.model_validate(row)

    def save_unit(
        self, seen: ExportUnit, state: ExportUnit, part: ExportPart | None, *, now: int
    ) -> None:
        """A step of a unit: its new state, the part that it wrote, and the head's counts at once.

        Args:
            seen: As it was read.
            state: As it is now.
            part: What the step wrote, if it wrote something.
            now: Epoch seconds.

        Raises:
            LostRaceError: Another step was faster: the part belongs to nobody.
        """
        unit = Update(
            key={"exportId": seen.export_id, "item": seen.item},
            # None removes: the next kind knows nothing of the span of the one before.
            set_=state.model_dump(by_alias=True, exclude={"export_id", "item"}),
            conditions=[_SAME_VERSION, "#isDone = :no"],
            values={":version": seen.version, ":no": False},
        )
        changes: list[tuple[Table, Update | Put]] = [(self._table, unit)]
        if part is not None:
            changes.append((self._table, Put(part.to_item(), _IS_NEW)))
        if state.is_done:
            counts = {
                "usersLeft": -1,
                "usersWithGaps": 1 if state.gaps else 0,
                "records": state.records,
            }
            head = Update(key=_head(seen.export_id), set_={"updatedAt": now}, add=counts)
            changes.append((self._table, head))
        # Units that end at the same moment meet on the head.
        self._table.transact_patiently(changes)

    def list_parts(self, export_id: str, prefix: str, after: str) -> tuple[list[ExportPart], bool]:
        """A page of parts behind an item, in order, and whether there are more."""
        rows, last = self._list(export_id, prefix, after)
        return [ExportPart.model_validate(row) for row in rows], last is not None

    def get_assembly(self, export: Export) -> Assembly:
        """How far the files are."""
        row = self._table.find({"exportId": export.export_id, "item": ASSEMBLY})
        if row is None:
            return Assembly(export_id=export.export_id, ttl=export.kept_until)
        return Assembly.model_validate(row)

    def save_assembly(self, seen: Assembly, now: Assembly, files: Sequence[ExportFile]) -> None:
        """A step of the assembly: how far it is, and the files that it wrote, at once.

        Raises:
            LostRaceError: Another step was faster.
        """
        item = now.model_copy(update={"version": seen.version + 1}).to_item()
        condition = [_SAME_VERSION] if seen.version else ["attribute_not_exists(#version)"]
        values = {":version": seen.version} if seen.version else {}
        changes: list[tuple[Table, Update | Put]] = [(self._table, Put(item, condition, values))]
        changes += [(self._table, Put(file.to_item(), _IS_NEW)) for file in files]
        self._table.transact(changes)

    def list_files(self, export_id: str) -> list[ExportFile]:
        """Every file, in order."""
        files: list[ExportFile] = []
        while True:
            rows, last = self._list(export_id, "file#", files[-1].item if files else "")
            files += [ExportFile.model_validate(row) for row in rows]
            if last is None:
                return files

    def end(
        self, export: Export, state: ExportState, *, now: int, code: str | None = None
    ) -> Export:
        """RUNNING → READY, FAILED or CANCELLED.

        Raises:
            LostRaceError: It is over already.
        """
        return self._move(export, state, seen=ExportState.RUNNING, now=now, code=code)

    def touch(self, export: Export, *, now: int) -> Export:
        """Notes that a running one is set going again.

        Raises:
            LostRaceError: It is over, or somebody else did, or a unit was done meanwhile.
        """
        change = Update(
            key=_head(export.export_id),
            set_={"updatedAt": now},
            conditions=[_IS_RUNNING, "#updatedAt = :seen"],
            values={**_RUNNING, ":seen": export.updated_at},
        )
        return Export.model_validate(self._table.write(change))

    def resume(self, export: Export, *, now: int) -> Export:
        """FAILED → RUNNING.

        Raises:
            LostRaceError: It is not FAILED any more.
        """
        return self._move(export, ExportState.RUNNING, seen=ExportState.FAILED, now=now)

    def _move(
        self,
        export: Export,
        state: ExportState,
        *,
        seen: ExportState,
        now: int,
        code: str | None = None,
    ) -> Export:
        ready = {"readyAt": now} if state is ExportState.READY else {}
        change = Update(
            key=_head(export.export_id),
            set_={"exportState": state, "updatedAt": now, "code": code, **ready},
            add={"sequence": 1},
            conditions=["#exportState = :seen"],
            values={":seen": seen},
        )
        return Export.model_validate(self._table.write(change))

    def _list(
        self, export_id: str, prefix: str, after: str
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        key = marshal({"exportId": export_id, "item": after})
        return self._query(export_id, prefix, **({"ExclusiveStartKey": key} if after else {}))

    def _query(
        self, export_id: str, prefix: str, **request: Any
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        condition, names, values = "#p = :p", {"#p": "exportId"}, {":p": export_id}
        if prefix:
            condition += " AND begins_with(#i, :i)"
            names["#i"], values[":i"] = "item", prefix
        return self._table.query(
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=marshal(values),
            ConsistentRead=True,
            **request,
        )


def _parse_entry(cursor: str) -> str:
    item = parse_cursor(cursor).get("item")
    if not isinstance(item, str) or not _ENTRY.fullmatch(item):
        raise build_cursor_error()
    return item


def _head(export_id: str) -> dict[str, str]:
    return {"exportId": export_id, "item": HEAD}
