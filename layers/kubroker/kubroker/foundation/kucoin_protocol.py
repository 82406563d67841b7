"""KuCoin's undocumented behaviour: defaults, corrected by the parameter KucoinProtocolOverrides."""

from pydantic import ConfigDict, Field

from kubroker.foundation.broker_protocol import BrokerProtocol
from kubroker.foundation.history_protocol import HistoryProtocol
from kubroker.foundation.withdrawal_protocol import WithdrawalProtocol


class KucoinProtocol(WithdrawalProtocol, BrokerProtocol, HistoryProtocol):
    """Facts of KuCoin's protocol that its documents do not state.

    Each field's description ends with how sure its default is: [sdk] the official SDK,
    [seen] a public client or an integrator's report, [assumed] nobody could confirm it.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", alias_generator=None)

    login_path: str = Field("/oauth", description="Path of the OAuth login page. [seen]")
    login_origins: frozenset[str] = Field(
        frozenset(),
        description="Origins that the login page itself redirects to at once, for the consent "
        "form's policy. [assumed]",
    )
    token_path: str = Field("/_oauth/access-token", description="Path of the code exchange. [seen]")
    refresh_path: str = Field("/_oauth/refresh-token", description="Path of the refresh. [seen]")
    key_path_v1: str = Field(
        "/_oauth/resource/ucenter/outer/api-key/add", description="Key creation, v1. [seen]"
    )
    key_path_v2: str = Field(
        "/_oauth/resource/cyber-truck-vault/v2/outer/api-key/add",
        description="Key creation, v2. [seen]",
    )
    refresh_grant_type: str = Field(
        "authorization_code",
        description="grant_type of a refresh; RFC 6749 says refresh_token. [assumed]",
    )
    refresh_in_query: bool = Field(
        False, description="Send a refresh's fields as a query instead of a form body. [assumed]"
    )
    default_access_token_seconds: int = Field(
        3600, ge=1, description="Life of an access token where expires_in is missing. [assumed]"
    )
    refresh_token_seconds: int = Field(
        259_200, ge=1, description="Life of a refresh token, which no answer tells. [assumed]"
    )
    refused_for_good_codes: frozenset[str] = Field(
        frozenset({"invalid_grant", "40002"}),
        description="Codes of the token endpoints: this code or refresh token is dead. [assumed]",
    )
    misconfiguration_codes: frozenset[str] = Field(
        frozenset({"invalid_client", "unauthorized_client", "invalid_scope", "40003"}),
        description="Codes of the token endpoints: our client id, secret or scope is. [assumed]",
    )
    risk_validation_codes: frozenset[str] = Field(
        frozenset({"40503"}),
        description="Codes of key creation: the groups do not match the user's grant. [seen]",
    )
    name_taken_codes: frozenset[str] = Field(
        frozenset({"40010"}), description="Codes of key creation: the apiName exists. [assumed]"
    )
    key_limit_codes: frozenset[str] = Field(
        frozenset({"40011"}), description="Codes of key creation: too many keys. [assumed]"
    )
    dead_token_codes: frozenset[str] = Field(
        frozenset({"40001", "invalid_token"}),
        description="Codes of bearer calls: the access token is not valid. [assumed]",
    )
    unified_group_name: str | None = Field(
        None, description="Group of the unified account; offered once it is named. [assumed]"
    )
    key_check_addressbook_field: str = Field(
        "isAddressbookOnly",
        description="Field of the key check that tells whether the key withdraws to the user's "
        "address book only; an answer without it tells nothing. [assumed]",
    )
    bearer_identity_path: str | None = Field(
        None,
        description="REST path that tells the uid of a bearer token; without it a second link "
        "always makes a new key. [assumed]",
    )
