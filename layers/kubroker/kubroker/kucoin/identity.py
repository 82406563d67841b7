"""Who the broker is at KuCoin: the one secret of this installation, parsed."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from kubroker.foundation.errors import ConfigurationError


class BrokerIdentity(BaseModel):
    """What earns the rebate: partner, name and key of one broker programme."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    partner: str = Field(min_length=1)
    broker_name: str = Field(min_length=1, alias="brokerName")
    broker_key: SecretStr = Field(min_length=1, alias="brokerKey")


class BrokerAccount(BaseModel):
    """An API key of the broker's own KuCoin account; reads rebates, needs General only."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    api_key: SecretStr = Field(min_length=1, alias="apiKey")
    api_secret: SecretStr = Field(min_length=1, alias="apiSecret")
    passphrase: SecretStr = Field(min_length=1)


def _empty_as_none(value: Any) -> Any:
    """An operator who has no such part leaves it out, empty, or with empty fields."""
    if isinstance(value, dict):
        return value if any(value.values()) else None
    return value or None


class KucoinSecret(BaseModel):
    """The JSON of the secret ``kubroker/<stage>/kucoin``; each part may be missing.

    Source: kucoin-fast-api, 2 and KuCoin's broker programme: client_id comes with a
    client_secret in some onboardings; partner, key and name come separately, usually
    different ones for spot and futures.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    client_secret: Annotated[SecretStr | None, BeforeValidator(_empty_as_none)] = Field(
        None, alias="clientSecret"
    )
    spot: Annotated[BrokerIdentity | None, BeforeValidator(_empty_as_none)] = None
    futures: Annotated[BrokerIdentity | None, BeforeValidator(_empty_as_none)] = None
    account: Annotated[BrokerAccount | None, BeforeValidator(_empty_as_none)] = None


def parse_kucoin_secret(text: str) -> KucoinSecret:
    """Reads the secret's JSON.

    Args:
        text: ``{"clientSecret": …, "spot": {"partner", "brokerName", "brokerKey"}, "futures": …,
            "account": {"apiKey", "apiSecret", "passphrase"}}``.

    Returns:
        The parts that are filled; the others are None.

    Raises:
        ConfigurationError: Not such a JSON object; the message names the field, never a value.
    """
    try:
        return KucoinSecret.model_validate(json.loads(text))
    except ValidationError as error:
        names = sorted({".".join(map(str, item["loc"])) or "the object" for item in error.errors()})
        problem = f"these fields are missing or malformed: {', '.join(names)}"
    except ValueError:
        problem = "it is not JSON"
    raise ConfigurationError(f"The KuCoin secret can't be read: {problem}.")


type ProxyHost = Literal["spot", "futures"]
