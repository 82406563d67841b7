"""The checkout of a payment: what is paid, to whom, every fee, what leaves; pay or cancel."""

from dataclasses import dataclass

from markupsafe import Markup

from kubroker.web.document import Page, render_document
from kubroker.web.icons import icon
from kubroker.web.page_models import Broker, PageResponse
from kubroker.withdrawals.verify_page import ALERT, Payment, build_facts

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
