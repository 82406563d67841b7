"""The operator's secrets, from Secrets Manager, cached for five minutes by Powertools."""

from kubroker.foundation.errors import ConfigurationError

_MAX_AGE_SECONDS = 300


def get_secret_json(name: str) -> str:
    """The secret's JSON text.

    Args:
        name: The secret's name.

    Raises:
        ConfigurationError: The secret can't be read.
    """
    from aws_lambda_powertools.utilities.parameters import get_secret
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        return str(get_secret(name, max_age=_MAX_AGE_SECONDS))
    except GetParameterError:
        raise ConfigurationError(
            f"The secret {name} can't be read; "
            "fill it in Secrets Manager and check the function's role."
        ) from None
