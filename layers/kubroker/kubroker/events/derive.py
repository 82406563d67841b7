"""Which events a change of an item tells: from its old and its new image, and nothing else. Pure.

Delivered again, a change tells the same events with the same ids.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kubroker.connections.model import (
    ApiKeyState,
    AttemptState,
    Authorization,
    Connection,
    ConnectionStatus,
    KeyAttempt,
    KeyFacts,
)
from kubroker.events import types
from kubroker.events.types import PLACES_A_WRITE, Event, EventData, build_event_id
from kubroker.exports.model import HEAD as EXPORT_HEAD
from kubroker.exports.model import Export, ExportState
from kubroker.payouts.model import HEAD, Payout, PayoutState
from kubroker.withdrawals.model import Withdrawal, WithdrawalState
from kubroker.withdrawals.payment_status import PaymentStatus

type Image = Mapping[str, Any]


def derive_events(old: Image | None, new: Image | None, *, with_refreshes: bool) -> list[Event]:
    """What a change tells.

    Args:
        old: The item before, or None where it is new.
        new: The item after, or None where it is gone: that tells nothing.
        with_refreshes: Whether TokensRefreshed is told too.

    Raises:
        ValueError: An image is none of a connection, a withdrawal, a payout or an export.
    """
    if new is None:
        return []
    if "withdrawalId" in new:
        return _derive_of_withdrawal(old, new)
    if "payoutId" in new:
        return _derive_of_payout(old, new)
    if "exportId" in new:
        return _derive_of_export(old, new)
    after = Connection.model_validate(new)
    before = None if old is None else Connection.model_validate(old)
    told = [
        data
        for data in (
            *_tell_link(before, after),
            *_tell_key(before, after),
            *_tell_tokens(before, after),
        )
        if with_refreshes or type(data).is_on_by_default
    ]
    return _number(
        told,
        user_id=after.user_id,
        subject=f"connection/{after.user_id}",
        sequence=after.sequence,
        written_at=after.updated_at,
    )


def _number(
    told: Sequence[EventData], *, user_id: str | None, subject: str, sequence: int, written_at: int
) -> list[Event]:
    timestamp = datetime.fromtimestamp(written_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        Event(
            id=build_event_id(subject, sequence, written_at, type(data).__name__),
            type=type(data).__name__,
            timestamp=timestamp,
            user_id=user_id,
            subject=subject,
            sequence=sequence * PLACES_A_WRITE + place,
            data=data,
        )
        for place, data in enumerate(told)
    ]


def _tell_link(before: Connection | None, after: Connection) -> Iterator[EventData]:
    """Links and their end."""
    waiting = before.pending_link if before else None
    pending = after.pending_link
    was_waiting = waiting is not None and waiting.session_id == after.session_id
    if pending is not None and (waiting is None or waiting.session_id != pending.session_id):
        yield types.ConnectionAuthorized(
            session_id=pending.session_id, link_generation=after.link_generation, is_relink=True
        )
    elif _is_first_link(before, after) and not was_waiting:
        yield types.ConnectionAuthorized(
            session_id=after.session_id or "",
            link_generation=after.link_generation,
            is_relink=False,
        )
    status_before = before.connection_status if before else None
    if after.connection_status is not status_before:
        generation = after.link_generation
        if after.connection_status is ConnectionStatus.DISCONNECTING:
            yield types.ConnectionDisconnecting(link_generation=generation)
        elif after.connection_status is ConnectionStatus.DISCONNECTED:
            yield types.ConnectionDisconnected(link_generation=generation)


def _is_first_link(before: Connection | None, after: Connection) -> bool:
    return before is None or (before.is_disconnected and not after.is_disconnected)


def _tell_key(before: Connection | None, after: Connection) -> Iterator[EventData]:
    """The end of an attempt, and of a key."""
    attempt = after.key_attempt
    known = before.key_attempt if before else None
    is_news = attempt is not None and (
        known is None or (known.attempt_id, known.state) != (attempt.attempt_id, attempt.state)
    )
    if attempt is not None and is_news:
        yield from _tell_attempt(after, attempt)
    was_gone = before is not None and before.api_key_state is ApiKeyState.GONE
    if after.api_key_state is ApiKeyState.GONE and not was_gone:
        yield types.ApiKeyGone(code=after.api_key_code)


def _tell_attempt(after: Connection, attempt: KeyAttempt) -> Iterator[EventData]:
    common: dict[str, Any] = {
        "attempt_id": attempt.attempt_id,
        "permissions": attempt.permissions,
        "is_addressbook_only": attempt.is_addressbook_only,
    }
    if attempt.state is AttemptState.DONE and attempt.is_kept:
        yield types.ApiKeyKept(**common)
    elif attempt.state is AttemptState.DONE and after.api_key_facts is not None:
        yield _tell_key_created(after, attempt, after.api_key_facts)
    elif attempt.state is AttemptState.FAILED:
        yield types.ApiKeyFailed(**common, code=attempt.code)
    elif attempt.state is AttemptState.OUTCOME_UNKNOWN:
        yield types.ApiKeyOutcomeUnknown(**common)


def _tell_key_created(after: Connection, attempt: KeyAttempt, facts: KeyFacts) -> EventData:
    return types.ApiKeyCreated(
        attempt_id=attempt.attempt_id,
        permissions=facts.permissions,
        is_addressbook_only=facts.is_addressbook_only,
        kucoin_uid=after.kucoin_uid,
        name=facts.name,
        hint=facts.hint,
        ip_whitelist=facts.ip_whitelist,
        replaced_hint=attempt.replaced.hint if attempt.replaced else None,
    )


def _tell_tokens(before: Connection | None, after: Connection) -> Iterator[EventData]:
    """The pair in use; a link of its own is no news of it."""
    if before is None or _is_first_link(before, after):
        return
    if after.committed_seq > before.committed_seq:
        yield types.TokensRefreshed(
            access_token_expires_at=after.access_token_expires_at,
            refresh_token_expires_at=after.refresh_token_expires_at,
        )
    warning = after.expiry_warning_hours
    if warning is not None and warning != before.expiry_warning_hours:
        yield types.RefreshTokenExpiring(
            hours_left=warning, refresh_token_expires_at=after.refresh_token_expires_at
        )
    if after.authorization is before.authorization:
        return
    if after.authorization is Authorization.REQUIRED:
        yield types.ReauthorizationRequired(cause=after.authorization_cause)
    elif before.authorization is Authorization.REQUIRED:
        yield types.AuthorizationRestored()


_TYPE_OF_STATE: dict[WithdrawalState, type[types.WithdrawalData]] = {
    WithdrawalState.SECURITY_SETUP_REQUIRED: types.WithdrawalSecuritySetupRequired,
    WithdrawalState.SUBMITTED: types.WithdrawalSubmitted,
    WithdrawalState.SUCCESS: types.WithdrawalSettled,
    WithdrawalState.FAILURE: types.WithdrawalFailed,
    WithdrawalState.REJECTED: types.WithdrawalFailed,
    WithdrawalState.NOT_DONE: types.WithdrawalFailed,
    WithdrawalState.CANCELLED: types.WithdrawalCancelled,
    WithdrawalState.EXPIRED: types.WithdrawalExpired,
    WithdrawalState.OUTCOME_UNKNOWN: types.WithdrawalOutcomeUnknown,
}


_TYPE_OF_STATUS: dict[str | None, type[types.PaymentData]] = {
    PaymentStatus.SETTLED: types.PaymentSettled,
    PaymentStatus.FAILED: types.PaymentFailed,
    PaymentStatus.CANCELLED: types.PaymentCancelled,
    PaymentStatus.EXPIRED: types.PaymentExpired,
    PaymentStatus.OUTCOME_UNKNOWN: types.PaymentOutcomeUnknown,
}


def _derive_of_withdrawal(old: Image | None, new: Image) -> list[Event]:
    """A payment tells events of its own, not those of the withdrawal underneath."""
    after = Withdrawal.model_validate(new)
    before = None if old is None else Withdrawal.model_validate(old)
    kind, tell = ("withdrawal", _tell_withdrawal)
    if after.payment is not None:
        kind, tell = ("payment", _tell_payment)
    return _number(
        list(tell(before, after)),
        user_id=after.user_id,
        subject=f"{kind}/{after.user_id}/{after.withdrawal_id}",
        sequence=after.sequence,
        written_at=after.updated_at,
    )


def _tell_withdrawal(before: Withdrawal | None, after: Withdrawal) -> Iterator[EventData]:
    common = {name: getattr(after, name) for name in types.WithdrawalData.model_fields}
    if before is None or before.state is not after.state:
        if after.state is WithdrawalState.VERIFICATION_REQUIRED:
            until = after.verification.until if after.verification else None
            yield types.WithdrawalVerificationRequired(**common, verify_until=until)
        elif (event_type := _TYPE_OF_STATE.get(after.state)) is not None:
            yield event_type(**common)
    if _is_newly_forged(before, after):
        yield types.WithdrawalRemarkForged(**common, forged_by=after.forged_by)
    known = before.return_status if before else None
    if after.return_status is not None and after.return_status != known:
        yield types.WithdrawalReturnUpdated(
            **common, return_status=after.return_status, return_amount=after.return_amount
        )


def _is_newly_forged(before: Withdrawal | None, after: Withdrawal) -> bool:
    return after.forged_at is not None and (before is None or before.forged_at is None)


def _derive_of_payout(old: Image | None, new: Image) -> list[Event]:
    """Its end; what its parts and its counts do on the way is no news."""
    if new.get("part") != HEAD:
        return []
    after = Payout.model_validate(new)
    was_ready = old is not None and old.get("payoutState") == PayoutState.READY
    if after.payout_state is not PayoutState.READY or was_ready:
        return []
    names = types.PayoutsReady.model_fields
    return _number(
        [types.PayoutsReady(**{name: getattr(after, name) for name in names})],
        user_id=None,
        subject=f"payout/{after.payout_id}",
        sequence=1,
        written_at=after.ready_at or after.created_at,
    )


def _derive_of_export(old: Image | None, new: Image) -> list[Event]:
    """Its end; units, parts and the archive are no news."""
    if new.get("item") != EXPORT_HEAD:
        return []
    after = Export.model_validate(new)
    if old is not None and old.get("exportState") == after.export_state:
        return []
    event_type = _TYPE_OF_EXPORT.get(after.export_state)
    if event_type is None:
        return []
    return _number(
        [event_type(**{name: getattr(after, name) for name in event_type.model_fields})],
        user_id=None,
        subject=f"export/{after.export_id}",
        sequence=after.sequence,
        written_at=after.updated_at,
    )


_TYPE_OF_EXPORT: dict[ExportState, type[EventData]] = {
    ExportState.READY: types.ExportReady,
    ExportState.FAILED: types.ExportFailed,
}


def _tell_payment(before: Withdrawal | None, after: Withdrawal) -> Iterator[EventData]:
    common: dict[str, Any] = {
        "payment_id": after.withdrawal_id,
        "payee": after.payment.payee if after.payment else "",
        "status": after.payment_status,
        **{
            name: getattr(after, name)
            for name in types.PaymentData.model_fields
            if name in Withdrawal.model_fields and name != "payment_id"
        },
    }
    state_before = before.state if before else None
    if after.state is WithdrawalState.SUBMITTED and after.state is not state_before:
        yield types.PaymentSubmitted(**common)
    if before is not None and before.payment_status != after.payment_status:
        event_type = _TYPE_OF_STATUS.get(after.payment_status)
        if event_type is not None:
            yield event_type(**common)
    if _is_newly_forged(before, after):
        yield types.PaymentRemarkForged(**common, forged_by=after.forged_by)
    known = before.return_status if before else None
    if after.return_status is not None and after.return_status != known:
        yield types.PaymentReturnUpdated(
            **common, return_status=after.return_status, return_amount=after.return_amount
        )
