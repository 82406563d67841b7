"""Steps 4 and 5: from the process's memory into the store, or into the rescue queue."""

import json
from enum import StrEnum

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from pydantic import ValidationError

from kubroker.aws.clients import get_dynamodb, get_impatient_dynamodb
from kubroker.aws.queue import Queue
from kubroker.aws.table import Table
from kubroker.foundation.clock import Clock, Deadline
from kubroker.foundation.errors import BadRequestError, StoreError
from kubroker.foundation.observability import RESCUE_QUEUED, TOKENS_RESCUED, count, logger
from kubroker.foundation.settings import CommonSettings
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


class Rescue:
    """Commits under the worker's own rule: same link, no later commit."""

    def __init__(self, rotations: RotationStore, clock: Clock) -> None:
        """Remembers the store."""
        self._rotations = rotations
        self._clock = clock

    def work(self, record: SQSRecord) -> None:
        """Works one message; raising delivers it again.

        Raises:
            StoreError: DynamoDB could not be asked.
            BadRequestError: This release does not know the message.
        """
        message = record.json_body
        if message.get("kind") != "rescue":
            raise BadRequestError("This release does not know that kind of message.")
        try:
            pair = RotatedPair.model_validate_json(json.dumps(message.get("pair")))
        except ValidationError:
            raise BadRequestError("This release does not know that form of a pair.") from None
        if self._rotations.commit(pair, now=self._clock.now()):
            count(TOKENS_RESCUED)
        else:
            logger.info("a rescued pair came after a later one, or after its link")


def build_rescue() -> Rescue:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    name = CommonSettings.from_environment().connections_table
    store = RotationStore(Table(get_dynamodb(), name), Table(get_impatient_dynamodb(), name))
    return Rescue(store, Clock())
