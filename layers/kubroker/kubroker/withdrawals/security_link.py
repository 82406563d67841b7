"""The link in KuCoin's words that leads a user to the security set-up, made safe to hand on.

Source: kucoin-fast-api, 8.1: a refusal's message ends in a link; the broker may append client_id
and redirect_uri (URL-encoded) so that KuCoin sends the user back.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_plus, urlsplit, urlunsplit

_PHRASE = re.compile(r"bind more factors|/account/security", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
_MAX_CHARACTERS = 800


def is_security_refusal(words: str) -> bool:
    """Whether KuCoin's words ask the user to set up more security."""
    return bool(_PHRASE.search(words))


def find_security_link(words: str, *, web_url: str, hosts: Iterable[str]) -> str | None:
    """The first link in KuCoin's words that leads to KuCoin itself.

    Args:
        words: KuCoin's message.
        web_url: KuCoin's web site as set: its very origin is allowed.
        hosts: Registered names of KuCoin's: https on them and on whatever lies under them.

    Returns:
        The link to the letter, or None where there is none, or only foreign ones.
    """
    for match in _LINK.finditer(words):
        link = match[0].rstrip(".,;:!?)]}")
        if is_kucoin_link(link, web_url=web_url, hosts=hosts):
            return link
    return None


def is_kucoin_link(link: str, *, web_url: str, hosts: Iterable[str]) -> bool:
    """Whether a browser that follows the link arrives at KuCoin.

    Anything that browsers and Python may read differently (backslashes, control characters, user
    info, other alphabets, odd ports) is refused.
    """
    if not link.isascii() or not link.isprintable() or len(link) > _MAX_CHARACTERS:
        return False
    if any(char in link for char in "\\@ \"'<>`{}|^"):
        return False
    try:
        parts = urlsplit(link)
        port = parts.port
    except ValueError:
        return False
    own = urlsplit(web_url)
    if (parts.scheme.lower(), parts.netloc.lower()) == (own.scheme, own.netloc.lower()):
        return True
    host = (parts.hostname or "").lower()
    if parts.scheme.lower() != "https" or port not in {None, 443} or not _HOST.fullmatch(host):
        return False
    return any(host == name or host.endswith(f".{name}") for name in hosts)


def build_security_link(link: str, *, client_id: str, redirect_uri: str) -> str:
    """Adds the way back; what the link carries stays byte for byte, before its fragment.

    A parameter of the same name that the link carries is dropped: nobody has to ask which holds.
    """
    given = {"client_id": client_id, "redirect_uri": redirect_uri}
    parts = urlsplit(link)
    kept = [
        piece
        for piece in parts.query.split("&")
        if piece and unquote_plus(piece.partition("=")[0]) not in given
    ]
    added = [f"{name}={quote(value, safe='')}" for name, value in given.items()]
    return urlunsplit(parts._replace(query="&".join([*kept, *added])))
