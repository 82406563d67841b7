"""Everything the simulator remembers, under one lock."""

import secrets
import threading
import uuid
from collections.abc import Iterable
from decimal import Decimal

from local.kucoin_simulator.clock import SimulatedClock
from local.kucoin_simulator.config import Config
from local.kucoin_simulator.faults import FaultBoard
from local.kucoin_simulator.funds.accounts import DEFAULT_BALANCES, Funds
from local.kucoin_simulator.funds.ledgers import Ledgers
from local.kucoin_simulator.journal import Journal
from local.kucoin_simulator.limits import RateLimits
from local.kucoin_simulator.model import (
    ApiKey,
    AuthorizationCode,
    Chain,
    Grant,
    LoginAttempt,
    Pair,
    RebateReport,
    Rotation,
    User,
    demo_users,
)
from local.kucoin_simulator.trading.trades import Trades
from local.kucoin_simulator.worlds import Settings, Worlds


class State:
    """KuCoin's memory.

    Whoever reads or writes it holds `lock`; the lock is never held while a fault waits.
    """

    def __init__(self, config: Config, base_url: str) -> None:
        """Start as `config` says, with the demo users; `base_url` is for links to our pages."""
        self.config = config
        self.base_url = base_url
        self.lock = threading.RLock()
        self.journal = Journal()
        self.faults = FaultBoard()
        self.clock = SimulatedClock()
        self.limits = RateLimits()
        self.reset()

    def reset(self, now_ms: int | None = None) -> None:
        """Return to the start: demo users, default worlds and settings, no faults, no keys.

        Args:
            now_ms: What KuCoin's clock says then; the machine's time unless given.
        """
        self.worlds = Worlds()
        self.settings = Settings(
            client_secrets=list(self.config.client_secrets),
            redirect_urls=list(self.config.redirect_urls),
            public_url=self.base_url,
        )
        self.clock.set_offset(0)
        if now_ms is not None:
            self.clock.jump_to(now_ms)
        self.faults.clear()
        self.limits.clear()
        self.journal.clear()
        self.attempts: dict[str, LoginAttempt] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.chains: dict[str, Chain] = {}
        self.by_access: dict[str, tuple[Chain, Pair]] = {}
        self.by_refresh: dict[str, tuple[Chain, Pair]] = {}
        self.rotations: list[Rotation] = []
        self.keys: dict[str, ApiKey] = {}
        self.deleted_keys: dict[str, ApiKey] = {}
        self.users: dict[str, User] = {}
        self.funds = Funds()
        self.ledgers = Ledgers(self.funds.book)
        self.trades = Trades()
        self.reports: dict[str, RebateReport] = {}
        self.issued: list[tuple[str, str]] = self._initial_secrets()
        self.add_users(demo_users(self.settings.unified_group))
        for number in range(self.users["dave"].key_limit):
            self.new_key(
                self.users["dave"], f"own-{number + 1}", ["API_COMMON"], False, origin="own"
            )
        self.fund(DEFAULT_BALANCES)

    def now_ms(self) -> int:
        """Return KuCoin's time."""
        return self.clock.now_ms()

    def add_users(self, users: Iterable[User]) -> None:
        """Register accounts."""
        for user in users:
            self.users[user.name] = user

    def next_uid(self) -> int:
        """Return a uid that nobody has."""
        return max((user.uid for user in self.users.values()), default=200_000_000) + 1

    def advance_withdrawals(self) -> None:
        """Let open withdrawals move on as KuCoin's clock says."""
        self.funds.advance(
            self.now_ms(),
            processing_ms=round(self.settings.processing_seconds * 1000),
            wallet_ms=round(self.settings.wallet_seconds * 1000),
            review_ms=round(self.settings.review_seconds * 1000),
        )

    def find_user_by_email(self, email: str) -> User | None:
        """Return the account with this address."""
        wanted = email.strip().lower()
        return next((user for user in self.users.values() if user.email == wanted), None)

    def issue(self, kind: str, value: str) -> str:
        """Remember a secret that leaves the simulator, and return it."""
        self.issued.append((kind, value))
        return value

    def new_grant(self, user: User, groups: list[str], is_addressbook_only: bool) -> Grant:
        """Record what a user allowed."""
        return Grant(_hex_id(), user.name, groups, is_addressbook_only, self.now_ms())

    def new_code(self, grant: Grant, client_id: str, redirect_url: str) -> AuthorizationCode:
        """Issue an authorization code (24 hexadecimal digits, as on KuCoin's page)."""
        expires_ms = self.now_ms() + round(self.settings.code_seconds * 1000)
        value = self.issue("authorization_code", _hex_id())
        code = AuthorizationCode(value, grant, client_id, redirect_url, expires_ms)
        self.codes[value] = code
        return code

    def new_pair(self, chain: Chain, entry_seq: int) -> Pair:
        """Issue the next pair of a chain; it becomes the live one."""
        now = self.now_ms()
        pair = Pair(
            number=len(chain.pairs) + 1,
            access=self.issue("access_token", str(uuid.uuid4())),
            refresh=self.issue("refresh_token", str(uuid.uuid4())),
            access_expires_ms=now + round(self.settings.access_token_seconds * 1000),
            refresh_expires_ms=now + round(self.settings.refresh_token_seconds * 1000),
            entry_seq=entry_seq,
        )
        chain.pairs.append(pair)
        self.by_access[pair.access] = self.by_refresh[pair.refresh] = (chain, pair)
        return pair

    def new_chain(self, grant: Grant) -> Chain:
        """Begin the chain of a grant."""
        chain = Chain(grant.grant_id, grant)
        self.chains[chain.chain_id] = chain
        return chain

    def keys_of(self, user: User) -> list[ApiKey]:
        """Return the user's keys that exist."""
        return [key for key in self.keys.values() if key.user == user.name]

    def new_key(
        self,
        user: User,
        name: str,
        groups: list[str],
        is_addressbook_only: bool,
        *,
        origin: str = "oauth",
    ) -> ApiKey:
        """Create an API key: key as an object id, secret as a UUID, a random passphrase."""
        whitelist = self.settings.key_ip_whitelist if origin == "oauth" else ""
        key = ApiKey(
            api_key=_hex_id(),
            secret=self.issue("api_secret", str(uuid.uuid4())),
            passphrase=self.issue("api_passphrase", secrets.token_urlsafe(12)),
            name=name,
            user=user.name,
            uid=user.uid,
            groups=groups,
            is_addressbook_only=is_addressbook_only,
            created_ms=self.now_ms(),
            ip_whitelist=[ip for ip in whitelist.split(",") if ip],
            origin=origin,
        )
        self.keys[key.api_key] = key
        return key

    def delete_key(self, api_key: str) -> ApiKey:
        """Delete a key as its user would at KuCoin."""
        key = self.keys.pop(api_key)
        self.deleted_keys[api_key] = key
        return key

    def fund(self, balances: dict[str, dict[str, dict[str, str]]]) -> None:
        """Deposit from outside: user to account (main, trade) to currency to amount."""
        for user, accounts in balances.items():
            for kind, amounts in accounts.items():
                for currency, amount in amounts.items():
                    self.funds.adjust(user, (kind, currency), Decimal(amount), self.now_ms())

    def _initial_secrets(self) -> list[tuple[str, str]]:
        secret = [("client_secret", value) for value in self.config.client_secrets]
        return [
            *secret,
            ("broker_key", self.config.spot.key),
            ("broker_key", self.config.futures.key),
        ]


def _hex_id() -> str:
    return secrets.token_hex(12)
