"""What an operator sets: environment variables, checked once before a function's first work.

Every variable is declared in template.yaml and documented in the README. KuCoin's undocumented
behaviour stands in ``KucoinProtocol``: defaults there, corrected by the one JSON parameter
``KucoinProtocolOverrides`` without a change of code.
"""

import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kubroker.foundation.errors import ConfigurationError
from kubroker.foundation.kucoin_protocol import KucoinProtocol as KucoinProtocol  # noqa: PLC0414 - told on
from kubroker.foundation.rotation_rules import RotationPolicy, RotationRules

_GLOBAL_URLS = {
    "web": "https://www.kucoin.com",
    "rest": "https://api.kucoin.com",
    "futures": "https://api-futures.kucoin.com",
}
_SITE_URLS = {
    "global": _GLOBAL_URLS,
    "australia": _GLOBAL_URLS,
    "europe": {
        "web": "https://www.kucoin.com",
        "rest": "https://api.kucoin.eu",
        "futures": "https://api-futures.kucoin.eu",
    },
}


def _split_list(value: Any) -> Any:
    """A CommaDelimitedList parameter arrives as one string."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _parse_overrides(value: Any) -> Any:
    """The JSON object of the parameter KucoinProtocolOverrides."""
    if isinstance(value, str):
        return KucoinProtocol.model_validate_json(value or "{}")
    return value


StringList = Annotated[tuple[str, ...], BeforeValidator(_split_list)]


class _EnvironmentModel(BaseModel):
    """A settings model whose fields are environment variables, by alias."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", populate_by_name=True)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Reads and checks the variables; an empty one counts as unset.

        Raises:
            ConfigurationError: A variable is missing or malformed; the message names it.
        """
        source = os.environ if environment is None else environment
        aliases = {field.alias for field in cls.model_fields.values()}
        present = {key: value for key, value in source.items() if key in aliases and value != ""}
        try:
            return cls.model_validate(present)
        except ValidationError as error:
            names = sorted({".".join(map(str, item["loc"])) for item in error.errors()})
            raise ConfigurationError(
                f"These settings are missing or malformed: {', '.join(names)}."
            ) from None


class CommonSettings(_EnvironmentModel):
    """What every function has."""

    stage: str = Field(alias="KUBROKER_STAGE")
    connections_table: str = Field(alias="CONNECTIONS_TABLE")


class LimitsSettings(_EnvironmentModel):
    """The table of counters."""

    limits_table: str = Field(alias="LIMITS_TABLE")


class QueueSettings(_EnvironmentModel):
    """The queue of key creation."""

    key_creation_queue_url: str = Field(alias="KEY_CREATION_QUEUE_URL")


class RescueSettings(_EnvironmentModel):
    """The queue of pairs whose commit failed."""

    rescue_queue_url: str = Field(alias="RESCUE_QUEUE_URL")


class DispatchSettings(_EnvironmentModel):
    """The queue of connections that are due."""

    refresh_queue_url: str = Field(alias="REFRESH_QUEUE_URL")


class RotationSettings(_EnvironmentModel):
    """When pairs are rotated; the times can be scaled down to tokens that live for seconds."""

    policy: RotationPolicy = Field(alias="ROTATION_POLICY")
    lease_seconds: int = Field(alias="ROTATION_LEASE_SECONDS", ge=2, le=25)
    grace_seconds: int = Field(alias="ROTATION_GRACE_SECONDS", ge=0, le=3600)
    requeue_seconds: int = Field(alias="ROTATION_REQUEUE_SECONDS", ge=1, le=3600)
    back_off_seconds: int = Field(alias="ROTATION_BACK_OFF_SECONDS", ge=1, le=3600)
    refusal_window_seconds: int = Field(alias="ROTATION_REFUSAL_WINDOW_SECONDS", ge=1, le=3600)

    def build_rules(self) -> RotationRules:
        """The rules as rotation takes them."""
        return RotationRules(**self.model_dump())


class VaultSettings(_EnvironmentModel):
    """The KMS key that wraps data keys."""

    vault_key_id: str = Field(alias="VAULT_KEY_ID")


class KucoinSettings(_EnvironmentModel):
    """Where KuCoin is and who we are there."""

    site: Literal["global", "europe", "australia"] = Field("global", alias="KUCOIN_SITE")
    web_url: str = Field("", alias="KUCOIN_WEB_URL")
    rest_url: str = Field("", alias="KUCOIN_REST_URL")
    futures_url: str = Field("", alias="KUCOIN_FUTURES_URL")
    broker_url: str = Field("", alias="KUCOIN_BROKER_URL")
    client_id: str = Field(alias="KUCOIN_CLIENT_ID")
    redirect_url: str = Field(alias="KUCOIN_REDIRECT_URL")
    scope: str = Field("OAUTH_CREATE_API", alias="KUCOIN_SCOPE")
    key_version: Literal["v1", "v2"] = Field("v2", alias="KUCOIN_KEY_VERSION")
    secret_name: str = Field(alias="KUCOIN_SECRET_NAME")
    protocol: Annotated[KucoinProtocol, BeforeValidator(_parse_overrides)] = Field(
        default_factory=KucoinProtocol, alias="KUCOIN_PROTOCOL_OVERRIDES"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_urls_of_site(cls, values: dict[str, Any]) -> dict[str, Any]:
        """An unset URL is the site's own; the broker host is the REST host."""
        site = values.get("KUCOIN_SITE", "global")
        urls = _SITE_URLS.get(site, _GLOBAL_URLS)
        filled = {
            "KUCOIN_WEB_URL": urls["web"],
            "KUCOIN_REST_URL": urls["rest"],
            "KUCOIN_FUTURES_URL": urls["futures"],
            **values,
        }
        filled.setdefault("KUCOIN_BROKER_URL", filled["KUCOIN_REST_URL"])
        return filled

    @model_validator(mode="after")
    def _refuse_v1_on_local_sites(self) -> Self:
        """Source: kucoin-fast-api, 4.2: a broker on a local site must use the new version."""
        if self.key_version == "v1" and self.site != "global":
            raise ValueError("KUCOIN_KEY_VERSION v1 exists on the global site only")
        return self


