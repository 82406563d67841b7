"""One delivery to the broker's endpoint: signed, on a fresh connection, within one deadline.

Source: Standard Webhooks, specification 1.0.0: headers webhook-id, webhook-timestamp and
webhook-signature; the body is signed to the byte; a rotated secret signs beside the new one.
"""

import base64
import ipaddress
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from kubroker.foundation.errors import (
    ConfigurationError,
    ForbiddenError,
    KucoinError,
    KucoinOutcomeUnknownError,
    UnavailableError,
)
from kubroker.kucoin.exchange import (
    Connection,
    Exchange,
    KucoinAnswer,
    KucoinRequest,
    list_addresses,
)

type Resolve = Callable[[str, int], list[str]]

# IPv6 networks that carry an IPv4 address inside: what they lead to is not what they look like.
_CARRIERS = [ipaddress.ip_network(network) for network in ("2001::/32", "2002::/16")]
# Source: RFC 4291, section 2.4, and IANA: what is given out is in here.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


def parse_webhook_url(url: str, *, is_local: bool) -> SplitResult:
    """The endpoint's URL.

    Args:
        url: As the operator set it.
        is_local: Whether this installation is one machine: http://localhost is all right there.

    Raises:
        ConfigurationError: It is not https, or has user info, a fragment or strange characters.
    """
    if not url.isascii() or not url.isprintable() or any(mark in url for mark in " \\@#"):
        raise ConfigurationError("WebhookUrl has characters that no webhook URL needs.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError("WebhookUrl is not a URL.") from None
    is_localhost = is_local and parts.scheme == "http" and parts.hostname == "localhost"
    if not parts.hostname or port == 0 or not (parts.scheme == "https" or is_localhost):
        raise ConfigurationError("WebhookUrl has to be https.")
    return parts


def is_public(address: str) -> bool:
    """Whether an address is one of the open Internet.

    Args:
        address: IPv4 or IPv6, as the resolver gave it.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found not in _GLOBAL_UNICAST or any(found in network for network in _CARRIERS):
            return False
    return found.is_global and not found.is_multicast


def choose_public_address(host: str, port: int, *, lookup: Resolve = list_addresses) -> str:
    """The address to connect to; one private address among them refuses all.

    Raises:
        ForbiddenError: The name leads to an address that is not public.
        OSError: The name has no address.
    """
    addresses = lookup(host, port)
    if not addresses or not all(is_public(address) for address in addresses):
        raise ForbiddenError("The webhook's host leads to an address that is not public.")
    return min(addresses, key=lambda address: ":" in address)  # IPv4 first: Lambda has no IPv6


DEADLINE_SECONDS = 10.0
_MAX_ANSWER_BYTES = 64 * 1024
_LONGEST_ASKED_SECONDS = 3600


_PREFIX = "whsec_"
_LEAST_KEY_BYTES, _MOST_KEY_BYTES = 24, 64


class WebhookSecrets(BaseModel):
    """The secret ``kubroker/STAGE/webhooks``.

    Attributes:
        current: Base64 of 24 to 64 bytes, with or without ``whsec_``.
        previous: The one before, for as long as it is to sign too; empty for none.

    Source: Standard Webhooks, specification 1.0.0, signature scheme: 24 to 64 random bytes, base64.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    current: SecretStr
    previous: SecretStr = SecretStr("")

    @classmethod
    def parse(cls, text: str, *, name: str) -> "WebhookSecrets":
        """The secret's JSON.

        Args:
            text: As Secrets Manager has it.
            name: Of the secret, for whoever has to mend it.

        Raises:
            ConfigurationError: It is not what it should be; says nothing of its content.
        """
        try:
            secrets = cls.model_validate_json(text)
        except ValidationError:
            raise ConfigurationError(
                f"The secret {name} has to be JSON with the fields current and previous."
            ) from None
        secrets._check("current", name)
        if secrets.previous.get_secret_value():
            secrets._check("previous", name)
        return secrets

    def _check(self, field: str, name: str) -> None:
        """Another form would sign with a short key, or with one that the broker does not have."""
        value: SecretStr = getattr(self, field)
        text = value.get_secret_value().removeprefix(_PREFIX)
        try:
            key = base64.b64decode(text, validate=True)
        except ValueError:
            key = b""
        is_standard = base64.b64encode(key).decode() == text
        if not is_standard or not _LEAST_KEY_BYTES <= len(key) <= _MOST_KEY_BYTES:
            raise ConfigurationError(
                f"The field {field} of the secret {name} has to be {_LEAST_KEY_BYTES} to "
                f"{_MOST_KEY_BYTES} bytes in standard base64, such as from openssl rand -base64 32."
            )

    def sign(self, event_id: str, at: datetime, payload: str) -> str:
        """The header webhook-signature."""
        from standardwebhooks.webhooks import Webhook

        kept = [self.current, *([self.previous] if self.previous.get_secret_value() else [])]
        signers = [Webhook(secret.get_secret_value()) for secret in kept]
        return " ".join(signer.sign(event_id, at, payload) for signer in signers)


class WebhookSender:
    """Delivers to the one endpoint of this installation."""

    def __init__(
        self,
        url: str,
        *,
        is_local: bool,
        get_secrets: Callable[[], WebhookSecrets],
        choose_address: Callable[[str, int], str] = choose_public_address,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Checks the URL; connects to nothing yet.

        Args:
            url: The endpoint.
            is_local: Whether this installation is one machine.
            get_secrets: The secrets of the moment.
            choose_address: Judges where the host's name leads.
            tls: Verifies the endpoint; the system's authorities where it is None.

        Raises:
            ConfigurationError: The URL is not acceptable.
        """
        self._url = parse_webhook_url(url, is_local=is_local)
        self._get_secrets = get_secrets
        self._choose_address = None if self._url.scheme == "http" else choose_address
        self._tls = tls

    def send(self, event_id: str, payload: str, *, at: datetime) -> None:
        """Delivers once; any answer but 2xx, and a redirect too, is a failure.

        Args:
            event_id: The header webhook-id: the same at each try.
            payload: The body, the same at each try.
            at: Now; the signature holds it.

        Raises:
            UnavailableError: The endpoint was not reached or did not take it; says which.
            ConfigurationError: The secret can't be read, or can't sign.
        """
        at = at.astimezone(UTC)
        request = KucoinRequest(
            method="POST",
            url=self._url.geturl(),
            headers={
                "Content-Type": "application/json",
                "webhook-id": event_id,
                "webhook-timestamp": str(int(at.timestamp())),
                "webhook-signature": self._get_secrets().sign(event_id, at, payload),
            },
            body=payload.encode(),
        )
        answer = self._exchange(request)
        if not 200 <= answer.status < 300:
            raise UnavailableError(
                f"The webhook's endpoint answered {answer.status}.",
                retry_after_seconds=_parse_retry_after(answer.headers.get("retry-after", "")),
            )

    def _exchange(self, request: KucoinRequest) -> KucoinAnswer:
        connection = Connection(
            self._url, self._tls, DEADLINE_SECONDS, choose_address=self._choose_address
        )
        try:
            return Exchange(connection, request, _MAX_ANSWER_BYTES).run(DEADLINE_SECONDS)
        except KucoinOutcomeUnknownError:
            raise UnavailableError("The webhook's endpoint gave no answer in time.") from None
        except KucoinError as error:
            cause = error.message.rpartition("(")[2].rstrip(").")
            raise UnavailableError(f"The webhook's endpoint is not reached: {cause}.") from None
        finally:
            connection.discard()


def _parse_retry_after(text: str) -> int | None:
    """Source: RFC 9110, section 10.2.3; the form with a date is passed over."""
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        return None
    return min(int(text), _LONGEST_ASKED_SECONDS)
