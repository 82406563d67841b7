"""What a checkout says to the user: why it was not paid just now, and how it ended."""

from kubroker.payments.checkout_page import Notice
from kubroker.withdrawals.verify_end_page import VerifyText
from kubroker.withdrawals.verify_page import VerifyWording

# Codes of errors → why nothing was paid just now, in the user's words.
_NOT_NOW = "Nothing was paid. Please try again in a minute."
PROBLEMS: dict[str, str] = {
    "fees_changed": "KuCoin’s fees have changed since you opened this page. Nothing was paid. "
    "Check the new figures, then pay.",
    "possible_duplicate": "Another payment of the same amount to the same recipient is under way, "
    "or its outcome is not known yet. Nothing more was paid. Wait until that one has ended.",
    "payee_not_listed": "The recipient can’t be paid any more. Nothing was paid.",
    "account_mismatch": "You have linked another KuCoin account since this payment was opened. "
    "Nothing was paid. Start it again.",
    "connection_disconnected": "Your KuCoin account is not linked any more. Nothing was paid.",
    "connection_not_found": "Your KuCoin account is not linked any more. Nothing was paid.",
    "api_key_not_active": "Your KuCoin account can’t be used at the moment. Nothing was paid.",
    "withdrawal_not_granted": "You have not allowed withdrawals for your KuCoin account, and a "
    "payment is one. Nothing was paid. Link it again with that permission.",
    "withdrawals_switched_off": "Payments are paused at the moment. Nothing was paid. Please try "
    "again later.",
    "daily_limit_reached": "This is more than may be paid from your account today. Nothing was "
    "paid.",
    "transfer_limit_reached": "KuCoin allows only a few payments of this kind in a short time. "
    "Nothing was paid. Please try again later.",
    "kucoin_busy": "KuCoin takes no more requests at the moment. " + _NOT_NOW,
    "kucoin_unreachable": "KuCoin can’t be reached at the moment. " + _NOT_NOW,
    "kucoin_unreadable": "KuCoin does not tell balance and fees at the moment. " + _NOT_NOW,
    "withdrawal_disabled": "KuCoin has paused this currency on this network. Nothing was paid.",
    "conflict": "It changed in the same moment. Nothing was paid. Look again, then pay.",
}
PROBLEM_OTHERWISE = "It can’t be paid at the moment. " + _NOT_NOW

PAYMENT_WORDING = VerifyWording(
    title="Confirm this payment",
    lead="asked KuCoin to pay this from your KuCoin account. Check it, then enter the codes that "
    "KuCoin wants.",
    button="Confirm and pay",
    shows_leaves=True,
)
CODES_LAPSED = Notice(
    "The time for the codes is over", "Nothing was paid. Press Pay to get new codes."
)
SECURITY_WANTED = Notice(
    "KuCoin wants more security first",
    "Nothing was paid. Set up the security that KuCoin asks for, come back to this page and press "
    "Pay again.",
)

PAYMENT_TEXTS: dict[str, VerifyText] = {
    "submitted": VerifyText(
        "KuCoin is sending your payment",
        "good",
        "submitted",
        "You have paid {amount}, and KuCoin has taken it. It can take a while until it arrives.",
    ),
    "success": VerifyText("Paid", "good", "submitted", "KuCoin has sent your payment of {amount}."),
    "in_progress": VerifyText(
        "KuCoin is being asked right now",
        "wait",
        "pending",
        "Your payment of {amount} is being made. This page loads itself again in a few seconds. "
        "Don’t pay a second time.",
    ),
    "unknown": VerifyText(
        "KuCoin’s answer was lost",
        "bad",
        "pending",
        "KuCoin was asked to pay {amount}, but its answer did not arrive. {broker} is finding out "
        "whether it was done. Please don’t pay a second time.",
    ),
    "expired": VerifyText(
        "The time to pay is over",
        "plain",
        "expired",
        "Nothing was paid, and nothing has left your account. You can start again at {broker}.",
    ),
    "rejected": VerifyText(
        "KuCoin refused the payment",
        "warn",
        "failed",
        "Nothing was paid, and nothing has left your account.",
    ),
    "cancelled": VerifyText(
        "The payment was cancelled",
        "plain",
        "cancelled",
        "Nothing was paid, and nothing has left your account.",
    ),
    "failure": VerifyText(
        "KuCoin did not complete the payment",
        "bad",
        "failed",
        "KuCoin could not send {amount}. {broker} can tell you what became of it.",
    ),
    "not_done": VerifyText(
        "The payment was not made",
        "plain",
        "failed",
        "KuCoin did not take it: nothing has left your account. You can start again at {broker}.",
    ),
}
