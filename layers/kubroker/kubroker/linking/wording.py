"""The permissions in plain words: what each lets the broker do, and what it does not."""

from dataclasses import dataclass

from kubroker.kucoin.permissions import Permission


@dataclass(frozen=True, slots=True)
class PermissionWording:
    """How one permission reads on a page: a title, one sentence, and a drawing's name."""

    title: str
    explanation: str
    icon: str


WORDING: dict[Permission, PermissionWording] = {
    Permission.GENERAL: PermissionWording(
        "See your account",
        "Balances, orders, history and deposit addresses. It moves nothing and trades nothing.",
        "eye",
    ),
    Permission.SPOT: PermissionWording(
        "Spot trading",
        "Place and cancel spot orders with the funds in your trading account.",
        "swap",
    ),
    Permission.MARGIN: PermissionWording(
        "Margin trading",
        "Borrow, repay, and trade with borrowed funds on your margin account.",
        "layers",
    ),
    Permission.FUTURES: PermissionWording(
        "Futures trading",
        "Open and close futures positions. Futures must be activated in your KuCoin account.",
        "chart",
    ),
    Permission.EARN: PermissionWording(
        "Earn",
        "Subscribe to KuCoin Earn products with your funds, and redeem them.",
        "sprout",
    ),
    Permission.FLEXIBLE_TRANSFERS: PermissionWording(
        "Transfers between your own accounts",
        "Move funds between your KuCoin accounts, such as funding and trading. "
        "Nothing leaves KuCoin.",
        "move",
    ),
    Permission.UNIFIED: PermissionWording(
        "Unified account",
        "Trade from your KuCoin unified account, which holds spot, margin and futures together.",
        "circle",
    ),
    Permission.WITHDRAWAL: PermissionWording(
        "Withdrawals",
        "Send crypto from your KuCoin account to someone else, or to a wallet outside KuCoin.",
        "out",
    ),
}

# Accounts without futures are by far the most frequent reason; the rest in falling likelihood.
_CAUSES = (
    Permission.FUTURES,
    Permission.MARGIN,
    Permission.UNIFIED,
    Permission.FLEXIBLE_TRANSFERS,
    Permission.EARN,
    Permission.WITHDRAWAL,
)


def find_likely_cause(asked: list[Permission] | tuple[Permission, ...]) -> Permission | None:
    """Which of the permissions asked for KuCoin most likely refused with 40503, if any.

    Source: kucoin-protocol section 3: most often API_FUTURES for an account without futures.
    """
    return next((permission for permission in _CAUSES if permission in asked), None)
