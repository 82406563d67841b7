"""The route of the function ``oauth_callback``, joined from settings, stores and use case."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from pydantic import SecretStr

from kubroker.aws.clients import get_dynamodb, get_kms, get_sqs
from kubroker.aws.queue import Queue
from kubroker.aws.table import Table
from kubroker.connections.vault import Vault
from kubroker.foundation.settings import (
    ConnectSettings,
    KucoinSettings,
    QueueSettings,
    SessionSettings,
    VaultSettings,
)
from kubroker.kucoin.clients import KucoinClients
from kubroker.linking.callback import Callback, OauthCallback
from kubroker.linking.link_pages import LinkPages, build_completion_url
from kubroker.linking.model import LinkEnd
from kubroker.linking.store import SessionStore
from kubroker.web.browser import build_base_url, find_cookie, redirect

_MAX_CODE_CHARACTERS = 512


class CallbackRoute:
    """Answers ``GET /oauth/callback``."""

    def __init__(
        self, settings: ConnectSettings, kucoin: KucoinSettings, callback: OauthCallback
    ) -> None:
        """Joins settings and use case."""
        self.pages = LinkPages(settings, kucoin)
        self._settings = settings
        self._callback = callback

    def receive(self, event: APIGatewayProxyEventV2, now: int) -> Response[str]:
        """One callback; reloading it is safe."""
        query = event.query_string_parameters
        session = self._callback.find_session(query.get("state", ""))
        browser_secret = None
        if session is not None:
            base_url = build_base_url(event, self._settings.public_base_url)
            browser_secret = find_cookie(event, session.session_id, base_url=base_url)
        outcome = self._callback.receive(_parse_callback(query), session, browser_secret, now=now)
        if outcome.session is not None and outcome.completion_code is not None:
            return redirect(build_completion_url(outcome.session, outcome.completion_code))
        if outcome.end is not None or outcome.session is None:
            return self.pages.end(outcome.session, outcome.end or LinkEnd.SESSION_EXPIRED)
        return self.pages.wait(outcome.session)


def _parse_callback(query: dict[str, str]) -> Callback:
    """KuCoin's fields, documented as if JSON, seen as query parameters."""
    code = query.get("code", "")
    is_usable = 0 < len(code) <= _MAX_CODE_CHARACTERS and code.isascii() and code.isprintable()
    return Callback(
        state=query.get("state", ""),
        code=SecretStr(code) if is_usable else None,
        is_success=query.get("success", "true").lower() != "false",
    )


def build_callback_route() -> CallbackRoute:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = ConnectSettings.from_environment()
    kucoin = KucoinSettings.from_environment()
    callback = OauthCallback(
        sessions=SessionStore(
            Table(get_dynamodb(), SessionSettings.from_environment().sessions_table)
        ),
        queue=Queue(get_sqs, QueueSettings.from_environment().key_creation_queue_url),
        vault=Vault(get_kms(), VaultSettings.from_environment().vault_key_id),
        oauth=KucoinClients(kucoin).oauth,
        protocol=kucoin.protocol,
    )
    return CallbackRoute(settings, kucoin, callback)
