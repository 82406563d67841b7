"""Two-factor verification of a withdrawal: which codes are asked for, and whether they hold.

Source:
    Fast API page 8.2 (transactionId, allFactors, sentFactors); the shape of `validation` is seen
    in a public client. GAV is the authenticator app, EMV the e-mail code, SMS a text message.
"""

import hmac
from typing import Any

from local.kucoin_simulator.exchange import Exchange
from local.kucoin_simulator.funds.accounts import Verification, new_code, new_id
from local.kucoin_simulator.wire import Json, Refusal

SENT_FACTORS = ("EMV", "SMS")


def start(exchange: Exchange, body: Json) -> Json:
    """Open a transaction and send the codes that need sending.

    Args:
        exchange: The first call.
        body: Its JSON object; the second call's must be the same.

    Returns:
        `transactionId`, `allFactors`, `sentFactors`.
    """
    state, user = exchange.state, exchange.user
    wanted = sorted({factor for factors in user.factors for factor in factors})
    verification = Verification(
        transaction_id=new_id(),
        user=user.name,
        api_key=exchange.key.api_key,
        body=body,
        factors=[list(factors) for factors in user.factors],
        codes={factor: state.issue("two_factor_code", new_code()) for factor in wanted},
        expires_ms=state.now_ms() + round(state.settings.verification_seconds * 1000),
        tries_left=state.settings.verification_tries,
    )
    state.funds.verifications[verification.transaction_id] = verification
    sent = [[name for name in factors if name in SENT_FACTORS] for factors in user.factors]
    return {
        "transactionId": verification.transaction_id,
        "allFactors": verification.factors,
        "sentFactors": [factors for factors in sent if factors],
    }


def check(exchange: Exchange, body: Json, validation: Any) -> Verification:
    """Check the codes of the second call; the caller marks the transaction as used.

    Raises:
        Refusal: The transaction is unknown or over, the body is another, a code is wrong.
    """
    transaction_id, given = _parse(validation)
    settings = exchange.state.settings
    verification = exchange.state.funds.verifications.get(transaction_id)
    is_ours = verification is not None and verification.api_key == exchange.key.api_key
    if verification is None or not is_ours or verification.is_used:
        raise Refusal(settings.code_verification_unknown, "The transaction does not exist")
    if exchange.state.now_ms() >= verification.expires_ms or verification.tries_left <= 0:
        raise Refusal(settings.code_verification_expired, "The transaction has expired")
    if body != verification.body:
        msg = "The request differs from the one that is verified"
        raise Refusal(settings.code_verification_mismatch, msg)
    chosen = [factors for factors in verification.factors if set(factors) <= set(given)]
    if not chosen:
        raise Refusal("400100", "validation.factors does not cover one of allFactors")
    if not any(_hold(verification, factors, given) for factors in chosen):
        verification.tries_left -= 1
        msg = f"Verification code error, {verification.tries_left} tries left"
        raise Refusal(settings.code_verification_wrong, msg)
    return verification


def _parse(validation: Any) -> tuple[str, dict[str, str]]:
    malformed = Refusal("400100", "validation is malformed")
    if not isinstance(validation, dict) or not isinstance(validation.get("factors"), list):
        raise malformed
    given: dict[str, str] = {}
    for factor in validation["factors"]:
        name = factor.get("factorType") if isinstance(factor, dict) else None
        value = factor.get("factorValue") if isinstance(factor, dict) else None
        if not isinstance(name, str) or not isinstance(value, str) or name in given:
            raise malformed
        given[name] = value
    transaction_id = validation.get("transactionId")
    if not isinstance(transaction_id, str):
        raise malformed
    return transaction_id, given


def _hold(verification: Verification, factors: list[str], given: dict[str, str]) -> bool:
    return all(
        hmac.compare_digest(given[name].encode(), verification.codes[name].encode())
        for name in factors
    )
