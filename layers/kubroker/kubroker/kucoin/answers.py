"""Reads KuCoin's answers: success gives the data, all else one of two errors. Pure.

Source: KuCoin's REST introduction and kucoin-fast-api, 4 and 7. Three shapes exist:

* REST: ``{"code": "200000", "data": …}``, errors ``{"code", "msg"}``, often with HTTP 200;
* web (``/_oauth/resource``): ``{"success", "code": "200", "msg", "retry", "data"}``;
* token endpoints: bare OAuth JSON, errors as the web's or as RFC 6749, 5.2.

So the body is read before the status. What can't be read is an unknown outcome and never a
refusal; to a call that acts so is every no that ``kucoin.codes`` does not list as definite.
"""

import math
import re
from typing import Any

from kubroker.foundation.amounts import parse_json
from kubroker.foundation.errors import KucoinOutcomeUnknownError, KucoinRefusedError
from kubroker.kucoin.codes import (
    NO_SUCH_PATH,
    RATE_LIMITED,
    RATE_LIMITS,
    REST_SUCCESS,
    WEB_SUCCESSES,
    Acting,
    is_definite_no,
)
from kubroker.kucoin.exchange import KucoinAnswer
from kubroker.kucoin.redaction import PIECE_CHARACTERS, STRUCK, strike, strike_data

MAX_TEXT_CHARACTERS = 16_384
# Bytes: KuCoin writes a code and a sentence.
_LONGEST_REFUSAL = 4096
_OWN_CODE = re.compile(r"[1-9][0-9]{5}")
_FAILURE_WORDS = re.compile(r"\bfail(ed|ure)?\b|\berror\b", re.IGNORECASE)
_LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{20,}")


def parse_rest(answer: KucoinAnswer, acting: Acting | None = None) -> Any:
    """Reads an answer of the REST hosts.

    Args:
        answer: The whole answer.
        acting: What the call changes at KuCoin; None for one that only reads.

    Returns:
        The field ``data``, None where it is missing; JSON fractions as Decimal, and what was sent
        as a secret struck from its texts.

    Raises:
        KucoinRefusedError: KuCoin said no; a limit has code 429000 and ``retry_after_seconds``.
        KucoinOutcomeUnknownError: The answer does not say what happened.
    """
    body = _read_object(answer)
    code = _find_code(body)
    if code is None:
        raise _build_unreadable(answer)
    if code == REST_SUCCESS and not _claims_failure(body):
        return strike_data(body.get("data"), answer.secrets)
    raise _build_error(answer, code, _get_text(body, "msg"), acting)


def parse_web(answer: KucoinAnswer, acting: Acting) -> Any:
    """Reads an answer of the web host's resources, all of which act.

    Args:
        answer: The whole answer.
        acting: What the call changes at KuCoin.

    Returns:
        The field ``data``.

    Raises:
        KucoinRefusedError: KuCoin said no. Whatever is or looks like a secret is cut from its
            words.
        KucoinOutcomeUnknownError: The answer does not say what happened, or contradicts itself.
    """
    body = _read_object(answer)
    code = _find_code(body)
    success = body.get("success")
    is_success_code = code in WEB_SUCCESSES
    if success is True and is_success_code:
        return body.get("data")
    is_contradictory = success is True or (success is not False and is_success_code)
    if code is None or is_contradictory:
        raise _build_unreadable(answer)
    raise _build_error(answer, code, _hide_tokens(_get_text(body, "msg")), acting)


def parse_token(answer: KucoinAnswer, acting: Acting) -> dict[str, Any]:
    """Reads an answer of the token endpoints.

    Args:
        answer: The whole answer.
        acting: What the call changes at KuCoin.

    Returns:
        The object that holds ``access_token``, bare or as an envelope's data.

    Raises:
        KucoinRefusedError: KuCoin said no, with its code or RFC 6749's name of the error.
        KucoinOutcomeUnknownError: The answer does not say what happened.
    """
    body = _read_object(answer)
    if "access_token" in body:
        return body
    if name := _get_text(body, "error"):
        words = _hide_tokens(_get_text(body, "error_description"))
        raise _build_error(answer, name, words, acting)
    data = parse_web(answer, acting)
    if isinstance(data, dict) and "access_token" in data:
        return data
    raise _build_unreadable(answer)


def find_text(source: Any, name: str) -> str | None:
    """A text field of a size that a table holds, or None."""
    value = source.get(name) if isinstance(source, dict) else None
    is_text = isinstance(value, str) and 0 < len(value) <= MAX_TEXT_CHARACTERS
    return value if is_text else None


def find_header_value(source: Any, name: str) -> str | None:
    """A text field that can stand in a header: printable ASCII without spaces; or None."""
    value = find_text(source, name)
    return value if value is not None and re.fullmatch(r"[!-~]+", value) else None


def parse_list(value: Any) -> tuple[str, ...]:
    """A list that KuCoin writes as JSON array or as text between commas or spaces."""
    if isinstance(value, str):
        value = re.split(r"[,\s]+", value)
    if not isinstance(value, list):
        return ()
    return tuple(part.strip() for part in value if isinstance(part, str) and part.strip())


