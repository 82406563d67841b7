"""The verification of a withdrawal: what will leave, where to, and the codes that KuCoin wants."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kubroker.web.document import Page, render_document
from kubroker.web.icons import icon
from kubroker.web.page_models import Broker, PageResponse

_CONTENT = Markup("""<h1>{title}</h1>
<p class="soft">{broker} {lead}</p>
<dl class="facts payment">
{facts}</dl>
{note}{alert}<div class="forms">
{forms}</div>
<p class="soft small">Nothing leaves your account until you confirm. If you did not ask for this,
close this page and tell {broker}.</p>
<div class="actions"><a class="button quiet" href="{back}">Back to {broker}</a></div>""")
_NOTE = Markup('<p class="soft small">{text}</p>\n')
_FACT = Markup("<div{kind}><dt>{name}</dt><dd>{value}</dd></div>\n")
_CODE = Markup("<code><bdi>{text}</bdi></code>")
ALERT = Markup('<p class="note problem" role="alert" id="problem">{icon}<span>{text}</span></p>\n')
_FORM = Markup("""<form method="post" action="{action}">
<fieldset><legend>{legend}</legend>
{fields}</fieldset>
<div class="actions"><button class="button" type="submit">{button} {amount}</button></div>
</form>
""")
_FIELD = Markup("""<div class="field"><label for="{id}">{label}</label>
<p class="soft small" id="{id}-about">{about}</p>
<input id="{id}" name="code-{name}" type="text" inputmode="{mode}" autocomplete="one-time-code"
 autocapitalize="off" spellcheck="false" minlength="4" maxlength="12" required
 aria-describedby="{id}-about{problem}"{invalid}></div>
""")
_FOOT = "Codes go to KuCoin and are kept nowhere. KuCoin and {broker} never ask for them by phone."


@dataclass(frozen=True, slots=True)
class FactorWording:
    """A factor in plain words."""

    label: str
    about: str
    is_numeric: bool = True


# The names are KuCoin's; what they stand for is assumed from them.
_FACTORS = {
    "GAV": FactorWording("Authenticator code", "The 6 digits in your authenticator app now."),
    "EMV": FactorWording("E-mail code", "In the e-mail that KuCoin has just sent you."),
    "SMS": FactorWording("Text message code", "In the message that KuCoin has just sent you."),
}


@dataclass(frozen=True, slots=True)
class Payment:
    """What the page shows of a withdrawal, all in plain text.

    Args:
        amount: With its currency.
        destination: Address, uid, e-mail address or phone number.
        destination_name: What that is.
        network: The chain, or None inside KuCoin.
        memo: Or None.
        fees: Name and text of each.
        arrives: With its currency.
        leaves: With its currency, fees included.
        note: What else may be, or None.
        payee: Of a payment: who gets it, else None.
        reference: Of a payment: the broker's name of it, else None.
    """

    amount: str
    destination: str
    destination_name: str
    network: str | None
    memo: str | None
    fees: Sequence[tuple[str, str]]
    arrives: str
    leaves: str
    note: str | None = None
    payee: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class VerifyWording:
    """What withdrawals and payments say otherwise.

    Args:
        title: The page's heading.
        lead: Goes on after the broker's name.
        button: Before the amount.
        shows_leaves: The button names what leaves the account, not the amount.
    """

    title: str
    lead: str
    button: str
    shows_leaves: bool = False


WITHDRAWAL_WORDING = VerifyWording(
    title="Confirm this withdrawal",
    lead="asked KuCoin to send this from your KuCoin account. Check it, then enter the codes that "
    "KuCoin wants.",
    button="Confirm and send",
)


@dataclass(frozen=True, slots=True)
class VerifyPage:
    """The question.

    Args:
        broker: Who asks.
        action: Path that the forms post to: the link's own.
        payment: What is to be confirmed.
        alternatives: Each the factors that one form asks for.
        sent: Factors whose code KuCoin has just sent.
        back_url: The broker's return URL.
        problem: What was wrong with the codes sent before, or None.
        wording: Of a withdrawal or of a payment.
    """

    broker: Broker
    action: str
    payment: Payment
    alternatives: Sequence[Sequence[str]]
    sent: Sequence[str]
    back_url: str
    problem: str | None = None
    wording: VerifyWording = WITHDRAWAL_WORDING


def render_verify(page: VerifyPage, status: int = 200) -> PageResponse:
    """The page; showing it changes nothing."""
    name = page.broker.name
    content = _CONTENT.format(
        title=page.wording.title,
        lead=page.wording.lead,
        broker=name,
        facts=build_facts(page.payment),
        note=_NOTE.format(text=page.payment.note) if page.payment.note else "",
        alert=ALERT.format(icon=icon("alert"), text=page.problem) if page.problem else "",
        forms=Markup("").join(
            _build_form(page, factors, number) for number, factors in enumerate(page.alternatives)
        ),
        back=page.back_url,
    )
    title = page.wording.title
    return render_document(
        Page(
            title=f"Problem: {title}" if page.problem else title,
            content=content,
            foot=_FOOT.format(broker=name),
        ),
        page.broker,
        status,
    )


def build_facts(payment: Payment) -> Markup:
    """The rows: what, to whom, every fee, what leaves, what arrives."""
    rows: list[tuple[str, Markup | str, str]] = [("Amount", payment.amount, ' class="strong"')]
    if payment.payee:
        rows.append(("To", payment.payee, ""))
    rows += [
        (payment.destination_name, _CODE.format(text=payment.destination), ' class="long"'),
    ]
    if payment.memo:
        rows.append(("Memo (tag)", _CODE.format(text=payment.memo), ' class="long"'))
    if payment.network:
        rows.append(("Network", payment.network, ""))
    if payment.reference:
        rows.append(("Reference", payment.reference, ""))
    rows += [(name, text, "") for name, text in payment.fees]
    rows += [
        ("Leaves your account", payment.leaves, ' class="total"'),
        ("Arrives", payment.arrives, ' class="strong"'),
    ]
    return Markup("").join(
        _FACT.format(kind=Markup(kind), name=name, value=value)  # noqa: S704 - constants above
        for name, value, kind in rows
    )


def _build_form(page: VerifyPage, factors: Sequence[str], number: int) -> Markup:
    legend = "Your codes" if len(factors) > 1 else "Your code"
    return _FORM.format(
        action=page.action,
        legend=legend if number == 0 else "Or use this instead",
        fields=Markup("").join(_build_field(page, factor, number) for factor in factors),
        button=page.wording.button,
        amount=page.payment.leaves if page.wording.shows_leaves else page.payment.amount,
    )


def _build_field(page: VerifyPage, factor: str, number: int) -> Markup:
    wording = _FACTORS.get(factor) or FactorWording(
        f"Code {factor}",
        "KuCoin has just sent it to you." if factor in page.sent else "From KuCoin.",
        is_numeric=False,
    )
    has_problem = page.problem is not None
    return _FIELD.format(
        id=f"code-{factor.lower()}-{number}",
        name=factor,
        label=wording.label,
        about=wording.about,
        mode="numeric" if wording.is_numeric else "text",
        problem=" problem" if has_problem else "",
        invalid=Markup(' aria-invalid="true"') if has_problem else "",
    )
