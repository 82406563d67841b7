"""What a browser brings and gets: cookies, forms, pages, redirects."""

from http import HTTPStatus
from urllib.parse import parse_qs

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from kubroker.foundation.errors import BadRequestError, ForbiddenError
from kubroker.web.api import read_body
from kubroker.web.page_models import PageResponse

_MAX_FORM_FIELDS = 32
_FORM_TYPE = "application/x-www-form-urlencoded"
# What browsers say of a form's POST; older ones say nothing.
_OWN_SITE = {"", "same-origin", "none"}
_REDIRECT_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def build_base_url(event: APIGatewayProxyEventV2, configured: str) -> str:
    """The public base URL: as configured, else the domain that API Gateway was asked by."""
    domain = str(event.request_context.domain_name)
    return configured.rstrip("/") or f"https://{domain}"


def build_cookie(session_id: str, secret: str, *, base_url: str, max_age: int) -> Cookie:
    """The cookie that binds a session to a browser, one per session.

    ``__Host-`` with Secure wherever the site is https; without both at http://localhost only.
    """
    is_secure = not base_url.startswith("http://localhost")
    return Cookie(
        name=_cookie_name(session_id, base_url),
        value=secret,
        path="/",
        secure=is_secure,
        http_only=True,
        max_age=max_age,
        same_site=SameSite.LAX_MODE,
    )


def find_cookie(event: APIGatewayProxyEventV2, session_id: str, *, base_url: str) -> str | None:
    """The session's cookie, or None."""
    wanted = _cookie_name(session_id, base_url)
    for cookie in event.get("cookies") or []:
        name, _, value = str(cookie).partition("=")
        if name.strip() == wanted:
            return value.strip()
    return None


def parse_form(event: APIGatewayProxyEventV2) -> dict[str, list[str]]:
    """The fields of an urlencoded form that our own page sent.

    Another site's form would skip the page that says whose account is being linked. The header
    Origin can't tell: under ``no-referrer`` it is ``null`` for our own form too.

    Source: W3C, Fetch Metadata Request Headers, section 2.4.

    Raises:
        BadRequestError: It is not one, or has too many fields.
        ForbiddenError: Another site sent it.
    """
    headers = event.headers or {}
    if headers.get("sec-fetch-site", "") not in _OWN_SITE:
        raise ForbiddenError("The form is not from our page.", code="other_browser")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise BadRequestError("The form can't be read.", code="invalid_form")
    try:
        text = read_body(event).decode("ascii")
        return parse_qs(
            text,
            keep_blank_values=True,
            max_num_fields=_MAX_FORM_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise BadRequestError("The form can't be read.", code="invalid_form") from None


def page_response(page: PageResponse, cookies: list[Cookie] | None = None) -> Response[str]:
    """A page as an answer."""
    headers = {key: value for key, value in page.headers.items() if key != "Content-Type"}
    return Response(
        status_code=page.status,
        content_type="text/html; charset=utf-8",
        body=page.body,
        headers=headers,
        cookies=cookies,
    )


def redirect(url: str, cookies: list[Cookie] | None = None) -> Response[str]:
    """303: whatever the method was, the browser goes on with a GET."""
    return Response(
        status_code=int(HTTPStatus.SEE_OTHER),
        content_type="text/plain",
        body="",
        headers={**_REDIRECT_HEADERS, "Location": url},
        cookies=cookies,
    )


def _cookie_name(session_id: str, base_url: str) -> str:
    prefix = "" if base_url.startswith("http://localhost") else "__Host-"
    return f"{prefix}kubroker-{session_id}"
