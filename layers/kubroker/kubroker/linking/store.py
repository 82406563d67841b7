"""The store of linking sessions; see ``model`` for the states."""

from kubroker.aws.table import Put, Table, Update
from kubroker.connections.model import StagedPair
from kubroker.kucoin.permissions import Permission
from kubroker.linking.model import (
    COMPLETION_SECONDS,
    EXCHANGE_LEASE_SECONDS,
    STATE_SECONDS,
    ConnectSession,
    LinkEnd,
    SessionStatus,
)

_CAN_CONSENT = "#sessionStatus IN (:open, :authorizing)"
_CONSENT_VALUES = {":open": SessionStatus.OPEN, ":authorizing": SessionStatus.AUTHORIZING}
_LINK_IS_LIVE = "#expiresAt > :now"
_SAME_BROWSER = "attribute_not_exists(#browserHash) OR #browserHash = :browser"
_IN_STATUS = "#sessionStatus = :expected"
_STATE_IS_OURS = "#stateHash = :state"
_STATE_IS_LIVE = "#stateExpiresAt > :now"


class SessionStore:
    """Every write is one transition, and fails where another came first."""

    def __init__(self, table: Table) -> None:
        """Remembers the table ``ConnectSessions``."""
        self.table = table

    def create(self, session: ConnectSession) -> None:
        """Stores a new session."""
        self.table.write(
            Put(item=session.to_item(), conditions=["attribute_not_exists(#sessionId)"])
        )

    def find(self, session_id: str) -> ConnectSession | None:
        """The session, or None; read consistently."""
        item = self.table.find({"sessionId": session_id})
        return None if item is None else ConnectSession.model_validate(item)

    def start_authorization(
        self,
        session_id: str,
        *,
        chosen: list[Permission],
        is_addressbook_only: bool,
        browser_hash: str,
        state_hash: str,
        now: int,
    ) -> ConnectSession:
        """OPEN or AUTHORIZING → AUTHORIZING: a choice was made, a fresh state is out.

        Raises:
            LostRaceError: The link is over, or another browser has it.
        """
        change = Update(
            key={"sessionId": session_id},
            set_={
                "sessionStatus": SessionStatus.AUTHORIZING,
                "chosen": chosen,
                "chosenAddressbookOnly": is_addressbook_only,
                "browserHash": browser_hash,
                "stateHash": state_hash,
                "stateExpiresAt": now + STATE_SECONDS,
            },
            conditions=[_CAN_CONSENT, _LINK_IS_LIVE, _SAME_BROWSER],
            values={**_CONSENT_VALUES, ":now": now, ":browser": browser_hash},
        )
        return ConnectSession.model_validate(self.table.write(change))

    def consume_state(self, session_id: str, *, state_hash: str, now: int) -> ConnectSession:
        """AUTHORIZING → EXCHANGING: the state is spent, whatever follows.

        Raises:
            LostRaceError: It was spent before, replaced or has expired.
        """
        change = Update(
            key={"sessionId": session_id},
            set_={
                "sessionStatus": SessionStatus.EXCHANGING,
                "exchangeUntil": now + EXCHANGE_LEASE_SECONDS,
            },
            conditions=[_IN_STATUS, _STATE_IS_OURS, _STATE_IS_LIVE],
            values={":expected": SessionStatus.AUTHORIZING, ":state": state_hash, ":now": now},
        )
        return ConnectSession.model_validate(self.table.write(change))

    def stage(
        self,
        session_id: str,
        *,
        pair: StagedPair,
        state_hash: str,
        completion_hash: str,
        now: int,
    ) -> None:
        """EXCHANGING → AUTHORIZED: the pair waits, encrypted, for its completion code."""
        self.table.write(
            Update(
                key={"sessionId": session_id},
                set_={
                    "sessionStatus": SessionStatus.AUTHORIZED,
                    "staged": pair.to_item(),
                    "completionHash": completion_hash,
                    "completionExpiresAt": now + COMPLETION_SECONDS,
                },
                conditions=[_IN_STATUS, _STATE_IS_OURS],
                values={":expected": SessionStatus.EXCHANGING, ":state": state_hash},
            )
        )

    def end(self, session_id: str, *, code: LinkEnd, expected: SessionStatus) -> None:
        """``expected`` → ENDED(code); a staged pair is shredded.

        Raises:
            LostRaceError: The session is elsewhere by now.
        """
        self.table.write(
            Update(
                key={"sessionId": session_id},
                set_={
                    "sessionStatus": SessionStatus.ENDED,
                    "endCode": code,
                    "staged": None,
                },
                conditions=[_IN_STATUS],
                values={":expected": expected},
            )
        )

    def build_completion(self, session: ConnectSession, *, status_hash: str, now: int) -> Update:
        """AUTHORIZED → COMPLETED, for the transaction that makes the connection.

        The staged pair leaves the session in the same write.
        """
        return Update(
            key={"sessionId": session.session_id},
            set_={
                "sessionStatus": SessionStatus.COMPLETED,
                "staged": None,
                "statusHash": status_hash,
            },
            conditions=[
                _IN_STATUS,
                "#completionHash = :completion",
                "#completionExpiresAt > :now",
            ],
            values={
                ":expected": SessionStatus.AUTHORIZED,
                ":completion": session.completion_hash,
                ":now": now,
            },
        )

    def renew_status_link(self, session_id: str, *, status_hash: str) -> None:
        """A repeated completion gets a new status page URL; the one before is over."""
        self.table.write(
            Update(
                key={"sessionId": session_id},
                set_={"statusHash": status_hash},
                conditions=[_IN_STATUS],
                values={":expected": SessionStatus.COMPLETED},
            )
        )
