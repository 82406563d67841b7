"""KuCoin's reports for its brokers, asked with the broker's own API key."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from kubroker.foundation.amounts import find_amount
from kubroker.foundation.errors import (
    ConfigurationError,
    ConflictError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
)
from kubroker.foundation.kucoin_protocol import KucoinProtocol
from kubroker.kucoin.codes import Meaning, get_meaning
from kubroker.kucoin.identity import KucoinSecret
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.signer import ApiCredentials
from kubroker.revenue.tags import Volumes

PAGE_ROWS = 500
MAX_PAGES = 20
MAX_URL_CHARACTERS = 4096
MAX_VOLUME = Decimal(10) ** 30
# The key, its signature, address or permissions, or the broker headers: an operator's business.
_OPERATORS = {
    Meaning.KEY_GONE,
    Meaning.SIGNATURE,
    Meaning.IP_NOT_ALLOWED,
    Meaning.PERMISSION,
    Meaning.PARTNER,
}


class TradeType(StrEnum):
    """Which market a report is of."""

    SPOT = "SPOT"
    FUTURES = "FUTURES"


class RebateClient:
    """Orders rebate files, and reads volumes with and without the tag."""

    def __init__(
        self, rest: KucoinRest, secret: Callable[[], KucoinSecret], protocol: KucoinProtocol
    ) -> None:
        """Sends through ``rest`` with the key that the secret holds."""
        self._rest = rest
        self._secret = secret
        self._protocol = protocol

    @property
    def has_account(self) -> bool:
        """Whether the secret holds a key of the broker's own account.

        Raises:
            ConfigurationError: The secret can't be read.
        """
        return self._secret().account is not None

    def order_report(
        self, begin: date, end: date, trade_type: TradeType, *, deadline_seconds: float
    ) -> str:
        """Has KuCoin write the file of orders that brought rebates.

        Source: ``GET /api/v1/broker/api/rebase/download`` (begin, end: YYYYMMDD, at most six
        months; tradeType), General, pool Management, weight 3: a link that works for a day.

        Returns:
            KuCoin's link to a CSV file.

        Raises:
            ConflictError: The secret has no key of the broker's account.
            ConfigurationError: KuCoin does not take that key.
            KucoinError: KuCoin could not be reached, refused, or gave no link.
        """
        names = {
            TradeType.SPOT: self._protocol.rebate_spot_name,
            TradeType.FUTURES: self._protocol.rebate_futures_name,
        }
        query = {
            "begin": begin.isoformat().replace("-", ""),
            "end": end.isoformat().replace("-", ""),
            "tradeType": names[trade_type],
        }
        path = self._protocol.rebate_report_path
        data = self._get(path, query, deadline_seconds=deadline_seconds)
        url = data.get("url") if isinstance(data, dict) else None
        if not isinstance(url, str) or not _is_link(url):
            raise KucoinOutcomeUnknownError("KuCoin's answer has no usable link to a file.")
        return url

    def read_volumes(
        self, uid: str, start_ms: int, end_ms: int, *, deadline_seconds: float
    ) -> Volumes | None:
        """A user's volume in a span, both ends included, with and without the broker's tag.

        Source: ``GET /api/v2/broker/queryDetailByUid`` (tradeType, uid, startAt, endAt, lastId,
        direction, pageSize at most 500): rows, oldest or latest first; the last row's lastId
        leads to the next page.

        Returns:
            The volumes; None where KuCoin's rows can't be read or have no end.

        Raises:
            ConflictError: The secret has no key of the broker's account.
            ConfigurationError: KuCoin does not take that key.
            KucoinError: KuCoin could not be reached, or refused.
        """
        tagged = untagged = Decimal(0)
        last_id = ""
        for _ in range(MAX_PAGES):
            query = {
                "tradeType": "all",
                "uid": uid,
                "startAt": str(start_ms),
                "endAt": str(end_ms),
                "direction": "NEXT",
                "pageSize": str(PAGE_ROWS),
            }
            query |= {"lastId": last_id} if last_id else {}
            path = self._protocol.broker_volumes_path
            data = self._get(path, query, deadline_seconds=deadline_seconds)
            try:
                rows = _read_rows(data)
                tagged += sum(_add(row, self._protocol.tagged_volume_fields) for row in rows)
                untagged += sum(_add(row, self._protocol.untagged_volume_fields) for row in rows)
            except ValueError:
                return None
            if len(rows) < PAGE_ROWS:
                return Volumes(tagged, untagged)
            following = str(rows[-1].get("lastId") or "")
            if following in {"", last_id}:
                break
            last_id = following
        return None

    def _get(self, path: str, query: dict[str, str], *, deadline_seconds: float) -> Any:
        account = self._secret().account
        if account is None:
            raise ConflictError(
                "The secret holds no API key of the broker's own KuCoin account; fill in "
                "`account`.",
                code="broker_account_missing",
            )
        credentials = ApiCredentials(
            api_key=account.api_key, secret=account.api_secret, passphrase=account.passphrase
        )
        try:
            return self._rest.get(
                path, query, credentials=credentials, deadline_seconds=deadline_seconds
            )
        except KucoinRefusedError as error:
            is_no_broker = error.kucoin_code in self._protocol.not_broker_codes
            if is_no_broker or get_meaning(error) in _OPERATORS:
                raise ConfigurationError(
                    "KuCoin does not take the API key of the broker's own account, with code "
                    f"{error.kucoin_code}; mend `account` in the secret."
                ) from error
            raise


def _is_link(url: str) -> bool:
    """An absolute web address; we never follow it ourselves."""
    if len(url) > MAX_URL_CHARACTERS or not (url.isascii() and url.isprintable()) or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname)


def _read_rows(data: Any) -> list[dict[str, Any]]:
    """The rows: a bare list, or the items of a page; a ValueError where it is neither."""
    rows = data.get("items") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("no rows")
    return rows


def _add(row: dict[str, Any], groups: tuple[tuple[str, ...], ...]) -> Decimal:
    """The sum of a row's fields; a ValueError where one is no amount."""
    total = Decimal(0)
    for names in groups:
        value = next((row[name] for name in names if row.get(name) not in (None, "")), None)
        if value is None:
            continue
        amount = find_amount(value)
        if amount is None or amount > MAX_VOLUME:
            raise ValueError("no amount")
        total += amount
    return total
