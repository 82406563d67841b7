"""The append-only audit: entries are put once; no role may update or delete one.

What moves money, makes a key or ends a connection is written before it is done, and if that can't
be, it is not done. That a secret was opened is written after KMS's answer and stops nothing where
it fails: CloudTrail has KMS's own record of it, with the same user and purpose.

A Lambda process works on one request at a time: the caller of the moment is the process's.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from kubroker.audit.model import (
    AuditEntry,
    AuditKind,
    AuditOutcome,
    build_entry_id,
)
from kubroker.aws.clients import get_dynamodb, get_impatient_dynamodb
from kubroker.aws.table import Put, Table, marshal
from kubroker.foundation.errors import ConfigurationError, KubrokerError, LostRaceError, StoreError
from kubroker.foundation.observability import AUDIT_FAILED, count, logger
from kubroker.foundation.settings import AuditSettings
from kubroker.foundation.stored import ReadableList, read_list

_ENTRY_IS_NEW = ["attribute_not_exists(#entryId)"]
_SPAN_ROWS = 200


@dataclass(frozen=True)
class Caller:
    """Who is behind what a process does now.

    Attributes:
        principal: ARN of the signer, or in words where nobody signed.
        request_id: API Gateway's, or None.
        request_hash: Of the body, or None.
    """

    principal: str
    request_id: str | None = None
    request_hash: str | None = None


@dataclass(frozen=True, kw_only=True)
class Act:
    """What an entry tells, besides when and by whom; see ``AuditEntry``."""

    user_id: str
    kind: AuditKind
    action: str
    outcome: AuditOutcome
    status: int | None = None
    code: str | None = None
    reference: str | None = None


_callers: list[Caller] = []
_ends: list[tuple[str, str | None]] = []


def enter(caller: Caller) -> None:
    """From now on this caller is behind what is done."""
    _callers[:] = [caller]
    _ends.clear()


def leave() -> None:
    """The request is over."""
    _callers.clear()
    _ends.clear()


def describe_end(reference: str, code: str | None) -> None:
    """For the last entry of the request of the moment: what it was about, and what came of it."""
    _ends[:] = [(reference, code)]


def find_end() -> tuple[str | None, str | None]:
    """Reference and code of the request of the moment, as far as somebody described them."""
    return _ends[0] if _ends else (None, None)


def get_caller() -> Caller:
    """The caller of the moment; a function that nobody called acts by itself."""
    if _callers:
        return _callers[0]
    return Caller(f"function/{os.environ.get('POWERTOOLS_SERVICE_NAME', 'unknown')}")


class AuditStore:
    """Puts entries, and reads a user's."""

    def __init__(self, table: Table) -> None:
        """Remembers the table ``Audit``."""
        self._table = table

    def append(self, entry: AuditEntry) -> None:
        """Puts an entry; one that is there already stays as it is.

        Raises:
            StoreError: DynamoDB could not be asked: it may or may not be there.
        """
        try:
            self._table.write(Put(entry.to_item(), _ENTRY_IS_NEW))
        except LostRaceError:
            logger.debug("an audit entry is there already")

    def find_page(
        self, user_id: str, *, limit: int, before: str | None
    ) -> tuple[ReadableList[AuditEntry], str | None]:
        """A user's entries, the latest first.

        Args:
            user_id: Whose.
            limit: Entries at most.
            before: The last entry id of the page before, or None.

        Returns:
            The entries that can be read, and the last one's id where there are more.

        Raises:
            StoreError: DynamoDB could not be asked.
        """
        request: dict[str, Any] = {"Limit": limit, "ScanIndexForward": False}
        if before is not None:
            request["ExclusiveStartKey"] = marshal({"userId": user_id, "entryId": before})
        rows, last = self._table.query(
            KeyConditionExpression="#u = :u",
            ExpressionAttributeNames={"#u": "userId"},
            ExpressionAttributeValues=marshal({":u": user_id}),
            ConsistentRead=True,
            **request,
        )
        entries = read_list(rows, AuditEntry.model_validate)
        return entries, str(rows[-1]["entryId"]) if last and rows else None

    def iterate_span(self, user_id: str, start_ms: int, end_ms: int) -> Iterator[list[AuditEntry]]:
        """A user's entries of a span of time, both ends included, oldest first, by pages.

        Raises:
            StoreError: DynamoDB could not be asked.
        """
        start: dict[str, Any] | None = None
        bounds = {":u": user_id, ":a": f"{start_ms:013d}-", ":b": f"{end_ms + 1:013d}-"}
        while True:
            request: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            rows, start = self._table.query(
                KeyConditionExpression="#u = :u AND #e BETWEEN :a AND :b",
                ExpressionAttributeNames={"#u": "userId", "#e": "entryId"},
                ExpressionAttributeValues=marshal(bounds),
                Limit=_SPAN_ROWS,
                **request,
            )
            yield read_list(rows, AuditEntry.model_validate)
            if start is None:
                return


@cache
def get_audit() -> AuditStore:
    """The process's audit.

    Raises:
        ConfigurationError: The setting is missing.
    """
    return AuditStore(Table(get_dynamodb(), AuditSettings.from_environment().audit_table))


@cache
def _get_impatient_audit() -> AuditStore:
    name = AuditSettings.from_environment().audit_table
    return AuditStore(Table(get_impatient_dynamodb(), name))


def record(act: Act, audit: AuditStore | None = None) -> None:
    """Writes an entry of the caller of the moment.

    Raises:
        StoreError: It could not be written; what it was about must not be done.
        ConfigurationError: The setting is missing.
    """
    at_ms = int(time.time() * 1000)
    caller = get_caller()
    entry = AuditEntry(
        user_id=act.user_id,
        entry_id=build_entry_id(at_ms, secrets.token_hex(6)),
        at=at_ms // 1000,
        kind=act.kind,
        action=act.action,
        outcome=act.outcome,
        principal=caller.principal,
        request_id=caller.request_id,
        request_hash=caller.request_hash,
        status=act.status,
        code=act.code,
        reference=act.reference,
    )
    (audit or get_audit()).append(entry)


def note(act: Act) -> None:
    """Writes an entry of what is done already; a failure is counted, and raises nothing."""
    try:
        record(act, _get_impatient_audit())
    except (StoreError, ConfigurationError) as error:
        if isinstance(error, StoreError):
            count(AUDIT_FAILED)
        logger.error(
            "an audit entry is lost", extra={"action": act.action, "reason": error.message}
        )


def run_audited[Result](
    act: Act,
    do: Callable[[], Result],
    *,
    judge: Callable[[Result], tuple[AuditOutcome, str | None]],
) -> Result:
    """Does what can't be undone, between its two entries; one without an end was cut off.

    Args:
        act: What begins.
        do: Does it.
        judge: The outcome and the code of what it came to.

    Returns:
        What ``do`` returned.

    Raises:
        StoreError: The audit takes no entry; nothing was done.
        KubrokerError: Whatever ``do`` raises.
    """
    record(act)
    try:
        result = do()
    except KubrokerError as error:
        note(replace(act, outcome=AuditOutcome.FAILED, code=error.code))
        raise
    outcome, code = judge(result)
    note(replace(act, outcome=outcome, code=code))
    return result
