"""The pages that a user sees: login, consent, and what went wrong. No script, no outside asset."""

from collections.abc import Sequence
from html import escape

from local.kucoin_simulator.model import ALWAYS_GRANTED, WITHDRAW, LoginAttempt, User
from local.kucoin_simulator.worlds import Settings

STYLE = """
:root { color-scheme: light dark; --page: #f4f6f5; --card: #fff; --text: #16211d; --soft: #4d5d56;
  --line: #8b9a93; --accent: #00694a; --on-accent: #fff; --bad: #a3180f; --mark: #e5f3ed; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1513; --card: #18211d; --text: #eaf1ee;
  --soft: #afbfb7; --line: #6f8078; --accent: #3ddc9f; --on-accent: #06251a; --bad: #ff9d94;
  --mark: #20352c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 30rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
.card { background: var(--card); border-radius: 1rem; padding: 1.5rem;
  box-shadow: 0 1px 4px rgb(0 0 0 / .15); }
.brand { font-weight: 800; letter-spacing: .08em; color: var(--accent); margin: .5rem 0 1rem; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .75rem; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; } .soft { color: var(--soft); } .bad { color: var(--bad); font-weight: 600; }
label { display: block; font-weight: 600; margin: .9rem 0 .25rem; }
input[type=email], input[type=password], input[type=text] { width: 100%; padding: .65rem .75rem;
  font: inherit; color: inherit; background: var(--page); border: 1px solid var(--line);
  border-radius: .5rem; }
button { display: block; width: 100%; min-height: 2.75rem; margin-top: .75rem; padding: .6rem 1rem;
  font: inherit; font-weight: 600; border-radius: .6rem; cursor: pointer; text-align: left;
  color: var(--text); background: transparent; border: 1px solid var(--line); }
button.main { background: var(--accent); color: var(--on-accent); border-color: transparent;
  text-align: center; }
button.plain { text-align: center; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
fieldset { border: 0; margin: 0; padding: 0; } legend { font-weight: 600; padding: 0; }
.choice { display: flex; gap: .75rem; align-items: flex-start; padding: .6rem .75rem;
  margin: .4rem 0; border-radius: .6rem; background: var(--mark); font-weight: 400; }
.choice input { width: 1.15rem; height: 1.15rem; margin: .2rem 0 0; flex: none;
  accent-color: var(--accent); }
.choice small { display: block; color: var(--soft); font-size: .875rem; }
code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
"""

GROUP_WORDS = {
    "API_COMMON": ("General", "Read your balances, orders and history."),
    "API_SPOT": ("Spot trading", "Place and cancel spot orders."),
    "API_EARN": ("Earn", "Subscribe to and redeem Earn products."),
    "API_MARGIN": ("Margin trading", "Trade with borrowed funds."),
    "API_FUTURES": ("Futures trading", "Open and close futures positions."),
    "API_TRANSFER": ("Flexible transfers", "Move funds between your own accounts."),
    WITHDRAW: ("Withdrawal", "Send funds out of your account. Each one asks for your codes."),
}
UNIFIED_WORDS = ("Unified account", "Use your unified trading account.")
UNCHECKED = frozenset({WITHDRAW})


def page(title: str, content: str) -> str:
    """Return a whole page around its content (already escaped)."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - KuCoin simulator</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<main>
<p class="brand">KUCOIN <span class="soft">simulator</span></p>
<div class="card">
{content}
</div>
</main>
</body>
</html>
"""


def login_page(attempt: LoginAttempt, users: Sequence[User], problem: str = "") -> str:
    """Return the login page, with a button for each of the first demo users."""
    alert = f'<p class="bad" role="alert">{escape(problem)}</p>' if problem else ""
    buttons = "\n".join(_demo_button(user) for user in users[:8])
    hidden = f'<input type="hidden" name="attempt" value="{attempt.attempt_id}">'
    content = f"""
<h1>Log in to KuCoin</h1>
<p class="soft">to connect <code>{escape(attempt.client_id)}</code> to your account</p>
{alert}
<form method="post" action="/oauth/login">
{hidden}
<label for="email">E-mail address</label>
<input id="email" name="email" type="email" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button class="main" type="submit">Log in</button>
</form>
<h2>Demo users</h2>
<form method="post" action="/oauth/login">
{hidden}
{buttons}
</form>
<form method="post" action="/oauth/consent">
{hidden}
<button class="plain" type="submit" name="decision" value="cancel">Cancel</button>
</form>"""
    return page("Log in", content)