class WithdrawalTableSettings(_EnvironmentModel):
    """The table of withdrawals."""

    withdrawals_table: str = Field(alias="WITHDRAWALS_TABLE")


class WithdrawalSettings(_EnvironmentModel):
    """The operator's limits on withdrawals."""

    switch_name: str = Field(alias="WITHDRAWAL_SWITCH_NAME")
    usdt_per_day: Decimal = Field(alias="WITHDRAWAL_USDT_PER_DAY", ge=0, le=10**12)
    renewal_minutes: int = Field(alias="WITHDRAWAL_RENEWAL_MINUTES", ge=5, le=1440)
    tries: int = Field(alias="WITHDRAWAL_TRIES", ge=6, le=100)
    tries_per_day: int = Field(alias="WITHDRAWAL_TRIES_PER_DAY", ge=6, le=1000)


class PaymentSettings(_EnvironmentModel):
    """Who can be paid, as ``payments.payees`` reads it, and how long a checkout can be begun."""

    payees: str = Field("", alias="PAYMENT_PAYEES")
    minutes: int = Field(alias="PAYMENT_MINUTES", ge=5, le=1440)


class AuditSettings(_EnvironmentModel):
    """The append-only audit."""

    audit_table: str = Field(alias="AUDIT_TABLE")


class AuditExportSettings(_EnvironmentModel):
    """Where the audit is kept under lock."""

    audit_bucket: str = Field(alias="AUDIT_BUCKET")


class WebhookSettings(_EnvironmentModel):
    """The broker's endpoint; none if the URL is empty."""

    url: str = Field("", alias="WEBHOOK_URL")
    secret_name: str = Field(alias="WEBHOOKS_SECRET_NAME")
    public_base_url: str = Field("", alias="KUBROKER_PUBLIC_BASE_URL")


