"""Once a day: did KuCoin count what users traded through us for the broker?

Walks the active connections page by page; where it stands is kept, so that a run that is cut
short goes on with the next. Only of users who placed orders through the proxy on that day, which
the audit knows, KuCoin is asked for their volume: with the broker's tag and without. Volume that
is all without it means that orders of ours went uncounted, or that the user traded elsewhere
while an order of ours still waited.
"""

from collections.abc import Callable, Sequence

from kubroker.audit.store import AuditStore
from kubroker.aws.daily_checks import DailyCheckStore
from kubroker.connections.model import Connection, ConnectionStatus
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.amounts import format_amount
from kubroker.foundation.clock import read_now
from kubroker.foundation.errors import (
    ConfigurationError,
    KucoinRefusedError,
    NotFoundError,
)
from kubroker.foundation.observability import (
    CONFIGURATION_ERROR_FOUND,
    UNTAGGED_VOLUME_FOUND,
    count,
    logger,
)
from kubroker.kucoin.codes import REST_SUCCESS, Meaning, get_meaning
from kubroker.revenue.client import RebateClient
from kubroker.revenue.tags import (
    MAX_NAMED,
    TagCheck,
    UntaggedUser,
    Volumes,
    build_span_ms,
    find_checkable_day,
    has_order,
)

_DEADLINE_SECONDS = 3.0
# A page has to end within what a run keeps free: five users of three seconds each.
_PAGE = 5


class TagChecks:
    """Makes the checks, and shows them."""

    def __init__(
        self,
        *,
        store: DailyCheckStore[TagCheck],
        connections: ConnectionStore,
        audit: AuditStore,
        client: RebateClient,
        report_hours: int,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins stores and KuCoin.

        Args:
            store: Of the checks.
            connections: Whom to look at.
            audit: Who placed orders.
            client: Knows volumes.
            report_hours: After a day's end, until KuCoin knows them.
            now: Epoch seconds.
        """
        self._store = store
        self._connections = connections
        self._audit = audit
        self._client = client
        self._report_hours = report_hours
        self._now = now

    def get(self, day: str) -> TagCheck:
        """A day's check as it stands.

        Raises:
            NotFoundError: There is none (any more).
        """
        check = self._store.find(day)
        if check is None:
            raise NotFoundError("That day was not checked.", code="tag_check_not_found")
        return check

    def run(self, *, has_time: Callable[[], bool]) -> TagCheck | None:
        """Goes on with the check of the latest day that KuCoin should know.

        Returns:
            How it stands; None where the secret holds no key of the broker's account.

        Raises:
            KubrokerError: AWS or KuCoin could not be asked; the next run goes on.
        """
        if not self._client.has_account:
            return None
        day = find_checkable_day(self._now(), self._report_hours)
        check = self._store.find(day.isoformat()) or TagCheck(day=day.isoformat())
        while not check.is_finished and has_time():
            page, cursor = self._connections.find_page(
                status=ConnectionStatus.ACTIVE, limit=_PAGE, cursor=check.cursor
            )
            check = self._look_at(check, page, build_span_ms(day))
            check = check.model_copy(update={"cursor": cursor, "is_finished": cursor is None})
            if check.is_finished:
                _report(check)
            self._store.save(check.day, check, now=self._now())
        return check

    def _look_at(
        self, check: TagCheck, page: Sequence[Connection], span_ms: tuple[int, int]
    ) -> TagCheck:
        """The check with one more page in it."""
        with_orders, unchecked, untagged = 0, 0, []
        for connection in page:
            if not self._placed_orders(connection, span_ms):
                continue
            with_orders += 1
            volumes = self._find_volumes(connection, span_ms)
            if volumes is None:
                unchecked += 1
                extra = {"userId": connection.user_id}
                logger.warning("KuCoin tells no volume of a user that can be read", extra=extra)
            elif volumes.untagged > 0 and volumes.tagged == 0:
                untagged.append(_build_user(connection, volumes))
        return check.model_copy(
            update={
                "looked": check.looked + len(page),
                "with_orders": check.with_orders + with_orders,
                "unchecked": check.unchecked + unchecked,
                "untagged": [*check.untagged, *untagged][:MAX_NAMED],
                "untagged_count": check.untagged_count + len(untagged),
            }
        )

    def _placed_orders(self, connection: Connection, span_ms: tuple[int, int]) -> bool:
        pages = self._audit.iterate_span(connection.user_id, *span_ms)
        return any(has_order(entries, REST_SUCCESS) for entries in pages)

    def _find_volumes(self, connection: Connection, span_ms: tuple[int, int]) -> Volumes | None:
        """None for a user of whom KuCoin tells nothing that can be read."""
        if connection.kucoin_uid is None:
            return None
        try:
            return self._client.read_volumes(
                connection.kucoin_uid, *span_ms, deadline_seconds=_DEADLINE_SECONDS
            )
        except ConfigurationError:
            count(CONFIGURATION_ERROR_FOUND)
            raise
        except KucoinRefusedError as error:
            if get_meaning(error) is not Meaning.PARAMETER:
                raise
            return None


def _build_user(connection: Connection, volumes: Volumes) -> UntaggedUser:
    logger.warning(
        "a user who placed orders has volume without the tag only",
        extra={"userId": connection.user_id, "untagged": format_amount(volumes.untagged)},
    )
    return UntaggedUser(user_id=connection.user_id, untagged_volume=format_amount(volumes.untagged))


def _report(check: TagCheck) -> None:
    """Before the end is saved: told twice is better than not at all."""
    logger.info("a day's tags are checked", extra=check.model_dump(exclude={"untagged", "cursor"}))
    if check.is_alarming:
        count(UNTAGGED_VOLUME_FOUND, check.untagged_count)
