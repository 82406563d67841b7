"""Facts of KuCoin's withdrawals that its documents do not state; part of ``KucoinProtocol``."""

from typing import Literal

from pydantic import BaseModel, Field


class WithdrawalProtocol(BaseModel):
    """Each description ends with how sure its default is; see ``settings.KucoinProtocol``."""

    withdrawal_path: str = Field(
        "/api/v2/broker/withdrawal", description="Path of the Fast API withdrawal. [seen]"
    )
    withdrawal_host: Literal["spot", "broker"] = Field(
        "spot", description="Host of it: KUCOIN_REST_URL or KUCOIN_BROKER_URL. [assumed]"
    )
    network_fee_adds_rate: bool = Field(
        True,
        description="A chain's withdrawFeeRate comes on top of withdrawalMinFee; otherwise the "
        "larger of the two is the network fee. [assumed]",
    )
    security_setup_codes: frozenset[str] = Field(
        frozenset({"260330"}),
        description="Codes of a withdrawal: the user has to set up more security. Its message is "
        "recognised beside every code that is a definite no. [assumed]",
    )
    security_link_hosts: frozenset[str] = Field(
        frozenset({"kucoin.com", "kucoin.eu", "kucoin.th", "kucoin.tr"}),
        description="Hosts, with all below them, that a security link may lead to, besides "
        "KUCOIN_WEB_URL: KuCoin's and its local sites'. [seen]",
    )
    security_path: str = Field(
        "/account/security",
        pattern=r"^/[A-Za-z0-9._/-]*$",
        description="Page of KUCOIN_WEB_URL that a user is sent to for more security where "
        "KuCoin's words hold no link that can be handed on. [assumed]",
    )
    wrong_code_codes: frozenset[str] = Field(
        frozenset({"260402"}), description="Codes of a withdrawal: a 2FA code is wrong. [assumed]"
    )
    verification_over_codes: frozenset[str] = Field(
        frozenset({"260401", "260403", "260404"}),
        description="Codes of a withdrawal: the validation transaction is over or not its. "
        "[assumed]",
    )
    transfer_limit_codes: frozenset[str] = Field(
        frozenset({"260410"}),
        description="Codes of a withdrawal: too many by UID, MAIL or PHONE; nothing done. "
        "[assumed]",
    )
    limit_means_nothing_done: bool = Field(
        True,
        description="A 429 to a call that acts whose headers show no quota left was "
        "said before any work. Any other 429, and every one if false, leaves the outcome "
        "unknown. [assumed]",
    )
    not_cancellable_codes: frozenset[str] = Field(
        frozenset({"260420"}),
        description="Codes of a cancellation: KuCoin does not allow it any more. [assumed]",
    )
    travel_rule_codes: frozenset[str] = Field(
        frozenset({"260430"}),
        description="Codes of a withdrawal: the recipient's identity is missing. [assumed]",
    )
    verification_seconds: int = Field(
        300, ge=30, description="Life of a validation transaction, which no answer tells. [assumed]"
    )
    history_margin_seconds: int = Field(
        600,
        ge=0,
        description="How late KuCoin's history may show a withdrawal: before that, nothing is "
        "taken for not done. [assumed]",
    )
