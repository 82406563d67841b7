"""KuCoin's OAuth 2.0: the login page, the code exchange and the rotation of a pair.

Source: kucoin-fast-api, 5 to 7; paths and what else is undocumented: ``KucoinProtocol``.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from kubroker.foundation.amounts import find_integer
from kubroker.foundation.errors import ConfigurationError, KucoinError, KucoinRefusedError
from kubroker.foundation.settings import KucoinProtocol, KucoinSettings
from kubroker.kucoin import answers
from kubroker.kucoin.codes import Act, Acting, is_installations
from kubroker.kucoin.exchange import KucoinAnswer, KucoinRequest
from kubroker.kucoin.transport import KucoinTransport

MAX_ACCESS_SECONDS = 86_400
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """What KuCoin granted.

    Attributes:
        access_token: The bearer token.
        refresh_token: None where the answer had no usable one; the caller decides.
        access_expires_in_seconds: From the answer on, in [1, 86400].
        scope: As KuCoin tells it; may be empty.
        was_expiry_doubtful: ``expires_in`` was missing or absurd and the setting's value is used.
    """

    access_token: SecretStr
    refresh_token: SecretStr | None
    access_expires_in_seconds: int
    scope: tuple[str, ...]
    was_expiry_doubtful: bool


class TokenOutcome(StrEnum):
    """What a failed exchange or refresh means for the connection."""

    REFUSED_FOR_GOOD = "REFUSED_FOR_GOOD"
    MISCONFIGURED = "MISCONFIGURED"
    PASSING = "PASSING"


class OAuthClient:
    """The web host's OAuth endpoints. Both calls spend something: fresh connections, no repeats."""

    def __init__(
        self,
        settings: KucoinSettings,
        client_secret: Callable[[], SecretStr | None],
        transport: KucoinTransport,
    ) -> None:
        """Reads no secret yet.

        Args:
            settings: Where KuCoin is and who we are there.
            client_secret: Gives the secret that KuCoin issued, or None where it issued none.
            transport: Sends.
        """
        self._settings = settings
        self._web_url = settings.web_url.rstrip("/")
        self._client_secret = client_secret
        self._transport = transport

    def build_login_url(self, state: str) -> str:
        """Builds the address of KuCoin's login page.

        Source: kucoin-fast-api, 7.1: state is compulsory, the redirect URL is not encoded.

        Args:
            state: Ours, comes back with the browser.

        Returns:
            The URL to send the browser to.

        Raises:
            ConfigurationError: The redirect URL can't stand in a query unencoded.
        """
        settings = self._settings
        query = self._build_query(
            response_type="code",
            client_id=settings.client_id,
            redirect_uri=settings.redirect_url,
            scope=settings.scope,
            state=state,
        )
        return f"{self._web_url}{settings.protocol.login_path}?{query}"

    def exchange_code(self, code: SecretStr, *, deadline_seconds: float) -> TokenPair:
        """Spends an authorization code for the first pair.

        Source: kucoin-fast-api, 7.2: a GET; the redirect URL is not encoded.

        Args:
            code: From the callback's query.
            deadline_seconds: For all of it.

        Returns:
            The pair.

        Raises:
            KucoinUnsentError: The code is not spent.
            KucoinOutcomeUnknownError: The code is probably spent and the pair lost.
            KucoinRefusedError: See ``classify_token_refusal``.
            ConfigurationError: The redirect URL can't stand in a query unencoded.
        """
        settings = self._settings
        secret = self._client_secret()
        query = self._build_query(
            grant_type="authorization_code",
            code=code.get_secret_value(),
            redirect_uri=settings.redirect_url,
            client_id=settings.client_id,
            **({} if secret is None else {"client_secret": secret.get_secret_value()}),
        )
        url = self._web_url + settings.protocol.token_path
        request = KucoinRequest(method="GET", url=url, query=query)
        return self._ask(request, [code, *([secret] if secret else [])], deadline_seconds)

    def refresh(self, refresh_token: SecretStr, *, deadline_seconds: float) -> TokenPair:
        """Spends a refresh token for a new pair; the old access token is dead at once.

        Source: kucoin-fast-api, 7.3: a POST with grant_type, refresh_token and scope.

        Args:
            refresh_token: The pair's.
            deadline_seconds: For all of it.

        Returns:
            The new pair.

        Raises:
            KucoinUnsentError: The refresh token is not spent.
            KucoinOutcomeUnknownError: It may be spent.
            KucoinRefusedError: See ``classify_token_refusal``.
        """
        settings, protocol = self._settings, self._settings.protocol
        fields = self._build_query(
            grant_type=protocol.refresh_grant_type,
            refresh_token=refresh_token.get_secret_value(),
            scope=settings.scope,
        )
        request = KucoinRequest(
            method="POST",
            url=self._web_url + protocol.refresh_path,
            query=fields if protocol.refresh_in_query else "",
            headers={"Content-Type": _FORM},
            body=b"" if protocol.refresh_in_query else fields.encode(),
        )
        return self._ask(request, [refresh_token], deadline_seconds)

    def _ask(
        self, request: KucoinRequest, sent: Iterable[SecretStr], deadline_seconds: float
    ) -> TokenPair:
        request = replace(request, secrets=tuple(one.get_secret_value() for one in sent))
        answer = self._transport.send(request, deadline_seconds=deadline_seconds, is_fresh=True)
        return parse_token_pair(answer, self._settings.protocol)

    def _build_query(self, **fields: str) -> str:
        """Encodes all values but the redirect URL, which has to survive that."""
        if re.search(r"[^!-~]|[&#%+]", fields.get("redirect_uri", "")):
            raise ConfigurationError(
                "KUCOIN_REDIRECT_URL must not contain spaces, non-ASCII characters, &, #, % or +: "
                "KuCoin takes it unencoded."
            )
        return "&".join(
            f"{name}={value if name == 'redirect_uri' else quote(value, safe='')}"
            for name, value in fields.items()
        )


