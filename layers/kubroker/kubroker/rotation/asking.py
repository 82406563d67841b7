"""Steps 2 and 3: unwrap the data key, ask KuCoin, seal what it says under the same key."""

from dataclasses import dataclass

from pydantic import SecretStr

from kubroker.connections.model import Connection
from kubroker.connections.secrets import open_refresh_token, seal_pair
from kubroker.connections.vault import DataKey, EncryptionContext, Purpose, Vault
from kubroker.foundation.clock import Clock
from kubroker.foundation.errors import (
    ConfigurationError,
    KubrokerError,
    KucoinError,
    KucoinOutcomeUnknownError,
    StoreError,
    VaultError,
)
from kubroker.foundation.observability import logger
from kubroker.foundation.rotation_rules import RotationPolicy, RotationRules
from kubroker.foundation.settings import KucoinProtocol
from kubroker.kucoin.address_watch import watch_failure
from kubroker.kucoin.oauth import OAuthClient, TokenOutcome, TokenPair, classify_token_refusal
from kubroker.rotation.model import Outcome, RotatedPair, plan_rotation

_OF_REFUSALS = {
    TokenOutcome.REFUSED_FOR_GOOD: Outcome.REFUSED,
    TokenOutcome.MISCONFIGURED: Outcome.MISCONFIGURED,
    TokenOutcome.PASSING: Outcome.NOT_SPENT,
}


def classify(result: TokenPair | KubrokerError, protocol: KucoinProtocol) -> Outcome:
    """Looks a result up in the table above. Pure.

    Args:
        result: What ``OAuthClient.refresh`` returned or raised.
        protocol: Has KuCoin's codes.
    """
    if isinstance(result, TokenPair):
        return Outcome.REFRESHED_HALF if result.refresh_token is None else Outcome.REFRESHED
    if isinstance(result, ConfigurationError):
        return Outcome.MISCONFIGURED
    if isinstance(result, KucoinOutcomeUnknownError):
        return Outcome.IN_DOUBT
    if isinstance(result, KucoinError):
        return _OF_REFUSALS[classify_token_refusal(result, protocol)]
    raise TypeError(f"no result of a refresh: {type(result).__name__}")


@dataclass(frozen=True)
class Asked:
    """What asking came to; pair and access token where KuCoin gave any."""

    outcome: Outcome
    pair: RotatedPair | None = None
    access_token: SecretStr | None = None


class RotationAsking:
    """Spends a claimed connection's refresh token."""

    def __init__(
        self,
        *,
        vault: Vault,
        oauth: OAuthClient,
        protocol: KucoinProtocol,
        rules: RotationRules,
        clock: Clock,
    ) -> None:
        """Joins the vault and KuCoin."""
        self._vault = vault
        self._oauth = oauth
        self._protocol = protocol
        self._rules = rules
        self._clock = clock

    def ask(self, claimed: Connection, deadline_seconds: float) -> Asked:
        """Asks once, on a fresh connection; never raises what KuCoin or AWS may do.

        Args:
            claimed: The connection with this worker's claim.
            deadline_seconds: For unwrapping and for all of KuCoin's answer, body included.
        """
        deadline = self._clock.start(deadline_seconds)
        try:
            data_key, old_token = self._open(claimed)
        except StoreError as error:
            logger.warning("a data key could not be unwrapped", extra={"reason": error.message})
            return Asked(Outcome.NOT_SPENT)
        except VaultError as error:
            # Ours, and for good; the user's authorization may be as good as ever.
            logger.error("a pair can't be opened", extra={"reason": error.message})
            return Asked(Outcome.MISCONFIGURED)
        now = self._clock.now()
        try:
            pair = self._oauth.refresh(old_token, deadline_seconds=deadline.left())
        except (KucoinError, ConfigurationError) as error:
            outcome = classify(error, self._protocol)
            watch_failure(error)
            logger.warning("no new pair", extra={"outcome": outcome, "reason": error.message})
            return Asked(outcome)
        if pair.was_expiry_doubtful:
            logger.warning("KuCoin's answer had no usable expires_in")
        sealed = self._seal(claimed, pair, (data_key, old_token), now)
        return Asked(classify(pair, self._protocol), sealed, pair.access_token)

    def _open(self, claimed: Connection) -> tuple[DataKey, SecretStr]:
        """The data key, by the only KMS call of a refresh, and the refresh token."""
        wrapped, ciphertext = claimed.token_data_key, claimed.token_ciphertext
        if wrapped is None or ciphertext is None:
            raise VaultError("There is no pair to open.")
        context = EncryptionContext(claimed.user_id, Purpose.OAUTH_TOKENS)
        data_key = self._vault.unwrap(wrapped, context, is_noted=False)
        return data_key, open_refresh_token(ciphertext, data_key)

    def _seal(
        self, claimed: Connection, pair: TokenPair, opened: tuple[DataKey, SecretStr], now: int
    ) -> RotatedPair:
        """The new pair as ciphertext with its plan; without a new refresh token, the old one."""
        data_key, old_token = opened
        is_half = pair.refresh_token is None
        access_expires_at = now + pair.access_expires_in_seconds
        refresh_expires_at = now + self._protocol.refresh_token_seconds
        if is_half and claimed.refresh_token_expires_at is not None:
            refresh_expires_at = claimed.refresh_token_expires_at
        return RotatedPair(
            user_id=claimed.user_id,
            claim_seq=claimed.claim_seq,
            data_key=data_key.wrapped,
            ciphertext=seal_pair(pair.access_token, pair.refresh_token or old_token, data_key),
            access_token_expires_at=access_expires_at,
            refresh_token_expires_at=refresh_expires_at,
            action_due_at=plan_rotation(
                RotationPolicy.ALWAYS_FRESH if is_half else self._rules.policy,
                issued_at=now,
                access_expires_at=access_expires_at,
                refresh_expires_at=refresh_expires_at,
                jitter=self._clock.jitter(),
            ),
            is_half=is_half,
        )
