"""KuCoin's codes: what each means for a read and for an act, and whose fault it is. Pure.

The one place that decides. To a call that acts, a no is definite only by this list: a code that is
said before any work, for the acts named with it, in an answer whose HTTP status KuCoin gives its
refusals. Every other code, status or answer leaves open what happened. Codes that KuCoin does not
document are settings; ``_NAMED`` says what each set of them means.

Sources: "gateway": KuCoin's REST error codes and the gateway table of its WebSocket pages, checks
that come before the service; "service": KuCoin's error codes of that call, checks of the request;
"seen": public reports; "assumed": nobody could confirm it.
"""

from dataclasses import dataclass
from enum import StrEnum

from kubroker.foundation.errors import KucoinRefusedError
from kubroker.foundation.kucoin_protocol import KucoinProtocol

REST_SUCCESS = "200000"
WEB_SUCCESSES = frozenset({"200", REST_SUCCESS})
RATE_LIMITED = "429000"
RATE_LIMITS = frozenset({"429", RATE_LIMITED})
# A gateway that knows no such path; with HTML instead there is no code.
NO_SUCH_PATH = frozenset({"404", "404000"})
_REFUSING_STATUSES = frozenset({200, 400, 401, 403, 415, 429})


class Act(StrEnum):
    """What a call changes at KuCoin."""

    TOKEN = "TOKEN"  # noqa: S105 - a name
    KEY = "KEY"
    WITHDRAWAL = "WITHDRAWAL"
    CANCELLATION = "CANCELLATION"
    DEPOSIT_ADDRESS = "DEPOSIT_ADDRESS"


class Meaning(StrEnum):
    """What a code says."""

    HEADERS = "HEADERS"
    CLOCK = "CLOCK"
    KEY_GONE = "KEY_GONE"
    SIGNATURE = "SIGNATURE"
    IP_NOT_ALLOWED = "IP_NOT_ALLOWED"
    PERMISSION = "PERMISSION"
    PARTNER = "PARTNER"
    REGION = "REGION"
    IDENTITY = "IDENTITY"
    FROZEN = "FROZEN"
    RATE_LIMITED = "RATE_LIMITED"
    PARAMETER = "PARAMETER"
    BUSY = "BUSY"
    NO_SUCH_PATH = "NO_SUCH_PATH"
    CURRENCY_UNKNOWN = "CURRENCY_UNKNOWN"
    CHAIN_UNKNOWN = "CHAIN_UNKNOWN"
    ADDRESS_NOT_SAVED = "ADDRESS_NOT_SAVED"
    WITHDRAWAL_DISABLED = "WITHDRAWAL_DISABLED"
    NO_BALANCE = "NO_BALANCE"
    DEPOSIT_ADDRESS_EXISTS = "DEPOSIT_ADDRESS_EXISTS"
    NO_DEPOSIT_ADDRESS = "NO_DEPOSIT_ADDRESS"
    DEPOSITS_DISABLED = "DEPOSITS_DISABLED"
    OTHER = "OTHER"


class Fault(StrEnum):
    """Who can mend it: the installation's operator, the account's owner, the caller, KuCoin."""

    INSTALLATION = "INSTALLATION"
    OWNER = "OWNER"
    REQUEST = "REQUEST"
    KUCOIN = "KUCOIN"


class Read(StrEnum):
    """What a read that was refused can do: ask again later, or take it as the answer."""

    PASSING = "PASSING"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Code:
    """A line of the table.

    Attributes:
        meaning: What it says.
        fault: Who can mend it.
        read: For a call that only reads.
        definite_for: The acts that were certainly not done where this is the answer.
        source: See the module.
    """

    meaning: Meaning
    fault: Fault
    read: Read
    definite_for: frozenset[Act]
    source: str


_M, _F = Meaning, Fault
_PASSING, _REFUSED = Read.PASSING, Read.REFUSED
_ALL = frozenset(Act)
_SIGNED = frozenset({Act.WITHDRAWAL, Act.CANCELLATION, Act.DEPOSIT_ADDRESS})
_MONEY = frozenset({Act.WITHDRAWAL})
_ADDRESS = frozenset({Act.DEPOSIT_ADDRESS})
_NONE: frozenset[Act] = frozenset()

