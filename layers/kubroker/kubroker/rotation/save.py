"""Steps 4 and 5: from the process's memory into the store, or into the rescue queue."""

from enum import StrEnum

from kubroker.aws.queue import Queue
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import StoreError
from kubroker.foundation.observability import RESCUE_QUEUED, count, logger
from kubroker.rotation.model import RotatedPair
from kubroker.rotation.store import RotationStore

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0


class Saved(StrEnum):
    """Where a pair is now."""

    COMMITTED = "COMMITTED"
    QUEUED = "QUEUED"
    OVERTAKEN = "OVERTAKEN"
    LOST = "LOST"


class PairSaver:
    """Brings a pair to safety, whichever of DynamoDB and SQS takes it first."""

    def __init__(self, rotations: RotationStore, rescue: Queue, clock: Clock) -> None:
        """Joins the store and the rescue queue."""
        self._rotations = rotations
        self._rescue = rescue
        self._clock = clock

    def save(self, pair: RotatedPair, *, patience: Deadline, deadline: Deadline) -> Saved:
        """Commits; at the first failure the rescue queue gets the pair too, then it goes on.

        Both are fenced by the same rule, so that either may come first or twice.

        Args:
            pair: The only copy.
            patience: With the pair in the queue, how long committing is still tried here.
            deadline: Without it, how long: this process's end.
        """
        is_queued = False
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                is_in = self._rotations.commit(pair, now=self._clock.now())
            except StoreError as error:
                logger.warning("a commit failed", extra={"reason": error.message})
            else:
                return Saved.COMMITTED if is_in else Saved.OVERTAKEN
            is_queued = is_queued or self._queue(pair)
            left = min(patience.left(), deadline.left()) if is_queued else deadline.left()
            if left <= pause:
                return Saved.QUEUED if is_queued else Saved.LOST
            self._clock.sleep(pause * (0.5 + self._clock.jitter() / 2))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _queue(self, pair: RotatedPair) -> bool:
        try:
            self._rescue.send(
                {"kind": "rescue", "pair": pair.model_dump(mode="json", by_alias=True)}
            )
        except StoreError as error:
            logger.warning("the rescue queue took nothing", extra={"reason": error.message})
            return False
        count(RESCUE_QUEUED)
        return True
