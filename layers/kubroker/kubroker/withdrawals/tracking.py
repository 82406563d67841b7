"""How a withdrawal is followed: when to look again, and what KuCoin's history proves."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kubroker.foundation.amounts import DOWN, UP
from kubroker.withdrawals.model import Withdrawal, WithdrawalState
from kubroker.withdrawals.rules import WithdrawType

FIRST_CHECK_SECONDS = 60
LONGEST_PAUSE_SECONDS = 3600
# A withdrawal that nobody has begun to submit is given up after this long.
ABANDONED_SECONDS = 3600
# Two readings of the history this far apart have to agree.
READING_GAP_SECONDS = 300
# KuCoin's clock and the signed timestamp may differ by this much.
SIGNATURE_WINDOW_MS = 5_000
HISTORY_LEAD_MS = 300_000
HISTORY_SPAN_MS = 86_400_000
# A remark cut shorter than this could be anyone's.
SHORTEST_CUT = 12
_OUR_ID = re.compile(r"[a-z2-7]{16}(?![^ ])")


class KucoinStatus(StrEnum):
    """Statuses that KuCoin documents; any other one is still open."""

    REVIEW = "REVIEW"
    PROCESSING = "PROCESSING"
    WALLET_PROCESSING = "WALLET_PROCESSING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One withdrawal as KuCoin tells it; what it leaves out is None or empty.

    Attributes:
        created_at_ms: KuCoin's clock.
        amount: As asked, or what arrives: KuCoin does not say which.
    """

    kucoin_id: str
    currency: str
    status: str
    address: str
    amount: Decimal | None
    fee: Decimal | None
    remark: str
    created_at_ms: int
    wallet_tx_id: str | None = None
    failure_reason: str | None = None
    return_status: str | None = None
    return_amount: str | None = None


class Verdict(StrEnum):
    """What a complete reading of the history says about an unknown outcome."""

    FOUND = "FOUND"
    WAIT = "WAIT"
    FIRST_EMPTY = "FIRST_EMPTY"
    NOT_DONE = "NOT_DONE"
    STUCK = "STUCK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One complete paged reading of KuCoin's history.

    Attributes:
        claimed: KuCoin ids that records of ours already hold.
        kucoin_now_ms: KuCoin's clock before the reading began.
        is_remark_proven: Whether this installation has seen its remark come back for this
            withdrawType, and not seen it missing since.
    """

    entries: tuple[HistoryEntry, ...]
    claimed: Collection[str]
    kucoin_now_ms: int
    is_remark_proven: bool


def is_remark_of(remark: str, withdrawal_id: str) -> bool:
    """Whether the remark begins with the whole id."""
    return remark == withdrawal_id or remark.startswith(f"{withdrawal_id} ")


def find_our_id(remark: str) -> str | None:
    """An id of ours at the beginning of a remark, or None."""
    found = _OUR_ID.match(remark)
    return found[0] if found else None


def find_ours(withdrawal: Withdrawal, entries: Iterable[HistoryEntry]) -> HistoryEntry | None:
    """The entry that certainly is this withdrawal, or None.

    The whole id in the remark, or what a cut left of it together with the same payment.
    """
    wanted = withdrawal.withdrawal_id
    for entry in entries:
        if entry.currency != withdrawal.currency:
            continue
        if is_remark_of(entry.remark, wanted):
            return entry
        is_cut = len(entry.remark) >= SHORTEST_CUT and wanted.startswith(entry.remark)
        if is_cut and is_same_payment(withdrawal, entry):
            return entry
    return None


def is_same_payment(withdrawal: Withdrawal, entry: HistoryEntry) -> bool:
    """Whether the entry could be this withdrawal: currency, address, and amount, fees or not.

    An e-mail address, phone number or uid may be shown otherwise: there the address counts for
    nothing, so more entries are suspected, never fewer.
    """
    if entry.currency != withdrawal.currency:
        return False
    is_address = withdrawal.withdraw_type == WithdrawType.ADDRESS
    if is_address and entry.address.lower() != withdrawal.address.lower():
        return False
    if entry.amount is None:
        return True
    amount = Decimal(withdrawal.amount)
    fees = [Decimal(withdrawal.quote.network_fee), withdrawal.quote.total]
    fees += [entry.fee] if entry.fee is not None else []
    possible = {amount}
    for fee in fees:
        possible |= {DOWN.subtract(amount, fee), UP.add(amount, fee)}
    return entry.amount in possible


def find_suspects(withdrawal: Withdrawal, reading: Reading) -> list[HistoryEntry]:
    """Entries of the same payment that no record of ours holds."""
    return [
        entry
        for entry in reading.entries
        if entry.kucoin_id not in reading.claimed and is_same_payment(withdrawal, entry)
    ]


def judge(
    withdrawal: Withdrawal, reading: Reading, *, margin_seconds: int, now: int
) -> tuple[Verdict, HistoryEntry | None]:
    """What is known of an OUTCOME_UNKNOWN after this reading.

    "Not done" takes all of: KuCoin's clock past our timestamp by the signature window and a
    margin; two complete readings; no unclaimed entry of the same payment; proof that our remark
    comes back. Whatever lacks is STUCK, for an operator, or WAIT.

    Args:
        withdrawal: In OUTCOME_UNKNOWN, with its attempt.
        reading: Complete.
        margin_seconds: How late KuCoin's history may be.
        now: Epoch seconds.
    """
    found = find_ours(withdrawal, reading.entries)
    if found is not None:
        return Verdict.FOUND, found
    if withdrawal.attempt is None:
        return Verdict.STUCK, None
    closed_at_ms = withdrawal.attempt.timestamp_ms + SIGNATURE_WINDOW_MS + margin_seconds * 1000
    if reading.kucoin_now_ms <= closed_at_ms:
        return Verdict.WAIT, None
    if find_suspects(withdrawal, reading) or not reading.is_remark_proven:
        return Verdict.STUCK, None
    first = withdrawal.first_empty_reading_at
    if first is None:
        return Verdict.FIRST_EMPTY, None
    return (Verdict.NOT_DONE if now >= first + READING_GAP_SECONDS else Verdict.WAIT), None


def decide_next_check(withdrawal: Withdrawal, *, now: int) -> int:
    """When the tracker looks again: a minute at first, then half as long again, an hour at most."""
    if withdrawal.state is WithdrawalState.VERIFICATION_REQUIRED and withdrawal.verification:
        return withdrawal.verification.until
    if withdrawal.state is WithdrawalState.SUBMITTING and withdrawal.attempt:
        return withdrawal.attempt.submit_until
    if withdrawal.is_open_checkout and withdrawal.payment:
        return withdrawal.payment.expires_at
    if withdrawal.state is WithdrawalState.CREATED:
        return withdrawal.created_at + ABANDONED_SECONDS
    pause = FIRST_CHECK_SECONDS * 1.5 ** min(withdrawal.checks, 20)
    return now + min(int(pause), LONGEST_PAUSE_SECONDS)


def differs_from_quote(withdrawal: Withdrawal, fee: Decimal) -> bool:
    """Whether KuCoin took another fee than quoted.

    Its history may tell both fees together or the network fee alone: either is as quoted.
    """
    return fee not in {withdrawal.quote.total, Decimal(withdrawal.quote.network_fee)}
