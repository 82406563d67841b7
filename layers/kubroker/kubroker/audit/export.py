"""From the audit's stream to a bucket whose objects nobody can change: one object a batch."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.shared.dynamodb_deserializer import TypeDeserializer

from kubroker.aws.clients import get_s3
from kubroker.aws.objects import Bucket
from kubroker.foundation.settings import AuditExportSettings

_deserializer = TypeDeserializer()


class AuditExport:
    """Works a batch of stream records."""

    def __init__(self, bucket: Bucket) -> None:
        """Remembers the bucket."""
        self._bucket = bucket

    def work(self, batch: Mapping[str, Any]) -> int:
        """Writes what was added; the same batch again writes the same object.

        Anything but an addition is written too, with both images' keys: nobody may make one.

        Returns:
            How many lines were written.

        Raises:
            StoreError: S3 could not be asked; the batch is to come again.
        """
        records = batch["Records"]
        rows = [_build_row(record) for record in records]
        first, last = records[0]["dynamodb"], records[-1]["dynamodb"]
        day = datetime.fromtimestamp(int(first["ApproximateCreationDateTime"]), UTC)
        key = f"{day:%Y/%m/%d}/{first['SequenceNumber']}-{last['SequenceNumber']}.jsonl"
        self._bucket.put_json_lines(key, rows)
        return len(rows)


def _build_row(record: Mapping[str, Any]) -> dict[str, Any]:
    image = record["dynamodb"].get("NewImage") or record["dynamodb"]["Keys"]
    row = {name: _plain(_deserializer.deserialize(value)) for name, value in image.items()}
    row.pop("lastWriteId", None)
    return {"change": record["eventName"], **row}


def _plain(value: Any) -> Any:
    """DynamoDB's numbers as JSON's; entries have whole ones only."""
    return value if isinstance(value, str) else int(value)


def build_audit_export() -> AuditExport:
    """Reads the setting.

    Raises:
        ConfigurationError: It is missing.
    """
    return AuditExport(Bucket(get_s3(), AuditExportSettings.from_environment().audit_bucket))
