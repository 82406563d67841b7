"""Feeds a function from a table's stream, as Lambda's event source mapping does."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from local.aws.client import REGION, AwsStandin
from local.deployment.deployed import EventSource
from local.gateway.invocation import InvokeResult

_DEFAULT_RETRIES = 3  # AWS: until the record expires; here a poisoned record should be seen


class StreamFeed:
    """One stream of one function: in order, a batch again until it is worked off or given up."""

    def __init__(
        self,
        aws: AwsStandin,
        source: EventSource,
        invoke: Callable[[str, dict[str, Any]], InvokeResult],
    ) -> None:
        """Begins at the oldest record."""
        self.source = source
        self.given_up: list[dict[str, Any]] = []
        self._aws = aws
        self._invoke = invoke
        self._streams = aws.client("dynamodbstreams")
        self._last_number: str | None = None
        self._tries = 0
        retries = int(source.properties.get("MaximumRetryAttempts", -1))
        self._retries = retries if retries >= 0 else _DEFAULT_RETRIES

    def feed_once(self) -> InvokeResult | None:
        """Runs the function with the next batch; None if there is nothing new."""
        records = list(self._read())[: self.source.batch_size]
        if not records:
            return None
        event = {"Records": [self._build_record(record) for record in records]}
        result = self._invoke(self.source.function_name, event)
        failed_at = self._find_first_failure(result, records)
        self._advance(records, failed_at)
        return result

    def _advance(self, records: list[dict[str, Any]], failed_at: int | None) -> None:
        """Moves behind what was worked off, and behind what failed too often."""
        if failed_at is None:
            self._last_number = _get_number(records[-1])
            self._tries = 0
        elif failed_at > 0:
            self._last_number = _get_number(records[failed_at - 1])
            self._tries = 0
        else:
            self._tries += 1
        if failed_at is not None and self._tries > self._retries:
            self._give_up(records[0])
            self._last_number = _get_number(records[0])
            self._tries = 0

    def _give_up(self, record: dict[str, Any]) -> None:
        """To the destination of failures, where that is a bucket.

        Source: Lambda, "Retaining discarded batch records", S3: the invocation with its records.
        """
        self.given_up.append(record)
        destination = self.source.properties.get("DestinationConfig", {}).get("OnFailure", {})
        arn = str(destination.get("Destination", ""))
        if arn.startswith("arn:aws:s3:::"):
            event = json.dumps({"Records": [self._build_record(record)]})
            name = self.source.function_name
            self._aws.client("s3").put_object(
                Bucket=arn.rpartition(":")[2],
                Key=f"aws/lambda/{name}/{_get_number(record)}.json",
                Body=json.dumps({"version": "1.0", "payload": event}).encode(),
            )

    def _find_first_failure(
        self, result: InvokeResult, records: list[dict[str, Any]]
    ) -> int | None:
        if result.function_error:
            return 0
        payload = result.payload if isinstance(result.payload, dict) else {}
        if not self.source.reports_item_failures:
            return None
        named = {item["itemIdentifier"] for item in payload.get("batchItemFailures") or []}
        numbers = [_get_number(record) for record in records]
        if named - set(numbers):
            return 0
        return min((numbers.index(number) for number in named), default=None)

    def _read(self) -> Iterator[dict[str, Any]]:
        """What is after the last number, of every shard."""
        stream = self._streams.describe_stream(StreamArn=self.source.arn)["StreamDescription"]
        for shard in stream["Shards"]:
            iterator = self._streams.get_shard_iterator(
                StreamArn=self.source.arn, ShardId=shard["ShardId"], **self._get_position(shard)
            )["ShardIterator"]
            yield from self._streams.get_records(ShardIterator=iterator)["Records"]

    def _get_position(self, shard: dict[str, Any]) -> dict[str, str]:
        """Behind the last number; at the beginning where that is later, the stream was emptied."""
        begins_at = int(shard["SequenceNumberRange"]["StartingSequenceNumber"])
        if self._last_number is None or int(self._last_number) + 1 < begins_at:
            return {"ShardIteratorType": "TRIM_HORIZON"}
        return {
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "SequenceNumber": self._last_number,
        }

    def _build_record(self, record: dict[str, Any]) -> dict[str, Any]:
        data = {name: _as_json(value) for name, value in record["dynamodb"].items()}
        created = data.get("ApproximateCreationDateTime")
        if created is not None:
            data["ApproximateCreationDateTime"] = int(created.timestamp())
        return {
            "eventID": record["eventID"],
            "eventName": record["eventName"],
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": data,
            "eventSourceARN": self.source.arn,
        }


def _as_json(value: Any) -> Any:
    """Binary attributes as Lambda gives them: base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_json(inner) for inner in value]
    return value


def _get_number(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])
