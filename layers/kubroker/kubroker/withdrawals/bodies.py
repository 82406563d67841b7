"""The body of a Fast API withdrawal, to the letter as it is stored, signed and sent. Pure."""

import json
from collections.abc import Mapping

from pydantic import SecretStr

from kubroker.foundation.amounts import format_amount
from kubroker.withdrawals.rules import Order


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


def add_validation(body: str, transaction_id: str, factors: Mapping[str, SecretStr]) -> str:
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
    return f'{body[:-1]},"validation":{json.dumps(validation, separators=(",", ":"))}}}'
