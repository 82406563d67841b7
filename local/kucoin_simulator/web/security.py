"""The page that a user of too low security is sent to, and the way back to the broker.

Source:
    Fast API page 8.1: the broker may append `client_id` and `redirect_uri` (URL-encoded).
"""

import secrets
from urllib.parse import urlsplit

from local.kucoin_simulator import wire
from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.web import pages
from local.kucoin_simulator.wire import Response


def show_setup(exchange: Exchange) -> Response:
    """Show the set-up page: `GET /account/security/g2fa`."""
    query = exchange.request.query()
    users = [user for user in exchange.state.users.values() if not user.two_factor]
    page = pages.security_page(users, query.get("client_id", ""), query.get("redirect_uri", ""))
    return wire.html_response(page)


def submit_setup(exchange: Exchange) -> Response:
    """Bind an authenticator app and send the user back where the broker said."""
    form = exchange.request.form()
    user = exchange.state.users.get(form.get("user", ""))
    if user is None:
        found = exchange.state.find_user_by_email(form.get("email", ""))
        given = form.get("password", "").encode()
        if found is not None and secrets.compare_digest(found.password.encode(), given):
            user = found
    if user is None:
        return wire.html_response(pages.error_page("Wrong e-mail address or password."), 401)
    user.two_factor = True
    exchange.entry.user = user.name
    back = form.get("redirect_uri", "")
    is_partner = form.get("client_id") == exchange.state.config.client_id
    if is_partner and urlsplit(back).scheme in ("http", "https") and urlsplit(back).netloc:
        return wire.redirect_response(back, "security set up")
    return wire.html_response(pages.notice_page("Security set up", "You can close this page."))
