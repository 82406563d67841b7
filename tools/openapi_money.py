"""The routes of withdrawals, payments, addresses and payouts, as docs/openapi.json tells them."""

from kubroker.payments import views as payments
from kubroker.payouts import views as deposits
from kubroker.revenue import views as rebates
from kubroker.withdrawals import requests as withdrawals
from kubroker.withdrawals import views
from tools.openapi_operations import (
    JSON_BODY,
    KNOWN_USER,
    KUCOIN,
    LIST,
    NO_KEY,
    PAGE,
    PAGES,
    STORED,
    Operation,
    join,
)

_CODES = {
    "type": "object",
    "description": "A field code-FACTOR for each factor; or action: renew for new codes, pay (with "
    "the fees that were shown) or cancel for a payment.",
    "properties": {
        "action": {"type": "string", "enum": ["renew", "pay", "cancel"]},
        "fees": {"type": "string"},
    },
    "additionalProperties": {"type": "string"},
}
_WITHDRAWAL_KEYS = {409: (*NO_KEY, "withdrawal_not_granted")}
_WITHDRAWAL = {404: ("withdrawal_not_found",)}
_SWITCH = {503: ("withdrawals_switched_off", "withdrawals_unavailable")}
_WITHDRAWAL_REFUSALS = {
    409: ("security_setup_required", "verification_expired", "possible_duplicate", "tries_used_up"),
    422: (
        "address_not_whitelisted",
        "chain_unknown",
        "currency_unknown",
        "identity_required",
        "insufficient_balance",
        "kucoin_parameter",
        "kucoin_refused",
        "recipient_required",
        "withdrawal_disabled",
    ),
    429: ("daily_limit_reached", "daily_tries_reached", "transfer_limit_reached", "kucoin_busy"),
    502: KUCOIN,
    503: ("kucoin_unreadable", "withdrawals_contended"),
}
_W = "/v1/connections/{userId}/withdrawals"
_A = "/v1/connections/{userId}/deposit-addresses"

