"""KuCoin's withdrawals: asking for one, and what became of it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from kubroker.foundation.amounts import find_amount, find_integer, format_amount
from kubroker.foundation.errors import KucoinOutcomeUnknownError
from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin import answers
from kubroker.kucoin.codes import REST_SUCCESS, Act
from kubroker.kucoin.currency import Quota
from kubroker.kucoin.rest import KucoinRest, SecretBody
from kubroker.kucoin.signer import ApiCredentials
from kubroker.withdrawals.rules import Order
from kubroker.withdrawals.tracking import HistoryEntry


def build_body(order: Order, *, remark: str, recipient: Mapping[str, str]) -> str:
    """The request without codes.

    Source: kucoin-fast-api, 8.2 for the documented fields; ``memo`` and the recipient's identity
    for the travel rule (``receiverType``, ``firstName`` …) are seen in a public client.

    Args:
        order: What is to be withdrawn.
        remark: Our id first.
        recipient: KuCoin's own field names; empty where none is given.
    """
    fields = {
        "currency": order.currency,
        "address": order.address,
        "amount": format_amount(order.amount),
        "withdrawType": order.withdraw_type.value,
        "chain": order.chain,
        "isInner": order.is_inner,
        "remark": remark,
        "feeDeductType": order.fee_deduct_type.value if order.fee_deduct_type else None,
        "memo": order.memo,
        **recipient,
    }
    present = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(present, separators=(",", ":"))


def add_validation(body: str, transaction_id: str, factors: Mapping[str, SecretStr]) -> SecretBody:
    """The identical body plus ``validation``; what stood there stays to the letter.

    Source: kucoin-protocol, 5; the shape of ``validation`` is seen in a public client.
    """
    validation = {
        "transactionId": transaction_id,
        "factors": [
            {"factorType": name, "factorValue": value.get_secret_value()}
            for name, value in factors.items()
        ],
    }
    text = f'{body[:-1]},"validation":{json.dumps(validation, separators=(",", ":"))}}}'
    return SecretBody(text, tuple(value.get_secret_value() for value in factors.values()))


PAGE_SIZE = 500
MAX_PAGES = 40
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """KuCoin has taken the withdrawal."""

    kucoin_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesWanted:
    """KuCoin has done nothing yet: it wants these codes first.

    Attributes:
        all_factors: Alternatives, each the list of factors that it needs.
        sent_factors: Those whose code it has just sent.
    """

    transaction_id: str
    all_factors: list[list[str]]
    sent_factors: list[list[str]]


class WithdrawalClient:
    """Signed calls about withdrawals."""

    def __init__(self, settings: KucoinSettings, rest: KucoinRest) -> None:
        """Takes its parts."""
        self._protocol = settings.protocol
        self._rest = rest

    @property
    def submission_url(self) -> str:
        """Where a withdrawal is asked for."""
        protocol = self._protocol
        return self._rest.build_url(protocol.withdrawal_host, protocol.withdrawal_path)

    def now_ms(self) -> int:
        """KuCoin's time as far as it was measured: what a request is to be signed with."""
        return self._rest.now_ms()

    def read_clock(self, *, deadline_seconds: float) -> int:
        """KuCoin's clock now, epoch milliseconds."""
        return self._rest.read_clock(deadline_seconds=deadline_seconds)

    def measure_clock(self, *, deadline_seconds: float) -> None:
        """Sets our measure of KuCoin's clock right."""
        self._rest.measure_clock(deadline_seconds=deadline_seconds)

    def submit(
        self,
        body: str | SecretBody,
        credentials: ApiCredentials,
        *,
        timestamp_ms: int,
        deadline_seconds: float,
    ) -> Accepted | CodesWanted:
        """Asks for a withdrawal, once. There is no idempotency at KuCoin: never repeat it.

        Source: kucoin-fast-api, 8.2; permission Transfer (withdrawal), pool Management; no document
        tells its weight.

        Args:
            body: From ``withdrawal_bodies``, with codes or without.
            credentials: The user's key.
            timestamp_ms: See ``KucoinRest.act``.
            deadline_seconds: For all of it.

        Raises:
            KucoinUnsentError: Nothing was sent.
            KucoinRefusedError: KuCoin said no.
            KucoinOutcomeUnknownError: KuCoin may have done it.
        """
        data = self._rest.act(
            Act.WITHDRAWAL,
            self._protocol.withdrawal_path,
            body,
            credentials=credentials,
            host=self._protocol.withdrawal_host,
            timestamp_ms=timestamp_ms,
            deadline_seconds=deadline_seconds,
        )
        kucoin_id = _find_id(data, "withdrawalId")
        if kucoin_id is not None:
            return Accepted(kucoin_id=kucoin_id)
        transaction_id = answers.find_text(data, "transactionId")
        if transaction_id is None:
            error = KucoinOutcomeUnknownError("KuCoin's answer names no withdrawal.")
            error.kucoin_code = REST_SUCCESS
            raise error
        return CodesWanted(
            transaction_id=transaction_id,
            all_factors=_parse_factors(data.get("allFactors")),
            sent_factors=_parse_factors(data.get("sentFactors")),
        )

    def cancel(
        self, kucoin_id: str, credentials: ApiCredentials, *, deadline_seconds: float
    ) -> None:
        """Cancels a withdrawal in PROCESSING; repeating it does no harm.

        Source: ``DELETE /api/v1/withdrawals/{id}``, permission Transfer, Management, weight 20.

        Raises:
            KucoinRefusedError: KuCoin does not allow it any more.
            KucoinError: Nobody knows; its status tells.
        """
        self._rest.act(
            Act.CANCELLATION,
            f"/api/v1/withdrawals/{kucoin_id}",
            credentials=credentials,
            timestamp_ms=self.now_ms(),
            deadline_seconds=deadline_seconds,
        )

    def get(
        self, kucoin_id: str, credentials: ApiCredentials, *, deadline_seconds: float
    ) -> HistoryEntry:
        """One withdrawal with all that KuCoin tells of it.

        Source: ``GET /api/v1/withdrawals/{id}``, permission General, Management, weight 20.

        Raises:
            KucoinError: KuCoin said no, perhaps because it is not in the history yet, or could
                not be asked.
        """
        data = self._rest.get(
            f"/api/v1/withdrawals/{kucoin_id}",
            credentials=credentials,
            deadline_seconds=deadline_seconds,
        )
        return _parse_entry(data)

    def read_history(
        self,
        credentials: ApiCredentials,
        *,
        currency: str | None,
        start_at_ms: int,
        end_at_ms: int,
        deadline_seconds: float,
    ) -> tuple[HistoryEntry, ...]:
        """Every withdrawal of a span of time, from a complete paged reading.

        Source: ``GET /api/v1/withdrawals``, permission General, Management, weight 20; at most
        500 a page.

        Args:
            credentials: The user's key.
            currency: One, or None for all.
            start_at_ms: KuCoin's clock.
            end_at_ms: KuCoin's clock.
            deadline_seconds: For each page.

        Raises:
            KucoinOutcomeUnknownError: The pages do not add up to the number that KuCoin tells.
            KucoinError: KuCoin said no or could not be asked.
        """
        query = {"startAt": str(start_at_ms), "endAt": str(end_at_ms), "pageSize": str(PAGE_SIZE)}
        query |= {"currency": currency} if currency else {}
        found: dict[str, HistoryEntry] = {}
        for number in range(1, MAX_PAGES + 1):
            data = self._rest.get(
                "/api/v1/withdrawals",
                {**query, "currentPage": str(number)},
                credentials=credentials,
                deadline_seconds=deadline_seconds,
            )
            items, total = _parse_page(data)
            found |= {entry.kucoin_id: entry for entry in items}
            if len(found) >= total:
                return tuple(found.values())
            if len(items) == 0:
                break
        raise KucoinOutcomeUnknownError("KuCoin's history could not be read completely.")

    def find_quota(
        self,
        currency: str,
        chain: str | None,
        credentials: ApiCredentials,
        *,
        deadline_seconds: float,
    ) -> Quota:
        """What the account may withdraw; for balances and for fees inside KuCoin.

        Source: ``GET /api/v1/withdrawals/quotas``, permission General, Management, weight 20.

        Raises:
            KucoinError: KuCoin said no or could not be asked.
        """
        query = {"currency": currency} | ({"chain": chain} if chain else {})
        data = self._rest.get(
            "/api/v1/withdrawals/quotas",
            query,
            credentials=credentials,
            deadline_seconds=deadline_seconds,
        )
        if not isinstance(data, dict):
            raise KucoinOutcomeUnknownError("KuCoin's answer about the quota can't be read.")
        return Quota(
            available=find_amount(data.get("availableAmount")),
            inner_fee=find_amount(data.get("innerWithdrawMinFee")),
        )