CODES: dict[str, Code] = {
    "400001": Code(_M.HEADERS, _F.INSTALLATION, _REFUSED, _ALL, "gateway"),
    "400002": Code(_M.CLOCK, _F.INSTALLATION, _PASSING, _ALL, "gateway"),
    # Also said of a wrong signature [seen]: one such answer is no proof that a key is gone.
    "400003": Code(_M.KEY_GONE, _F.OWNER, _REFUSED, _ALL, "gateway"),
    "400004": Code(_M.KEY_GONE, _F.OWNER, _REFUSED, _ALL, "gateway"),
    "400005": Code(_M.SIGNATURE, _F.OWNER, _REFUSED, _ALL, "gateway"),
    # Passing for a read: an operator can put the address on the list.
    "400006": Code(_M.IP_NOT_ALLOWED, _F.INSTALLATION, _PASSING, _ALL, "gateway"),
    "400202": Code(_M.IP_NOT_ALLOWED, _F.INSTALLATION, _PASSING, _ALL, "gateway"),
    "400007": Code(_M.PERMISSION, _F.OWNER, _REFUSED, _ALL, "gateway"),
    "400200": Code(_M.PARTNER, _F.INSTALLATION, _REFUSED, _ALL, "gateway"),
    "400201": Code(_M.PARTNER, _F.INSTALLATION, _REFUSED, _ALL, "gateway"),
    "415000": Code(_M.HEADERS, _F.INSTALLATION, _REFUSED, _ALL, "gateway"),
    "400301": Code(_M.REGION, _F.OWNER, _REFUSED, _SIGNED, "gateway"),
    "400303": Code(_M.IDENTITY, _F.OWNER, _REFUSED, _SIGNED, "gateway"),
    "411100": Code(_M.FROZEN, _F.OWNER, _REFUSED, _SIGNED, "gateway"),
    "400100": Code(_M.PARAMETER, _F.REQUEST, _REFUSED, _SIGNED, "service"),
    # Definite only where its headers show the quota used up: see ``is_definite_no``.
    RATE_LIMITED: Code(_M.RATE_LIMITED, _F.KUCOIN, _PASSING, _ALL, "gateway"),
    "200002": Code(_M.BUSY, _F.KUCOIN, _PASSING, _NONE, "seen: too many requests"),
    "230005": Code(_M.BUSY, _F.KUCOIN, _PASSING, _NONE, "seen: system busy, the work done"),
    "408000": Code(_M.BUSY, _F.KUCOIN, _PASSING, _NONE, "gateway: timeout"),
    "500000": Code(_M.BUSY, _F.KUCOIN, _PASSING, _NONE, "gateway: server error"),
    # Seen over an order that was executed: see ``answers.is_no_such_path``.
    "404000": Code(_M.NO_SUCH_PATH, _F.INSTALLATION, _REFUSED, _NONE, "gateway, seen"),
    "900003": Code(_M.CURRENCY_UNKNOWN, _F.REQUEST, _REFUSED, _MONEY | _ADDRESS, "service"),
    "900014": Code(_M.CHAIN_UNKNOWN, _F.REQUEST, _REFUSED, _MONEY | _ADDRESS, "service"),
    "260325": Code(_M.ADDRESS_NOT_SAVED, _F.OWNER, _REFUSED, _MONEY, "service"),
    "260210": Code(_M.WITHDRAWAL_DISABLED, _F.KUCOIN, _REFUSED, _MONEY, "service"),
    "260100": Code(_M.NO_BALANCE, _F.OWNER, _REFUSED, _MONEY, "service"),
    "200004": Code(_M.NO_BALANCE, _F.OWNER, _REFUSED, _MONEY, "service"),
    "260000": Code(_M.DEPOSIT_ADDRESS_EXISTS, _F.REQUEST, _REFUSED, _ADDRESS, "service"),
    "260220": Code(_M.NO_DEPOSIT_ADDRESS, _F.REQUEST, _REFUSED, _ADDRESS, "service"),
    "260200": Code(_M.DEPOSITS_DISABLED, _F.KUCOIN, _REFUSED, _ADDRESS, "assumed, as 260210"),
}
_UNLISTED = Code(_M.OTHER, _F.KUCOIN, _REFUSED, _NONE, "nobody listed it")
# The settings that name a definite no of an act; what each means stands in its description.
_NAMED: dict[Act, tuple[str, ...]] = {
    Act.TOKEN: ("refused_for_good_codes", "misconfiguration_codes"),
    Act.KEY: (
        "risk_validation_codes",
        "name_taken_codes",
        "key_limit_codes",
        "dead_token_codes",
    ),
    Act.WITHDRAWAL: (
        "security_setup_codes",
        "wrong_code_codes",
        "verification_over_codes",
        "transfer_limit_codes",
        "travel_rule_codes",
    ),
    Act.CANCELLATION: ("not_cancellable_codes",),
    Act.DEPOSIT_ADDRESS: (),
}


@dataclass(frozen=True, slots=True)
class Acting:
    """A call that changes something: what it does, and the settings that name codes."""

    act: Act
    protocol: KucoinProtocol


def find_code(code: str) -> Code:
    """The line of a code; of one that nobody listed, that it says nothing."""
    return CODES.get(code, _UNLISTED)


def get_meaning(error: KucoinRefusedError) -> Meaning:
    """What a refusal's code says."""
    return find_code(error.kucoin_code).meaning


def is_installations(code: str) -> bool:
    """Whether no caller and no user can mend it: an operator has to."""
    return find_code(code).fault is Fault.INSTALLATION


def leaves_open(code: str) -> bool:
    """Whether a listed code proves of no act that it was not done."""
    return code in CODES and not CODES[code].definite_for


def is_passing_code(code: str) -> bool:
    """Whether a read that is answered with it is worth asking again."""
    return find_code(code).read is Read.PASSING


def is_passing_read(error: KucoinRefusedError) -> bool:
    """Whether a refused read is worth asking again later.

    Of a code that nobody listed a server error's status decides: a read does no harm twice.
    """
    is_listed = error.kucoin_code in CODES
    return is_passing_code(error.kucoin_code) or (
        not is_listed and error.http_status_received >= 500
    )


def is_definite_no(error: KucoinRefusedError, acting: Acting) -> bool:
    """Whether a refusal proves that nothing was done.

    A limit does so where KuCoin's own headers show that nothing of the quota is left, which its
    gateway checks before any work: 429000 is an overload's code as well. What a call costs of the
    quota has no source that holds for all of them, so that "less than that" proves nothing.

    Args:
        error: The refusal as read.
        acting: What the call does.
    """
    code = error.kucoin_code
    if error.http_status_received not in _REFUSING_STATUSES:
        return False
    if code == RATE_LIMITED:
        return error.quota_left == 0 and acting.protocol.limit_means_nothing_done
    named = (getattr(acting.protocol, name) for name in _NAMED[acting.act])
    return acting.act in find_code(code).definite_for or any(code in codes for codes in named)
