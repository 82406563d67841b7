"""The checkout of a payment: what is paid, to whom, every fee, what leaves; pay or cancel."""

from dataclasses import dataclass

from markupsafe import Markup

from kubroker.web.document import Page, render_document
from kubroker.web.icons import icon
from kubroker.web.page_models import Broker, PageResponse
from kubroker.withdrawals.verify_end_page import VerifyText
from kubroker.withdrawals.verify_page import ALERT, Payment, VerifyWording, build_facts

_CONTENT = Markup("""<h1>{title}</h1>
<p class="soft">{broker} asks you to pay this from your KuCoin account. KuCoin’s fees come on top,
so that {payee} gets the whole amount.</p>
<dl class="facts payment">
{facts}</dl>
{alert}{notice}<form method="post" action="{action}">
<input type="hidden" name="action" value="pay">
<input type="hidden" name="fees" value="{fees}">
<div class="actions"><button class="button" type="submit">Pay {leaves}</button></div>
</form>
<p class="soft small">KuCoin may ask you for codes next. It can be paid until {until}. Fees follow
KuCoin’s prices: they may be up to 1 % higher when you pay.</p>
<div class="actions"><form method="post" action="{action}">
<input type="hidden" name="action" value="cancel">
<button class="button quiet" type="submit">Cancel this payment</button></form>
<a class="button quiet" href="{back}">Back to {broker}</a></div>""")
_NOTICE = Markup("""<section class="note"><h2>{title}</h2><p>{text}</p>{link}</section>
""")
_LINK = Markup(
    '<div class="actions"><a class="button quiet" href="{url}" rel="noreferrer">{text}</a></div>'
)
_FOOT = "Nothing leaves your account before you press Pay."


@dataclass(frozen=True, slots=True)
class Notice:
    """What the user should know before paying again.

    Args:
        title: Few words.
        text: What to do.
        url: KuCoin's own page, or None.
    """

    title: str
    text: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class CheckoutPage:
    """The question whether to pay.

    Args:
        broker: Who asks.
        action: Path that the forms post to: the link's own.
        payment: What is to be paid; names payee and reference.
        payee: Who gets it.
        fees: Both fees as decimal text: sent back, so that nobody pays more than was shown.
        until: When it ends, in words.
        back_url: The broker's return URL.
        problem: Why it was not paid just now, or None.
        notice: What happened before, or None.
    """

    broker: Broker
    action: str
    payment: Payment
    payee: str
    fees: str
    until: str
    back_url: str
    problem: str | None = None
    notice: Notice | None = None


def render_checkout(page: CheckoutPage, status: int = 200) -> PageResponse:
    """The page; showing it changes nothing."""
    title = f"Pay {page.payee} with KuCoin"
    content = _CONTENT.format(
        title=title,
        broker=page.broker.name,
        payee=page.payee,
        facts=build_facts(page.payment),
        alert=ALERT.format(icon=icon("alert"), text=page.problem) if page.problem else "",
        notice=_build_notice(page.notice) if page.notice else "",
        action=page.action,
        fees=page.fees,
        leaves=page.payment.leaves,
        until=page.until,
        back=page.back_url,
    )
    return render_document(
        Page(
            title=f"Problem: {title}" if page.problem else title,
            content=content,
            foot=_FOOT,
        ),
        page.broker,
        status,
    )


def _build_notice(notice: Notice) -> Markup:
    link = _LINK.format(url=notice.url, text="Set it up at KuCoin") if notice.url else ""
    return _NOTICE.format(title=notice.title, text=notice.text, link=link)