def consent_page(attempt: LoginAttempt, user: User, settings: Settings) -> str:
    """Return the consent page with the permissions that this account has."""
    always = [group for group in user.groups if group in ALWAYS_GRANTED]
    choices = [group for group in user.groups if group not in ALWAYS_GRANTED]
    fixed = "\n".join(f"<li>{_words(group, settings)[0]}</li>" for group in always)
    boxes = "\n".join(_checkbox(group, settings) for group in choices)
    content = f"""
<h1>Connect <code>{escape(attempt.client_id)}</code>?</h1>
<p class="soft">Logged in as {escape(user.email)} (UID {user.uid}).</p>
<form method="post" action="/oauth/consent">
<input type="hidden" name="attempt" value="{attempt.attempt_id}">
<h2>Always included</h2>
<ul>{fixed}</ul>
<fieldset>
<legend>You may add</legend>
{boxes}
</fieldset>
<fieldset>
<legend>Withdrawal addresses</legend>
<label class="choice"><input type="checkbox" name="addressbookOnly" value="true">
<span>Only to addresses in my address book
<small>Counts only together with Withdrawal.</small></span></label>
</fieldset>
<button class="main" type="submit" name="decision" value="allow">Authorize</button>
<button class="plain" type="submit" name="decision" value="cancel">Cancel</button>
</form>"""
    return page("Authorize", content)


def security_page(users: Sequence[User], client_id: str, redirect_uri: str) -> str:
    """Return the page on which a user binds an authenticator app."""
    hidden = (
        f'<input type="hidden" name="client_id" value="{escape(client_id)}">'
        f'<input type="hidden" name="redirect_uri" value="{escape(redirect_uri)}">'
    )
    buttons = "\n".join(
        f'<button type="submit" name="user" value="{escape(user.name)}">Bind an authenticator app '
        f"for {escape(user.name).capitalize()}</button>"
        for user in users[:8]
    )
    content = f"""
<h1>Set up two-factor authentication</h1>
<p class="soft">Withdrawals need a second factor on your account.</p>
<form method="post" action="/account/security/g2fa">
{hidden}
<label for="email">E-mail address</label>
<input id="email" name="email" type="email" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button class="main" type="submit">Bind an authenticator app</button>
</form>
<h2>Demo users without one</h2>
<form method="post" action="/account/security/g2fa">
{hidden}
{buttons or '<p class="soft">None.</p>'}
</form>"""
    return page("Security", content)


def notice_page(title: str, message: str) -> str:
    """Return a page with one message."""
    return page(title, f"<h1>{escape(title)}</h1>\n<p>{escape(message)}</p>")


def error_page(message: str) -> str:
    """Return a page that says what is wrong; nobody is sent anywhere."""
    return page("Error", f'<h1>This does not work</h1>\n<p role="alert">{escape(message)}</p>')


def _demo_button(user: User) -> str:
    traits = [
        "" if user.two_factor else "no 2FA",
        "" if "API_FUTURES" in user.groups else "no futures",
        "frozen" if user.frozen else "",
        f"at most {user.key_limit} keys" if user.key_limit < 20 else "",
    ]
    note = ", ".join(trait for trait in traits if trait) or "everything"
    name = escape(user.name)
    return (
        f'<button type="submit" name="user" value="{name}">Log in as {name.capitalize()} '
        f'<span class="soft">- {note}; {escape(user.email)}, {escape(user.password)}</span>'
        "</button>"
    )


def _checkbox(group: str, settings: Settings) -> str:
    title, explanation = _words(group, settings)
    checked = "" if group in UNCHECKED else " checked"
    return (
        f'<label class="choice"><input type="checkbox" name="group" value="{escape(group)}"'
        f"{checked}><span>{title}<small>{explanation}</small></span></label>"
    )


def _words(group: str, settings: Settings) -> tuple[str, str]:
    if group == settings.unified_group:
        return UNIFIED_WORDS
    return GROUP_WORDS[group]