def parse_token_pair(answer: KucoinAnswer, protocol: KucoinProtocol) -> TokenPair:
    """Reads a pair and mistrusts each field.

    Source: kucoin-fast-api, 7.2 and 7.3; RFC 6749, 5.1.

    Args:
        answer: The token endpoint's.
        protocol: Has the life of an access token whose ``expires_in`` is no use.

    Returns:
        The pair.

    Raises:
        KucoinRefusedError: KuCoin said no.
        KucoinOutcomeUnknownError: There is no usable access token in it.
    """
    fields = answers.parse_token(answer, Acting(Act.TOKEN, protocol))
    access_token = answers.find_header_value(fields, "access_token")
    if access_token is None:
        raise answers.build_unreadable(answer, "access token")
    refresh_token = answers.find_text(fields, "refresh_token")
    expires_in = _find_plausible_seconds(fields.get("expires_in"))
    default_seconds = min(protocol.default_access_token_seconds, MAX_ACCESS_SECONDS)
    return TokenPair(
        access_token=SecretStr(access_token),
        refresh_token=None if refresh_token is None else SecretStr(refresh_token),
        access_expires_in_seconds=default_seconds if expires_in is None else expires_in,
        scope=answers.parse_list(fields.get("scope")),
        was_expiry_doubtful=expires_in is None,
    )


def classify_token_refusal(error: KucoinError, protocol: KucoinProtocol) -> TokenOutcome:
    """Says what a failed exchange or refresh means. The one table, pure.

    ======================================  ================
    error                                   outcome
    ======================================  ================
    nothing sent (``KucoinUnsentError``)    PASSING
    no definite no (OutcomeUnknown)         PASSING
    code in ``misconfiguration_codes``      MISCONFIGURED
    code that ``kucoin.codes`` calls ours   MISCONFIGURED
    code in ``refused_for_good_codes``      REFUSED_FOR_GOOD
    any other code of a definite no         PASSING
    ======================================  ================

    Whether a passing failure may have spent the token is told by the error's class, not here. A
    code in both settings is ours: that never changes a user's state.

    Args:
        error: What ``exchange_code`` or ``refresh`` raised.
        protocol: Has KuCoin's codes, which are undocumented.

    Returns:
        The outcome.
    """
    if not isinstance(error, KucoinRefusedError):
        return TokenOutcome.PASSING
    code = error.kucoin_code
    if code in protocol.misconfiguration_codes or is_installations(code):
        return TokenOutcome.MISCONFIGURED
    if code in protocol.refused_for_good_codes:
        return TokenOutcome.REFUSED_FOR_GOOD
    return TokenOutcome.PASSING


def _find_plausible_seconds(value: Any) -> int | None:
    """A whole number within a day."""
    return find_integer(value, minimum=1, maximum=MAX_ACCESS_SECONDS)
