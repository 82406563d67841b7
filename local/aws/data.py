"""Reaches into moto: atomic DynamoDB and SQS, and short ways for tests to data and time."""

import copy
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.dynamodbstreams.models import dynamodbstreams_backends
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler
from moto.sqs.models import Queue, SQSBackend, sqs_backends

_ACCOUNT = "123456789012"
_MOST_ITERATORS = 200
_dynamodb_lock = threading.RLock()
_sqs_lock = threading.RLock()


def make_atomic() -> None:
    """One request at a time in DynamoDB and its streams, and in SQS: moto is not thread-safe."""
    DynamoDBStreamsHandler.call_action = _forget_iterators(DynamoDBStreamsHandler.call_action)
    Table.__deepcopy__ = lambda table, _memo: table
    DynamoDBBackend.transact_write_items = _undo_by_item(DynamoDBBackend.transact_write_items)
    for handler in (DynamoHandler, DynamoDBStreamsHandler):
        handler.call_action = _lock_call(handler.call_action, _dynamodb_lock)
    for name in (
        "send_message",
        "send_message_batch",
        "delete_message",
        "delete_message_batch",
        "change_message_visibility",
        "change_message_visibility_batch",
        "purge_queue",
    ):
        setattr(SQSBackend, name, _lock_call(getattr(SQSBackend, name), _sqs_lock))
    SQSBackend.receive_message = _build_receive(SQSBackend.receive_message)


def _forget_iterators(original: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps the latest iterators only: moto keeps each one for good, two for each look."""

    def call(*arguments: Any, **named: Any) -> Any:
        for backend in dynamodbstreams_backends[_ACCOUNT].values():
            while len(backend.shard_iterators) > _MOST_ITERATORS:
                backend.shard_iterators.pop(next(iter(backend.shard_iterators)))
        return original(*arguments, **named)

    return call


def _undo_by_item(original: Callable[..., Any]) -> Callable[..., Any]:
    """A transaction that fails puts its own items back.

    moto copies each table whole for that, with all that its stream ever held: ever slower, and
    gigabytes of garbage in circles.
    """

    def transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        actions = [action for entry in transact_items for action in entry.values()]
        before = [
            _Before(backend.tables[action["TableName"]], action.get("Key") or action["Item"])
            for action in actions
        ]
        try:
            original(backend, transact_items)
        except Exception:
            for item in reversed(before):
                item.put_back()
            raise

    return transact


class _Before:
    """An item, and how long its table's stream is, before a transaction."""

    def __init__(self, table: Table, values: dict[str, Any]) -> None:
        self._table = table
        self._hash = DynamoType(values[table.hash_key_attr])
        range_name = table.range_key_attr
        self._range = None if range_name is None else DynamoType(values[range_name])
        self._item = copy.deepcopy(table.get_item(self._hash, self._range))
        self._length = len(table.stream_shard.items) if table.stream_shard else 0

    def put_back(self) -> None:
        """As if the transaction had not been."""
        items: dict[DynamoType, Any] = self._table.items
        name = self._hash
        if self._range is not None:
            items, name = items[self._hash], self._range
        if self._item is None:
            items.pop(name, None)
        else:
            items[name] = self._item
        if self._table.stream_shard:
            del self._table.stream_shard.items[self._length :]


def _lock_call(original: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        with lock:
            return original(*arguments, **named)

    return call


def _build_receive(original: Callable[..., Any]) -> Callable[..., Any]:
    """Long polling that does not keep others out while it waits."""

    def receive(
        backend: Any, queue_name: str, count: int, wait_seconds: int, *rest: Any, **named: Any
    ) -> Any:
        deadline = time.monotonic() + (wait_seconds or 0)
        while True:
            with _sqs_lock:
                received = original(backend, queue_name, count, 0, *rest, **named)
            left = deadline - time.monotonic()
            if received or left <= 0:
                return received
            backend.get_queue(queue_name).wait_for_messages(min(left, 1.0))

    return receive


def clear_data() -> None:
    """Empties every table, stream and queue; keys, secrets and the stack stay."""
    with _dynamodb_lock:
        for backend in dynamodb_backends[_ACCOUNT].values():
            for table in backend.tables.values():
                table.items.clear()
                if shard := table.stream_shard:
                    shard.starting_sequence_number += len(shard.items)  # numbers never come again
                    shard.items.clear()
    with _sqs_lock:
        for queue in _list_queues(""):
            queue._messages = []
            queue._pending_messages = set()


def release_delayed(queue_name: str = "") -> int:
    """Makes delayed and in-flight messages visible now, as if their time had passed.

    Args:
        queue_name: One queue; empty for all.

    Returns:
        How many messages became visible.
    """
    changed = 0
    with _sqs_lock:
        for queue in _list_queues(queue_name):
            with queue._messages_lock:
                for message in queue._messages:
                    changed += bool(message.delayed or not message.visible)
                    message.delayed_until = message.visible_at = 0.0
                queue._messages_lock.notify_all()
    return changed


def sweep_expired_items(now_s: float) -> int:
    """Deletes what DynamoDB's TTL would, in every table that has it on.

    Args:
        now_s: Unix seconds.

    Returns:
        How many items were deleted.
    """
    swept = 0
    with _dynamodb_lock:
        for backend in dynamodb_backends[_ACCOUNT].values():
            for table in list(backend.tables.values()):
                if table.ttl.get("TimeToLiveStatus") == "ENABLED":
                    for key in list(_find_expired_keys(table, now_s)):
                        backend.delete_item(table.name, key, None, None, None)
                        swept += 1
    return swept


def _find_expired_keys(table: Any, now_s: float) -> Iterator[dict[str, Any]]:
    attribute = table.ttl["AttributeName"]
    for item in table.all_items():
        expiry = item.attrs.get(attribute)
        if expiry is not None and expiry.type == "N" and float(expiry.value) <= now_s:
            yield {name: item.attrs[name].to_json() for name in table.table_key_attrs}


def _list_queues(queue_name: str) -> list[Queue]:
    return [
        queue
        for backend in sqs_backends[_ACCOUNT].values()
        for queue in backend.queues.values()
        if queue_name in ("", queue.name)
    ]
