"""The rescue queue's consumer: commits pairs that a worker could not.

It needs no key: the ciphertext was sealed under the connection's own data key.
"""

import json

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from pydantic import ValidationError

from kubroker.aws.clients import get_dynamodb, get_impatient_dynamodb
from kubroker.aws.table import Table
from kubroker.foundation.clock import Clock
from kubroker.foundation.errors import BadRequestError
from kubroker.foundation.observability import TOKENS_RESCUED, count, logger
from kubroker.foundation.settings import CommonSettings
from kubroker.rotation.model import RotatedPair
from kubroker.rotation.store import RotationStore


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
