"""Control for tests and demos: everything under `/_sim`, in JSON, and the page for a person.

======================================  =======================================================
call                                    body -> answer
======================================  =======================================================
GET /_sim                               -> the page
GET /_sim/state                         -> worlds, settings, clock, users, keys, chains, faults
POST /_sim/reset                        {nowMs} (the machine's time unless given) -> {}
PUT /_sim/worlds                        {world: value} -> all worlds
PUT /_sim/settings                      {setting: value} -> all settings
GET /_sim/clock                         -> {nowMs, offsetSeconds, frozen}
PUT /_sim/clock                         {offsetSeconds} or {nowMs} and/or {frozen} -> clock
POST /_sim/clock/advance                {seconds} -> clock
POST /_sim/users                        {name, email, password, groups, twoFactor, keyLimit,
                                        frozen} or {prefix, count} -> {users: [...]}
PATCH /_sim/users/{name}                the same fields -> user
POST /_sim/users/{name}/keys            {groups, isAddressbookOnly, ipWhitelist} -> the key with
                                        its secrets (a key without the OAuth way)
PATCH /_sim/keys/{apiKey}               {ipWhitelist, groups, isAddressbookOnly} -> key
DELETE /_sim/keys/{apiKey}              -> key (deleted, as its user would at KuCoin)
DELETE /_sim/chains/{chainId}           -> chain (the user withdraws the authorization)
POST /_sim/authorize                    {user, redirectUri, state, clientId, permissions,
                                        isAddressbookOnly, cancel} -> {location}
POST /_sim/faults                       {route, kind, phase, times, skip, probability, seed,
                                        contains, ...} -> rule with its id
GET /_sim/faults                        -> {faults: [...]}
DELETE /_sim/faults[/{id}]              -> {removed}
POST /_sim/users/{name}/balances        {account, currency, amount} -> balances (a deposit;
                                        negative takes out)
GET /_sim/codes                         -> {codes: [{user, transactionId, factors, ...}]}
GET /_sim/withdrawals                   -> {withdrawals: [...]} with every figure
PATCH /_sim/withdrawals/{id}            {status, failureReason, returnStatus} -> withdrawal
GET /_sim/book?since=&limit=            -> {balances, postings, sound}
POST /_sim/users/{name}/deposits        {currency, chain, amount, status, remark} -> deposit: it
                                        arrives at the address that the user has
PATCH /_sim/deposits/{id}               {status} -> deposit (one that is PROCESSING)
PUT /_sim/liquidity                     {"BTC-USDT": ["0.1", "0.2"] or null} -> the same: sizes
                                        of the counter-orders, null for no bounds
GET /_sim/records/{kind}?user=&startAt=&endAt=  -> {records: [{user, record}]}: all there ever
                                        was, in KuCoin's form, oldest first; kinds: spot-orders,
                                        spot-fills, futures-orders, futures-fills,
                                        funding-ledger, trade-ledger, futures-ledger, deposits,
                                        withdrawals; orders with facts: isTagged (the broker's
                                        headers held), partner, seq
PUT /_sim/prices                        {BTC: "60000"} (US dollars) -> all prices
POST /_sim/trade-history                {users, days, fills, seed, symbols, contracts,
                                        futuresShare, taggedShare, moneyPerDay} -> counts,
                                        startMs, endMs: users live so many days; the clock ends
                                        with them (life.py)
PATCH /_sim/currencies/{code}/{chain}   {isWithdrawEnabled, isDepositEnabled, needTag, minFee,
                                        minSize, feeRate, precision} -> currency
GET /_sim/holds                         -> {holds: [...]}
POST /_sim/holds/{id}/release           {drop} -> {released}; id ``all`` for every one
GET /_sim/journal?since=&route=&user=   -> {entries: [...], next}
GET /_sim/rotations                     -> {rotations, chains, reused, lost}
GET /_sim/secrets                       -> {secrets: [{kind, value}]}
======================================  =======================================================

A wrong request is 400 or 404 with {"error": why}.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from local.kucoin_simulator import routes, wire, worlds
from local.kucoin_simulator.control import accounts, dashboard, funds, life, trading, views
from local.kucoin_simulator.control.call import Call, UnknownError
from local.kucoin_simulator.funds.book import InsufficientFundsError
from local.kucoin_simulator.state import State
from local.kucoin_simulator.web import login
from local.kucoin_simulator.wire import Json, Request, Response
from local.kucoin_simulator.worlds import BadControlRequestError

BAD_REQUESTS = (
    ArithmeticError,
    BadControlRequestError,
    InsufficientFundsError,
    login.LoginRefusedError,
    TypeError,
    ValueError,
)


type ControlHandler = Callable[[Call], Any]


def serve(state: State, request: Request) -> Response:
    """Answer one control request."""
    for method, pattern, handler in HANDLERS:
        found = re.fullmatch(pattern, request.path)
        if request.method == method and found:
            return _run(state, request, handler, *found.groups())
    return wire.json_response({"error": f"no {request.method} {request.path}"}, 404)


def _run(state: State, request: Request, handler: ControlHandler, name: str = "") -> Response:
    try:
        call = Call(state, _parse_body(request), request.query(), name)
        with state.lock:
            answer = handler(call)
    except (UnknownError, KeyError) as error:
        return wire.json_response({"error": f"unknown: {error}"}, 404)
    except BAD_REQUESTS as error:
        return wire.json_response({"error": str(error)}, 400)
    return answer if isinstance(answer, Response) else wire.json_response(answer)


def _parse_body(request: Request) -> Json:
    body = json.loads(request.body) if request.body else {}
    if not isinstance(body, dict):
        raise BadControlRequestError("the body must be a JSON object")
    return body


def _page(call: Call) -> Response:
    return wire.html_response(dashboard.render(call.state))


def _state(call: Call) -> Json:
    return views.whole_state(call.state)


def _reset(call: Call) -> Json:
    call.state.reset(int(call.body["nowMs"]) if "nowMs" in call.body else None)
    return {}


def _put_worlds(call: Call) -> Json:
    worlds.apply_patch(call.state.worlds, call.body)
    return worlds.as_json(call.state.worlds)


def _put_settings(call: Call) -> Json:
    worlds.apply_patch(call.state.settings, call.body)
    for secret in call.state.settings.client_secrets:
        call.state.issue("client_secret", secret)
    return worlds.as_json(call.state.settings)


def _get_clock(call: Call) -> Json:
    return views.clock(call.state)


def _put_clock(call: Call) -> Json:
    clock, body = call.state.clock, call.body
    if "offsetSeconds" in body:
        clock.set_offset(round(float(body["offsetSeconds"]) * 1000))
    if "nowMs" in body:
        clock.jump_to(int(body["nowMs"]))
    if "frozen" in body and body["frozen"] and not clock.is_frozen:
        clock.freeze(clock.now_ms())
    if "frozen" in body and not body["frozen"]:
        clock.set_offset(clock.offset_ms)
    return views.clock(call.state)


def _advance_clock(call: Call) -> Json:
    call.state.clock.advance(round(float(call.body["seconds"]) * 1000))
    return views.clock(call.state)


def _authorize(call: Call) -> Json:
    state, body = call.state, call.body
    user = state.users[str(body["user"])]
    attempt = login.begin(
        state,
        response_type="code",
        client_id=str(body.get("clientId", state.config.client_id)),
        redirect_url=str(body.get("redirectUri", state.settings.redirect_urls[0])),
        scope="OAUTH_CREATE_API",
        state_value=str(body.get("state", "state")),
    )
    if body.get("cancel"):
        return {"location": login.cancel(state, attempt)}
    default = [group for group in user.groups if group != "API_WITHDRAW_OAUTH"]
    location = login.allow(
        state,
        attempt,
        user,
        list(body.get("permissions", default)),
        is_addressbook_only=bool(body.get("isAddressbookOnly", False)),
    )
    return {"location": location}


def _add_fault(call: Call) -> Json:
    route = call.body.get("route", "*")
    if route not in routes.ROUTE_NAMES:
        known = ", ".join(sorted(routes.ROUTE_NAMES))
        raise BadControlRequestError(f"unknown route {route!r}; known: {known}")
    return call.state.faults.add(call.body).as_json()


def _get_faults(call: Call) -> Json:
    return {"faults": [rule.as_json() for rule in call.state.faults.rules()]}


def _remove_fault(call: Call) -> Json:
    return {"removed": call.state.faults.remove(int(call.name) if call.name else None)}


def _get_holds(call: Call) -> Json:
    return {"holds": [hold.as_json() for hold in call.state.faults.holds()]}


def _release(call: Call) -> Json:
    hold_id = None if call.name == "all" else int(call.name)
    released = call.state.faults.release(hold_id, drop=bool(call.body.get("drop", False)))
    if hold_id is not None and not released:
        raise UnknownError(f"hold {hold_id}")
    return {"released": released}


def _get_journal(call: Call) -> Json:
    entries = call.state.journal.since(int(call.query.get("since", 0)))
    last = entries[-1].seq if entries else int(call.query.get("since", 0))
    for name in ("route", "user"):
        if name in call.query:
            entries = [entry for entry in entries if getattr(entry, name) == call.query[name]]
    return {"entries": [entry.as_json() for entry in entries], "next": last}


def _get_rotations(call: Call) -> Json:
    return views.rotations(call.state)


def _get_secrets(call: Call) -> Json:
    unique = dict.fromkeys(call.state.issued)
    return {"secrets": [{"kind": kind, "value": value} for kind, value in unique]}


HANDLERS: tuple[tuple[str, str, ControlHandler], ...] = (
    ("GET", "/_sim", _page),
    ("GET", "/_sim/state", _state),
    ("POST", "/_sim/reset", _reset),
    ("PUT", "/_sim/worlds", _put_worlds),
    ("PUT", "/_sim/settings", _put_settings),
    ("GET", "/_sim/clock", _get_clock),
    ("PUT", "/_sim/clock", _put_clock),
    ("POST", "/_sim/clock/advance", _advance_clock),
    ("POST", "/_sim/users", accounts.add_users),
    ("PATCH", "/_sim/users/([^/]+)", accounts.patch_user),
    ("POST", "/_sim/users/([^/]+)/keys", accounts.add_key),
    ("POST", "/_sim/users/([^/]+)/balances", funds.add_balance),
    ("GET", "/_sim/codes", funds.get_codes),
    ("GET", "/_sim/withdrawals", funds.get_withdrawals),
    ("PATCH", "/_sim/withdrawals/([^/]+)", funds.patch_withdrawal),
    ("GET", "/_sim/book", funds.get_book),
    ("POST", "/_sim/users/([^/]+)/deposits", trading.add_deposit),
    ("PATCH", "/_sim/deposits/([^/]+)", trading.patch_deposit),
    ("PUT", "/_sim/liquidity", trading.put_liquidity),
    ("GET", "/_sim/records/([a-z-]+)", trading.get_records),
    ("POST", "/_sim/trade-history", life.live),
    ("PUT", "/_sim/prices", trading.put_prices),
    ("PATCH", "/_sim/currencies/([^/]+/[^/]+)", funds.patch_chain),
    ("PATCH", "/_sim/keys/([^/]+)", accounts.patch_key),
    ("DELETE", "/_sim/keys/([^/]+)", accounts.delete_key),
    ("DELETE", "/_sim/chains/([^/]+)", accounts.revoke_chain),
    ("POST", "/_sim/authorize", _authorize),
    ("POST", "/_sim/faults", _add_fault),
    ("GET", "/_sim/faults", _get_faults),
    ("DELETE", "/_sim/faults(?:/([0-9]+))?", _remove_fault),
    ("GET", "/_sim/holds", _get_holds),
    ("POST", "/_sim/holds/([0-9]+|all)/release", _release),
    ("GET", "/_sim/journal", _get_journal),
    ("GET", "/_sim/rotations", _get_rotations),
    ("GET", "/_sim/secrets", _get_secrets),
)
