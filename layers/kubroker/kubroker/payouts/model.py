"""Deposit addresses of many users at once: a payout, in parts that are worked one by one. Pure."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from enum import StrEnum

from pydantic import Field

from kubroker.foundation.stored import StoredModel
from kubroker.payouts.addresses_model import Account, DepositAddress

SCHEMA_VERSION = 1
HEAD = "head"
PART_USERS = 20
MAX_USERS = 10_000
# Passing failures of a part are tried again this often, with growing pauses.
MAX_ATTEMPTS = 5


class PayoutState(StrEnum):
    """``RUNNING ──last part done, files written──> READY``."""

    RUNNING = "RUNNING"
    READY = "READY"


class PayoutFile(StoredModel):
    """A file of results.

    Attributes:
        format: ``csv`` or ``jsonl``.
        key: In the bucket.
        size_bytes: Of the file.
        sha256: Hexadecimal, of the file.
    """

    format: str
    key: str
    size_bytes: int
    sha256: str


class PayoutRow(StoredModel):
    """What came of one user: an address, or a code and its words."""

    user_id: str
    address: str | None = None
    memo: str | None = None
    contract_address: str | None = None
    code: str | None = None
    detail: str | None = None

    @classmethod
    def of_address(cls, user_id: str, found: DepositAddress) -> "PayoutRow":
        """The row of a user who has one."""
        return cls(
            user_id=user_id,
            address=found.address,
            memo=found.memo,
            contract_address=found.contract_address,
        )


class Payout(StoredModel):
    """The head item of ``Payouts``.

    ================  ====  ==============================================================
    payoutId, part    key   part is ``head``
    payoutState       s     ``PayoutState``
    currency, chain,  s     what is asked for each user
      account
    total             n     users
    partCount         n     parts, each an item ``part#…#0000``
    partsLeft         n     parts that are not done
    found, failed     n     users of the parts that are done
    requestHash       hash  of the request, to know a repetition
    files             list  ``PayoutFile``, once READY
    ================  ====  ==============================================================
    """

    payout_id: str
    part: str = HEAD
    schema_version: int = SCHEMA_VERSION
    payout_state: PayoutState = PayoutState.RUNNING
    currency: str
    chain: str
    account: Account
    total: int
    part_count: int
    parts_left: int
    found: int = 0
    failed: int = 0
    request_hash: str
    created_at: int
    ready_at: int | None = None
    files: list[PayoutFile] = Field(default_factory=list)
    ttl: int

    @property
    def part_prefix(self) -> str:
        """What the names of its parts begin with."""
        return build_part_prefix(self.request_hash)


class PayoutPart(StoredModel):
    """A part: twenty users, in the order of the request, and what came of them so far.

    ================  ====  ==============================================================
    payoutId, part    key   part is ``part#…#0000``
    users             list  userIds
    rows              list  ``PayoutRow`` of those that are settled
    attempt           n     how often it was worked and something failed in passing
    isDone            bool  every user is settled, and counted in the head
    ================  ====  ==============================================================
    """

    payout_id: str
    part: str
    users: list[str]
    rows: list[PayoutRow] = Field(default_factory=list)
    attempt: int = 0
    is_done: bool = False
    ttl: int

    def list_open(self) -> list[str]:
        """Users who are not settled."""
        settled = {row.user_id for row in self.rows}
        return [user for user in self.users if user not in settled]


def derive_payout_id(idempotency_key: str) -> str:
    """The same key names the same payout."""
    return hashlib.sha256(f"payout/{idempotency_key}".encode()).hexdigest()[:32]


def hash_request(users: Sequence[str], currency: str, chain: str, account: Account) -> str:
    """Tells another request under the same key."""
    text = json.dumps([list(users), currency, chain, account.value])
    return hashlib.sha256(text.encode()).hexdigest()


def build_part_prefix(request_hash: str) -> str:
    """What the names of a request's parts begin with."""
    return f"part#{request_hash[:16]}#"


def name_part(request_hash: str, number: int) -> str:
    """Sorts like the number."""
    return f"{build_part_prefix(request_hash)}{number:04d}"


def split_users(users: Sequence[str]) -> Iterator[list[str]]:
    """The users of each part."""
    for start in range(0, len(users), PART_USERS):
        yield list(users[start : start + PART_USERS])