def _find_id(data: Any, name: str) -> str | None:
    value = answers.find_text(data, name)
    return value if value is not None and _ID.fullmatch(value) else None


def _parse_factors(value: Any) -> list[list[str]]:
    """Alternatives of factor names; a flat list is one alternative."""
    if not isinstance(value, list):
        return []
    if value and all(isinstance(name, str) for name in value):
        value = [value]
    return [[str(name)[:20] for name in group] for group in value if isinstance(group, list)][:10]


def _parse_page(data: Any) -> tuple[list[HistoryEntry], int]:
    items = data.get("items") if isinstance(data, dict) else None
    total = find_integer(data.get("totalNum")) if isinstance(data, dict) else None
    if not isinstance(items, list) or total is None:
        raise KucoinOutcomeUnknownError("KuCoin's history can't be read.")
    return [_parse_entry(item) for item in items], total


def _find_chains(data: Any) -> tuple[str, ...]:
    """Every name that KuCoin gives the chain, in lower case: lists and details differ."""
    names = (answers.find_text(data, name) for name in ("chain", "chainId", "chainName"))
    return tuple(name.lower() for name in names if name)


def _parse_entry(data: Any) -> HistoryEntry:
    kucoin_id = _find_id(data, "id")
    created_at_ms = find_integer(data.get("createdAt")) if isinstance(data, dict) else None
    if kucoin_id is None or created_at_ms is None:
        raise KucoinOutcomeUnknownError("KuCoin's answer about a withdrawal can't be read.")
    return HistoryEntry(
        kucoin_id=kucoin_id,
        currency=answers.find_text(data, "currency") or "",
        status=answers.find_text(data, "status") or "",
        address=answers.find_text(data, "address") or "",
        amount=find_amount(data.get("amount")),
        fee=find_amount(data.get("fee")),
        chains=_find_chains(data),
        memo=answers.find_text(data, "memo"),
        remark=answers.find_text(data, "remark") or "",
        created_at_ms=created_at_ms,
        wallet_tx_id=answers.find_text(data, "walletTxId"),
        failure_reason=answers.find_text(data, "failureReason"),
        return_status=answers.find_text(data, "returnStatus"),
        return_amount=answers.find_text(data, "returnAmount"),
    )