MONEY: dict[str, Operation] = {
    f"POST {_W}/quote": Operation(
        "What a withdrawal would cost.",
        {200: views.QuoteResponse},
        withdrawals.QuoteRequest,
        join(KNOWN_USER, STORED, JSON_BODY, _WITHDRAWAL_KEYS, _WITHDRAWAL_REFUSALS, _SWITCH),
    ),
    f"POST {_W}": Operation(
        "Makes a withdrawal, or tells how the one of this key stands.",
        {200: views.WithdrawalResponse, 201: views.WithdrawalResponse}
        | {202: views.WithdrawalResponse},
        withdrawals.WithdrawalRequest,
        join(
            KNOWN_USER,
            STORED,
            JSON_BODY,
            _WITHDRAWAL_KEYS,
            _WITHDRAWAL_REFUSALS,
            _SWITCH,
            {
                400: ("idempotency_key_missing", "idempotency_key_malformed"),
                422: ("idempotency_key_reused", "return_url_not_allowed"),
            },
        ),
        headers=("Idempotency-Key",),
    ),
    f"GET {_W}": Operation(
        "One page of withdrawals, latest first.",
        {200: views.WithdrawalListResponse},
        refusals=join(KNOWN_USER, STORED, LIST),
        query=("withdrawalStatus", "limit", "cursor"),
    ),
    f"GET {_W}/{{id}}": Operation(
        "One withdrawal; never a code.",
        {200: views.WithdrawalResponse},
        refusals=join(KNOWN_USER, STORED, _WITHDRAWAL),
    ),
    f"DELETE {_W}/{{id}}": Operation(
        "Cancels a withdrawal, as long as KuCoin allows it.",
        {200: views.WithdrawalResponse},
        refusals=join(
            KNOWN_USER,
            STORED,
            _WITHDRAWAL,
            {
                409: ("cancel_refused", "withdrawal_settled", "withdrawal_in_flight", *NO_KEY),
                502: KUCOIN,
            },
        ),
    ),
    f"POST {_W}/{{id}}/verification": Operation(
        "Takes the codes that KuCoin wants.",
        {200: views.WithdrawalResponse, 202: views.WithdrawalResponse},
        withdrawals.VerificationRequest,
        join(
            KNOWN_USER,
            STORED,
            JSON_BODY,
            _WITHDRAWAL,
            _WITHDRAWAL_KEYS,
            _WITHDRAWAL_REFUSALS,
            _SWITCH,
            {
                409: ("verification_not_required", "verification_in_progress"),
                422: (
                    "verification_code_malformed",
                    "verification_code_wrong",
                    "verification_factors",
                ),
            },
        ),
    ),
    f"POST {_W}/{{id}}/settlement": Operation(
        "Takes an operator's word on an unknown outcome.",
        {200: views.WithdrawalResponse},
        withdrawals.SettlementRequest,
        join(
            KNOWN_USER,
            STORED,
            JSON_BODY,
            _WITHDRAWAL,
            {
                409: ("not_to_be_settled", "withdrawal_settled"),
                422: ("kucoin_id_does_not_fit", "outcome_not_possible"),
            },
        ),
    ),
    "POST /v1/payments": Operation(
        "Opens a payment to one of the operator's payees, or tells how the one of this key stands.",
        {200: payments.PaymentResponse, 201: payments.PaymentResponse},
        payments.PaymentRequest,
        join(
            STORED,
            JSON_BODY,
            _WITHDRAWAL_KEYS,
            _SWITCH,
            {
                400: ("idempotency_key_missing", "idempotency_key_malformed"),
                404: ("connection_not_found",),
                409: ("possible_duplicate",),
                422: (
                    "amount_above_maximum",
                    "amount_below_minimum",
                    "amount_not_positive",
                    "amount_precision",
                    "chain_unknown",
                    "currency_unknown",
                    "idempotency_key_reused",
                    "insufficient_balance",
                    "memo_required",
                    "payee_currency",
                    "payee_unknown",
                    "return_url_not_allowed",
                    "withdrawal_disabled",
                ),
                429: ("daily_limit_reached",),
                503: ("kucoin_unreadable", "withdrawals_contended"),
            },
        ),
        headers=("Idempotency-Key",),
    ),
    "GET /v1/payments": Operation(
        "One page of payments, latest first. With a filter a page may be short and not the last.",
        {200: payments.PaymentListResponse},
        refusals=join(STORED, LIST),
        query=("payer", "paymentStatus", "reference", "limit", "cursor"),
    ),
    "GET /v1/payments/{id}": Operation(
        "How a payment stands; never a code.",
        {200: payments.PaymentResponse},
        refusals=join(STORED, {404: ("payment_not_found",)}),
    ),
    "DELETE /v1/payments/{id}": Operation(
        "Cancels a payment, as long as KuCoin allows it.",
        {200: payments.PaymentResponse},
        refusals=join(
            STORED,
            {
                404: ("payment_not_found",),
                409: ("cancel_refused", "withdrawal_settled", "withdrawal_in_flight", *NO_KEY),
                503: ("kucoin_unreachable",),
            },
        ),
    ),
    "GET /verify/{token}": Operation(
        "The checkout of a payment, or the page that asks for codes. Changes nothing.",
        dict.fromkeys(PAGES, PAGE),
    ),
    "POST /verify/{token}": Operation(
        "The codes, a wish for new ones, or the press of Pay or Cancel.",
        {**dict.fromkeys(PAGES, PAGE), 303: None},
        _CODES,
    ),
    f"GET {_A}": Operation(
        "The deposit addresses that are there.",
        {200: deposits.AddressListResponse},
        refusals=join(
            KNOWN_USER,
            STORED,
            {400: ("unknown_parameter",), 409: NO_KEY, 422: ("invalid_value",), 502: KUCOIN},
            {409: ("deposits_disabled",), 422: ("currency_unknown", "chain_unknown")},
        ),
        query=("currency", "chain"),
    ),
    f"POST {_A}": Operation(
        "Gets or creates a deposit address; safe to repeat.",
        {200: deposits.AddressResponse, 201: deposits.AddressResponse},
        deposits.AddressRequest,
        join(
            KNOWN_USER,
            STORED,
            JSON_BODY,
            {
                409: (*NO_KEY, "deposit_address_elsewhere", "deposits_disabled"),
                422: ("currency_unknown", "chain_unknown"),
                502: KUCOIN,
            },
        ),
    ),
    "POST /v1/payouts": Operation(
        "Collects the deposit addresses of many users for a payout.",
        {202: deposits.PayoutResponse},
        deposits.PayoutRequest,
        join(
            STORED,
            JSON_BODY,
            {
                400: ("idempotency_key_missing", "idempotency_key_malformed"),
                422: ("duplicate_user", "idempotency_key_reused", "idempotency_key_expired"),
            },
        ),
        headers=("Idempotency-Key",),
    ),
    "GET /v1/payouts/{id}": Operation(
        "How a payout stands; its files once it is ready.",
        {200: deposits.PayoutResponse},
        refusals=join(STORED, {404: ("payout_not_found",)}),
    ),
    "GET /v1/rebates": Operation(
        "Has KuCoin write the file of orders that brought rebates; its link works for a day.",
        {200: rebates.RebateReportResponse},
        refusals={
            400: ("unknown_parameter",),
            409: ("broker_account_missing",),
            422: ("invalid_value",),
            502: KUCOIN,
        },
        query=("from", "to", "tradeType"),
    ),
    "GET /v1/tag-checks/{day}": Operation(
        "What the daily check of the broker's tag found.",
        {200: rebates.TagCheckResponse},
        refusals=join(STORED, {404: ("tag_check_not_found",)}),
    ),
}
