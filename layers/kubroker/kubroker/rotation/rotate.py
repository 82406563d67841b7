"""Rotating one user's pair, so that it is never lost.

Numbered as the crash tests name them: 1 claim, 2 unwrap the data key, 3 ask KuCoin, 4 commit,
5 the rescue queue. What a crash leaves behind: before 3 nothing but a claim that lapses; during 3
a claim that lapses into doubt, and the old refresh token is tried once more; after 3 the same,
and only the bytes in memory were the pair, which is why 4 follows at once, and 5 at the first
failure of 4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from kubroker.connections.model import Connection
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import LostRaceError, StoreError
from kubroker.foundation.observability import (
    AUTHORIZATION_REQUIRED,
    CONFIGURATION_ERROR_FOUND,
    HOURS_LEFT,
    OLDEST_DUE_SECONDS,
    REFRESH_FAILED,
    TOKENS_DOUBTED,
    TOKENS_LOST,
    TOKENS_REFRESHED,
    add_metrics,
    count,
    logger,
)
from kubroker.foundation.rotation_rules import RotationRules
from kubroker.rotation.asking import Asked, RotationAsking
from kubroker.rotation.model import (
    Action,
    Cause,
    Outcome,
    decide_action,
    find_warning,
    is_over,
    plan_back_off,
)
from kubroker.rotation.refusals import RotationRefusals
from kubroker.rotation.save import PairSaver, Saved
from kubroker.rotation.store import RotationStore

# Of the lease: the longest that KuCoin may take, and what is kept for saving its answer.
_ASK_SHARE = 0.5
_SAVE_SHARE = 0.25
_MIN_ASK_SECONDS = 0.5


class Ending(StrEnum):
    """How a refresh ended."""

    REFRESHED = "REFRESHED"
    QUEUED = "QUEUED"
    OVERTAKEN = "OVERTAKEN"
    HELD = "HELD"
    IDLE = "IDLE"
    SHREDDED = "SHREDDED"
    SETTLED = "SETTLED"
    REFUSED = "REFUSED"
    REQUIRED = "REQUIRED"
    MISCONFIGURED = "MISCONFIGURED"
    FAILED = "FAILED"
    IN_DOUBT = "IN_DOUBT"
    LOST = "LOST"


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """What became of one.

    Attributes:
        access_token: The new one, if KuCoin gave it and it is safe with us.
        connection: As last seen, for HELD with the other's claim.
    """

    ending: Ending
    connection: Connection | None = None
    access_token: SecretStr | None = None


_ENDING_OF_SAVE = {
    Saved.COMMITTED: (Ending.REFRESHED, TOKENS_REFRESHED),
    Saved.QUEUED: (Ending.QUEUED, TOKENS_REFRESHED),
    Saved.OVERTAKEN: (Ending.OVERTAKEN, TOKENS_REFRESHED),
    Saved.LOST: (Ending.LOST, TOKENS_LOST),
}
_ENDING_OF_FAILURE = {
    Outcome.MISCONFIGURED: (Ending.MISCONFIGURED, CONFIGURATION_ERROR_FOUND),
    Outcome.NOT_SPENT: (Ending.FAILED, REFRESH_FAILED),
    Outcome.IN_DOUBT: (Ending.IN_DOUBT, TOKENS_DOUBTED),
}


@dataclass(frozen=True)
class RotationSteps:
    """What rotation does between its claim and its end."""

    asking: RotationAsking
    saver: PairSaver
    refusals: RotationRefusals


class Rotation:
    """Claims, asks, commits."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        rotations: RotationStore,
        steps: RotationSteps,
        rules: RotationRules,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        """Joins stores, KuCoin and the rescue."""
        self._connections = connections
        self._rotations = rotations
        self._steps = steps
        self._rules = rules
        self._clock = clock
        self._new_id = new_id

    def refresh(
        self,
        user_id: str,
        *,
        deadline: Deadline,
        is_forced: bool = False,
        seen_seq: int | None = None,
    ) -> Refresh:
        """Does what the connection needs now.

        Args:
            user_id: Whose.
            deadline: When this process has to be done.
            is_forced: Due or not: an access token is needed, or somebody asked.
            seen_seq: The commit whose pair is not good enough; a later one is.

        Raises:
            StoreError: DynamoDB could not be asked before anything was claimed.
        """
        connection = self._connections.find(user_id)
        if connection is None:
            return Refresh(ending=Ending.IDLE)
        if seen_seq is not None and connection.committed_seq > seen_seq:
            return Refresh(ending=Ending.OVERTAKEN, connection=connection)
        try:
            return self._act(connection, deadline, is_forced=is_forced)
        except LostRaceError:
            logger.info("a rotation was overtaken")
            return Refresh(ending=Ending.OVERTAKEN, connection=connection)

    def _act(self, connection: Connection, deadline: Deadline, *, is_forced: bool) -> Refresh:
        """Whatever the connection needs."""
        now = self._clock.now()
        match decide_action(connection, self._rules, now, is_forced=is_forced):
            case Action.REFRESH:
                return self._rotate(connection, deadline)
            case Action.SHRED:
                shredded = self._rotations.shred(connection, now=now)
                return Refresh(ending=Ending.SHREDDED, connection=shredded)
            case Action.SETTLE_REFUSAL:
                settled = self._steps.refusals.settle(connection)
                return Refresh(ending=Ending.SETTLED, connection=settled)
            case Action.NOTHING:
                return Refresh(ending=Ending.IDLE, connection=connection)

    def _rotate(self, connection: Connection, deadline: Deadline) -> Refresh:
        """Steps 1 to 5."""
        now = self._clock.now()
        if connection.rotation is not None and connection.rotation.is_live(now):
            return Refresh(ending=Ending.HELD, connection=connection)
        lease = self._clock.start(self._rules.lease_seconds)
        try:
            claimed = self._rotations.claim(
                connection, attempt_id=self._new_id(), now=now, rules=self._rules
            )
        except LostRaceError:
            return Refresh(
                ending=Ending.HELD, connection=self._connections.find(connection.user_id)
            )
        _measure(claimed, now)
        save_seconds = self._rules.lease_seconds * _SAVE_SHARE
        ask_seconds = min(
            self._rules.lease_seconds * _ASK_SHARE,
            min(lease.left(), deadline.left()) - save_seconds,
        )
        if ask_seconds < _MIN_ASK_SECONDS:
            return self._fail(claimed, Outcome.NOT_SPENT)
        asked = self._steps.asking.ask(claimed, ask_seconds)
        if asked.outcome is Outcome.REFUSED:
            return self._refuse(claimed)
        if asked.pair is None:
            return self._fail(claimed, asked.outcome)
        # Steps 4 and 5: from here on the only copy of the pair is in this process.
        patience = self._clock.start(save_seconds)
        saved = self._steps.saver.save(asked.pair, patience=patience, deadline=deadline)
        return self._conclude(claimed, asked, saved)

    def _conclude(self, claimed: Connection, asked: Asked, saved: Saved) -> Refresh:
        ending, metric = _ENDING_OF_SAVE[saved]
        count(metric)
        if asked.outcome is Outcome.REFRESHED_HALF:
            count(TOKENS_DOUBTED)
        is_safe = saved in {Saved.COMMITTED, Saved.QUEUED}
        return Refresh(
            ending=ending,
            connection=claimed,
            access_token=asked.access_token if is_safe else None,
        )

    def _refuse(self, claimed: Connection) -> Refresh:
        """KuCoin's no is counted and held; where it can't be counted it is no no yet."""
        try:
            held = self._steps.refusals.hold(claimed)
        except LostRaceError:
            return self._drop(claimed)
        except StoreError as error:
            logger.warning("a refusal could not be counted", extra={"reason": error.message})
            return self._fail(claimed, Outcome.NOT_SPENT)
        return Refresh(ending=Ending.REFUSED, connection=held)

    def _fail(self, claimed: Connection, outcome: Outcome) -> Refresh:
        """Gives the claim back: passing or ours. Where that fails too, the claim lapses."""
        ending, metric = _ENDING_OF_FAILURE[outcome]
        count(metric)
        now, ends_at = self._clock.now(), claimed.refresh_token_expires_at or 0
        is_ours = outcome is Outcome.MISCONFIGURED
        try:
            if not is_ours and is_over(self._rules, now=now, refresh_expires_at=ends_at):
                required = self._rotations.require(claimed, cause=Cause.EXPIRED, now=now)
                count(AUTHORIZATION_REQUIRED)
                return Refresh(ending=Ending.REQUIRED, connection=required)
            failures = claimed.refresh_failures + 1
            released = self._rotations.release(
                claimed,
                try_again_at=plan_back_off(
                    self._rules,
                    failures=failures,
                    now=now,
                    refresh_expires_at=ends_at,
                    jitter=self._clock.jitter(),
                ),
                failures=failures,
                warning_hours=find_warning(now, ends_at),
                outcome=outcome,
                now=now,
            )
        except LostRaceError:
            return self._drop(claimed)
        except StoreError as error:
            logger.warning("a claim was not given back", extra={"reason": error.message})
            return Refresh(ending=ending, connection=claimed)
        return Refresh(ending=ending, connection=released)

    def _drop(self, claimed: Connection) -> Refresh:
        """A rescue committed meanwhile, or the link is over: the claim was about history."""
        try:
            self._rotations.drop(claimed)
        except LostRaceError:
            logger.info("a claim was overtaken")
        except StoreError as error:
            logger.warning("a claim was not given back", extra={"reason": error.message})
        return Refresh(ending=Ending.OVERTAKEN, connection=claimed)


def _measure(claimed: Connection, now: int) -> None:
    """How late this is, and how close the refresh token's end."""
    hours_left = ((claimed.refresh_token_expires_at or now) - now) / 3600
    figures = {HOURS_LEFT: (round(hours_left, 3), "None")}
    if claimed.action_due_at is not None and now >= claimed.action_due_at:
        figures[OLDEST_DUE_SECONDS] = (float(now - claimed.action_due_at), "Seconds")
    add_metrics(figures)
