"""The way back to the broker."""

from urllib.parse import quote, unquote_plus, urlsplit, urlunsplit


def build_return_url(return_url: str, **params: str | None) -> str:
    """Adds parameters to a return URL that may carry its own.

    Args:
        return_url: Checked against the allow-list before.
        params: Names and plain values; None is left out. A parameter of the same name that the
            URL already carries is dropped, so that nobody has to ask which of two holds.

    Returns:
        The URL; what was in its query stays byte for byte, what is added is percent-encoded.
    """
    parts = urlsplit(return_url)
    given = {name: value for name, value in params.items() if value is not None}
    kept = [
        piece
        for piece in parts.query.split("&")
        if piece and unquote_plus(piece.partition("=")[0]) not in given
    ]
    added = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in given.items()]
    return urlunsplit(parts._replace(query="&".join(kept + added)))
