"""What all pages share: the document around their content, and the headers that guard it."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup

from kubroker.foundation.errors import ConfigurationError
from kubroker.web.icons import icon
from kubroker.web.page_models import Broker, PageResponse
from kubroker.web.style import STYLE

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)
_LOCAL_HOSTS = {"localhost", "127.0.0.1"}

_FAVICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E"
    "%3Cpath fill='%230b5d4e' d='M12 1.5 3.5 5v6.3c0 5.3 3.5 9 8.5 11.2 5-2.2 8.5-5.9 8.5-11.2V5z'"
    "/%3E%3Cpath fill='none' stroke='%23fff' stroke-width='2' d='m8 12 2.8 3 5.2-6'/%3E%3C/svg%3E"
)

_DOCUMENT = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · {broker_name}</title>
<link rel="icon" href="{favicon}">
<style>{style}</style>{head}
</head>
<body>
<div class="frame">
<header class="brand">{mark}<span class="name">{broker_name}</span></header>
<main class="card">
{content}
</main>
{foot}
</div>{script}
</body>
</html>
""")
_LOGO = Markup('<img class="logo" src="{url}" alt="" height="40">')
_INITIAL = Markup('<span class="tile" aria-hidden="true">{letter}</span>')
_FOOT = Markup('<footer class="foot">{icon}<p>{text}</p></footer>')
_SCRIPT = Markup("<script>{script}</script>")

_FIXED_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Language": "en",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # A browser takes it from an https answer only (RFC 6797, section 8.1).
    "Strict-Transport-Security": "max-age=31536000",
}


@dataclass(frozen=True, slots=True)
class Page:
    """The parts of one document that differ from page to page.

    Args:
        title: For the browser's tab.
        content: Inside ``main``; begins with the ``h1``.
        foot: One sentence below the card, or none.
        head: Further elements of ``head``; Markup, else it is escaped.
        script: The one inline script; constant text, since its hash is allowed by name.
        is_polling: The script asks our own origin.
        form_origins: Where a form's POST may be redirected to, besides our own origin.
    """

    title: str
    content: Markup
    foot: str = ""
    head: str = ""
    script: str = ""
    is_polling: bool = False
    form_origins: Sequence[str] = ()


def render_document(page: Page, broker: Broker, status: int = 200) -> PageResponse:
    """The whole answer: document, policy and headers.

    Raises:
        ConfigurationError: One of the form origins is not an origin.
    """
    logo_origin = _find_logo_origin(broker.logo_url)
    mark = (
        _LOGO.format(url=broker.logo_url)
        if logo_origin
        else _INITIAL.format(letter=broker.name.strip()[:1].upper())
    )
    body = _DOCUMENT.format(
        title=page.title,
        broker_name=broker.name,
        favicon=_FAVICON,
        style=Markup(STYLE),  # noqa: S704 - a constant of ours
        head=page.head,
        mark=mark,
        content=page.content,
        foot=_FOOT.format(icon=icon("shield"), text=page.foot) if page.foot else "",
        script=_SCRIPT.format(script=Markup(page.script)) if page.script else "",  # noqa: S704
    )
    headers = {**_FIXED_HEADERS, "Content-Security-Policy": _build_policy(page, logo_origin)}
    return PageResponse(status, str(body), headers)


def parse_origin(url: str) -> str:
    """The origin of a URL, in the form that a policy names it.

    Raises:
        ConfigurationError: There is none, or it could say more than one origin in a policy.
    """
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    if not _ORIGIN.fullmatch(origin):
        raise ConfigurationError("A URL in the settings of this installation has no plain origin.")
    return origin


def _find_logo_origin(logo_url: str) -> str | None:
    """A logo that a browser would not load, or only over an open line, is no logo."""
    parts = urlsplit(logo_url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL_HOSTS):
        return parse_origin(logo_url)
    return None


def _build_policy(page: Page, logo_origin: str | None) -> str:
    """Nothing but what this very page needs."""
    form_origins = " ".join(dict.fromkeys(parse_origin(url) for url in page.form_origins))
    directives = {
        "default-src": "'none'",
        "style-src": _hash_source(STYLE),
        "script-src": _hash_source(page.script) if page.script else "",
        "connect-src": "'self'" if page.is_polling else "",
        "img-src": f"data: {logo_origin or ''}".strip(),
        "form-action": f"'self' {form_origins}".strip(),
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in directives.items() if sources)


def _hash_source(text: str) -> str:
    """Source: Content Security Policy Level 3, section 2.3.1, hash-source."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
