"""Mends moto's KMS for multi-Region keys: their ids are longer than its ciphertext header."""

from moto.kms import utils

_KEY_ID_LENGTH = 40  # "mrk-" and a UUID


def widen_ciphertext_header() -> None:
    """Makes room for the longer ids, so that what such a key wrapped can be unwrapped."""
    original = utils._deserialize_ciphertext_blob
    utils.HEADER_LEN += _KEY_ID_LENGTH - utils.KEY_ID_LEN
    utils.KEY_ID_LEN = _KEY_ID_LENGTH
    utils.CIPHERTEXT_HEADER_FORMAT = f">{_KEY_ID_LENGTH}s{utils.IV_LEN}s{utils.TAG_LEN}s"

    def deserialize(ciphertext_blob: bytes) -> utils.Ciphertext:
        ciphertext = original(ciphertext_blob=ciphertext_blob)
        return ciphertext._replace(key_id=ciphertext.key_id.rstrip("\0"))

    utils._deserialize_ciphertext_blob = deserialize
