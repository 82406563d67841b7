"""What names a withdrawal: ids, hashes and links. Pure."""

import base64
import hashlib
import re
from decimal import Decimal
from typing import Any

from kubroker.foundation.amounts import format_amount

OPEN_SHARDS = 8
REMARK_BYTES = 10
_VERIFY_HANDLE = re.compile(r"([A-Za-z0-9_-]{1,128})\.([a-z2-7]{16})\.([A-Za-z0-9_-]{43})")


def derive_withdrawal_id(user_id: str, idempotency_key: str) -> str:
    """80 bits of a hash, 16 characters: the same for the same key, asked for again."""
    digest = hashlib.sha256(f"withdrawal:{user_id}:{idempotency_key}".encode()).digest()
    return base64.b32encode(digest[:10]).decode().lower()


def derive_checkout_id(idempotency_key: str) -> str:
    """The id of a payment, and of the withdrawal underneath: one for a key, whoever pays."""
    digest = hashlib.sha256(f"payment:{idempotency_key}".encode()).digest()
    return base64.b32encode(digest[:10]).decode().lower()


def normalize_destination(withdraw_type: str, address: str) -> str:
    """One form for what is one destination, however it is written.

    A phone number without its signs, an e-mail address and an address on a chain in lower case, a
    uid without zeros before it.
    """
    text = address.strip().lower()
    if withdraw_type == "PHONE":
        return re.sub(r"[^0-9]", "", text).lstrip("0")
    return text.lstrip("0") if withdraw_type == "UID" else text


def derive_payment_id(kucoin_uid: str, currency: str, destination: str, amount: Decimal) -> str:
    """What two withdrawals share that may be one payment asked for twice.

    Args:
        kucoin_uid: Whose account pays.
        currency: Which.
        destination: From ``normalize_destination``.
        amount: Exact.
    """
    parts = (kucoin_uid, currency, destination, format_amount(amount))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def build_remark_id(random: bytes) -> str:
    """What stands first in ``remark``: 16 characters, short in case it is cut.

    Nobody can tell it before KuCoin has the withdrawal: not from the withdrawal's id, which stands
    in URLs. So a remark that begins with it was not copied from a page.

    Args:
        random: Ten bytes of randomness.
    """
    return base64.b32encode(random).decode().lower()


def build_remark(remark_id: str, text: str | None) -> str:
    """Our id first, the caller's text after it."""
    return f"{remark_id} {text}" if text else remark_id


def hash_request(fields: dict[str, Any]) -> str:
    """A request's fingerprint: equal for equal fields, whatever their order."""
    pairs = sorted((name, repr(value)) for name, value in fields.items() if value is not None)
    return hashlib.sha256(repr(pairs).encode()).hexdigest()


def choose_open_shard(withdrawal_id: str) -> str:
    """The shard of the index ``open``."""
    return str(hashlib.sha256(withdrawal_id.encode()).digest()[0] % OPEN_SHARDS)


def parse_verify_handle(handle: str) -> tuple[str, str, str] | None:
    """Splits ``userId.withdrawalId.secret``; None where it has another form."""
    match = _VERIFY_HANDLE.fullmatch(handle)
    return (match[1], match[2], match[3]) if match else None
