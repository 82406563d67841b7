"""Get or create a deposit address: safe to repeat, whatever became of the first time."""

from collections.abc import Callable
from dataclasses import replace

from kubroker.connections.key_use import KeyUse
from kubroker.foundation.clock import Clock, Deadline, read_now
from kubroker.foundation.errors import (
    ConflictError,
    KubrokerError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
    UnprocessableError,
)
from kubroker.foundation.stored import ReadableList
from kubroker.kucoin.codes import Meaning, get_meaning
from kubroker.kucoin.permissions import Permission
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.signer import ApiCredentials
from kubroker.payouts.addresses_model import AddressWish, DepositAddress
from kubroker.payouts.client import DepositClient

CALL_SECONDS = 8.0


class DepositAddresses:
    """A user's deposit addresses."""

    def __init__(
        self,
        keys: KeyUse,
        deposits: DepositClient,
        rest: KucoinRest,
        *,
        clock: Clock,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins its parts."""
        self._keys = keys
        self._deposits = deposits
        self._rest = rest
        self._clock = clock
        self._now = now

    def find_all(
        self, user_id: str, currency: str, chain: str | None, *, seconds: float
    ) -> ReadableList[DepositAddress]:
        """Those that are there and can be read; creates none.

        Args:
            user_id: Whose.
            currency: For example ``USDT``.
            chain: KuCoin's chainId, or None for all.
            seconds: For all of it.

        Raises:
            KubrokerError: The key may not be used, or KuCoin did not answer with addresses.
        """
        key = self._keys.open(user_id, Permission.GENERAL)
        try:
            return self._deposits.find_all(
                key.credentials, currency, chain, deadline_seconds=min(seconds, CALL_SECONDS)
            )
        except KucoinRefusedError as error:
            raise explain_refusal(error) from error

    def get_or_create(
        self, user_id: str, wish: AddressWish, *, seconds: float
    ) -> tuple[DepositAddress, bool]:
        """The address that serves the wish; created where there is none.

        A Lightning invoice (an ``amount``) is always a new one: each is paid once.

        Returns:
            The address, and whether it is new.

        Raises:
            ConflictError: KuCoin has one for this chain, and it credits another account.
            KubrokerError: The key may not be used, KuCoin refused or did not answer; asking
                again is safe.
        """
        deadline = self._clock.start(seconds)
        credentials = self._keys.open(user_id, Permission.GENERAL).credentials
        try:
            return self._get_or_create(credentials, wish, deadline)
        except KucoinRefusedError as error:
            raise explain_refusal(error) from error

    def _get_or_create(
        self, credentials: ApiCredentials, wish: AddressWish, deadline: Deadline
    ) -> tuple[DepositAddress, bool]:
        if wish.amount is None and (found := self._find(credentials, wish, deadline)):
            return found, False
        try:
            made = self._create(credentials, wish, deadline)
        except KucoinOutcomeUnknownError:
            found = None if wish.amount else self._find(credentials, wish, deadline)
            if found is None:
                raise
            return found, True
        if made is None:
            found = self._find(credentials, wish, deadline)
            if found is None:
                raise KucoinOutcomeUnknownError(
                    "KuCoin says that the address exists and does not tell it; ask again."
                )
            return found, False
        if made.account is None:
            made = replace(made, account=wish.account)
        if not made.fits(wish, self._now()):
            raise _build_elsewhere()
        return made, True

    def _create(
        self, credentials: ApiCredentials, wish: AddressWish, deadline: Deadline
    ) -> DepositAddress | None:
        """Asks for it; where only the clock was wrong, nothing was done: once more."""
        try:
            return self._deposits.create(
                credentials, wish, deadline_seconds=min(deadline.left(), CALL_SECONDS)
            )
        except KucoinRefusedError as error:
            if get_meaning(error) is not Meaning.CLOCK:
                raise
        self._rest.measure_clock(deadline_seconds=min(deadline.left(), CALL_SECONDS))
        return self._deposits.create(
            credentials, wish, deadline_seconds=min(deadline.left(), CALL_SECONDS)
        )

    def _find(
        self, credentials: ApiCredentials, wish: AddressWish, deadline: Deadline
    ) -> DepositAddress | None:
        """The one that fits.

        Raises:
            KucoinOutcomeUnknownError: None does, and one that can't be read might.
            ConflictError: There is one for this chain, but it credits another account.
        """
        found = self._deposits.find_all(
            credentials,
            wish.currency,
            wish.chain,
            deadline_seconds=min(deadline.left(), CALL_SECONDS),
        )
        now = self._now()
        alive = [item for item in found if item.expires_at is None or item.expires_at > now]
        fitting = next((item for item in alive if item.fits(wish, now)), None)
        on_chain = [item for item in alive if item.chain == wish.chain]
        if fitting is None and found.unreadable:
            raise KucoinOutcomeUnknownError("KuCoin's answer has an address that can't be read.")
        if fitting is None and on_chain:
            raise _build_elsewhere()
        return fitting


def explain_refusal(error: KucoinRefusedError) -> KubrokerError:
    """A refusal in the API's own words, where it is the request's fault; else the refusal."""
    meaning = get_meaning(error)
    if meaning is Meaning.CURRENCY_UNKNOWN:
        return UnprocessableError(
            "KuCoin knows no such currency.", code="currency_unknown", field="currency"
        )
    if meaning is Meaning.CHAIN_UNKNOWN:
        return UnprocessableError(
            "KuCoin knows no such chain of this currency; name a chainId.",
            code="chain_unknown",
            field="chain",
        )
    if meaning is Meaning.DEPOSITS_DISABLED:
        return ConflictError(
            "KuCoin takes no deposits of this currency over this chain now.",
            code="deposits_disabled",
        )
    return error


def _build_elsewhere() -> ConflictError:
    return ConflictError(
        "KuCoin has an address for this currency and chain that credits another account of the "
        "user; ask for that account.",
        code="deposit_address_elsewhere",
        field="account",
    )
