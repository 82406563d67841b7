"""The operator's kill switch of withdrawals: an SSM parameter, at most 15 seconds stale."""

from functools import cache
from typing import TYPE_CHECKING

from kubroker.aws.clients import CONFIG
from kubroker.foundation.errors import UnavailableError
from kubroker.foundation.observability import WITHDRAWAL_SWITCH_READ_FAILED, count, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SSMProvider

MAX_AGE_SECONDS = 15
ON = "on"


@cache
def _get_provider() -> "SSMProvider":
    from aws_lambda_powertools.utilities.parameters import SSMProvider

    return SSMProvider(boto_config=CONFIG)


def check_switch(name: str) -> None:
    """Whether withdrawals may be submitted now.

    Args:
        name: The parameter's name; its value is ``on``, anything else is off.

    Raises:
        UnavailableError: They are switched off, or the switch can't be read, which means no.
    """
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        value = _get_provider().get(name, max_age=MAX_AGE_SECONDS)
    except GetParameterError as error:
        count(WITHDRAWAL_SWITCH_READ_FAILED)
        logger.error("the kill switch can't be read", extra={"errorClass": type(error).__name__})
        raise UnavailableError(
            "Whether withdrawals are allowed can't be read, so they are not. Ask again later.",
            code="withdrawals_unavailable",
            retry_after_seconds=30,
        ) from None
    if str(value).strip() != ON:
        raise UnavailableError(
            "The operator has switched withdrawals off.",
            code="withdrawals_switched_off",
            retry_after_seconds=60,
        )
