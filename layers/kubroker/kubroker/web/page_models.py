"""What the pages are made from: plain values, read by the ``render_…`` functions.

Frozen dataclasses and not pydantic models: everything here was checked before, and a page that
a browser waits for should not pay for it twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kubroker.kucoin.permissions import Permission


@dataclass(frozen=True, slots=True)
class PageResponse:
    """A whole answer: HTTP status, HTML body, every header."""

    status: int
    body: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Broker:
    """Who the page speaks for.

    Args:
        name: As users know the broker.
        logo_url: ``https`` (or ``http`` on this machine); without one the page shows an initial.
    """

    name: str
    logo_url: str = ""


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """The question: may the broker have these permissions?

    Args:
        broker: Who asks.
        action: Path that the form posts to: the link's own. Fields: ``permissions`` (repeated,
            GENERAL is implied) and ``addressbookOnly`` (``true`` or absent).
        account_label: The user's account at the broker, in the broker's words.
        offered: What the user may choose from.
        required: What the broker can't work without; part of ``offered``.
        cancel_url: The broker's return URL with ``status=refused&code=refused_by_user``.
        form_origins: Where the POST may be redirected to: KuCoin's web origin first, then every
            other origin that its login page may redirect to. Browsers hold redirects to it.
        is_addressbook_only: The broker wants withdrawals to the user's address book only; the
            user can't widen it.
    """

    broker: Broker
    action: str
    account_label: str
    offered: Sequence[Permission]
    required: Sequence[Permission]
    cancel_url: str
    form_origins: Sequence[str]
    is_addressbook_only: bool = False


@dataclass(frozen=True, slots=True)
class ProgressPage:
    """The wait: polls until the outcome is there, then loads itself again to show the end.

    Args:
        broker: For whom.
        status_path: Answers with ``{"state": …, "code": …, "final": bool}``. Empty: there is
            nothing to ask, and the page just loads itself again after a while.
        return_url: The broker's return URL, without our parameters.
        session_id: Goes into the way back where it is known.
    """

    broker: Broker
    status_path: str
    return_url: str
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class EndPage:
    """One end of a linking session.

    Args:
        broker: For whom.
        code: One of ``pages.END_CODES``.
        return_url: The broker's return URL, without our parameters; None where the session is
            not known, and so no way back either.
        session_id: Goes into the way back.
        permissions: What was granted (``connected``) or asked for (``permission_mismatch``).
        likely_cause: Of a mismatch; ``find_likely_cause(permissions)`` where None.
        retry_action: Path that the form "try again with fewer" posts to; no form without it.
        retry_permissions: What that form offers; the likely cause comes unselected.
        key_name: The key at KuCoin that the text is about.
        occurred_at: When that key was asked for; aware.
        old_key_name: ``connected``: the key that the new one replaced.
        required: Of ``retry_permissions``, what the broker can't work without.
        missing: ``connected``: chosen by the user, but not granted by KuCoin.
        form_origins: As in ConsentPage; needed with ``retry_action``.
        is_addressbook_only: ``connected``: how the key is; ``permission_mismatch``: how it was
            asked for.
        has_addressbook_choice: The user, not the broker, asked for the address book only, and may
            decide anew in the retry form.
    """

    broker: Broker
    code: str
    return_url: str | None
    session_id: str | None = None
    permissions: Sequence[Permission] = ()
    likely_cause: Permission | None = None
    retry_action: str | None = None
    retry_permissions: Sequence[Permission] = ()
    key_name: str | None = None
    occurred_at: datetime | None = None
    old_key_name: str | None = None
    required: Sequence[Permission] = ()
    missing: Sequence[Permission] = ()
    form_origins: Sequence[str] = ()
    is_addressbook_only: bool = False
    has_addressbook_choice: bool = False
