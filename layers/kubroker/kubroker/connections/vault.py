"""Envelope encryption: a data key per connection and purpose, wrapped by KMS.

A blob is ``version byte | nonce (12) | AES-256-GCM ciphertext and tag``; the encryption context
and the version are its additional authenticated data, so a blob opens only for the user and the
purpose that it was made for. One KMS call a use: making a data key, or unwrapping one.
"""

import json
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kubroker.audit.model import AuditKind, AuditOutcome
from kubroker.audit.store import Act, note
from kubroker.aws.clients import translate_errors
from kubroker.foundation.errors import VaultError
from kubroker.foundation.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_VERSION = b"\x01"
_NONCE_BYTES = 12
# All else (disabled key, denied access, throttling) is passing or an operator's to mend.
_CLOSED = {"InvalidCiphertextException", "IncorrectKeyException"}


class Purpose(StrEnum):
    """What a data key protects; each role may use just its own purpose."""

    OAUTH_TOKENS = "oauth-tokens"
    API_KEY = "api-key"


@dataclass(frozen=True)
class EncryptionContext:
    """Whose secret it is and what for; stands in CloudTrail at every use."""

    user_id: str
    purpose: Purpose

    def build(self) -> dict[str, str]:
        """KMS's encryption context."""
        return {"userId": self.user_id, "purpose": self.purpose.value}


class DataKey:
    """An unwrapped data key in memory, with its wrapped form for the store."""

    def __init__(self, plaintext: bytes, wrapped: bytes, context: EncryptionContext) -> None:
        """Binds the key to its context.

        Args:
            plaintext: 32 bytes.
            wrapped: KMS's ciphertext of them.
            context: The encryption context that it was wrapped with.
        """
        self.wrapped = wrapped
        self._cipher = AESGCM(plaintext)
        self._aad = _VERSION + json.dumps(context.build(), sort_keys=True).encode()

    def encrypt(self, payload: bytes) -> bytes:
        """A blob under a fresh nonce."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, payload, self._aad)

    def decrypt(self, blob: bytes) -> bytes:
        """The payload.

        Raises:
            VaultError: Unknown version, wrong context, or a damaged blob.
        """
        if blob[:1] != _VERSION:
            raise VaultError("The secret has a format that this release does not know.")
        nonce, ciphertext = blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, self._aad)
        except (InvalidTag, ValueError):
            raise VaultError("The secret can't be opened in this context.") from None


class Vault:
    """Makes and unwraps data keys.

    Source: AWS KMS, GenerateDataKey and Decrypt.
    """

    def __init__(self, kms: "KMSClient", key_id: str) -> None:
        """Remembers the client and the ARN of the vault key."""
        self._kms = kms
        self._key_id = key_id

    def create_data_key(self, context: EncryptionContext) -> DataKey:
        """A new data key.

        Raises:
            StoreError: KMS could not be asked.
        """
        with translate_errors("making a data key"):
            answer = self._kms.generate_data_key(
                KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=context.build()
            )
        return DataKey(answer["Plaintext"], answer["CiphertextBlob"], context)

    def unwrap(
        self, wrapped: bytes, context: EncryptionContext, *, is_noted: bool = True
    ) -> DataKey:
        """The data key again; the only KMS call of a use.

        Args:
            wrapped: As ``DataKey.wrapped`` was.
            context: Whose and what for.
            is_noted: Whether the audit gets an entry besides CloudTrail's, or only a line in
                the log: a rotation has its claim and its commit, and no caller to name.

        Raises:
            VaultError: KMS refuses for good: wrong context, or another key.
            StoreError: KMS could not be asked.
        """
        with translate_errors("unwrapping a data key"):
            try:
                answer = self._kms.decrypt(
                    KeyId=self._key_id, CiphertextBlob=wrapped, EncryptionContext=context.build()
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _CLOSED:
                    _note_use(context, AuditOutcome.REFUSED)
                    raise VaultError("KMS refuses to unwrap the data key.") from error
                raise
        if is_noted:
            _note_use(context, AuditOutcome.DONE)
        else:
            logger.info("secret opened", extra=context.build())
        return DataKey(answer["Plaintext"], wrapped, context)


def _note_use(context: EncryptionContext, outcome: AuditOutcome) -> None:
    """An opened secret's entry in the audit.

    Not one a signature: a key that was opened may be kept and used again. A rotation has none, see
    ``Vault.unwrap``.
    """
    note(
        Act(
            user_id=context.user_id,
            kind=AuditKind.SECRET_USE,
            action=context.purpose,
            outcome=outcome,
        )
    )
