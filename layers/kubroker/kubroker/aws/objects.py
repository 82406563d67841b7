"""S3: writing objects that nobody reads back here."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kubroker.aws.clients import translate_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Bucket:
    """One bucket, written to only."""

    def __init__(self, client: "S3Client", name: str) -> None:
        """Remembers the client and the bucket's name."""
        self._client = client
        self._name = name

    def put_json_lines(self, key: str, rows: Iterable[Any]) -> None:
        """One JSON document a line.

        Args:
            key: The object's key; the same key again is a new version of the object.
            rows: JSON values.

        Raises:
            StoreError: S3 could not be asked: it may or may not have been written.
        """
        body = "".join(
            json.dumps(row, separators=(",", ":"), sort_keys=True) + "\n" for row in rows
        )
        with translate_errors("writing an object"):
            self._client.put_object(
                Bucket=self._name,
                Key=key,
                Body=body.encode(),
                ContentType="application/x-ndjson",
                ChecksumAlgorithm="SHA256",
            )