# Codes of errors → why nothing was paid just now, in the user's words.
_NOT_NOW = "Nothing was paid. Please try again in a minute."
PROBLEMS: dict[str, str] = {
    "fees_changed": "KuCoin’s fees have changed since you opened this page. Nothing was paid. "
    "Check the new figures, then pay.",
    "possible_duplicate": "Another payment of the same amount to the same recipient was made "
    "just now, or is under way. Nothing more was paid. Look first what became of that one.",
    "tries_used_up": "KuCoin was asked for this payment too often. Nothing was paid. Start it "
    "again with a new one.",
    "daily_tries_reached": "Codes were tried or asked for too often today. Nothing was paid. "
    "Please try again tomorrow.",
    "payee_not_listed": "The recipient can’t be paid any more. Nothing was paid.",
    "account_mismatch": "You have linked another KuCoin account since this payment was opened. "
    "Nothing was paid. Start it again.",
    "connection_disconnected": "Your KuCoin account is not linked any more. Nothing was paid.",
    "connection_not_found": "Your KuCoin account is not linked any more. Nothing was paid.",
    "api_key_not_active": "Your KuCoin account can’t be used at the moment. Nothing was paid.",
    "withdrawal_not_granted": "You have not allowed withdrawals for your KuCoin account, and a "
    "payment is one. Nothing was paid. Link it again with that permission.",
    "withdrawals_switched_off": "Payments are paused at the moment. Nothing was paid. Please try "
    "again later.",
    "daily_limit_reached": "This is more than may be paid from your account today. Nothing was "
    "paid.",
    "transfer_limit_reached": "KuCoin allows only a few payments of this kind in a short time. "
    "Nothing was paid. Please try again later.",
    "kucoin_busy": "KuCoin takes no more requests at the moment. " + _NOT_NOW,
    "kucoin_unreachable": "KuCoin can’t be reached at the moment. " + _NOT_NOW,
    "kucoin_unreadable": "KuCoin does not tell balance and fees at the moment. " + _NOT_NOW,
    "withdrawal_disabled": "KuCoin has paused this currency on this network. Nothing was paid.",
    "conflict": "It changed in the same moment. Nothing was paid. Look again, then pay.",
}
PROBLEM_OTHERWISE = "It can’t be paid at the moment. " + _NOT_NOW

PAYMENT_WORDING = VerifyWording(
    title="Confirm this payment",
    lead="asked KuCoin to pay this from your KuCoin account. Check it, then enter the codes that "
    "KuCoin wants.",
    button="Confirm and pay",
    shows_leaves=True,
)
CODES_LAPSED = Notice(
    "The time for the codes is over", "Nothing was paid. Press Pay to get new codes."
)
SECURITY_WANTED = Notice(
    "KuCoin wants more security first",
    "Nothing was paid. Set up the security that KuCoin asks for, come back to this page and press "
    "Pay again.",
)

PAYMENT_TEXTS: dict[str, VerifyText] = {
    "submitted": VerifyText(
        "KuCoin is sending your payment",
        "good",
        "submitted",
        "You have paid {amount}, and KuCoin has taken it. It can take a while until it arrives.",
    ),
    "success": VerifyText("Paid", "good", "submitted", "KuCoin has sent your payment of {amount}."),
    "in_progress": VerifyText(
        "KuCoin is being asked right now",
        "wait",
        "pending",
        "Your payment of {amount} is being made. This page loads itself again in a few seconds. "
        "Don’t pay a second time.",
    ),
    "unknown": VerifyText(
        "KuCoin’s answer was lost",
        "bad",
        "pending",
        "KuCoin was asked to pay {amount}, but its answer did not arrive. {broker} is finding out "
        "whether it was done. Please don’t pay a second time.",
    ),
    "forged": VerifyText(
        "Something does not fit",
        "warn",
        "pending",
        "Another withdrawal at KuCoin carries the reference of this payment of {amount}, and does "
        "not pay it. {broker} has to look at it. Please don’t pay a second time.",
    ),
    "expired": VerifyText(
        "The time to pay is over",
        "plain",
        "expired",
        "Nothing was paid, and nothing has left your account. You can start again at {broker}.",
    ),
    "rejected": VerifyText(
        "KuCoin refused the payment",
        "warn",
        "failed",
        "Nothing was paid, and nothing has left your account.",
    ),
    "cancelled": VerifyText(
        "The payment was cancelled",
        "plain",
        "cancelled",
        "Nothing was paid, and nothing has left your account.",
    ),
    "failure": VerifyText(
        "KuCoin did not complete the payment",
        "bad",
        "failed",
        "KuCoin could not send {amount}. {broker} can tell you what became of it.",
    ),
    "not_done": VerifyText(
        "The payment was not made",
        "plain",
        "failed",
        "KuCoin did not take it: nothing has left your account. You can start again at {broker}.",
    ),
}
