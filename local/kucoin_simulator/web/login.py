"""The browser's part: login, consent, and the way back to the broker.

Source:
    Fast API page 7.1: `GET {web}/oauth?response_type=code&client_id&redirect_uri&scope&state`, the
    redirect URL not percent-encoded, the state compulsory. The answer's fields arrive as query
    parameters (seen).
"""

import secrets
from collections.abc import Sequence
from urllib.parse import parse_qs, quote

from local.kucoin_simulator import wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.model import ALWAYS_GRANTED, WITHDRAW, LoginAttempt, User
from local.kucoin_simulator.state import State
from local.kucoin_simulator.web import oauth, pages
from local.kucoin_simulator.wire import Response


class LoginRefusedError(Exception):
    """The login request itself is wrong; the browser is not sent back. The message is shown."""


def show_login(exchange: Exchange) -> Response:
    """Show the login page, or what is wrong with the link: `GET /oauth`."""
    decoded = exchange.request.query()
    try:
        attempt = begin(
            exchange.state,
            response_type=decoded.get("response_type", ""),
            client_id=decoded.get("client_id", ""),
            redirect_url=exchange.request.raw_query_fields().get("redirect_uri", ""),
            scope=decoded.get("scope", ""),
            state_value=decoded.get("state", ""),
        )
    except LoginRefusedError as error:
        return wire.html_response(pages.error_page(str(error)), 400)
    return wire.html_response(pages.login_page(attempt, list(exchange.state.users.values())))


def submit_login(exchange: Exchange) -> Response:
    """Check e-mail and password (or a demo user's button) and show the consent page."""
    form = exchange.request.form()
    attempt = exchange.state.attempts.get(form.get("attempt", ""))
    if attempt is None:
        return wire.html_response(pages.error_page("This login is over. Start again."), 400)
    user = exchange.state.users.get(form.get("user", ""))
    if user is None:
        found = exchange.state.find_user_by_email(form.get("email", ""))
        if found is not None and secrets.compare_digest(
            found.password.encode(), form.get("password", "").encode()
        ):
            user = found
    if user is None:
        users = list(exchange.state.users.values())
        page = pages.login_page(attempt, users, "Wrong e-mail address or password.")
        return wire.html_response(page, 401)
    attempt.user = user.name
    exchange.entry.user = user.name
    return wire.html_response(pages.consent_page(attempt, user, exchange.state.settings))


def submit_consent(exchange: Exchange) -> Response:
    """Send the browser back with a code, or without one where the user cancelled."""
    form = parse_qs(exchange.request.body.decode("utf-8", "replace"))
    attempt = exchange.state.attempts.get(form.get("attempt", [""])[0])
    is_allowed = form.get("decision") == ["allow"]
    if attempt is None or (is_allowed and not attempt.user):
        return wire.html_response(pages.error_page("This login is over. Start again."), 400)
    if not is_allowed:
        return wire.redirect_response(cancel(exchange.state, attempt), "cancelled")
    exchange.entry.user = attempt.user
    location = allow(
        exchange.state,
        attempt,
        exchange.state.users[attempt.user],
        form.get("group", []),
        is_addressbook_only=form.get("addressbookOnly") == ["true"],
    )
    return wire.redirect_response(location, "allowed")


def begin(
    state: State,
    *,
    response_type: str,
    client_id: str,
    redirect_url: str,
    scope: str,
    state_value: str,
) -> LoginAttempt:
    """Check a login link and open an attempt.

    Args:
        state: KuCoin's memory.
        response_type: Must be ``code``.
        client_id: The broker's.
        redirect_url: As it stood in the query, undecoded; must equal a registered one.
        scope: Must be OAUTH_CREATE_API.
        state_value: The broker's state; compulsory.

    Raises:
        LoginRefusedError: Something is wrong with the link.
    """
    if client_id != state.config.client_id:
        raise LoginRefusedError("The client_id is unknown.")
    if redirect_url not in state.settings.redirect_urls:
        raise LoginRefusedError(
            "The redirect_uri is not registered (it must not be percent-encoded)."
        )
    if response_type != "code":
        raise LoginRefusedError("The response_type must be code.")
    if scope != oauth.SCOPE:
        raise LoginRefusedError(f"The scope must be {oauth.SCOPE}.")
    if not state_value:
        raise LoginRefusedError("The state is missing.")
    attempt = LoginAttempt(secrets.token_hex(16), client_id, redirect_url, state_value)
    state.attempts[attempt.attempt_id] = attempt
    return attempt


def allow(
    state: State,
    attempt: LoginAttempt,
    user: User,
    groups: Sequence[str],
    *,
    is_addressbook_only: bool,
) -> str:
    """Record the grant and return where the browser goes, code included.

    General, Spot and Earn are always granted; what the account lacks never is.
    """
    state.attempts.pop(attempt.attempt_id, None)
    chosen = {*ALWAYS_GRANTED, *groups}
    granted = [group for group in user.groups if group in chosen]
    grant = state.new_grant(user, granted, is_addressbook_only and WITHDRAW in granted)
    code = state.new_code(grant, attempt.client_id, attempt.redirect_url)
    return _back(attempt, f"success=true&code={code.value}")


def cancel(state: State, attempt: LoginAttempt) -> str:
    """Return where the browser goes when the user refuses: no code."""
    state.attempts.pop(attempt.attempt_id, None)
    return _back(attempt, "success=false")


def _back(attempt: LoginAttempt, fields: str) -> str:
    separator = "&" if "?" in attempt.redirect_url else "?"
    return f"{attempt.redirect_url}{separator}{fields}&state={quote(attempt.state, safe='')}"
