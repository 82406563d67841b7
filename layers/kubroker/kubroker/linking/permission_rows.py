"""Permissions as rows of a form or of a list."""

from collections.abc import Sequence

from markupsafe import Markup

from kubroker.kucoin.permissions import Permission, sort_permissions
from kubroker.linking.wording import WORDING
from kubroker.web.icons import icon

_CHOICE = Markup("""<div class="row{kind}">{icon}
<div class="what"><label class="title" for="{id}">{title}</label>
<p class="soft" id="{id}-about">{explanation}</p></div>
<input type="checkbox" id="{id}" name="{name}" value="{value}" aria-describedby="{id}-about"{flag}>
</div>
""")
_FIXED = Markup("""<div class="row fixed">{icon}
<div class="what"><p class="title">{title} <span class="badge">{badge}</span></p>
<p class="soft">{explanation}</p></div>
<span class="granted">{check}</span>{hidden}
</div>
""")
_HIDDEN = Markup('<input type="hidden" name="{name}" value="{value}">')
_GRANTED = Markup("""<li class="row fixed">{icon}
<div class="what"><p class="title">{title}</p><p class="soft">{explanation}</p></div></li>
""")
_FIELDSET = Markup("""<fieldset>
<legend>{legend}</legend>
<p class="soft small">{hint}</p>
<div class="rows">
{rows}</div>
</fieldset>
""")
# Source: kucoin-fast-api, fees: withdrawals 10 %, 1 to 30 USDT equivalent; deposits free.
_WITHDRAWAL = Markup("""<fieldset class="apart">
<legend>{icon} Withdrawals</legend>
<p>{about}</p>
<dl class="facts small"><div><dt>Fee for each withdrawal</dt>
<dd>10 % of the amount, at least 1 and at most 30 USDT or its equivalent, plus KuCoin’s network
fee</dd></div></dl>
{notes}<div class="rows">
{withdrawal}{addressbook}</div>
</fieldset>
""")


_NOTE = Markup('<p class="small">{text}</p>\n')
_ONLY_ADDRESSBOOK = "Only to addresses in your KuCoin address book."


def build_choices(
    broker_name: str,
    offered: Sequence[Permission],
    required: Sequence[Permission],
    *,
    preselected: Sequence[Permission] = (),
    is_addressbook_only: bool = False,
    has_addressbook_choice: bool = True,
    is_addressbook_chosen: bool = False,
) -> Markup:
    """The form's fieldsets: what may be chosen, and withdrawals apart.

    Withdrawals are never chosen for the user: not when the broker requires them (then the form
    can't be sent without the user's own tick), not when they were chosen before.

    Args:
        broker_name: Who asks.
        offered: What may be chosen.
        required: What the broker can't work without.
        preselected: Which of them are ticked at first, withdrawals aside.
        is_addressbook_only: Withdrawals go to the user's address book only: said, not asked.
        has_addressbook_choice: Otherwise, whether it is asked.
        is_addressbook_chosen: Whether the answer is there already, for the user to change.
    """
    rows = [_build_fixed(Permission.GENERAL, "Always included")]
    for permission in sort_permissions({*offered, *required}):
        if permission in (Permission.GENERAL, Permission.WITHDRAWAL):
            continue
        if permission in required:
            rows.append(_build_fixed(permission, f"Needed by {broker_name}"))
        else:
            rows.append(_build_choice(permission, "checked" if permission in preselected else ""))
    has_choice = len(set(offered) - {*required, Permission.GENERAL, Permission.WITHDRAWAL}) > 0
    choices = _FIELDSET.format(
        legend=f"What {broker_name} may do",
        hint="Turn on only what you want to use. Everything else stays off."
        if has_choice
        else f"{broker_name} asks for nothing else.",
        rows=Markup("").join(rows),
    )
    if Permission.WITHDRAWAL not in {*offered, *required}:
        return choices
    return choices + _build_withdrawal(
        broker_name,
        is_required=Permission.WITHDRAWAL in required,
        addressbook=_build_addressbook(is_chosen=is_addressbook_chosen)
        if has_addressbook_choice
        else Markup(""),
        is_addressbook_only=is_addressbook_only,
    )


def build_granted(
    permissions: Sequence[Permission], *, is_addressbook_only: bool = False
) -> Markup:
    """List items of what was granted, with what withdrawals are limited to."""
    granted = sort_permissions({Permission.GENERAL, *permissions})
    limited = {Permission.WITHDRAWAL} if is_addressbook_only else set()
    return Markup("").join(
        _GRANTED.format(
            icon=icon(WORDING[permission].icon),
            title=WORDING[permission].title,
            explanation=WORDING[permission].explanation
            + (f" {_ONLY_ADDRESSBOOK}" if permission in limited else ""),
        )
        for permission in granted
    )


def build_titles(permissions: Sequence[Permission]) -> str:
    """``Spot trading, Futures trading and Earn``."""
    titles = [WORDING[permission].title for permission in sort_permissions(permissions)]
    return " and ".join(filter(None, [", ".join(titles[:-1]), *titles[-1:]]))


def _build_fixed(permission: Permission, badge: str) -> Markup:
    """A row that the user can't change; GENERAL is implied and not sent."""
    wording = WORDING[permission]
    is_sent = permission is not Permission.GENERAL
    return _FIXED.format(
        icon=icon(wording.icon),
        title=wording.title,
        badge=badge,
        explanation=wording.explanation,
        check=icon("check"),
        hidden=_HIDDEN.format(name="permissions", value=permission.value) if is_sent else "",
    )


def _build_choice(permission: Permission, flag: str) -> Markup:
    """A row with a checkbox; ``flag`` is an attribute without value, or empty."""
    wording = WORDING[permission]
    return _CHOICE.format(
        kind="",
        icon=icon(wording.icon),
        id=f"permission-{permission.value.lower().replace('_', '-')}",
        name="permissions",
        value=permission.value,
        title=wording.title,
        explanation=wording.explanation,
        flag=flag and f" {flag}",
    )


def _build_addressbook(*, is_chosen: bool) -> Markup:
    """The user's own limit to withdrawals."""
    return _CHOICE.format(
        kind=" plain addressbook",
        icon="",
        id="addressbook-only",
        name="addressbookOnly",
        value="true",
        title="Only to my address book",
        explanation="Nothing can be sent to an address that you did not save at KuCoin before.",
        flag=" checked" if is_chosen else "",
    )


def _build_withdrawal(
    broker_name: str, *, is_required: bool, addressbook: Markup, is_addressbook_only: bool
) -> Markup:
    """The section that lets money out: its fee, its own tick, and the address book."""
    notes = []
    if is_required:
        notes.append(f"{broker_name} needs this permission: allow it, or cancel.")
    if is_addressbook_only:
        notes.append("Only addresses in your KuCoin address book can be used.")
        addressbook = _HIDDEN.format(name="addressbookOnly", value="true")
    return _WITHDRAWAL.format(
        icon=icon("out"),
        about=WORDING[Permission.WITHDRAWAL].explanation,
        notes=Markup("").join(_NOTE.format(text=note) for note in notes),
        withdrawal=_CHOICE.format(
            kind=" plain",
            icon="",
            id="permission-withdrawal",
            name="permissions",
            value=Permission.WITHDRAWAL.value,
            title="Allow withdrawals",
            explanation="Off unless you turn it on.",
            flag=" required" if is_required else "",
        ),
        addressbook=addressbook,
    )
