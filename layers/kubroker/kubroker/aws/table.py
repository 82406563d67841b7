"""One DynamoDB table: reads that are consistent, writes that carry their conditions by name."""

import random
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer

from kubroker.aws.clients import translate_errors
from kubroker.foundation.errors import ContendedError, LostRaceError, StoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()
_NAME = re.compile(r"#(\w+)")
_VALUE = re.compile(r":\w+")
_TRIES = 6
_LONGEST_PAUSE_SECONDS = 0.4


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """Python values to DynamoDB's; attributes that are None are left out."""
    return {key: _serializer.serialize(value) for key, value in item.items() if value is not None}


def unmarshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB's values to Python's; binaries become bytes at every depth."""
    return {key: _plain(_deserializer.deserialize(value)) for key, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Binary):
        return bytes(value)  # type: ignore[call-overload]  # its stub lacks __bytes__
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


@dataclass(frozen=True)
class Update:
    """One update of one item.

    Attributes:
        key: The primary key.
        set_: Attribute to its new value; None removes the attribute.
        add: Attribute to the number that is added to it, or to the set that it joins.
        take: Attribute to the set that is taken out of it.
        conditions: Clauses that must all hold. ``#name`` is an attribute, ``#a.#b`` a map's
            entry, ``:name`` a value.
        values: The clauses' values, keys with their colon.
    """

    key: Mapping[str, Any]
    set_: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, int | Decimal | set[str]] = field(default_factory=dict)
    take: Mapping[str, set[str]] = field(default_factory=dict)
    conditions: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    def build(self, table: str, write_id: str) -> dict[str, Any]:
        """The request of UpdateItem, or of an Update in a transaction.

        Args:
            table: The table's name.
            write_id: Stored as ``lastWriteId``, so that a repeated write knows its own success.
        """
        kept = {key: value for key, value in self.set_.items() if value is not None}
        kept["lastWriteId"] = write_id
        removed = [key for key, value in self.set_.items() if value is None]
        parts = ["SET " + ", ".join(f"{_path(key)} = :set_{_slug(key)}" for key in kept)]
        if removed:
            parts.append("REMOVE " + ", ".join(_path(key) for key in removed))
        if self.add:
            parts.append("ADD " + ", ".join(f"{_path(key)} :add_{_slug(key)}" for key in self.add))
        if self.take:
            parts.append("DELETE " + ", ".join(f"{_path(k)} :take_{_slug(k)}" for k in self.take))
        values = {f":set_{_slug(key)}": value for key, value in kept.items()}
        values |= {f":take_{_slug(key)}": value for key, value in self.take.items()}
        values |= {f":add_{_slug(key)}": value for key, value in self.add.items()}
        values |= dict(self.values)
        request: dict[str, Any] = {
            "TableName": table,
            "Key": marshal(self.key),
            "UpdateExpression": " ".join(parts),
        }
        if self.conditions:
            request["ConditionExpression"] = _all_of(self.conditions)
        expression = request["UpdateExpression"] + request.get("ConditionExpression", "")
        request["ExpressionAttributeNames"] = _names_in(expression)
        request["ExpressionAttributeValues"] = marshal(
            {key: value for key, value in values.items() if key in _VALUE.findall(expression)}
        )
        return request


@dataclass(frozen=True)
class Put:
    """One new item under conditions; see ``Update``."""

    item: Mapping[str, Any]
    conditions: Sequence[str]
    values: Mapping[str, Any] = field(default_factory=dict)

    def build(self, table: str, write_id: str) -> dict[str, Any]:
        """The request of PutItem, or of a Put in a transaction."""
        condition = _all_of(self.conditions)
        request: dict[str, Any] = {
            "TableName": table,
            "Item": marshal({**self.item, "lastWriteId": write_id}),
            "ConditionExpression": condition,
        }
        if names := _names_in(condition):
            request["ExpressionAttributeNames"] = names
        if self.values:
            request["ExpressionAttributeValues"] = marshal(self.values)
        return request


@dataclass(frozen=True)
class ConditionCheck:
    """An item that a transaction leaves as it is, but wants under conditions; see ``Update``."""

    key: Mapping[str, Any]
    conditions: Sequence[str]
    values: Mapping[str, Any] = field(default_factory=dict)

    def build(self, table: str, write_id: str) -> dict[str, Any]:  # noqa: ARG002 - as its siblings
        """The request of a ConditionCheck in a transaction."""
        condition = _all_of(self.conditions)
        request: dict[str, Any] = {
            "TableName": table,
            "Key": marshal(self.key),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": _names_in(condition),
        }
        if self.values:
            request["ExpressionAttributeValues"] = marshal(self.values)
        return request


class Table:
    """Typed access to one table.

    Every write stores a fresh ``lastWriteId``. Where the SDK repeats a conditional write whose
    answer was lost, the repetition fails on its own success; the old item then shows our id.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Remembers the client and the table's name."""
        self._client = client
        self._sleep = sleep
        self.name = name

    def find(self, key: Mapping[str, Any], *, only: Sequence[str] = ()) -> dict[str, Any] | None:
        """The item, read consistently, or None.

        Args:
            key: The primary key.
            only: Attributes wanted, ``a.b`` a map's entry; empty for all.

        Raises:
            StoreError: DynamoDB could not be asked.
        """
        request: dict[str, Any] = {"Key": marshal(key), "ConsistentRead": True}
        if only:
            request["ProjectionExpression"] = ", ".join(_path(name) for name in only)
            request["ExpressionAttributeNames"] = _names_in(request["ProjectionExpression"])
        with translate_errors(f"reading {self.name}"):
            answer = self._client.get_item(TableName=self.name, **request)
        item = answer.get("Item")
        return None if item is None else unmarshal(item)

    def find_many(self, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Those of at most 100 items that exist, read consistently, in no order.

        Raises:
            StoreError: DynamoDB could not be asked, or left some unread.
        """
        request: Any = {self.name: {"Keys": [marshal(key) for key in keys], "ConsistentRead": True}}
        with translate_errors(f"reading {self.name}"):
            answer = self._client.batch_get_item(RequestItems=request)
        if answer.get("UnprocessedKeys"):
            raise StoreError(f"reading {self.name} failed: some keys were left unread")
        return [unmarshal(item) for item in answer["Responses"].get(self.name, [])]

    def write(self, change: Update | Put) -> dict[str, Any]:
        """Writes under the change's conditions.

        Returns:
            The item after the write (for a Put: the item that was put).

        Raises:
            LostRaceError: A condition did not hold, and the write was not ours.
            StoreError: DynamoDB could not be asked: it may or may not have been written.
        """
        write_id = secrets.token_hex(12)
        request = change.build(self.name, write_id)
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        try:
            with translate_errors(f"writing {self.name}"):
                if isinstance(change, Put):
                    self._client.put_item(**request)
                    return dict(change.item)
                answer = self._client.update_item(**request, ReturnValues="ALL_NEW")
                return unmarshal(answer["Attributes"])
        except LostRaceError as error:
            old = unmarshal(error.item or {})
            if old.get("lastWriteId") == write_id:
                return old
            raise

    def query(self, **request: Any) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """One page of a query: its items and the key to go on from."""
        with translate_errors(f"querying {self.name}"):
            answer = self._client.query(TableName=self.name, **request)
        return [unmarshal(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def scan(self, **request: Any) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """One page of a scan: its items and the key to go on from."""
        with translate_errors(f"scanning {self.name}"):
            answer = self._client.scan(TableName=self.name, **request)
        return [unmarshal(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def transact(self, changes: Iterable[tuple["Table", Update | Put | ConditionCheck]]) -> None:
        """Writes all or nothing; the SDK's request token makes a repetition safe.

        Raises:
            LostRaceError: A condition did not hold: nothing was written.
            StoreError: DynamoDB could not be asked: it may or may not have been written.
        """
        write_id = secrets.token_hex(12)
        items = [
            {type(change).__name__: change.build(table.name, write_id)} for table, change in changes
        ]
        with translate_errors(f"writing {self.name} and others"):
            self._client.transact_write_items(TransactItems=items)  # type: ignore[arg-type]

    def transact_patiently(
        self, changes: Sequence[tuple["Table", Update | Put | ConditionCheck]]
    ) -> None:
        """As ``transact``; where it met another transaction, again after a pause.

        Raises:
            LostRaceError: A condition did not hold: nothing was written.
            StoreError: DynamoDB could not be asked, or it kept meeting others.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                self.transact(changes)
            except ContendedError:
                if attempt == _TRIES:
                    raise
                self._sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311 - jitter
            else:
                return


def _path(key: str) -> str:
    return ".".join(f"#{part}" for part in key.split("."))


def _slug(key: str) -> str:
    return key.replace(".", "_")


def _all_of(conditions: Sequence[str]) -> str:
    return " AND ".join(f"({clause})" for clause in conditions)


def _names_in(expression: str) -> dict[str, str]:
    return {f"#{name}": name for name in _NAME.findall(expression)}
