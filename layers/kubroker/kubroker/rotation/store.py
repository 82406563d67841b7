"""The store of rotations: each write is one step of §"never lose a pair".

A claim's life in ``rotation``, and the clauses that fence it::

    no record, or a lapsed one ──claim──> live ──commit──> none
                 ^                         ├── release ──> none, or lapsed in doubt
                 └──── graceUntil <────────┘ (a crash: nothing was written)

``claimSeq`` counts claims, ``committedSeq`` is that of the pair in the store: a commit needs a
later claim than it. A link is recognised by its wrapped data key, which no rotation changes:
disconnect, swap and forget take it away, and with it the right to commit; a second link that
still waits beside the pair in use does not.
"""

from typing import Any

from kubroker.aws.table import Table, Update, unmarshal
from kubroker.connections.model import Authorization, Connection, RotationRecord
from kubroker.connections.store import CONNECTED_VALUES, IS_CONNECTED
from kubroker.foundation.errors import LostRaceError
from kubroker.foundation.errors import LostRaceError as ConditionFailedError
from kubroker.foundation.rotation_rules import RotationRules
from kubroker.rotation.model import Cause, Outcome, RotatedPair
from kubroker.rotation.token_changes import NOT_DUE, SETTLED, SHREDDED_TOKENS, build_due

_SAME_LINK = "#tokenDataKey = :dataKey"
_IS_LIVE = "#authorization = :live"
_SAME_CLAIM = "#claimSeq = :claimSeq"
_SAME_COMMIT = "#committedSeq = :committedSeq"
_NO_RECORD = "attribute_not_exists(#rotation)"
_LAPSED_RECORD = "#rotation.#attemptId = :lapsed AND #rotation.#graceUntil <= :now"
_OWN_RECORD = "#rotation.#claimSeq = :claimSeq"
_IS_NEWER = "#committedSeq < :claimSeq"


