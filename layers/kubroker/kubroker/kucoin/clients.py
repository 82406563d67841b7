"""KuCoin's clients of a process, joined with the operator's secret."""

import time

from pydantic import SecretStr

from kubroker.aws.secrets import get_secret_json
from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin.api_keys import ApiKeyClient
from kubroker.kucoin.forwarding import KucoinForwarder
from kubroker.kucoin.identity import KucoinSecret, parse_kucoin_secret
from kubroker.kucoin.oauth import OAuthClient
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.transport import KucoinTransport

# Lambda gives an answer at most 6 MB, base64 included.
MAX_FORWARDED_BYTES = 4 * 1024 * 1024


class KucoinClients:
    """One transport for all; the secret is read at use and cached, so that it can be rotated."""

    def __init__(self, settings: KucoinSettings) -> None:
        """Joins the clients; asks nobody yet."""
        self._secret_name = settings.secret_name
        self._settings = settings
        transport = KucoinTransport()
        self.rest = KucoinRest(
            settings, self.get_secret, transport, now_ms=lambda: time.time_ns() // 1_000_000
        )
        self.oauth = OAuthClient(settings, self._get_client_secret, transport)
        self.keys = ApiKeyClient(settings, transport, self.rest)

    def build_forwarder(self) -> KucoinForwarder:
        """The proxy's way to KuCoin: its answers may be large, and go on as they are."""
        transport = KucoinTransport(max_answer_bytes=MAX_FORWARDED_BYTES)
        return KucoinForwarder(self._settings, self.get_secret, transport, self.rest)

    def get_secret(self) -> KucoinSecret:
        """The operator's secret, as it is now.

        Raises:
            ConfigurationError: It can't be read or lacks its form.
            StoreError: Secrets Manager could not be asked.
        """
        return parse_kucoin_secret(get_secret_json(self._secret_name))

    def _get_client_secret(self) -> SecretStr | None:
        return self.get_secret().client_secret
