"""Opening a payout, and looking at it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kubroker.aws.files import FileStore
from kubroker.aws.queue import Queue
from kubroker.foundation.clock import read_now
from kubroker.foundation.errors import LostRaceError, NotFoundError
from kubroker.payouts.addresses_model import AddressWish
from kubroker.payouts.model import (
    Payout,
    PayoutFile,
    PayoutPart,
    PayoutState,
    derive_payout_id,
    hash_request,
    name_part,
    split_users,
)
from kubroker.payouts.store import PayoutStore
from kubroker.web.fields import check_request_of_key

LINK_SECONDS = 900


@dataclass(frozen=True, slots=True)
class FileLink:
    """A file, and a link to it that works until ``expires_at`` (epoch seconds)."""

    file: PayoutFile
    url: str
    expires_at: int


class Payouts:
    """The broker's side of payouts."""

    def __init__(
        self,
        store: PayoutStore,
        queue: Queue,
        files: FileStore,
        *,
        kept_days: int,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins its parts; a payout and its files are kept for ``kept_days``."""
        self._kept_seconds = kept_days * 86_400
        self._store = store
        self._queue = queue
        self._files = files
        self._now = now

    def open(self, idempotency_key: str, users: Sequence[str], wish: AddressWish) -> Payout:
        """Records a payout and has it worked; the same key again only looks, or resumes.

        Raises:
            UnprocessableError: The key was used with another request.
            StoreError: It may be there and not be worked: send it again with the same key.
        """
        payout_id = derive_payout_id(idempotency_key)
        request_hash = hash_request(users, wish.currency, wish.chain, wish.account)
        payout = self._store.find(payout_id)
        if payout is None:
            payout = self._record(payout_id, request_hash, users, wish)
        check_request_of_key(
            payout.request_hash,
            request_hash,
            kept_until=payout.ttl,
            now=self._now(),
            what="payout",
        )
        if payout.payout_state is PayoutState.RUNNING:
            self._queue.send({"kind": "start_payout", "payoutId": payout_id})
        return payout

    def get(self, payout_id: str) -> tuple[Payout, list[FileLink]]:
        """How it stands; once it is READY, with links to its files.

        Raises:
            NotFoundError: There is no such payout.
        """
        payout = self._store.get(payout_id)
        if payout.ttl <= self._now():
            raise NotFoundError("There is no such payout any more.", code="payout_not_found")
        expires_at = self._now() + LINK_SECONDS
        links = [
            FileLink(
                file,
                self._files.build_link(
                    file.key,
                    file_name=f"payout-{payout_id}.{file.format}",
                    seconds=LINK_SECONDS,
                ),
                expires_at,
            )
            for file in payout.files
        ]
        return payout, links

    def _record(
        self, payout_id: str, request_hash: str, users: Sequence[str], wish: AddressWish
    ) -> Payout:
        now = self._now()
        parts = [
            PayoutPart(
                payout_id=payout_id,
                part=name_part(request_hash, number),
                users=chunk,
                ttl=now + self._kept_seconds,
            )
            for number, chunk in enumerate(split_users(users))
        ]
        payout = Payout(
            payout_id=payout_id,
            currency=wish.currency,
            chain=wish.chain,
            account=wish.account,
            total=len(users),
            part_count=len(parts),
            parts_left=len(parts),
            request_hash=request_hash,
            created_at=now,
            ttl=now + self._kept_seconds,
        )
        try:
            self._store.create(payout, parts)
        except LostRaceError:
            return self._store.get(payout_id)
        return payout
