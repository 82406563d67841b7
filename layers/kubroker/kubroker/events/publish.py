"""From the tables' streams to the bus, to the webhooks' queue and to the users' timelines.

All three get an event at once; what the endpoint of the webhooks does holds up neither the bus nor
another user. A record that can't be read is set aside and passed over; what fails in passing is
delivered again from there on, with the same ids.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any

from aws_lambda_powertools.shared.dynamodb_deserializer import TypeDeserializer

from kubroker.audit.model import NOBODY, AuditEntry, AuditKind, AuditOutcome, build_entry_id
from kubroker.audit.store import AuditStore, get_audit
from kubroker.aws.clients import get_events, get_s3, get_sqs
from kubroker.aws.objects import Bucket
from kubroker.events.bus import MOST_ENTRIES, EventBus
from kubroker.events.derive import derive_events
from kubroker.events.types import Event
from kubroker.events.webhook_queue import WebhookQueue
from kubroker.foundation.errors import KubrokerError
from kubroker.foundation.observability import (
    EVENTS_PUBLISHED,
    RECORD_SET_ASIDE,
    count,
    log_unexpected,
    logger,
)
from kubroker.foundation.settings import EventSettings, WebhookQueueSettings

_deserializer = TypeDeserializer()


@dataclass(frozen=True)
class _Told:
    """An event, and the number of the record that tells it."""

    event: Event
    record_number: str


class PublishEvents:
    """Works a batch of stream records."""

    def __init__(
        self,
        bus: EventBus,
        webhooks: WebhookQueue | None,
        audit: AuditStore,
        aside: Bucket,
        *,
        with_refreshes: bool,
    ) -> None:
        """Joins the ways out.

        Args:
            bus: Takes every event.
            webhooks: Takes every event too, or None where there is no endpoint.
            audit: Holds the timelines.
            aside: Where unreadable records go.
            with_refreshes: Whether TokensRefreshed is told.
        """
        self._bus = bus
        self._webhooks = webhooks
        self._audit = audit
        self._aside = aside
        self._with_refreshes = with_refreshes

    def work(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Publishes what a batch tells, in order.

        Returns:
            Lambda's partial batch response: the first record that is to be delivered again.
        """
        done = 0
        number = _number_of(batch["Records"][0])
        try:
            told = [
                _Told(event, _number_of(record))
                for record in batch["Records"]
                for event in self._read(record)
            ]
            for chunk in batched(told, MOST_ENTRIES, strict=False):
                number = chunk[0].record_number
                done += self._publish([one.event for one in chunk])
        except KubrokerError as error:
            logger.error(
                "events wait to be published", extra={"code": error.code, "reason": error.message}
            )
            return {"batchItemFailures": [{"itemIdentifier": number}]}
        finally:
            if done:
                count(EVENTS_PUBLISHED, done)
        return {"batchItemFailures": []}

    def _read(self, record: Mapping[str, Any]) -> list[Event]:
        """What a record tells; an unreadable one tells nothing and is kept for a person."""
        try:
            data = record["dynamodb"]
            return derive_events(
                _read_image(data.get("OldImage")),
                _read_image(data.get("NewImage")),
                with_refreshes=self._with_refreshes,
            )
        except Exception as error:  # noqa: BLE001 - pure code: it would fail the same way again
            log_unexpected(error)
            count(RECORD_SET_ASIDE)
            self._aside.put_json_lines(f"unreadable/{_number_of(record)}.jsonl", [record])
            return []

    def _publish(self, events: Sequence[Event]) -> int:
        """At most ten events, to every way out.

        Raises:
            StoreError: One of them was not taken; all are to come again.
        """
        ways: list[Callable[[Sequence[Event]], set[int]]] = [self._bus.put]
        if self._webhooks is not None:
            ways.append(self._webhooks.send)
        failures: list[KubrokerError] = []
        for way in ways:
            try:
                if way(events):
                    failures.append(KubrokerError("some events were not taken"))
            except KubrokerError as error:
                failures.append(error)
        for event in events:
            self._audit.append(_build_entry(event))
        if failures:
            raise failures[0]
        return len(events)


def _build_entry(event: Event) -> AuditEntry:
    """An event in its user's timeline; told again it is the same entry."""
    at = int(datetime.fromisoformat(event.timestamp).timestamp())
    return AuditEntry(
        user_id=event.user_id or NOBODY,
        entry_id=build_entry_id(at * 1000, f"{event.sequence:012d}-{event.id}"),
        at=at,
        kind=AuditKind.EVENT,
        action=event.type,
        outcome=AuditOutcome.DONE,
        principal="kubroker",
        code=getattr(event.data, "code", None),
        reference=event.id,
    )


def _number_of(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _read_image(image: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An image's attributes; binary ones stay base64 text, nobody here reads them."""
    if image is None:
        return None
    return {name: _deserializer.deserialize(value) for name, value in image.items()}


def build_publish_events() -> PublishEvents:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = EventSettings.from_environment()
    queue_url = WebhookQueueSettings.from_environment().webhook_queue_url
    return PublishEvents(
        EventBus(get_events(), settings.event_bus_name),
        WebhookQueue(get_sqs(), queue_url) if settings.webhook_url else None,
        get_audit(),
        Bucket(get_s3(), settings.set_aside_bucket),
        with_refreshes=settings.publish_token_refreshes,
    )