def build_unreadable(answer: KucoinAnswer, missing: str) -> KucoinOutcomeUnknownError:
    """The error for a success that lacks what it has to hold."""
    return _note_answer(
        KucoinOutcomeUnknownError(
            f"KuCoin's answer with HTTP status {answer.status} has no usable {missing}."
        ),
        answer,
        REST_SUCCESS,
    )


def is_no_such_path(error: KucoinOutcomeUnknownError) -> bool:
    """Whether a gateway says that it knows no such path, in whatever form.

    Source: KuCoin's gateways say it with 404, with 404000, or as HTML. It proves nothing where the
    path is known to exist: executed orders were seen behind it.
    """
    code = error.kucoin_code
    return error.http_status_received == 404 and (code is None or code in NO_SUCH_PATH)


def is_in_envelope(error: KucoinOutcomeUnknownError) -> bool:
    """Whether KuCoin's service itself gave the answer: it has a code of its form."""
    code = error.kucoin_code
    return code is not None and bool(_OWN_CODE.fullmatch(code)) and code not in NO_SUCH_PATH


def _read_object(answer: KucoinAnswer) -> dict[str, Any]:
    """The body as a JSON object; a redirect, HTML or garbage is none."""
    is_redirect = 300 <= answer.status < 400
    try:
        body = None if is_redirect else parse_json(answer.body)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return body
    if answer.status == 429:
        return {"code": RATE_LIMITED, "msg": "Too many requests"}
    raise _build_unreadable(answer)


def _build_unreadable(answer: KucoinAnswer) -> KucoinOutcomeUnknownError:
    return _note_answer(
        KucoinOutcomeUnknownError(
            f"KuCoin answered with HTTP status {answer.status} and nothing that can be read."
        ),
        answer,
    )


def _note_answer(
    error: KucoinOutcomeUnknownError, answer: KucoinAnswer, code: str | None = None
) -> KucoinOutcomeUnknownError:
    """What the answer was like, for those who ask whether the path exists."""
    error.http_status_received = answer.status
    error.kucoin_code = code[:40] if code else None
    return error


def _find_code(body: dict[str, Any]) -> str | None:
    """KuCoin's code: text, in some answers a number."""
    code = body.get("code")
    if isinstance(code, int) and not isinstance(code, bool):
        return str(code)
    return code if isinstance(code, str) and code else None


def _claims_failure(body: dict[str, Any]) -> bool:
    """A success code beside a failure: both have been seen in one answer."""
    if body.get("success", True) is not True:
        return True
    return body.get("data") is None and bool(_FAILURE_WORDS.search(_get_text(body, "msg")))


def _get_text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _hide_tokens(words: str) -> str:
    """The web host might repeat a code or token that is not even ours."""
    return _LIKE_A_SECRET.sub(STRUCK, words)


def _build_error(
    answer: KucoinAnswer, code: str, words: str, acting: Acting | None
) -> KucoinRefusedError | KucoinOutcomeUnknownError:
    """A readable no, unless it leaves open whether the call acted.

    Its words are struck here, for everybody who stores, logs or shows them. A secret of a few
    letters strikes nothing from a code: KuCoin's codes have to stay what they are.
    """
    code = strike(code, [one for one in answer.secrets if len(one) >= PIECE_CHARACTERS])
    words = strike(words, answer.secrets)
    is_limit = answer.status == 429 or code in RATE_LIMITS
    refusal = _build_refusal(answer, RATE_LIMITED if is_limit else code, words)
    if acting is None or is_definite_no(refusal, acting):
        return refusal
    error = KucoinOutcomeUnknownError(
        f"KuCoin answered with HTTP status {answer.status} and code {refusal.kucoin_code}, "
        "which leaves open what happened."
    )
    error.retry_after_seconds = refusal.retry_after_seconds
    return _note_answer(error, answer, code)


def _build_refusal(answer: KucoinAnswer, code: str, words: str) -> KucoinRefusedError:
    """The refusal; for a limit with the time until it ends, rounded up, and the quota left.

    Source: KuCoin, rate limits: ``gw-ratelimit-reset`` is in milliseconds.
    """
    error = KucoinRefusedError(code[:40], words, http_status_received=answer.status)
    if code == RATE_LIMITED:
        reset_ms = _find_number(answer, "gw-ratelimit-reset")
        if reset_ms is not None:
            error.retry_after_seconds = max(1, math.ceil(reset_ms / 1000))
        error.quota_left = _find_number(answer, "gw-ratelimit-remaining")
    return error


def _find_number(answer: KucoinAnswer, name: str) -> int | None:
    value = answer.headers.get(name, "")
    return int(value) if re.fullmatch(r"[0-9]{1,9}", value) else None


def find_answer_code(answer: KucoinAnswer) -> str | None:
    """KuCoin's code in an answer, or None where it has none that can be read."""
    try:
        body = parse_json(answer.body)
    except (ValueError, RecursionError):
        return None
    return _find_code(body) if isinstance(body, dict) else None


def find_refusal_code(answer: KucoinAnswer) -> str | None:
    """The same of an answer short enough for a refusal; None for one that brings data."""
    return find_answer_code(answer) if len(answer.body) <= _LONGEST_REFUSAL else None
