"""How a withdrawal is followed: when to look again, and what KuCoin's history proves."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kubroker.foundation.amounts import DOWN, UP
from kubroker.withdrawals.fees import FeeDeductType
from kubroker.withdrawals.ids import normalize_destination
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
        chains: The chain's names as KuCoin has them, in lower case.
    """

    kucoin_id: str
    currency: str
    status: str
    address: str
    amount: Decimal | None
    fee: Decimal | None
    remark: str
    created_at_ms: int
    chains: tuple[str, ...] = ()
    memo: str | None = None
    wallet_tx_id: str | None = None
    failure_reason: str | None = None
    return_status: str | None = None
    return_amount: str | None = None


class Verdict(StrEnum):
    """What a complete reading of the history says about an unknown outcome."""

    FOUND = "FOUND"
    FORGED = "FORGED"
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


class Likeness(StrEnum):
    """How an entry's facts stand to a withdrawal's, its remark aside.

    SAME: all that can be compared is equal, and nothing that matters is left out. UNSURE: nothing
    contradicts, but not everything is shown. OTHER: something is different.
    """

    SAME = "SAME"
    UNSURE = "UNSURE"
    OTHER = "OTHER"


def is_remark_of(remark: str, remark_id: str) -> bool:
    """Whether the remark begins with the whole id."""
    return remark == remark_id or remark.startswith(f"{remark_id} ")


def find_our_id(remark: str) -> str | None:
    """An id of ours at the beginning of a remark, or None."""
    found = _OUR_ID.match(remark)
    return found[0] if found else None


def compare(withdrawal: Withdrawal, entry: HistoryEntry) -> Likeness:
    """Whether the entry pays what the withdrawal pays, to whom it pays it.

    A remark is no proof: whoever sees it can copy it to a withdrawal of his own.
    """
    if entry.currency != withdrawal.currency:
        return Likeness.OTHER
    found = {
        _compare_amount(withdrawal, entry),
        _compare_destination(withdrawal, entry),
        _compare_chain(withdrawal, entry),
        _compare_memo(withdrawal, entry),
    }
    if Likeness.OTHER in found:
        return Likeness.OTHER
    return Likeness.UNSURE if Likeness.UNSURE in found else Likeness.SAME


def _compare_amount(withdrawal: Withdrawal, entry: HistoryEntry) -> Likeness:
    """As asked, or less the fees where these are taken from it."""
    if entry.amount is None:
        return Likeness.UNSURE
    amount = Decimal(withdrawal.amount)
    if entry.amount == amount:
        return Likeness.SAME
    is_whole = withdrawal.fee_deduct_type == FeeDeductType.EXTERNAL
    is_less = entry.amount < amount and entry.amount in _list_amounts(withdrawal, entry)
    return Likeness.SAME if is_less and not is_whole else Likeness.OTHER


def _compare_destination(withdrawal: Withdrawal, entry: HistoryEntry) -> Likeness:
    """A uid, mail or phone number may be masked or shown otherwise: that tells nothing."""
    kind = withdrawal.withdraw_type
    shown = entry.address.strip().lower()
    wanted = normalize_destination(kind, withdrawal.address)
    if not shown:
        return Likeness.UNSURE
    if normalize_destination(kind, shown) == wanted and "*" not in shown:
        return Likeness.SAME
    is_whole = {
        WithdrawType.ADDRESS: True,
        WithdrawType.UID: shown.isdecimal(),
        WithdrawType.MAIL: "@" in shown and "*" not in shown,
        WithdrawType.PHONE: False,
    }[WithdrawType(kind)]
    return Likeness.OTHER if is_whole else Likeness.UNSURE


def _compare_chain(withdrawal: Withdrawal, entry: HistoryEntry) -> Likeness:
    """Nothing moves on a chain where no address was asked for."""
    if withdrawal.withdraw_type != WithdrawType.ADDRESS or withdrawal.chain is None:
        return Likeness.SAME
    if not entry.chains:
        return Likeness.UNSURE
    return Likeness.SAME if withdrawal.chain.lower() in entry.chains else Likeness.OTHER


def _compare_memo(withdrawal: Withdrawal, entry: HistoryEntry) -> Likeness:
    if (entry.memo or "") == (withdrawal.memo or ""):
        return Likeness.SAME
    return Likeness.OTHER if entry.memo else Likeness.UNSURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a reading holds under a withdrawal's remark.

    Attributes:
        ours: Certainly this withdrawal, or None.
        forged: Our whole remark beside other facts, or None.
        is_unsure: Our remark, and too few facts beside it: for a person to look at.
    """

    ours: HistoryEntry | None = None
    forged: HistoryEntry | None = None
    is_unsure: bool = False


def search(withdrawal: Withdrawal, reading: Reading) -> Search:
    """Looks for the withdrawal among what no other record holds.

    The whole id in the remark, or what a cut left of it, and the same payment beside it. Where not
    all can be compared, the whole id is enough for a withdrawal, but not for a payment: there the
    user gains by a payment that went elsewhere. Of two that are the same, neither is known.
    """
    ours: list[HistoryEntry] = []
    forged, is_unsure, wanted = None, False, withdrawal.remark_name
    for entry in reading.entries:
        is_whole = is_remark_of(entry.remark, wanted)
        is_cut = len(entry.remark) >= SHORTEST_CUT and wanted.startswith(entry.remark)
        if entry.kucoin_id in reading.claimed or not (is_whole or is_cut):
            continue
        likeness = compare(withdrawal, entry)
        is_enough = likeness is Likeness.UNSURE and is_whole and withdrawal.payment is None
        if likeness is Likeness.SAME or is_enough:
            ours.append(entry)
        elif likeness is Likeness.UNSURE:
            is_unsure = True
        elif is_whole:
            forged = entry
    if len(ours) == 1:
        return Search(ours=ours[0])
    return Search(forged=forged, is_unsure=is_unsure or bool(ours))


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
    return entry.amount in _list_amounts(withdrawal, entry)


def _list_amounts(withdrawal: Withdrawal, entry: HistoryEntry) -> set[Decimal]:
    """What KuCoin may tell as the amount: as asked, or with or less any of the fees."""
    amount = Decimal(withdrawal.amount)
    fees = [Decimal(withdrawal.quote.network_fee), withdrawal.quote.total]
    fees += [entry.fee] if entry.fee is not None else []
    possible = {amount}
    for fee in fees:
        possible |= {DOWN.subtract(amount, fee), UP.add(amount, fee)}
    return possible


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

    A remark of ours beside other facts is FORGED: an operator's, whatever else is proven.
    "Not done" takes all of: KuCoin's clock past our timestamp by the signature window and a
    margin; two complete readings; no unclaimed entry of the same payment; proof that our remark
    comes back. Whatever lacks is STUCK, for an operator, or WAIT.

    Args:
        withdrawal: In OUTCOME_UNKNOWN, with its attempt.
        reading: Complete.
        margin_seconds: How late KuCoin's history may be.
        now: Epoch seconds.
    """
    found = search(withdrawal, reading)
    if entry := found.ours or found.forged:
        return Verdict.FOUND if found.ours else Verdict.FORGED, entry
    if withdrawal.attempt is None or withdrawal.forged_at is not None or found.is_unsure:
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
