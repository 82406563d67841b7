"""What each end of a linking session says: what happened, and what to do next.

``{broker}`` is the broker's name, ``{key}`` names the key at KuCoin that the text is about.
"""

from dataclasses import dataclass
from typing import Literal

KEY_PAGE = "API Management on KuCoin’s website"


@dataclass(frozen=True, slots=True)
class EndText:
    """One end.

    Args:
        title: The page's heading.
        tone: Which sign it carries.
        status: ``status`` on the way back to the broker.
        happened: One or two sentences, with what it means for the user's account.
        steps: What to do, in order.
        http_status: An outcome that was reached is 200, also a bad one; the others say what is
            wrong with this very request.
    """

    title: str
    tone: Literal["good", "plain", "warn", "bad"]
    status: Literal["connected", "refused", "expired", "failed"]
    happened: str
    steps: tuple[str, ...]
    http_status: int = 200


END_TEXTS: dict[str, EndText] = {
    "connected": EndText(
        "Your KuCoin account is connected",
        "good",
        "connected",
        "{broker} can now use your KuCoin account within the permissions below.",
        (),
    ),
    "refused_by_user": EndText(
        "You cancelled",
        "plain",
        "refused",
        "Nothing was connected, and nothing changed in your KuCoin account.",
        ("There is nothing left to do. You can start again at {broker} at any time.",),
    ),
    "session_expired": EndText(
        "This link has expired",
        "plain",
        "expired",
        "For your safety a link to connect KuCoin works for a short time only. "
        "This one connected nothing.",
        ("Go back to {broker} and choose to connect KuCoin again. You get a new link.",),
        410,
    ),
    "session_used": EndText(
        "This link has already been used",
        "plain",
        "failed",
        "Each link to connect KuCoin works once.",
        (
            "Go back to {broker} and look whether your KuCoin account is connected there.",
            "If it is not, choose to connect KuCoin again. You get a new link.",
        ),
        410,
    ),
    "other_browser": EndText(
        "This was started in another browser",
        "warn",
        "failed",
        "For your safety a connection has to be finished in the browser that it was started in. "
        "Nothing was connected.",
        (
            "Open {broker} in this browser, log in there, and choose to connect KuCoin.",
            "If you did not start this yourself, it may be someone else’s link: close this page.",
        ),
        403,
    ),
    "permission_mismatch": EndText(
        "KuCoin did not allow all permissions",
        "warn",
        "failed",
        "KuCoin refused because the permissions asked for don’t match what your account has or "
        "what you confirmed there. No key was created, and nothing changed in your account.",
        (),
    ),
    "key_limit_reached": EndText(
        "Your KuCoin account has too many API keys",
        "warn",
        "failed",
        "KuCoin limits how many API keys an account may have, and yours has reached the limit. "
        "No key was created.",
        (
            f"Open {KEY_PAGE} and delete a key that you no longer use.",
            "Come back to {broker} and connect KuCoin again.",
        ),
    ),
    "key_name_taken": EndText(
        "KuCoin already has a key for {broker}",
        "warn",
        "failed",
        "Your KuCoin account still holds an API key from an earlier connection, and KuCoin allows "
        "no second one of its name. No new key was created.",
        (
            f"Open {KEY_PAGE} and delete {{key}}.",
            "Come back to {broker} and connect KuCoin again.",
        ),
    ),
    "kucoin_unreachable": EndText(
        "KuCoin can’t be reached right now",
        "warn",
        "failed",
        "KuCoin did not answer. No key was created, and nothing changed in your account. "
        "This passes by itself.",
        ("Wait a few minutes, then connect KuCoin again at {broker}.",),
        503,
    ),
    "key_outcome_unknown": EndText(
        "KuCoin’s answer was lost",
        "bad",
        "failed",
        "KuCoin was asked to create an API key, but its answer did not arrive. There may now be a "
        "key in your account that nobody can use, {broker} neither.",
        (
            f"Open {KEY_PAGE}.",
            "If there is {key}, delete it.",
            "Come back to {broker} and connect KuCoin again.",
        ),
    ),
    "account_mismatch": EndText(
        "This is another KuCoin account",
        "warn",
        "failed",
        "You confirmed with a different KuCoin account than the one that is connected to "
        "{broker}. The connection was left as it was.",
        (
            "To renew it, log out at KuCoin, then connect again with the account used before.",
            "To change to the other account, end the connection at {broker} first.",
        ),
    ),
    "authorization_failed": EndText(
        "KuCoin did not confirm the connection",
        "bad",
        "failed",
        "KuCoin answered with an error. No key was created, and nothing changed in your account.",
        (
            "Connect KuCoin again at {broker}.",
            "If it fails again, tell {broker}’s support the reference below.",
        ),
    ),
    "internal_error": EndText(
        "Something went wrong on our side",
        "bad",
        "failed",
        "This page could not be shown. What you did at KuCoin is safe.",
        (
            "Go back to {broker} and look whether your KuCoin account is connected there.",
            "If it is not, connect KuCoin again.",
        ),
        500,
    ),
}

END_CODES = frozenset(END_TEXTS)
