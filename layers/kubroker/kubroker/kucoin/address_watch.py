"""This installation's addresses against the IP lists of keys: told to the operator in words."""

from kubroker.foundation.errors import KucoinRefusedError
from kubroker.foundation.observability import ADDRESS_REFUSED, count, logger
from kubroker.kucoin.api_keys import CheckRefusal, classify_check_refusal
from kubroker.kucoin.explanations import explain_check_refusal, find_address


def watch_address(error: KucoinRefusedError) -> bool:
    """Counts and logs KuCoin's 400006 with the address that it saw.

    Args:
        error: Any refusal of a call with a user's key.

    Returns:
        Whether it is that refusal.
    """
    if classify_check_refusal(error) is not CheckRefusal.IP_NOT_ALLOWED:
        return False
    count(ADDRESS_REFUSED)
    logger.error(
        explain_check_refusal(error),
        extra={
            "address": find_address(error.kucoin_message),
            "kucoinCode": error.kucoin_code,
            "next": "compare with `make addresses`; see docs/operations.md, address-refused",
        },
    )
    return True
