"""A user's round of the collector: what its messages carry on, and what one of them gets done."""

from dataclasses import dataclass

from pydantic import Field

from kubroker.foundation.clock import Deadline
from kubroker.foundation.stored import StoredModel


class CollectorTask(StoredModel):
    """One user's round, as its message carries it on.

    Attributes:
        user_id: Whose.
        until_ms: Where the round ends, whenever its last message is worked; none before the first.
        attempts: Of a kind: passing failures since its last progress.
        spans: Of a kind: how long its windows are at most, milliseconds.
    """

    user_id: str
    until_ms: int | None = None
    attempts: dict[str, int] = Field(default_factory=dict)
    spans: dict[str, int] = Field(default_factory=dict)


@dataclass(slots=True)
class CollectorStep:
    """What one message gets done of a round: its kinds, one after the other."""

    task: CollectorTask
    uid: str
    archive: str
    deadline: Deadline
    now_ms: int
    until_ms: int
    pause: int | None = None
    has_failed: bool = False

    def put_off(self, seconds: int) -> None:
        """It goes on with another message, not before that."""
        self.pause = max(self.pause or 0, seconds)
