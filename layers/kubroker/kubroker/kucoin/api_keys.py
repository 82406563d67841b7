"""API keys at KuCoin: creation with a bearer token, and the check of a key with itself."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import SecretStr

from kubroker.foundation.amounts import find_integer
from kubroker.foundation.errors import (
    ConfigurationError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
)
from kubroker.foundation.kucoin_protocol import KucoinProtocol
from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin import answers
from kubroker.kucoin.codes import Act, Acting, Meaning, get_meaning
from kubroker.kucoin.exchange import KucoinRequest
from kubroker.kucoin.permissions import Permission, build_auth_group_map, parse_key_check
from kubroker.kucoin.rest import KucoinRest
from kubroker.kucoin.signer import ApiCredentials
from kubroker.kucoin.transport import KucoinTransport


class KeyRefusal(StrEnum):
    """Why KuCoin made no key."""

    RISK_VALIDATION = "RISK_VALIDATION"
    NAME_TAKEN = "NAME_TAKEN"
    KEY_LIMIT = "KEY_LIMIT"
    DEAD_TOKEN = "DEAD_TOKEN"  # noqa: S105 - a name
    OTHER = "OTHER"


class CheckRefusal(StrEnum):
    """Why KuCoin did not accept a key that signed."""

    KEY_GONE = "KEY_GONE"
    IP_NOT_ALLOWED = "IP_NOT_ALLOWED"
    CLOCK = "CLOCK"
    SIGNATURE = "SIGNATURE"
    PARTNER = "PARTNER"
    PERMISSION = "PERMISSION"
    REGION = "REGION"
    FROZEN = "FROZEN"
    RATE_LIMITED = "RATE_LIMITED"
    OTHER = "OTHER"


_CHECK_REFUSALS: dict[Meaning, CheckRefusal] = {
    Meaning.KEY_GONE: CheckRefusal.KEY_GONE,
    Meaning.IP_NOT_ALLOWED: CheckRefusal.IP_NOT_ALLOWED,
    Meaning.CLOCK: CheckRefusal.CLOCK,
    Meaning.SIGNATURE: CheckRefusal.SIGNATURE,
    Meaning.PARTNER: CheckRefusal.PARTNER,
    Meaning.PERMISSION: CheckRefusal.PERMISSION,
    Meaning.REGION: CheckRefusal.REGION,
    Meaning.FROZEN: CheckRefusal.FROZEN,
    Meaning.RATE_LIMITED: CheckRefusal.RATE_LIMITED,
}


def classify_key_refusal(error: KucoinRefusedError, protocol: KucoinProtocol) -> KeyRefusal:
    """Says why no key was made.

    Source: kucoin-fast-api, 4 names two reasons without codes; the codes are settings.
    """
    code = error.kucoin_code
    table = (
        (protocol.risk_validation_codes, KeyRefusal.RISK_VALIDATION),
        (protocol.name_taken_codes, KeyRefusal.NAME_TAKEN),
        (protocol.key_limit_codes, KeyRefusal.KEY_LIMIT),
        (protocol.dead_token_codes, KeyRefusal.DEAD_TOKEN),
    )
    return next((refusal for codes, refusal in table if code in codes), KeyRefusal.OTHER)


def classify_check_refusal(error: KucoinRefusedError) -> CheckRefusal:
    """Says why a signed call was refused; a key's end needs more than one such answer."""
    return _CHECK_REFUSALS.get(get_meaning(error), CheckRefusal.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedApiKey:
    """A key just made. Secret and passphrase are shown this once.

    Attributes:
        api_key: The key's id, which signs nothing alone.
        secret: Signs.
        passphrase: Goes along, signed.
        name: The apiName that KuCoin chose.
        auth_group: KuCoin's group names.
        ip_whitelist: Addresses that may use the key; empty for all.
        broker_id: KuCoin's name for the broker.
    """

    api_key: SecretStr
    secret: SecretStr
    passphrase: SecretStr
    name: str
    auth_group: tuple[str, ...]
    ip_whitelist: tuple[str, ...]
    broker_id: str

    @property
    def credentials(self) -> ApiCredentials:
        """What signs."""
        return ApiCredentials(api_key=self.api_key, secret=self.secret, passphrase=self.passphrase)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyFacts:
    """What KuCoin says of a key that signed for itself.

    Attributes:
        uid: The KuCoin account.
        permissions: Those that Kubroker knows.
        ip_whitelist: Addresses that may use the key; empty for all.
        api_version: 3, or None where KuCoin does not tell.
        is_master: Whether it is the master account's, or None.
        created_at_ms: Epoch milliseconds, or None.
        is_addressbook_only: Whether it withdraws to the user's address book only, or None where
            KuCoin does not tell.
    """

    uid: str
    permissions: frozenset[Permission]
    ip_whitelist: tuple[str, ...]
    api_version: int | None
    is_master: bool | None
    created_at_ms: int | None
    is_addressbook_only: bool | None = None


class ApiKeyClient:
    """Creates keys with a bearer token and checks them by their own signature."""

    def __init__(
        self, settings: KucoinSettings, transport: KucoinTransport, rest: KucoinRest
    ) -> None:
        """Takes its parts.

        Args:
            settings: Where KuCoin is, and which version of key creation.
            transport: Sends the bearer calls.
            rest: Sends the signed call.
        """
        self._settings = settings
        self._transport = transport
        self._rest = rest

    def create(
        self,
        access_token: SecretStr,
        permissions: Iterable[Permission],
        is_addressbook_only: bool,  # noqa: FBT001 - KuCoin's own field
        *,
        deadline_seconds: float,
    ) -> CreatedApiKey:
        """Makes an API key. Not idempotent: each success is another key.

        Source: kucoin-fast-api, 4.1 (v1: empty form, KuCoin takes the groups the user granted,
        never withdrawal) and 4.2 (v2: the groups as JSON).

        Args:
            access_token: A live one.
            permissions: What the user chose; General is implied. Without effect on v1.
            is_addressbook_only: Has to be as the user granted it.
            deadline_seconds: For all of it.

        Returns:
            The key.

        Raises:
            KucoinUnsentError: No key was made.
            KucoinOutcomeUnknownError: A key may exist that nobody can use; never repeat.
            KucoinRefusedError: No key was made; see ``classify_key_refusal``.
            ConfigurationError: v1 was asked for withdrawal, or a group has no name; none was made.
        """
        request = self._build_creation(
            access_token, frozenset(permissions), is_addressbook_only=is_addressbook_only
        )
        answer = self._transport.send(request, deadline_seconds=deadline_seconds, is_fresh=True)
        acting = Acting(Act.KEY, self._settings.protocol)
        data = answers.parse_web(answer, acting)
        api_key = answers.find_header_value(data, "apiKey")
        secret = answers.find_text(data, "secret")
        passphrase = answers.find_text(data, "passphrase")
        if api_key is None or secret is None or passphrase is None:
            raise answers.build_unreadable(answer, "API key")
        return CreatedApiKey(
            api_key=SecretStr(api_key),
            secret=SecretStr(secret),
            passphrase=SecretStr(passphrase),
            name=_get_words(data, "apiName"),
            auth_group=answers.parse_list(data.get("authGroup")),
            ip_whitelist=answers.parse_list(data.get("ipWhiteList")),
            broker_id=_get_words(data, "brokerId"),
        )

    def check(self, credentials: ApiCredentials, *, deadline_seconds: float) -> ApiKeyFacts:
        """Asks KuCoin about the key with the key's own signature.

        Source: ``GET /api/v1/user/api-key``, permission General, pool Management, weight 20.

        Args:
            credentials: The key.
            deadline_seconds: For all of it.

        Returns:
            The facts.

        Raises:
            KucoinRefusedError: See ``classify_check_refusal``.
            KucoinUnsentError: KuCoin could not be reached; the key may be good.
            KucoinOutcomeUnknownError: No readable answer came; the key may be good.
        """
        data = self._rest.get(
            "/api/v1/user/api-key", credentials=credentials, deadline_seconds=deadline_seconds
        )
        uid = _find_uid(data)
        if uid is None:
            raise KucoinOutcomeUnknownError("KuCoin's answer about the API key has no uid.")
        return ApiKeyFacts(
            uid=uid,
            permissions=parse_key_check(_get_words(data, "permission")),
            ip_whitelist=answers.parse_list(data.get("ipWhitelist")),
            api_version=find_integer(data.get("apiVersion")),
            is_master=_find_flag(data, "isMaster"),
            created_at_ms=find_integer(data.get("createdAt")),
            is_addressbook_only=_find_flag(
                data, self._settings.protocol.key_check_addressbook_field
            ),
        )

    def find_bearer_uid(self, access_token: SecretStr, *, deadline_seconds: float) -> str | None:
        """Asks whose account a bearer token is for, where a setting names the path.

        Source: none; ``KucoinProtocol.bearer_identity_path`` is an operator's finding.

        Args:
            access_token: A live one.
            deadline_seconds: For all of it.

        Returns:
            The uid, or None where the setting is empty or the answer has none.

        Raises:
            KucoinError: As for ``check``.
        """
        path = self._settings.protocol.bearer_identity_path
        if path is None:
            return None
        request = KucoinRequest(
            method="GET",
            url=self._settings.rest_url.rstrip("/") + path,
            headers=_build_bearer(access_token),
            secrets=(access_token.get_secret_value(),),
        )
        answer = self._transport.send_safe(request, deadline_seconds=deadline_seconds)
        return _find_uid(answers.parse_rest(answer))

    def _build_creation(
        self,
        access_token: SecretStr,
        permissions: frozenset[Permission],
        *,
        is_addressbook_only: bool,
    ) -> KucoinRequest:
        settings, protocol = self._settings, self._settings.protocol
        path, media_type, body = protocol.key_path_v1, "application/x-www-form-urlencoded", b""
        if settings.key_version == "v2":
            path, media_type = protocol.key_path_v2, "application/json"
            groups = _build_groups(permissions, protocol)
            fields = {"authGroupMap": groups, "isAddressbookOnly": is_addressbook_only}
            body = json.dumps(fields, separators=(",", ":")).encode()
        elif Permission.WITHDRAWAL in permissions:
            raise ConfigurationError(
                "KUCOIN_KEY_VERSION v1 has no withdrawal: use v2, or don't offer the permission."
            )
        return KucoinRequest(
            method="POST",
            url=settings.web_url.rstrip("/") + path,
            headers={"Content-Type": media_type, **_build_bearer(access_token)},
            body=body,
            secrets=(access_token.get_secret_value(),),
        )


def _build_groups(permissions: frozenset[Permission], protocol: KucoinProtocol) -> dict[str, bool]:
    try:
        return build_auth_group_map(permissions, unified_group_name=protocol.unified_group_name)
    except ValueError as error:
        raise ConfigurationError(
            "The unified account can't be asked for until unified_group_name in "
            "KUCOIN_PROTOCOL_OVERRIDES names KuCoin's group."
        ) from error


def _build_bearer(access_token: SecretStr) -> dict[str, str]:
    """Source: kucoin-fast-api, 6.2: the scheme in lower case."""
    return {"Authorization": f"bearer {access_token.get_secret_value()}"}


def _get_words(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return value[:200] if isinstance(value, str) else ""


def _find_flag(data: dict[str, Any], name: str) -> bool | None:
    value = data.get(name)
    return value if isinstance(value, bool) else None


def _find_uid(data: Any) -> str | None:
    """KuCoin writes it as a number, in some answers as text."""
    value = data.get("uid") if isinstance(data, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value) if re.fullmatch(r"[0-9A-Za-z]{1,64}", str(value)) else None
