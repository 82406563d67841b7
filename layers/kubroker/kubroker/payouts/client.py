"""KuCoin's calls for deposit addresses."""

import json

from kubroker.foundation.errors import KucoinOutcomeUnknownError, KucoinRefusedError
from kubroker.foundation.observability import logger
from kubroker.foundation.stored import ReadableList
from kubroker.kucoin.codes import Act, Meaning, get_meaning
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.signer import ApiCredentials
from kubroker.payouts.addresses_model import AddressWish, DepositAddress, find_address


class DepositClient:
    """Reads and creates deposit addresses of a user."""

    def __init__(self, rest: KucoinRest) -> None:
        """Sends through ``rest``."""
        self._rest = rest

    def find_all(
        self,
        credentials: ApiCredentials,
        currency: str,
        chain: str | None,
        *,
        deadline_seconds: float,
    ) -> ReadableList[DepositAddress]:
        """The user's addresses of a currency, of one chain or all, but those that can't be read.

        Source: ``GET /api/v3/deposit-addresses``, General, pool Management, weight 5.

        Raises:
            KucoinRefusedError: KuCoin said no.
            KucoinUnsentError: KuCoin could not be reached.
            KucoinOutcomeUnknownError: No usable answer came.
        """
        query = {"currency": currency} | ({"chain": chain} if chain else {})
        try:
            data = self._rest.get(
                "/api/v3/deposit-addresses",
                query,
                credentials=credentials,
                deadline_seconds=deadline_seconds,
            )
        except KucoinRefusedError as error:
            if get_meaning(error) is Meaning.NO_DEPOSIT_ADDRESS:
                return ReadableList()
            raise
        if not isinstance(data, list):
            raise KucoinOutcomeUnknownError("KuCoin's answer about addresses can't be read.")
        addresses = [find_address(item) for item in data]
        found = [address for address in addresses if address is not None]
        unreadable = len(addresses) - len(found)
        if unreadable:
            extra = {"currency": currency, "unreadable": unreadable}
            logger.warning("KuCoin tells addresses that can't be read", extra=extra)
        return ReadableList(found, unreadable=unreadable)

    def create(
        self, credentials: ApiCredentials, wish: AddressWish, *, deadline_seconds: float
    ) -> DepositAddress | None:
        """Creates an address, once.

        Source: ``POST /api/v3/deposit-address/create``, General, pool Management, weight 20.

        Returns:
            The address; None where KuCoin says that there is one already.

        Raises:
            KucoinRefusedError: KuCoin said no.
            KucoinUnsentError: KuCoin could not be reached.
            KucoinOutcomeUnknownError: It may be there now; look.
        """
        body = {"currency": wish.currency, "chain": wish.chain, "to": wish.account.value}
        if wish.amount is not None:
            body["amount"] = wish.amount
        try:
            data = self._rest.act(
                Act.DEPOSIT_ADDRESS,
                "/api/v3/deposit-address/create",
                json.dumps(body, separators=(",", ":")),
                credentials=credentials,
                timestamp_ms=self._rest.now_ms(),
                deadline_seconds=deadline_seconds,
            )
        except KucoinRefusedError as error:
            if get_meaning(error) is Meaning.DEPOSIT_ADDRESS_EXISTS:
                return None
            raise
        made = find_address(data)
        if made is None:
            raise KucoinOutcomeUnknownError("KuCoin's answer has an address that can't be read.")
        return made
