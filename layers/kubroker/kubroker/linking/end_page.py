"""The ends of a linking session: one page each, with the way back to the broker."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from markupsafe import Markup

from kubroker.kucoin.permissions import Permission
from kubroker.linking.permission_rows import build_choices, build_granted, build_titles
from kubroker.linking.wording import WORDING, find_likely_cause
from kubroker.web.document import Page, render_document
from kubroker.web.icons import icon
from kubroker.web.page_models import EndPage, PageResponse
from kubroker.web.return_url import build_return_url

KEY_PAGE = "API Management on KuCoin’s website"


@dataclass(frozen=True, slots=True)
class EndText:
    """One end.

    Args:
        title: The page's heading.
        tone: Which sign it carries.
        status: ``status`` on the way back to the broker.
        happened: One or two sentences, with what it means for the user's account.
        steps: What to do, in order.
        http_status: An outcome that was reached is 200, also a bad one; the others say what is
            wrong with this very request.
    """

    title: str
    tone: Literal["good", "plain", "warn", "bad"]
    status: Literal["connected", "refused", "expired", "failed"]
    happened: str
    steps: tuple[str, ...]
    http_status: int = 200


END_TEXTS: dict[str, EndText] = {
    "connected": EndText(
        "Your KuCoin account is connected",
        "good",
        "connected",
        "{broker} can now use your KuCoin account within the permissions below.",
        (),
    ),
    "refused_by_user": EndText(
        "You cancelled",
        "plain",
        "refused",
        "Nothing was connected, and nothing changed in your KuCoin account.",
        ("There is nothing left to do. You can start again at {broker} at any time.",),
    ),
    "session_expired": EndText(
        "This link has expired",
        "plain",
        "expired",
        "For your safety a link to connect KuCoin works for a short time only. "
        "This one connected nothing.",
        ("Go back to {broker} and choose to connect KuCoin again. You get a new link.",),
        410,
    ),
    "session_used": EndText(
        "This link has already been used",
        "plain",
        "failed",
        "Each link to connect KuCoin works once.",
        (
            "Go back to {broker} and look whether your KuCoin account is connected there.",
            "If it is not, choose to connect KuCoin again. You get a new link.",
        ),
        410,
    ),
    "other_browser": EndText(
        "This was started in another browser",
        "warn",
        "failed",
        "For your safety a connection has to be finished in the browser that it was started in. "
        "Nothing was connected.",
        (
            "Open {broker} in this browser, log in there, and choose to connect KuCoin.",
            "If you did not start this yourself, it may be someone else’s link: close this page.",
        ),
        403,
    ),
    "permission_mismatch": EndText(
        "KuCoin did not allow all permissions",
        "warn",
        "failed",
        "KuCoin refused because the permissions asked for don’t match what your account has or "
        "what you confirmed there. No key was created, and nothing changed in your account.",
        (),
    ),
    "addressbook_mismatch": EndText(
        "KuCoin did not limit the key to your address book",
        "warn",
        "failed",
        "Withdrawals to your KuCoin address book only were asked for. KuCoin created an API key "
        "without this limit, so {broker} does not use it.",
        (
            f"Open {KEY_PAGE} and delete {{key}}.",
            "Connect KuCoin again at {broker}, and allow only your address book at KuCoin too.",
        ),
    ),
    "key_limit_reached": EndText(
        "Your KuCoin account has too many API keys",
        "warn",
        "failed",
        "KuCoin limits how many API keys an account may have, and yours has reached the limit. "
        "No key was created.",
        (
            f"Open {KEY_PAGE} and delete a key that you no longer use.",
            "Come back to {broker} and connect KuCoin again.",
        ),
    ),
    "key_name_taken": EndText(
        "KuCoin already has a key for {broker}",
        "warn",
        "failed",
        "Your KuCoin account still holds an API key from an earlier connection, and KuCoin allows "
        "no second one of its name. No new key was created.",
        (
            f"Open {KEY_PAGE} and delete {{key}}.",
            "Come back to {broker} and connect KuCoin again.",
        ),
    ),
    "kucoin_unreachable": EndText(
        "KuCoin can’t be reached right now",
        "warn",
        "failed",
        "KuCoin did not answer. No key was created, and nothing changed in your account. "
        "This passes by itself.",
        ("Wait a few minutes, then connect KuCoin again at {broker}.",),
        503,
    ),
    "key_outcome_unknown": EndText(
        "KuCoin’s answer was lost",
        "bad",
        "failed",
        "KuCoin was asked to create an API key, but its answer did not arrive. There may now be a "
        "key in your account that nobody can use, {broker} neither.",
        (
            f"Open {KEY_PAGE}.",
            "If there is {key}, delete it.",
            "Come back to {broker} and connect KuCoin again.",
        ),
    ),
    "account_mismatch": EndText(
        "This is another KuCoin account",
        "warn",
        "failed",
        "You confirmed with a different KuCoin account than the one that you connected to "
        "{broker} before. The other account was not connected.",
        (
            "Log out at KuCoin, then connect again with the account used before.",
            "To change to the other account, ask {broker} to allow the change.",
        ),
    ),
    "authorization_failed": EndText(
        "KuCoin did not confirm the connection",
        "bad",
        "failed",
        "KuCoin answered with an error. No key was created, and nothing changed in your account.",
        (
            "Connect KuCoin again at {broker}.",
            "If it fails again, tell {broker}’s support the reference below.",
        ),
    ),
    "internal_error": EndText(
        "Something went wrong on our side",
        "bad",
        "failed",
        "This page could not be shown. What you did at KuCoin is safe.",
        (
            "Go back to {broker} and look whether your KuCoin account is connected there.",
            "If it is not, connect KuCoin again.",
        ),
        500,
    ),
}

END_CODES = frozenset(END_TEXTS)


_SIGNS = {"good": "check", "plain": "info", "warn": "alert", "bad": "alert"}

_CONTENT = Markup("""<div class="sign {tone}">{sign}</div>
<h1>{title}</h1>
<p class="soft">{happened}</p>
{detail}{back}<p class="soft small">{reference}</p>""")
_STEPS = Markup("""<section class="next" aria-labelledby="next"><h2 id="next">What to do next</h2>
<ol class="steps{single}">
{items}</ol></section>
""")
_STEP = Markup("<li><span>{text}</span></li>\n")
_NOTE = Markup('<section class="note"><h2>{title}</h2><p>{text}</p></section>\n')
_GRANTED = Markup("""<section aria-labelledby="granted"><h2 id="granted">What {broker} may do</h2>
<ul class="rows">
{items}</ul></section>
""")
_BACK = Markup("""<div class="actions"><a class="button{quiet}" href="{url}">Back to {broker}</a>
</div>
""")
_RETRY = Markup("""<section class="next" aria-labelledby="next">
<h2 id="next">What to do next</h2>
<p class="soft">Try again with fewer permissions. Leave off what your KuCoin account does not
have.</p></section>
<form method="post" action="{action}">
{choices}
<div class="actions">
<button class="button" type="submit">Try again with these</button>
<a class="button quiet" href="{url}">Back to {broker}</a>
</div>
</form>
""")
_KEY = Markup("the key <code><bdi>{name}</bdi></code>")
_KEY_OF_TIME = Markup("a key for {broker} that was created at about {time}")
_TIME = Markup('<time datetime="{iso}">{text}</time>')


def render_end(page: EndPage) -> PageResponse:
    """The page of one end.

    Raises:
        KeyError: ``page.code`` is not one of ``END_CODES``.
    """
    text = END_TEXTS[page.code]
    has_retry = _has_retry(page)
    content = _CONTENT.format(
        tone=text.tone,
        sign=icon(_SIGNS[text.tone]),
        title=_fill(text.title, page),
        happened=_fill(text.happened, page),
        detail=_build_detail(page, text),
        back="" if has_retry else _build_back(page, text),
        reference=f"Reference: {page.code}" + (f" · {page.session_id}" if page.session_id else ""),
    )
    return render_document(
        Page(
            title=text.title.format(broker=page.broker.name),
            content=content,
            form_origins=page.form_origins if has_retry else (),
        ),
        page.broker,
        text.http_status,
    )


def _build_detail(page: EndPage, text: EndText) -> Markup:
    """Between what happened and the way back."""
    if page.code == "connected":
        return _build_connected(page)
    if page.code == "permission_mismatch":
        return _build_mismatch(page, text)
    steps = list(text.steps)
    if page.code == "account_mismatch" and page.key_name:
        steps.append(f"In the account that you just used, delete {{key}} under {KEY_PAGE}.")
    return _build_steps(steps, page)


def _build_connected(page: EndPage) -> Markup:
    """What was granted, what was not, and which old key to delete."""
    parts = []
    if page.missing:
        parts.append(
            _NOTE.format(
                title="KuCoin granted less than you chose",
                text=f"Not included: {build_titles(page.missing)}. To add it, allow it in your "
                f"KuCoin account, then connect again at {page.broker.name}.",
            )
        )
    if page.old_key_name:
        parts.append(
            _NOTE.format(
                title="Delete your old key",
                text=Markup(
                    "{broker} now uses a new key. Please delete {key} under {where}."
                ).format(
                    broker=page.broker.name,
                    key=_KEY.format(name=page.old_key_name),
                    where=KEY_PAGE,
                ),
            )
        )
    granted = build_granted(page.permissions, is_addressbook_only=page.is_addressbook_only)
    parts.append(_GRANTED.format(broker=page.broker.name, items=granted))
    return Markup("").join(parts)


def _build_mismatch(page: EndPage, text: EndText) -> Markup:
    """The likely cause, and a form to try again with fewer."""
    cause = _find_cause(page)
    note = Markup("")
    if cause is not None:
        note = _NOTE.format(
            title=f"Most likely: {WORDING[cause].title}", text=_build_reason(cause, page)
        )
    if not _has_retry(page):
        first = "Allow it in your KuCoin account, or choose fewer permissions next time."
        if cause in page.required:
            first = "{broker} can’t work without this permission: allow it in your KuCoin account."
        return note + _build_steps([first, "Then connect KuCoin again at {broker}."], page)
    return note + _RETRY.format(
        action=page.retry_action,
        choices=build_choices(
            page.broker.name,
            page.retry_permissions,
            page.required,
            preselected=[item for item in page.retry_permissions if item is not cause],
            is_addressbook_only=page.is_addressbook_only and not page.has_addressbook_choice,
            has_addressbook_choice=page.has_addressbook_choice,
            is_addressbook_chosen=page.has_addressbook_choice,
        ),
        url=_build_back_url(page, text),
        broker=page.broker.name,
    )


def _find_cause(page: EndPage) -> Permission | None:
    return page.likely_cause or find_likely_cause(tuple(page.permissions))


def _has_retry(page: EndPage) -> bool:
    """Without what the broker needs, fewer is no way out; another address-book choice may be."""
    is_mismatch = page.code == "permission_mismatch" and page.retry_action is not None
    cause = _find_cause(page)
    is_choice = cause is Permission.WITHDRAWAL and page.has_addressbook_choice
    return is_mismatch and (cause not in page.required or is_choice)


def _build_reason(cause: Permission, page: EndPage) -> str:
    """Why KuCoin may have refused this one."""
    if cause is Permission.WITHDRAWAL:
        reason = (
            "Withdrawals, or the choice to allow only your address book, differ from what you "
            "confirmed at KuCoin."
        )
        if not page.is_addressbook_only:
            return reason
        return (
            f"{reason} To keep withdrawals to your address book, connect KuCoin again at "
            f"{page.broker.name} and allow only your address book at KuCoin too."
        )
    return "Your KuCoin account may not have this activated, or you turned it off on KuCoin’s page."


def _build_steps(steps: list[str], page: EndPage) -> Markup:
    """One step needs no number."""
    items = Markup("").join(_STEP.format(text=_fill(step, page)) for step in steps)
    return _STEPS.format(items=items, single="" if len(steps) > 1 else " single")


def _build_back(page: EndPage, text: EndText) -> Markup:
    """The button, where there is a way back."""
    if page.return_url is None:
        return Markup("")
    return _BACK.format(url=_build_back_url(page, text), broker=page.broker.name, quiet="")


def _build_back_url(page: EndPage, text: EndText) -> str:
    """The broker's URL with the outcome."""
    return build_return_url(
        page.return_url or "", status=text.status, code=page.code, session=page.session_id
    )


def _fill(template: str, page: EndPage) -> Markup:
    """Our sentence with their names, escaped."""
    broker = page.broker.name
    if page.key_name:
        key = _KEY.format(name=page.key_name)
    elif page.occurred_at:
        key = _KEY_OF_TIME.format(broker=broker, time=_build_time(page.occurred_at))
    else:
        key = Markup("the key that was created for {broker}").format(broker=broker)
    return Markup(template).format(broker=broker, key=key)  # noqa: S704 - texts of ours


def _build_time(moment: datetime) -> Markup:
    """To the minute, in UTC, since the page can't know the reader's zone."""
    utc = moment.astimezone(UTC)
    return _TIME.format(
        iso=utc.isoformat(timespec="seconds"), text=f"{utc.day} {utc:%B %Y, %H:%M} UTC"
    )
