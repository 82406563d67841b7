"""From a request to its delivery: find the route, do the work, let faults interfere."""

import sys
import time
import traceback
from collections.abc import Callable

from local.kucoin_simulator import fault_answers, wire
from local.kucoin_simulator.exchange import Exchange, Route
from local.kucoin_simulator.faults import MAX_HOLD_SECONDS, REWRITING, Rule
from local.kucoin_simulator.rest import rest
from local.kucoin_simulator.routes import find_route
from local.kucoin_simulator.sockets import Delivery
from local.kucoin_simulator.web import oauth, pages
from local.kucoin_simulator.wire import Refusal, Response

type Deliver = Callable[[Delivery], None]


def serve(exchange: Exchange, deliver: Deliver) -> None:
    """Serve one request.

    Args:
        exchange: The request and its journal entry.
        deliver: Sends a delivery; called exactly once.
    """
    route = find_route(exchange)
    name = exchange.entry.route = route.name if route else "unknown"
    rule = exchange.state.faults.take(name, exchange.request)
    if rule is None:
        deliver(Delivery(work(route, exchange)))
        return
    exchange.entry.fault = f"{rule.kind}:{rule.phase}"
    if rule.kind in ("delay", "hold"):
        _serve_paused(route, exchange, rule, deliver)
    elif rule.phase == "before":
        deliver(_replace(exchange, rule))
    elif rule.phase == "during":
        exchange.accepted_ms = exchange.entry.time_ms
        deliver(_replace(exchange, rule))
        seconds = rule.number("seconds", MAX_HOLD_SECONDS)
        exchange.state.faults.hold(
            name, "during", exchange.entry.seq, is_answered=True, seconds=seconds
        )
        work(route, exchange)
    else:
        deliver(_spoil(exchange, rule, work(route, exchange)))


def work(route: Route | None, exchange: Exchange) -> Response:
    """Do what the request asks, under the lock, and note the outcome."""
    with exchange.state.lock:
        try:
            response = _answer(route, exchange)
        except Exception:  # noqa: BLE001 - a defect of the simulator must show, not hang a client
            traceback.print_exc(file=sys.stderr)
            response = wire.html_response(pages.error_page("Defect"), 500, "simulator defect")
        exchange.entry.outcome = response.outcome
    return response


def _answer(route: Route | None, exchange: Exchange) -> Response:
    if route is None:
        return _not_found(exchange)
    try:
        if route.kind == "signed":
            return rest.serve_signed(route, exchange)
        if route.kind == "public":
            return rest.serve_public(route, exchange)
        return route.handler(exchange)
    except Refusal as refusal:
        return _refuse(route.kind, exchange, refusal)


def _refuse(kind: str, exchange: Exchange, refusal: Refusal) -> Response:
    if kind == "oauth":
        return oauth.error_response(exchange, refusal)
    return wire.web_refusal(refusal) if kind == "resource" else wire.rest_refusal(refusal)


def _not_found(exchange: Exchange) -> Response:
    if exchange.request.host != "web":
        return wire.rest_refusal(Refusal("404000", "URL Not Found", 404))
    if exchange.request.path.startswith("/_oauth"):
        return wire.web_refusal(Refusal("404", "Not Found", 404))
    return wire.html_response(pages.error_page("There is no such page."), 404)


def _serve_paused(route: Route | None, exchange: Exchange, rule: Rule, deliver: Deliver) -> None:
    if rule.phase == "before":
        delivery = _pause(exchange, rule) or Delivery(work(route, exchange))
    else:
        response = work(route, exchange)
        delivery = _pause(exchange, rule) or Delivery(response)
    deliver(delivery)


def _pause(exchange: Exchange, rule: Rule) -> Delivery | None:
    if rule.kind == "delay":
        time.sleep(rule.number("seconds", 1))
        return None
    hold = exchange.state.faults.hold(
        exchange.entry.route,
        rule.phase,
        exchange.entry.seq,
        is_answered=False,
        seconds=rule.number("seconds", MAX_HOLD_SECONDS),
    )
    return Delivery(manner="drop") if hold.drop else None


def _replace(exchange: Exchange, rule: Rule) -> Delivery:
    if rule.kind == "drop":
        return Delivery(manner="drop", reset=bool(rule.options.get("reset")))
    response = fault_answers.build_replacement(rule, exchange.request)
    exchange.entry.outcome = response.outcome
    return Delivery(response)


def _spoil(exchange: Exchange, rule: Rule, response: Response) -> Delivery:
    if rule.kind in REWRITING:
        return Delivery(fault_answers.rewrite(rule, response))
    if rule.kind in ("cut", "drip", "idle_close"):
        return Delivery(
            response,
            manner=rule.kind,
            fraction=rule.number("fraction", 0.5),
            seconds=rule.number("seconds", 0.1),
            part=rule.text("part", "body"),
        )
    outcome = exchange.entry.outcome
    delivery = _replace(exchange, rule)
    exchange.entry.outcome = outcome
    return delivery
