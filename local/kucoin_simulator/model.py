"""What KuCoin keeps: users, grants, codes, token chains, API keys."""

from dataclasses import dataclass, field
from typing import Any

from local.kucoin_simulator.journal import Entry

GROUP_PERMISSIONS = {
    "API_COMMON": "General",
    "API_SPOT": "Spot",
    "API_MARGIN": "Margin",
    "API_FUTURES": "Futures",
    "API_EARN": "Earn",
    "API_TRANSFER": "InnerTransfer",
    "API_WITHDRAW_OAUTH": "Transfer",
}
ALWAYS_GRANTED = ("API_COMMON", "API_SPOT", "API_EARN")
WITHDRAW = "API_WITHDRAW_OAUTH"
DEMO_ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"


@dataclass(slots=True)
class User:
    """One KuCoin account.

    Attributes:
        name: Short name for control and demos.
        groups: The API groups this account can grant.
        two_factor: Whether an authenticator app is bound; withdrawals need it.
        factors: Alternatives of factors that a withdrawal asks for; empty asks for none.
        phone: For withdrawals to a phone number.
        key_limit: Maximum number of API keys.
        address_book: Addresses for keys and users restricted to them.
        whitelist_only: Whether every withdrawal must go to the address book.
        daily_limit_usdt: Worth of what may be withdrawn in 24 hours.
        frozen: Whether every signed call is refused with 411100.
        is_broker: Whether it is the broker's own account, which may read rebate reports.
    """

    name: str
    uid: int
    email: str
    password: str
    groups: list[str]
    two_factor: bool = True
    factors: list[list[str]] = field(default_factory=lambda: [["GAV", "EMV"]])
    phone: str = ""
    key_limit: int = 20
    address_book: list[str] = field(default_factory=list)
    whitelist_only: bool = False
    daily_limit_usdt: int = 1_000_000
    frozen: bool = False
    is_broker: bool = False


@dataclass(slots=True)
class Grant:
    """What a user allowed the broker on the consent page."""

    grant_id: str
    user: str
    groups: list[str]
    is_addressbook_only: bool
    created_ms: int


@dataclass(slots=True)
class AuthorizationCode:
    """A code on its way to the broker: single use, short-lived."""

    value: str
    grant: Grant
    client_id: str
    redirect_url: str
    expires_ms: int
    used: bool = False


@dataclass(slots=True)
class Pair:
    """An access and a refresh token that were issued together.

    Attributes:
        number: 1 for the exchanged code's pair, then one more for each rotation.
        entry_seq: The journal entry whose answer carried it.
        spent_ms: When its refresh token was used; None while unused.
        seen: Whether the client has used either token since: proof that it kept the pair.
    """

    number: int
    access: str
    refresh: str
    access_expires_ms: int
    refresh_expires_ms: int
    entry_seq: int
    spent_ms: int | None = None
    seen: bool = False


@dataclass(slots=True)
class Chain:
    """All pairs of one grant; the newest is the live one.

    Attributes:
        reused: How often an already spent refresh token was presented.
        dead: Why no token of it works any more; empty while it lives.
    """

    chain_id: str
    grant: Grant
    pairs: list[Pair] = field(default_factory=list)
    reused: int = 0
    dead: str = ""

    @property
    def live(self) -> Pair:
        """The newest pair."""
        return self.pairs[-1]


@dataclass(frozen=True, slots=True)
class Rotation:
    """One refresh that spent a refresh token.

    Attributes:
        world: The world of refresh_rotation at that time.
        entry: The journal entry whose answer carried the new pair.
    """

    chain_id: str
    user: str
    from_number: int
    to_number: int
    world: str
    entry: Entry

    @property
    def is_lost(self) -> bool:
        """Whether the pair is gone for the client: not delivered, and the old one is dead."""
        return self.world != "survives" and self.entry.is_lost


@dataclass(slots=True)
class ApiKey:
    """One API key.

    Attributes:
        origin: "oauth" for one made through the Fast API, "own" for one the user made himself.
    """

    api_key: str
    secret: str
    passphrase: str
    name: str
    user: str
    uid: int
    groups: list[str]
    is_addressbook_only: bool
    created_ms: int
    ip_whitelist: list[str] = field(default_factory=list)
    origin: str = "oauth"
    calls: int = 0

    def permissions(self, unified_group: str) -> list[str]:
        """Return the permissions by the names that GET /api/v1/user/api-key uses."""
        names = {**GROUP_PERMISSIONS, unified_group: "Unified"}
        return [names[group] for group in self.groups if group in names]


@dataclass(frozen=True, slots=True)
class RebateReport:
    """A file that waits to be fetched by whoever has its token."""

    token: str
    text: str
    expires_ms: int


@dataclass(slots=True)
class LoginAttempt:
    """A browser between the login page and the redirect."""

    attempt_id: str
    client_id: str
    redirect_url: str
    state: str
    user: str = ""


def demo_users(unified_group: str) -> list[User]:
    """Return the users that every fresh simulator has."""
    everything = [*GROUP_PERMISSIONS, unified_group]
    no_futures = [group for group in everything if group != "API_FUTURES"]
    made: list[dict[str, Any]] = [
        {"name": "alice", "groups": everything},
        {"name": "bob", "groups": no_futures},
        {"name": "carol", "groups": everything, "two_factor": False},
        {"name": "dave", "groups": everything, "key_limit": 3},
        {"name": "erin", "groups": everything, "frozen": True},
    ]
    return [
        User(
            uid=200_000_001 + number,
            email=f"{fields['name']}@example.com",
            password=f"demo-{fields['name']}",
            phone=f"+1555000000{number + 1}",
            address_book=[DEMO_ADDRESS],
            **fields,
        )
        for number, fields in enumerate(made)
    ]
