"""EventBridge: putting events on the stage's own bus."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kubroker.aws.clients import translate_errors
from kubroker.events.types import Event

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "kubroker"
MOST_ENTRIES = 10


class EventBus:
    """One bus.

    Source: EventBridge, PutEvents: at most ten entries, each answered for itself.
    """

    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        """Remembers the client and the bus."""
        self._client = client
        self._name = name

    def put(self, events: Sequence[Event]) -> set[int]:
        """Puts at most ten events.

        Returns:
            The positions of those that the bus did not take.

        Raises:
            StoreError: EventBridge could not be asked: any may or may not be on the bus.
        """
        entries: Any = [
            {
                "EventBusName": self._name,
                "Source": SOURCE,
                "DetailType": event.type,
                "Detail": event.to_json(),
                "Time": datetime.fromisoformat(event.timestamp),
            }
            for event in events
        ]
        with translate_errors("putting events"):
            answer = self._client.put_events(Entries=entries)
        return {place for place, entry in enumerate(answer["Entries"]) if entry.get("ErrorCode")}
