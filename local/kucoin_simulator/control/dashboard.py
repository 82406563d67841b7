"""The page at `/_sim` for a person: worlds, users, keys, tokens, journal. No outside asset."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from local.kucoin_simulator import worlds
from local.kucoin_simulator.control import views
from local.kucoin_simulator.funds.catalog import plain
from local.kucoin_simulator.journal import Entry
from local.kucoin_simulator.model import Chain
from local.kucoin_simulator.state import State
from local.kucoin_simulator.web import pages

JOURNAL_LINES = 100
STYLE = """
main { max-width: 72rem; } section { background: var(--card); border-radius: 1rem;
  padding: 1rem 1.25rem; margin: 1rem 0; box-shadow: 0 1px 4px rgb(0 0 0 / .15); }
section h2 { margin: 0 0 .5rem; font-size: 1.1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--mark);
  vertical-align: top; white-space: nowrap; }
td.wide { white-space: normal; min-width: 14rem; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem; }
.facts span { background: var(--mark); border-radius: .5rem; padding: .25rem .6rem; }
.facts b { color: var(--accent); }
"""


def render(state: State) -> str:
    """Return the page; the caller holds the lock."""
    journal = list(reversed(state.journal.since(0)[-JOURNAL_LINES:]))
    sections = [
        _worlds(state),
        _users(state),
        _keys(state),
        _tokens(state),
        _codes(state),
        _withdrawals(state),
        _deposits(state),
        _orders(state),
        _balances(state),
        _faults(state),
        _journal(journal),
    ]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>KuCoin simulator</title>
<link rel="icon" href="data:,">
<style>{pages.STYLE}{STYLE}</style>
</head>
<body>
<main>
<p class="brand">KUCOIN <span class="soft">simulator</span></p>
<h1>What KuCoin knows</h1>
<p class="soft">Its clock says {_time(state.now_ms())} UTC. Reload to see what is new.</p>
{"".join(sections)}
</main>
</body>
</html>
"""


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return one section with a table; cells are escaped here."""
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    if not body:
        return f"<section><h2>{escape(caption)}</h2><p class='soft'>None.</p></section>"
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    return (
        f'<section><h2>{escape(caption)}</h2><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape(caption)}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _worlds(state: State) -> str:
    facts = "".join(
        f"<span>{escape(name)} <b>{escape(str(value))}</b></span>"
        for name, value in worlds.as_json(state.worlds).items()
    )
    return f'<section><h2>Worlds</h2><div class="facts">{facts}</div></section>'


def _users(state: State) -> str:
    headings = ("user", "uid", "e-mail", "password", "2FA", "keys", "frozen", "groups")
    rows = [
        (
            user.name,
            user.uid,
            user.email,
            user.password,
            "yes" if user.two_factor else "no",
            f"{len(state.keys_of(user))} of {user.key_limit}",
            "yes" if user.frozen else "no",
            " ".join(group.removeprefix("API_").lower() for group in user.groups),
        )
        for user in list(state.users.values())[:50]
    ]
    return table("Users", headings, rows)


def _keys(state: State) -> str:
    headings = ("key", "name", "user", "permissions", "IP whitelist", "made", "calls")
    rows = [
        (
            key.api_key,
            key.name,
            key.user,
            ",".join(key.permissions(state.settings.unified_group)),
            ",".join(key.ip_whitelist) or "any",
            _time(key.created_ms),
            key.calls,
        )
        for key in list(state.keys.values())[-50:]
    ]
    return table("API keys", headings, rows)


def _tokens(state: State) -> str:
    headings = ("user", "pairs", "state", "access until", "refresh until", "reused", "groups")
    rows = [
        (
            chain.grant.user,
            len(chain.pairs),
            _chain_state(state, chain),
            _time(chain.live.access_expires_ms),
            _time(chain.live.refresh_expires_ms),
            chain.reused,
            " ".join(group.removeprefix("API_").lower() for group in chain.grant.groups),
        )
        for chain in list(state.chains.values())[-50:]
    ]
    lost = views.rotations(state)["lost"]
    return table(f"Tokens (answers lost: {lost})", headings, rows)


def _chain_state(state: State, chain: Chain) -> str:
    if chain.dead:
        return chain.dead
    now = state.now_ms()
    if now >= chain.live.refresh_expires_ms:
        return "expired"
    return "live" if now < chain.live.access_expires_ms else "access expired"


def _codes(state: State) -> str:
    headings = ("user", "codes", "for", "until", "tries left")
    waiting = [item for item in state.funds.verifications.values() if not item.is_used]
    rows = [
        (
            item.user,
            ", ".join(f"{factor} {code}" for factor, code in item.codes.items()),
            " ".join(str(item.body.get(name)) for name in ("amount", "currency", "address")),
            _time(item.expires_ms),
            item.tries_left,
        )
        for item in reversed(waiting[-20:])
    ]
    return table("Verification codes (newest first)", headings, rows)


def _withdrawals(state: State) -> str:
    headings = ("user", "amount", "fees", "arrives", "to", "status", "made", "remark")
    state.advance_withdrawals()
    rows = [
        (
            item.user,
            f"{plain(item.order.amount)} {item.order.currency}",
            plain(item.cost.fee),
            plain(item.cost.received),
            f"{item.order.withdraw_type} {item.order.address}",
            item.status,
            _time(item.created_ms),
            item.order.remark,
        )
        for item in reversed(list(state.funds.withdrawals.values())[-50:])
    ]
    return table("Withdrawals (newest first)", headings, rows)


def _deposits(state: State) -> str:
    headings = ("user", "amount", "chain", "to", "status", "made")
    rows = [
        (
            item.user,
            f"{plain(item.amount)} {item.currency}",
            item.chain_id or "KuCoin account",
            item.account,
            item.status,
            _time(item.created_ms),
        )
        for item in reversed(state.funds.deposits[-50:])
    ]
    return table("Deposits (newest first)", headings, rows)


def _orders(state: State) -> str:
    headings = ("user", "order", "price", "filled", "state", "broker's tag", "made")
    rows = [
        (
            item.user,
            f"{item.side} {plain(item.size or item.funds)} {item.symbol}",
            plain(item.price) if item.price else "market",
            plain(item.deal_size),
            "active" if item.is_active else "cancelled" if item.is_cancelled else "done",
            item.partner,
            _time(item.created_ms),
        )
        for item in reversed(list(state.trades.orders.values())[-50:])
    ]
    return table("Orders (newest first)", headings, rows)


def _balances(state: State) -> str:
    rows = [
        (account.owner, account.kind, plain(amount), account.currency)
        for account, amount in list(state.funds.book.balances().items())[:100]
        if account.owner in state.users
    ]
    return table("Balances", ("user", "account", "balance", "currency"), rows)


def _faults(state: State) -> str:
    headings = ("id", "route", "kind", "phase", "times left", "struck")
    rows = [
        (rule.rule_id, rule.route, rule.kind, rule.phase, rule.times, rule.struck)
        for rule in state.faults.rules()
    ]
    return table("Faults", headings, rows)


def _journal(entries: Sequence[Entry]) -> str:
    headings = (
        "no.",
        "time",
        "request",
        "route",
        "user",
        "signature",
        "partner",
        "code",
        "HTTP",
        "fault",
        "delivered",
    )
    rows = [
        (
            entry.seq,
            _time(entry.time_ms),
            f"{entry.method} {entry.path}",
            entry.route,
            entry.user,
            entry.signature,
            "rebate lost" if entry.rebate_lost else entry.partner,
            entry.outcome,
            entry.status or "",
            entry.fault,
            {None: "", True: "yes", False: "no"}[entry.delivered],
        )
        for entry in entries
    ]
    return table("Journal (newest first)", headings, rows)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
