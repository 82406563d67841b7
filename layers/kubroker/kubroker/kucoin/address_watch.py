"""What an operator has to correct, told in words: our addresses on IP lists, KuCoin's paths."""

from kubroker.foundation.errors import KubrokerError, KucoinOutcomeUnknownError, KucoinRefusedError
from kubroker.foundation.observability import (
    ADDRESS_REFUSED,
    CONFIGURATION_ERROR_FOUND,
    count,
    logger,
)
from kubroker.kucoin.answers import is_no_such_path
from kubroker.kucoin.api_keys import CheckRefusal, classify_check_refusal
from kubroker.kucoin.explanations import explain_check_refusal, find_address


def watch_address(error: KucoinRefusedError) -> bool:
    """Counts and logs a refused address, with the one that KuCoin saw.

    Args:
        error: Any refusal.

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


def watch_failure(error: KubrokerError) -> None:
    """Counts and logs a refused address, and a gateway's word that it has no such path.

    It pages an operator and decides nothing: where something acts, the work may be done.

    Args:
        error: Any failure of a call to KuCoin.
    """
    if isinstance(error, KucoinRefusedError):
        watch_address(error)
    if isinstance(error, KucoinOutcomeUnknownError) and is_no_such_path(error):
        count(CONFIGURATION_ERROR_FOUND)
        logger.error("KuCoin's gateway says that it has no such path; compare the settings")
