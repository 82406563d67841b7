"""Secrets that are looked up: only their hashes are stored, and compared in constant time."""

import hashlib
import hmac


def hash_secret(secret: str) -> str:
    """SHA-256 in hex: the secrets here have 256 random bits, so no salt and no stretching."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret_of(secret: str, stored_hash: str | None) -> bool:
    """Compares in constant time; no hash stored means no."""
    return stored_hash is not None and hmac.compare_digest(hash_secret(secret), stored_hash)
