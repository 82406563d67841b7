"""Sessions, permissions and connections: the pure rules of linking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.connections.model import (
    ApiKeyState,
    AttemptState,
    Authorization,
    Connection,
    ConnectionStatus,
    KeyAttempt,
    derive_key_state,
    derive_status,
)
from kubroker.foundation.errors import UnprocessableError
from kubroker.foundation.hashes import hash_secret, is_secret_of
from kubroker.kucoin.permissions import (
    GROUP_NAMES,
    Permission,
    build_auth_group_map,
    parse_key_check,
    sort_permissions,
)
from kubroker.linking.model import derive_completion_code, parse_handle, settle_choice

HANDLE = "a" * 22 + "." + "b" * 43


def attempt(state: AttemptState, **more: object) -> KeyAttempt:
    return KeyAttempt(
        attempt_id="a",
        state=state,
        permissions=[Permission.GENERAL],
        is_addressbook_only=False,
        requested_at=0,
        **more,
    )


def connection(**more: object) -> Connection:
    return Connection(
        **{
            "user_id": "u",
            "account_label": "l",
            "link_generation": 1,
            "connection_status": ConnectionStatus.CONNECTING,
            "authorization": Authorization.LIVE,
            "created_at": 0,
            "updated_at": 0,
            **more,
        }
    )


def test_handle_of_the_right_form_is_split() -> None:
    assert parse_handle(HANDLE) == ("a" * 22, "b" * 43)


@pytest.mark.parametrize(
    "handle", ["", "a.b", HANDLE + "b", HANDLE[1:], HANDLE.replace(".", "/"), HANDLE + "\n"]
)
def test_handle_of_another_form_is_none(handle: str) -> None:
    assert parse_handle(handle) is None


def test_secret_is_recognised_by_its_hash_only() -> None:
    assert is_secret_of("x", hash_secret("x"))
    assert not is_secret_of("y", hash_secret("x"))
    assert not is_secret_of("x", None)


def test_completion_code_needs_both_secrets() -> None:
    code = derive_completion_code("browser", "state")
    assert code == derive_completion_code("browser", "state")
    assert code != derive_completion_code("other", "state")
    assert code != derive_completion_code("browser", "other")


def test_choice_includes_general_and_the_required() -> None:
    choice = settle_choice([Permission.SPOT], offered=[Permission.SPOT], required=[Permission.EARN])
    assert choice == [Permission.GENERAL, Permission.SPOT, Permission.EARN]


def test_choice_beyond_the_offer_is_refused() -> None:
    with pytest.raises(UnprocessableError, match="WITHDRAWAL"):
        settle_choice([Permission.WITHDRAWAL], offered=[Permission.SPOT], required=[])


def test_auth_group_map_names_every_group() -> None:
    groups = build_auth_group_map([Permission.SPOT], unified_group_name=None)
    assert groups == {
        "API_COMMON": True,
        "API_SPOT": True,
        "API_MARGIN": False,
        "API_FUTURES": False,
        "API_EARN": False,
        "API_TRANSFER": False,
        "API_WITHDRAW_OAUTH": False,
    }


def test_auth_group_map_unified_needs_its_name() -> None:
    with pytest.raises(ValueError, match="UNIFIED"):
        build_auth_group_map([Permission.UNIFIED], unified_group_name=None)
    assert build_auth_group_map([Permission.UNIFIED], unified_group_name="API_X")["API_X"]


@given(st.sets(st.sampled_from(sorted(GROUP_NAMES))))
def test_auth_group_map_is_true_exactly_where_chosen(chosen: set[Permission]) -> None:
    groups = build_auth_group_map(chosen, unified_group_name=None)
    granted = {permission for permission, name in GROUP_NAMES.items() if groups[name]}
    assert granted == {Permission.GENERAL, *chosen}


def test_key_check_reads_kucoins_names_and_passes_over_new_ones() -> None:
    assert parse_key_check("General, Spot,InnerTransfer,Transfer,Quantum") == {
        Permission.GENERAL,
        Permission.SPOT,
        Permission.FLEXIBLE_TRANSFERS,
        Permission.WITHDRAWAL,
    }


def test_permissions_sort_by_declaration_each_once() -> None:
    assert sort_permissions([Permission.EARN, Permission.SPOT, Permission.EARN]) == [
        Permission.SPOT,
        Permission.EARN,
    ]


@pytest.mark.parametrize(
    ("made", "now", "state", "status"),
    [
        (attempt(AttemptState.REQUESTED), 0, ApiKeyState.NONE, ConnectionStatus.CONNECTING),
        (
            attempt(AttemptState.CREATING, lease_until=10),
            9,
            ApiKeyState.CREATING,
            ConnectionStatus.CONNECTING,
        ),
        (
            attempt(AttemptState.CREATING, lease_until=10),
            10,
            ApiKeyState.OUTCOME_UNKNOWN,
            ConnectionStatus.FAILED,
        ),
        (attempt(AttemptState.STORED), 0, ApiKeyState.CREATING, ConnectionStatus.CONNECTING),
        (
            attempt(AttemptState.FAILED, code="x"),
            0,
            ApiKeyState.FAILED,
            ConnectionStatus.FAILED,
        ),
        (None, 0, ApiKeyState.NONE, ConnectionStatus.CONNECTING),
    ],
)
def test_key_state_follows_the_attempt_while_no_key_is_in_use(
    made: KeyAttempt | None, now: int, state: ApiKeyState, status: ConnectionStatus
) -> None:
    made_connection = connection(key_attempt=made)
    assert derive_key_state(made_connection, now)[0] is state
    assert derive_status(made_connection, now) is status


def test_key_state_of_a_key_in_use_outlives_a_failed_attempt() -> None:
    made = connection(
        api_key_state=ApiKeyState.ACTIVE, key_attempt=attempt(AttemptState.FAILED, code="x")
    )
    assert derive_key_state(made, 0) == (ApiKeyState.ACTIVE, None)
    assert derive_status(made, 0) is ConnectionStatus.ACTIVE


def test_status_of_a_disconnected_connection_hides_its_key() -> None:
    made = connection(
        connection_status=ConnectionStatus.DISCONNECTED, api_key_state=ApiKeyState.ACTIVE
    )
    assert derive_status(made, 0) is ConnectionStatus.DISCONNECTED


def test_item_of_a_newer_release_is_read() -> None:
    item = {**connection().to_item(), "somethingNew": {"a": 1}, "schemaVersion": 2}
    assert Connection.model_validate(item).user_id == "u"


def test_choice_without_the_users_own_withdrawal_is_refused_even_where_required() -> None:
    with pytest.raises(UnprocessableError, match="WITHDRAWAL"):
        settle_choice([], offered=[], required=[Permission.WITHDRAWAL])
    assert settle_choice([Permission.WITHDRAWAL], offered=[], required=[Permission.WITHDRAWAL]) == [
        Permission.GENERAL,
        Permission.WITHDRAWAL,
    ]