class RotationStore:
    """Claims, commits and ends of claims."""

    def __init__(self, table: Table, impatient: Table) -> None:
        """Remembers the table ``Connections`` twice.

        Args:
            table: With the SDK's retries.
            impatient: Tries once: a commit's repetitions are its caller's.
        """
        self._table = table
        self._impatient = impatient

    def claim(
        self, connection: Connection, *, attempt_id: str, now: int, rules: RotationRules
    ) -> Connection:
        """Step 1: lock, fence, and the proof that the store takes writes.

        A record that has lapsed was a claim that nobody settled: the new one is in doubt.

        Returns:
            The connection with the claim's record.

        Raises:
            LostRaceError: Another claim came first, or the link is another by now.
            StoreError: DynamoDB could not be asked.
        """
        lapsed = connection.rotation
        record = RotationRecord(
            claim_seq=connection.claim_seq + 1,
            attempt_id=attempt_id,
            lease_until=now + rules.lease_seconds,
            grace_until=now + rules.lease_seconds + rules.grace_seconds,
            is_in_doubt=lapsed is not None,
        )
        written = self._table.write(
            Update(
                key={"userId": connection.user_id},
                set_={"claimSeq": record.claim_seq, "rotation": record.to_item()},
                conditions=[
                    IS_CONNECTED,
                    _IS_LIVE,
                    _SAME_LINK,
                    _SAME_CLAIM,
                    _SAME_COMMIT,
                    _NO_RECORD if lapsed is None else _LAPSED_RECORD,
                ],
                values={
                    **_values_of(connection),
                    ":now": now,
                    ":lapsed": lapsed.attempt_id if lapsed else None,
                },
            )
        )
        return Connection.model_validate(written)

    def commit(self, pair: RotatedPair, *, now: int) -> bool:
        """Step 4, and the rescue's: stores the pair if no later one is there. Repeatable.

        Returns:
            Whether this pair is in the store now; False: the link is over or a later pair is in.

        Raises:
            StoreError: DynamoDB could not be asked, or did not say; try again.
        """
        doubt = pair.build_doubt(now).to_item() if pair.is_half else None
        try:
            self._commit(pair, {"rotation": doubt}, [_OWN_RECORD], now)
        except ConditionFailedError as error:
            if (verdict := _judge(error, pair)) is not None:
                return verdict
        else:
            return True
        # A later claim works, or ended in REQUIRED: its record is not ours to touch.
        try:
            self._commit(pair, {}, [], now)
        except ConditionFailedError as error:
            return _judge(error, pair) or False
        return True

    def _commit(
        self, pair: RotatedPair, rotation: dict[str, Any], conditions: list[str], now: int
    ) -> None:
        self._impatient.write(
            Update(
                key={"userId": pair.user_id},
                set_={
                    "tokenCiphertext": pair.ciphertext,
                    "accessTokenExpiresAt": pair.access_token_expires_at,
                    "refreshTokenExpiresAt": pair.refresh_token_expires_at,
                    "committedSeq": pair.claim_seq,
                    "authorization": Authorization.LIVE,
                    **SETTLED,
                    **build_due(pair.user_id, pair.action_due_at),
                    **rotation,
                    "updatedAt": now,
                },
                add={"sequence": 1},
                conditions=[IS_CONNECTED, _SAME_LINK, _IS_NEWER, *conditions],
                values={
                    ":dataKey": pair.data_key,
                    ":claimSeq": pair.claim_seq,
                    **CONNECTED_VALUES,
                },
            )
        )

    def release(
        self,
        claimed: Connection,
        *,
        try_again_at: int,
        failures: int,
        warning_hours: int | None,
        outcome: Outcome,
        now: int,
    ) -> Connection:
        """Gives a claim back after a failure that was passing or ours.

        Args:
            claimed: As ``claim`` returned it.
            try_again_at: Epoch seconds.
            failures: In a row, this one included.
            warning_hours: 24 or 6 where the refresh token's end is so close.
            outcome: In doubt, the record stays, lapsed: the refresh token may be spent.
            now: Epoch seconds.

        Raises:
            LostRaceError: A rescue committed meanwhile, or the claim is no longer this one.
        """
        record = _get_record(claimed)
        is_in_doubt = outcome is Outcome.IN_DOUBT
        # A new doubt is also one of what a rescue stored meanwhile; an old one is settled by it.
        unless_committed = [] if is_in_doubt else [_SAME_COMMIT]
        return self._end(
            claimed,
            {
                **_lapse(record, now, is_in_doubt=is_in_doubt or record.is_in_doubt),
                "refreshFailures": failures,
                "expiryWarningHours": warning_hours,
                **build_due(claimed.user_id, try_again_at),
                "updatedAt": now,
            },
            [_SAME_LINK, _OWN_RECORD, *unless_committed],
        )

    def drop(self, claimed: Connection) -> None:
        """Takes the claim's record away: what it was about is history.

        Raises:
            LostRaceError: The claim is no longer this one.
        """
        self._end(claimed, {"rotation": None}, [_OWN_RECORD])

    def hold_refusal(
        self, claimed: Connection, *, cause: Cause, settle_at: int, now: int
    ) -> Connection:
        """Notes KuCoin's refusal; nothing else changes until its window has passed.

        Raises:
            LostRaceError: A rescue committed meanwhile, or the claim is no longer this one.
        """
        record = _get_record(claimed)
        return self._end(
            claimed,
            {
                **_lapse(record, now, is_in_doubt=record.is_in_doubt),
                "refusedAt": now,
                "refusalCause": cause,
                **build_due(claimed.user_id, settle_at),
                "updatedAt": now,
            },
            [IS_CONNECTED, _SAME_LINK, _SAME_CLAIM, _SAME_COMMIT, _OWN_RECORD],
        )

    def drop_refusal(self, connection: Connection, *, try_again_at: int, now: int) -> Connection:
        """The refusal was one of many: it counts for nothing.

        Raises:
            LostRaceError: The connection was claimed or committed meanwhile.
        """
        changes = {
            "refusedAt": None,
            "refusalCause": None,
            "refusalDrops": connection.refusal_drops + 1,
            **build_due(connection.user_id, try_again_at),
            "updatedAt": now,
        }
        return self._end(connection, changes, [_SAME_LINK, _SAME_CLAIM, _SAME_COMMIT])

    def require(self, connection: Connection, *, cause: Cause, now: int) -> Connection:
        """LIVE → REQUIRED(cause): the user has to authorize again.

        Raises:
            LostRaceError: The connection was claimed or committed meanwhile: nothing changed.
        """
        changes = {
            "authorization": Authorization.REQUIRED,
            "authorizationCause": cause,
            "refusedAt": None,
            "refusalCause": None,
            "rotation": None,
            **NOT_DUE,
            "updatedAt": now,
        }
        return self._end(
            connection, changes, [IS_CONNECTED, _IS_LIVE, _SAME_LINK, _SAME_CLAIM, _SAME_COMMIT]
        )

    def shred(self, connection: Connection, *, now: int) -> Connection:
        """LIVE → FORGOTTEN: the tokens and their data key are gone.

        Raises:
            LostRaceError: The connection was claimed or committed meanwhile: nothing changed.
        """
        changes = {**SHREDDED_TOKENS, "updatedAt": now}
        return self._end(
            connection, changes, [IS_CONNECTED, _IS_LIVE, _SAME_LINK, _SAME_CLAIM, _SAME_COMMIT]
        )

    def _end(
        self, connection: Connection, changes: dict[str, Any], conditions: list[str]
    ) -> Connection:
        change = Update(
            key={"userId": connection.user_id},
            set_=changes,
            add={"sequence": 1},
            conditions=conditions,
            values=_values_of(connection),
        )
        return Connection.model_validate(self._table.write(change))


def _values_of(connection: Connection) -> dict[str, Any]:
    return {
        ":live": Authorization.LIVE,
        ":dataKey": connection.token_data_key,
        ":claimSeq": connection.claim_seq,
        ":committedSeq": connection.committed_seq,
        **CONNECTED_VALUES,
    }


def _get_record(claimed: Connection) -> RotationRecord:
    if claimed.rotation is None:
        raise LostRaceError("There is no claim to end.")
    return claimed.rotation


def _lapse(record: RotationRecord, now: int, *, is_in_doubt: bool) -> dict[str, Any]:
    """No record any more; or, in doubt, one that has lapsed: the next claim knows of it."""
    return {"rotation": record.lapse(now).to_item() if is_in_doubt else None}


def _judge(error: ConditionFailedError, pair: RotatedPair) -> bool | None:
    """Whether the pair is in the store, or can't come in; None: only the record is another's."""
    found = unmarshal(error.item or {})
    committed = int(found.get("committedSeq", -1))
    if found.get("tokenDataKey") != pair.data_key or committed > pair.claim_seq:
        return False
    return True if committed == pair.claim_seq else None
