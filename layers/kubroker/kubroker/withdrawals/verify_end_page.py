"""How the verification of a withdrawal ends, or waits: one text each, and the way on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

from kubroker.web.document import Page, render_document
from kubroker.web.icons import icon
from kubroker.web.page_models import Broker, PageResponse

_SIGNS = {"good": "check", "plain": "info", "warn": "alert", "bad": "alert", "wait": "clock"}
_CONTENT = Markup("""<div class="sign {tone}">{sign}</div>
<h1>{title}</h1>
<p class="soft">{happened}</p>
{detail}{actions}<p class="soft small">{reference}</p>""")
_REFRESH = Markup('\n<meta http-equiv="refresh" content="3">')
_DETAIL = Markup('<section class="note"><h2>KuCoin says</h2><p>{text}</p></section>\n')
_ACTIONS = Markup('<div class="actions">{main}{back}</div>\n')
_BACK = Markup('<a class="button{quiet}" href="{url}">Back to {broker}</a>')
_LINK = Markup('<a class="button" href="{url}" rel="noreferrer">{text}</a>')
_RENEW = Markup("""<form method="post" action="{action}">
<input type="hidden" name="action" value="renew">
<div class="actions"><button class="button" type="submit">Get new codes</button>{back}</div>
</form>
""")


@dataclass(frozen=True, slots=True)
class VerifyText:
    """One end.

    Args:
        title: The page's heading.
        tone: Which sign it carries.
        status: ``status`` on the way back to the broker.
        happened: What it means for the user's money.
        http_status: Of the page.
    """

    title: str
    tone: Literal["good", "plain", "warn", "bad", "wait"]
    status: Literal["submitted", "pending", "failed", "cancelled", "expired", "setup_required"]
    happened: str
    http_status: int = 200


VERIFY_TEXTS: dict[str, VerifyText] = {
    "submitted": VerifyText(
        "KuCoin is sending it",
        "good",
        "submitted",
        "You have confirmed the withdrawal of {amount}, and KuCoin has taken it. It can take a "
        "while until it arrives.",
    ),
    "success": VerifyText(
        "It was sent", "good", "submitted", "KuCoin has completed the withdrawal of {amount}."
    ),
    "in_progress": VerifyText(
        "KuCoin is being asked right now",
        "wait",
        "pending",
        "The withdrawal of {amount} is being confirmed. This page loads itself again in a few "
        "seconds. Don’t ask for it a second time.",
    ),
    "unknown": VerifyText(
        "KuCoin’s answer was lost",
        "bad",
        "pending",
        "KuCoin was asked to send {amount}, but its answer did not arrive. {broker} is finding "
        "out whether it was done. Please don’t ask for it a second time.",
    ),
    "forged": VerifyText(
        "Something does not fit",
        "warn",
        "pending",
        "Another withdrawal at KuCoin carries the reference of this one of {amount}, and is "
        "not the same. {broker} has to look at it. Please don’t ask for it a second time.",
    ),
    "expired": VerifyText(
        "The time for these codes is over",
        "plain",
        "pending",
        "Nothing was sent. You can ask KuCoin for new codes for the same withdrawal of {amount}.",
    ),
    "renewal_over": VerifyText(
        "The time for this withdrawal is over",
        "plain",
        "expired",
        "Nothing was sent from here. Go back to {broker} if you still want to withdraw {amount}.",
    ),
    "made_since": VerifyText(
        "The same withdrawal is there already",
        "warn",
        "pending",
        "Nothing was sent from here: {amount} to the same recipient was withdrawn since, or is "
        "being withdrawn. Look at {broker} how your withdrawals stand.",
    ),
    "rejected": VerifyText(
        "KuCoin refused the withdrawal",
        "warn",
        "failed",
        "Nothing was sent, and nothing has left your account.",
    ),
    "security_setup": VerifyText(
        "KuCoin wants more security first",
        "warn",
        "setup_required",
        "Nothing was sent. Set up the security that KuCoin asks for, then confirm the withdrawal "
        "again at {broker}.",
    ),
    "cancelled": VerifyText(
        "The withdrawal was cancelled",
        "plain",
        "cancelled",
        "Nothing was sent, and nothing has left your account.",
    ),
    "failure": VerifyText(
        "KuCoin did not complete the withdrawal",
        "bad",
        "failed",
        "KuCoin could not send {amount}. {broker} can tell you what became of it.",
    ),
    "not_done": VerifyText(
        "The withdrawal was not done",
        "plain",
        "failed",
        "KuCoin did not take it: nothing has left your account. You can start again at {broker}.",
    ),
    "refused_now": VerifyText(
        "This can’t be done at the moment",
        "warn",
        "pending",
        "Nothing was sent. {reason}",
        503,
    ),
    "link_unknown": VerifyText(
        "This link is not valid",
        "plain",
        "failed",
        "It may be incomplete, or replaced by a newer one. Nothing was sent from here. Go back to "
        "{broker} and open the withdrawal there.",
        404,
    ),
    "wrong_page": VerifyText(
        "This page could not be read",
        "warn",
        "pending",
        "Nothing was sent. Open the link from {broker} again.",
        400,
    ),
    "internal_error": VerifyText(
        "Something went wrong on our side",
        "bad",
        "pending",
        "Look at {broker} how your withdrawal stands before you ask for anything again.",
        500,
    ),
}


@dataclass(frozen=True, slots=True)
class VerifyEndPage:
    """One end of a verification.

    Args:
        broker: For whom.
        code: One of ``texts``.
        back_url: The broker's return URL with the outcome, or None where it is not known.
        reference: What to tell the broker's support, or empty.
        amount: With its currency, or empty.
        detail: KuCoin's reason, or None.
        reason: Ours, for ``refused_now``.
        renew_action: Path that the form "Get new codes" posts to, or None.
        security_url: KuCoin's own page, or None.
        status: Another HTTP status than the text's.
        texts: Of a withdrawal or of a payment.
    """

    broker: Broker
    code: str
    back_url: str | None
    reference: str = ""
    amount: str = ""
    detail: str | None = None
    reason: str = ""
    renew_action: str | None = None
    security_url: str | None = None
    status: int | None = None
    texts: Mapping[str, VerifyText] = field(default_factory=lambda: VERIFY_TEXTS)


def render_verify_end(page: VerifyEndPage) -> PageResponse:
    """The page of one end.

    Raises:
        KeyError: ``page.code`` is not one of ``page.texts``.
    """
    text = page.texts[page.code]
    happened = Markup(text.happened).format(  # noqa: S704 - texts of ours
        broker=page.broker.name, amount=page.amount or "it", reason=page.reason
    )
    content = _CONTENT.format(
        tone="plain" if text.tone == "wait" else text.tone,
        sign=icon(_SIGNS[text.tone]),
        title=text.title,
        happened=happened,
        detail=_DETAIL.format(text=page.detail) if page.detail else "",
        actions=_build_actions(page),
        reference=f"Reference: {page.reference}" if page.reference else f"Reference: {page.code}",
    )
    return render_document(
        Page(title=text.title, content=content, head=_REFRESH if text.tone == "wait" else ""),
        page.broker,
        page.status or text.http_status,
    )


def _build_actions(page: VerifyEndPage) -> Markup:
    is_main = page.renew_action is None and page.security_url is None
    back = Markup("")
    if page.back_url is not None:
        back = _BACK.format(
            url=page.back_url, broker=page.broker.name, quiet="" if is_main else " quiet"
        )
    if page.renew_action is not None:
        return _RENEW.format(action=page.renew_action, back=back)
    main = Markup("")
    if page.security_url is not None:
        main = _LINK.format(url=page.security_url, text="Set it up at KuCoin")
    return _ACTIONS.format(main=main, back=back) if main or back else Markup("")
