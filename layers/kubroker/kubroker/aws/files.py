"""Files for the broker in the bucket of exports, and links to them."""

import hashlib
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from kubroker.aws.clients import translate_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@cache
def get_link_s3() -> "S3Client":
    """An S3 client whose links are signed with version 4: S3 wants it for what KMS encrypts."""
    config = Config(
        connect_timeout=1,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
        signature_version="s3v4",
    )
    return boto3.client("s3", config=config)


class FileStore:
    """One bucket of files."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        """Remembers the client and the bucket's name."""
        self._client = client
        self._bucket = bucket

    def put(self, key: str, content: bytes, *, content_type: str) -> str:
        """Writes a file; again, it is the same file.

        Returns:
            SHA-256 of the content, hexadecimal.

        Raises:
            StoreError: S3 could not be asked.
        """
        with translate_errors("writing a file"):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=content, ContentType=content_type
            )
        return hashlib.sha256(content).hexdigest()

    def build_link(self, key: str, *, file_name: str, seconds: int) -> str:
        """A link that downloads the file, for whoever has it, for a while.

        Args:
            key: Of the file.
            file_name: Under which a browser saves it.
            seconds: How long the link works.
        """
        with translate_errors("linking a file"):
            return self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "ResponseContentDisposition": f'attachment; filename="{file_name}"',
                },
                ExpiresIn=seconds,
            )
