"""The form of a withdrawal request, and what KuCoin refuses before it looks at balances.

Source:
    Fast API page 8.2; refusal codes from KuCoin's withdrawal documentation.
"""

import re
from decimal import Decimal
from typing import Any

from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.funds.accounts import WithdrawalOrder
from local.kucoin_simulator.funds.catalog import Chain, Currency
from local.kucoin_simulator.funds.fees import EXTERNAL, INTERNAL
from local.kucoin_simulator.model import User
from local.kucoin_simulator.wire import Json, Refusal

TO_ADDRESS = "ADDRESS"
TO_PEOPLE = ("UID", "MAIL", "PHONE")
TEXT_FIELDS = ("chain", "remark", "memo", "feeDeductType")
TRAVEL_RULE_FIELDS = (
    "receiverType",
    "firstName",
    "lastName",
    "companyName",
    "country",
    "wallet",
    "tin",
    "identityNo",
    "identityType",
    "questionnaire",
    "reasonOfTransfer",
)


def parse(exchange: Exchange, body: Json) -> WithdrawalOrder:
    """Check the form of a request.

    Args:
        exchange: Whose request it is.
        body: The JSON object without `validation`.

    Raises:
        Refusal: 400100 for a parameter, 900014 for a chain, 260210 where withdrawal is disabled,
            260325 for an address outside the whitelist.
    """
    for name in ("currency", "address", "amount", "withdrawType"):
        _text(body, name, required=True)
    texts = {name: _text(body, name) for name in (*TEXT_FIELDS, *TRAVEL_RULE_FIELDS)}
    is_inner = body.get("isInner", False)
    if not isinstance(is_inner, bool):
        raise _parameter("isInner must be a boolean")
    withdraw_type = body["withdrawType"]
    if withdraw_type not in (TO_ADDRESS, *TO_PEOPLE):
        raise _parameter("withdrawType must be ADDRESS, UID, MAIL or PHONE")
    if texts["feeDeductType"] not in ("", INTERNAL, EXTERNAL):
        raise _parameter("feeDeductType must be INTERNAL or EXTERNAL")
    currency, chain = _find_chain(exchange, body["currency"], texts["chain"])
    recipient = _find_recipient(exchange, withdraw_type, body["address"])
    if withdraw_type == TO_ADDRESS:
        _check_address(exchange, body, chain, texts["memo"])
    return WithdrawalOrder(
        currency=currency.code,
        chain_id=chain.chain_id if withdraw_type == TO_ADDRESS else "",
        chain_name=chain.name if withdraw_type == TO_ADDRESS else "",
        address=body["address"],
        recipient=recipient,
        amount=_parse_amount(body["amount"], chain),
        withdraw_type=withdraw_type,
        is_inner=is_inner or bool(recipient),
        remark=texts["remark"],
        memo=texts["memo"],
        deduct_type=texts["feeDeductType"],
    )


def _text(body: Json, name: str, *, required: bool = False) -> str:
    value: Any = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise _parameter(f"{name} is required" if required else f"{name} must be a string")
    return value


def _find_chain(exchange: Exchange, code: str, chain_id: str) -> tuple[Currency, Chain]:
    currency = exchange.state.funds.catalog.currencies.get(code)
    if currency is None:
        raise Refusal("900003", "Currency not exists")
    chain = currency.find_chain(chain_id)
    if chain is None:
        raise Refusal("900014", "Invalid chainId")
    if not chain.is_withdraw_enabled:
        raise Refusal("260210", "withdraw.disabled")
    return currency, chain


def _parse_amount(text: str, chain: Chain) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", text) or Decimal(text) <= 0:
        raise _parameter("amount must be a positive decimal string")
    amount = Decimal(text)
    if amount != amount.quantize(Decimal(1).scaleb(-chain.precision)):
        raise _parameter(f"Withdrawal amount precision is {chain.precision}")
    if amount < chain.min_size:
        raise _parameter("Withdrawal amount is below the minimum requirement.")
    return amount


def _find_recipient(exchange: Exchange, withdraw_type: str, address: str) -> str:
    if withdraw_type == TO_ADDRESS:
        return ""
    found = next(
        (user for user in exchange.state.users.values() if _is(user, withdraw_type, address)), None
    )
    if found is None:
        raise _parameter("The receiving account does not exist")
    if found.name == exchange.user.name:
        raise _parameter("Withdrawing to your own account is not supported")
    return found.name


def _is(user: User, withdraw_type: str, address: str) -> bool:
    if withdraw_type == "UID":
        return str(user.uid) == address
    if withdraw_type == "MAIL":
        return user.email == address.lower()
    return bool(user.phone) and user.phone.lstrip("+") == address.lstrip("+").replace("-", "")


def _check_address(exchange: Exchange, body: Json, chain: Chain, memo: str) -> None:
    address = body["address"]
    if not re.fullmatch(r"[0-9A-Za-z:._-]{6,128}", address):
        raise _parameter("The withdrawal address is not valid")
    if chain.need_tag and not memo:
        raise _parameter("memo is required for this chain")
    user = exchange.user
    restricted = exchange.key.is_addressbook_only or user.whitelist_only
    if restricted and address not in user.address_book:
        raise Refusal("260325", "The address is not in the user's withdrawal whitelist")
    if exchange.state.worlds.travel_rule_required and not body.get("receiverType"):
        code = exchange.state.settings.code_travel_rule
        raise Refusal(code, "The recipient's identity is required (receiverType)")


def _parameter(msg: str) -> Refusal:
    return Refusal("400100", msg)
