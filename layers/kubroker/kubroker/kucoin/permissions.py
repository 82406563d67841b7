"""An API key's permissions: Kubroker's names, KuCoin's groups and its key-check names."""

from collections.abc import Iterable
from enum import StrEnum

from kubroker.foundation.errors import UnprocessableError


class Permission(StrEnum):
    """One permission as the broker API and the consent page name it."""

    GENERAL = "GENERAL"
    SPOT = "SPOT"
    MARGIN = "MARGIN"
    FUTURES = "FUTURES"
    EARN = "EARN"
    FLEXIBLE_TRANSFERS = "FLEXIBLE_TRANSFERS"
    UNIFIED = "UNIFIED"
    WITHDRAWAL = "WITHDRAWAL"


# Source: kucoin-fast-api, 4.2 (request body). The group of UNIFIED is not documented: a setting.
GROUP_NAMES: dict[Permission, str] = {
    Permission.GENERAL: "API_COMMON",
    Permission.SPOT: "API_SPOT",
    Permission.MARGIN: "API_MARGIN",
    Permission.FUTURES: "API_FUTURES",
    Permission.EARN: "API_EARN",
    Permission.FLEXIBLE_TRANSFERS: "API_TRANSFER",
    Permission.WITHDRAWAL: "API_WITHDRAW_OAUTH",
}

# Source: GET /api/v1/user/api-key, field `permission`.
CHECK_NAMES: dict[str, Permission] = {
    "General": Permission.GENERAL,
    "Spot": Permission.SPOT,
    "Margin": Permission.MARGIN,
    "Futures": Permission.FUTURES,
    "Earn": Permission.EARN,
    "InnerTransfer": Permission.FLEXIBLE_TRANSFERS,
    "Unified": Permission.UNIFIED,
    "Transfer": Permission.WITHDRAWAL,
}


def build_auth_group_map(
    chosen: Iterable[Permission], *, unified_group_name: str | None
) -> dict[str, bool]:
    """The ``authGroupMap`` of the v2 key creation: every known group, true where chosen.

    Args:
        chosen: The permissions that the user chose; GENERAL is always included.
        unified_group_name: KuCoin's group for the unified account, or None where nobody named it.

    Returns:
        Group name to true or false.

    Raises:
        ValueError: UNIFIED is chosen, but its group has no name.
    """
    names = dict(GROUP_NAMES)
    if unified_group_name:
        names[Permission.UNIFIED] = unified_group_name
    wanted = {Permission.GENERAL, *chosen}
    if unnamed := wanted - set(names):
        raise ValueError(f"no KuCoin group is known for {', '.join(sorted(unnamed))}")
    return {group: permission in wanted for permission, group in names.items()}


def find_unavailable(*, key_version: str, unified_group_name: str | None) -> frozenset[Permission]:
    """What this installation can't ask KuCoin for.

    Source: kucoin-fast-api, 4.1: version 1 never gives withdrawal.

    Args:
        key_version: ``v1`` or ``v2``.
        unified_group_name: KuCoin's group for the unified account, or None where nobody named it.
    """
    missing = set()
    if key_version == "v1":
        missing.add(Permission.WITHDRAWAL)
    if not unified_group_name:
        missing.add(Permission.UNIFIED)
    return frozenset(missing)


def check_available(permissions: Iterable[Permission], unavailable: frozenset[Permission]) -> None:
    """Refuses what ``find_unavailable`` found.

    Raises:
        UnprocessableError: Names the first such permission.
    """
    if missing := sort_permissions(unavailable.intersection(permissions)):
        raise UnprocessableError(
            f"{missing[0]} is not available at this installation: WITHDRAWAL needs "
            "KucoinKeyVersion v2, UNIFIED needs unified_group_name in KucoinProtocolOverrides.",
            code="permission_not_available",
            field="permissions",
        )


def parse_key_check(permission_field: str) -> frozenset[Permission]:
    """Reads KuCoin's ``General,Spot,…``; names that nobody knows yet are passed over."""
    names = (name.strip() for name in permission_field.split(","))
    return frozenset(CHECK_NAMES[name] for name in names if name in CHECK_NAMES)


def sort_permissions(permissions: Iterable[Permission]) -> list[Permission]:
    """In the order of declaration, each once: for answers, items and pages."""
    wanted = set(permissions)
    return [permission for permission in Permission if permission in wanted]
