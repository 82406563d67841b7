"""The linking session in the browser: which page answers which state."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from kubroker.connections.model import KeyAttempt, KeyFacts
from kubroker.foundation.errors import KubrokerError, UnprocessableError
from kubroker.foundation.settings import ConnectSettings, KucoinSettings
from kubroker.kucoin.permissions import Permission, sort_permissions
from kubroker.linking.consent_page import render_consent
from kubroker.linking.end_page import render_end
from kubroker.linking.model import ConnectSession, LinkEnd
from kubroker.linking.progress_page import render_progress
from kubroker.linking.sessions import Progress
from kubroker.linking.wording import find_likely_cause
from kubroker.web.browser import page_response, parse_form
from kubroker.web.page_models import Broker, ConsentPage, EndPage, ProgressPage
from kubroker.web.return_url import build_return_url

_STATUS_OF_END = {
    LinkEnd.CONNECTED: "connected",
    LinkEnd.REFUSED_BY_USER: "refused",
    LinkEnd.SESSION_EXPIRED: "expired",
}


class LinkPages:
    """Pages of one installation: its broker, and KuCoin's web origin for the form policy."""

    def __init__(self, settings: ConnectSettings, kucoin: KucoinSettings) -> None:
        """Remembers who the pages speak for and where the consent form may lead."""
        self._broker = Broker(settings.broker_name, settings.broker_logo_url)
        parts = urlsplit(kucoin.web_url)
        origins = sorted(kucoin.protocol.login_origins)
        self._form_origins = (f"{parts.scheme}://{parts.netloc}", *origins)

    def consent(self, session: ConnectSession, handle: str, cookies: list[Cookie]) -> Response[str]:
        """The question."""
        page = ConsentPage(
            broker=self._broker,
            action=f"/connect/{handle}",
            account_label=session.account_label,
            offered=sort_permissions({*session.offered, *session.required}),
            required=session.required,
            cancel_url=build_end_url(session, LinkEnd.REFUSED_BY_USER),
            form_origins=(*self._form_origins, _origin_of(session.return_url)),
            is_addressbook_only=session.is_addressbook_only,
        )
        return page_response(render_consent(page), cookies)

    def progress(self, progress: Progress, handle: str) -> Response[str]:
        """The wait, or the end with what the user can do about it."""
        session = progress.session
        if progress.end is None:
            page = ProgressPage(
                broker=self._broker,
                status_path=f"/connect/{handle}/status",
                return_url=session.return_url,
                session_id=session.session_id,
            )
            return page_response(render_progress(page))
        attempt = progress.attempt
        if attempt is None:
            in_use = progress.key_in_use
            return self.end(session, progress.end, in_use)
        return page_response(render_end(self._build_key_end(progress, attempt, handle)))

    def end(
        self, session: ConnectSession | None, end: LinkEnd, in_use: KeyFacts | None = None
    ) -> Response[str]:
        """An end without a key's story; ``in_use`` is the key that is connected."""
        page = EndPage(
            broker=self._broker,
            code=end,
            return_url=session.return_url if session else None,
            session_id=session.session_id if session else None,
            permissions=in_use.permissions if in_use else (),
            is_addressbook_only=in_use is not None and in_use.is_addressbook_only,
        )
        return page_response(render_end(page))

    def wait(self, session: ConnectSession) -> Response[str]:
        """Another request is exchanging the code right now: the page loads itself again."""
        page = ProgressPage(
            broker=self._broker,
            status_path="",
            return_url=session.return_url,
            session_id=session.session_id,
        )
        return page_response(render_progress(page))

    def error(self, error: KubrokerError) -> Response[str]:
        """An error on a browser's route, where no session is at hand."""
        known = error.code in set(LinkEnd)
        end = LinkEnd(error.code) if known else _END_OF_STATUS.get(error.http_status)
        page = EndPage(broker=self._broker, code=end or "internal_error", return_url=None)
        return page_response(replace(render_end(page), status=error.http_status))

    def _build_key_end(self, progress: Progress, attempt: KeyAttempt, handle: str) -> EndPage:
        session, end = progress.session, progress.end or LinkEnd.AUTHORIZATION_FAILED
        facts = attempt.facts
        named = facts or progress.key_in_use
        granted = facts.permissions if facts else []
        is_mismatch = end is LinkEnd.PERMISSION_MISMATCH
        is_only = attempt.is_addressbook_only
        occurred_at = progress.occurred_at
        return EndPage(
            broker=self._broker,
            code=end,
            return_url=session.return_url,
            session_id=session.session_id,
            permissions=granted if end is LinkEnd.CONNECTED else attempt.permissions,
            likely_cause=find_likely_cause(attempt.permissions) if is_mismatch else None,
            retry_action=f"/connect/{handle}" if is_mismatch else None,
            retry_permissions=attempt.permissions if is_mismatch else (),
            key_name=named.name if named else None,
            occurred_at=datetime.fromtimestamp(occurred_at, UTC) if occurred_at else None,
            old_key_name=_name_key(attempt),
            required=session.required,
            missing=sort_permissions(set(attempt.permissions) - set(granted)) if facts else (),
            form_origins=self._form_origins,
            is_addressbook_only=facts.is_addressbook_only if facts else is_only,
            has_addressbook_choice=is_only and not session.is_addressbook_only,
        )


_END_OF_STATUS = {
    403: LinkEnd.OTHER_BROWSER,
    404: LinkEnd.SESSION_EXPIRED,
    400: LinkEnd.AUTHORIZATION_FAILED,
    409: LinkEnd.SESSION_USED,
    410: LinkEnd.SESSION_USED,
    422: LinkEnd.AUTHORIZATION_FAILED,
}


def parse_choice(event: APIGatewayProxyEventV2) -> tuple[list[Permission], bool]:
    """The consent form: the permissions and the address-book choice.

    Raises:
        BadRequestError: The form can't be read.
        UnprocessableError: A permission that does not exist.
    """
    form = parse_form(event)
    names = form.get("permissions", [])
    if not set(names) <= set(Permission):
        raise UnprocessableError("There is no such permission.", field="permissions")
    is_addressbook_only = form.get("addressbookOnly", []) == ["true"]
    return sort_permissions(Permission(name) for name in names), is_addressbook_only


def build_end_url(session: ConnectSession, end: LinkEnd) -> str:
    """The way back to the broker from an end."""
    return build_return_url(
        session.return_url,
        status=_STATUS_OF_END.get(end, "failed"),
        code=end,
        session=session.session_id,
    )


def build_completion_url(session: ConnectSession, completion_code: str) -> str:
    """The way back to the broker with the one-time completion code."""
    return build_return_url(
        session.return_url,
        status="authorized",
        session=session.session_id,
        completionCode=completion_code,
    )


def _name_key(attempt: KeyAttempt) -> str | None:
    return f"{attempt.replaced.name} (…{attempt.replaced.hint})" if attempt.replaced else None


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
