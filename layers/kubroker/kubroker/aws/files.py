"""Files for the broker in the bucket of exports, and links to them."""

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from kubroker.aws.clients import translate_errors
from kubroker.foundation.errors import FileGoneError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


# S3 takes no smaller part, but for the last one.
PART_BYTES = 5 * 1024 * 1024
_READ_BYTES = 64 * 1024


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

    def read_lines(self, key: str) -> Iterator[bytes]:
        """The lines of a file, without their ends, as they come.

        Raises:
            FileGoneError: There is no such file (any more).
            StoreError: S3 could not be asked.
        """
        with translate_errors("reading a file"):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            except self._client.exceptions.NoSuchKey:
                raise FileGoneError("A file is not there any more.") from None
            yield from body.iter_lines(chunk_size=_READ_BYTES)

    def open_upload(self, key: str, *, content_type: str) -> "Upload":
        """A file that is written piece by piece; see ``Upload``."""
        return Upload(self._client, self._bucket, key, content_type=content_type)

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


class Upload:
    """A file in the making: held in memory is one part. Until it is finished there is no file.

    Parts of one that is never finished are deleted by the bucket's lifecycle.
    """

    def __init__(self, client: "S3Client", bucket: str, key: str, *, content_type: str) -> None:
        """Asks nobody yet."""
        self._client = client
        self._bucket = bucket
        self._key = key
        self._content_type = content_type
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self.size_bytes = 0

    def write(self, content: bytes) -> None:
        """Adds to the file; sends a part once there is enough for one.

        Raises:
            StoreError: S3 could not be asked.
        """
        self._buffer += content
        self._digest.update(content)
        self.size_bytes += len(content)
        if len(self._buffer) >= PART_BYTES:
            self._send_part()

    def finish(self) -> str:
        """Makes the file appear.

        Returns:
            SHA-256 of all of it, hexadecimal.

        Raises:
            StoreError: S3 could not be asked.
        """
        if self._upload_id is None:
            with translate_errors("writing a file"):
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._key,
                    Body=bytes(self._buffer),
                    ContentType=self._content_type,
                )
            return self._digest.hexdigest()
        if self._buffer:
            self._send_part()
        parts: Any = {"Parts": self._parts}
        with translate_errors("writing a file"):
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                MultipartUpload=parts,
            )
        return self._digest.hexdigest()

    def _send_part(self) -> None:
        with translate_errors("writing a part of a file"):
            if self._upload_id is None:
                self._upload_id = self._client.create_multipart_upload(
                    Bucket=self._bucket, Key=self._key, ContentType=self._content_type
                )["UploadId"]
            number = len(self._parts) + 1
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                PartNumber=number,
                Body=bytes(self._buffer),
            )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._buffer.clear()