class WebhookQueueSettings(_EnvironmentModel):
    """The FIFO queue of webhooks."""

    webhook_queue_url: str = Field(alias="WEBHOOK_QUEUE_URL")


class EventSettings(_EnvironmentModel):
    """Where events go, and which."""

    event_bus_name: str = Field(alias="EVENT_BUS_NAME")
    set_aside_bucket: str = Field(alias="SET_ASIDE_BUCKET")
    publish_token_refreshes: bool = Field(False, alias="PUBLISH_TOKEN_REFRESHES")
    webhook_url: str = Field("", alias="WEBHOOK_URL")


class ProxySettings(_EnvironmentModel):
    """The signing proxy: how long, and how many, opened keys stay in memory."""

    key_seconds: int = Field(alias="PROXY_KEY_SECONDS", ge=1, le=900)
    key_count: int = Field(alias="PROXY_KEY_COUNT", ge=1, le=10_000)


# Of payouts and exports: no message about them is older than SQS keeps it.
KeptDays = Annotated[int, Field(alias="EXPORT_RETENTION_DAYS", ge=14, le=365)]


class PayoutSettings(_EnvironmentModel):
    """Deposit addresses of many users: their records, queue and files."""

    payouts_table: str = Field(alias="PAYOUTS_TABLE")
    payout_queue_url: str = Field(alias="PAYOUT_QUEUE_URL")
    exports_bucket: str = Field(alias="EXPORTS_BUCKET")
    kept_days: KeptDays


class ExportSettings(_EnvironmentModel):
    """Exports and the archive: their records, queues and files."""

    exports_table: str = Field(alias="EXPORTS_TABLE")
    export_queue_url: str = Field(alias="EXPORT_QUEUE_URL")
    archive_queue_url: str = Field(alias="ARCHIVE_QUEUE_URL")
    exports_bucket: str = Field(alias="EXPORTS_BUCKET")
    kept_days: KeptDays
    archive_days: int = Field(alias="ARCHIVE_RETENTION_DAYS", ge=30, le=36_500)
    broker_name: str = Field(alias="BROKER_NAME", min_length=1, max_length=60)


class SessionSettings(_EnvironmentModel):
    """The table of linking sessions."""

    sessions_table: str = Field(alias="CONNECT_SESSIONS_TABLE")


class ConnectSettings(_EnvironmentModel):
    """Linking sessions and their pages."""

    public_base_url: str = Field("", alias="KUBROKER_PUBLIC_BASE_URL")
    return_url_allow_list: StringList = Field(alias="RETURN_URL_ALLOW_LIST")
    broker_name: str = Field(alias="BROKER_NAME", min_length=1, max_length=60)
    broker_logo_url: str = Field("", alias="BROKER_LOGO_URL")

    def is_return_url_allowed(self, url: str) -> bool:
        """Whether an allow-list entry has the URL's origin and a path that it lies under.

        Anything that browsers and Python may read differently (backslashes, control characters,
        user info, encoded dots) is refused.
        """
        if any(char in url for char in "\\@#") or not url.isascii() or not url.isprintable():
            return False
        if " " in url or "%2e" in url.lower():
            return False
        try:
            candidate = urlsplit(url)
        except ValueError:  # a bracket where a host should be
            return False
        if {".", ".."} & set(candidate.path.split("/")):
            return False
        return any(_lies_under(candidate, urlsplit(entry)) for entry in self.return_url_allow_list)


def _lies_under(candidate: Any, allowed: Any) -> bool:
    """Same scheme and authority, and the path begins with the entry's at a segment's edge."""
    is_local = allowed.hostname == "localhost"
    if candidate.scheme != allowed.scheme or (allowed.scheme != "https" and not is_local):
        return False
    if candidate.netloc.lower() != allowed.netloc.lower():
        return False
    base = allowed.path.rstrip("/")
    return bool(candidate.path.rstrip("/") == base or candidate.path.startswith(base + "/"))
