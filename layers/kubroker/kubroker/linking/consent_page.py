"""The question: may this broker have these permissions?"""

from urllib.parse import urlsplit

from markupsafe import Markup

from kubroker.kucoin.permissions import Permission
from kubroker.linking.permission_rows import build_choices
from kubroker.web.document import Page, render_document
from kubroker.web.icons import icon
from kubroker.web.page_models import ConsentPage, PageResponse

_CONTENT = Markup("""<h1>Connect KuCoin to {broker}</h1>
<p class="soft">Choose what {broker} may do with your KuCoin account. Then confirm it at KuCoin.</p>
<p class="account">{account_icon}<span>Connecting for your {broker} account
<strong><bdi>{label}</bdi></strong>
<span class="soft small">Not yours? Someone may have sent you their link. Choose Cancel.</span>
</span></p>
<form method="post" action="{action}">
{choices}
<section aria-labelledby="cannot"><h2 id="cannot">What {broker} can’t do</h2>
<ul class="cannot">
{limits}</ul></section>
<div class="actions">
<button class="button" type="submit">Continue to KuCoin</button>
<a class="button quiet" href="{cancel_url}">Cancel</a>
</div>
<p class="soft small">You log in and confirm at <strong>{kucoin_host}</strong>. Check this name in
your browser’s address bar before you enter your password.</p>
</form>""")
_LIMIT = Markup("<li>{icon}<span>{text}</span></li>\n")
_FOOT = (
    "You can end the connection at any time: at {broker}, or at KuCoin under API Management "
    "by deleting the key."
)


def render_consent(page: ConsentPage) -> PageResponse:
    """The consent page; showing it changes nothing, since link previews fetch it too."""
    name = page.broker.name
    content = _CONTENT.format(
        broker=name,
        account_icon=icon("info"),
        label=page.account_label,
        action=page.action,
        choices=build_choices(
            name,
            page.offered,
            page.required,
            is_addressbook_only=page.is_addressbook_only,
        ),
        limits=_build_limits({*page.offered, *page.required}),
        cancel_url=page.cancel_url,
        kucoin_host=urlsplit(page.form_origins[0]).netloc if page.form_origins else "kucoin.com",
    )
    return render_document(
        Page(
            title="Connect KuCoin",
            content=content,
            foot=_FOOT.format(broker=name),
            form_origins=page.form_origins,
        ),
        page.broker,
    )


def _build_limits(may: set[Permission]) -> Markup:
    """What stays out of reach, given what may be chosen.

    A withdrawal asks the user for KuCoin's codes, and they pass through the broker's hands.
    """
    can_withdraw = Permission.WITHDRAWAL in may
    limits = [
        "See your KuCoin password" + ("" if can_withdraw else " or your security codes"),
        "Change your KuCoin password, security settings or API keys",
        "Withdraw anything, unless you allow it above"
        if can_withdraw
        else "Withdraw anything from your KuCoin account",
    ]
    return Markup("").join(_LIMIT.format(icon=icon("cross"), text=text) for text in limits)
