"""What each change tells, from two images alone."""

import json
from functools import partial

import pytest

from kubroker.connections.model import (
    ApiKeyState,
    AttemptState,
    Authorization,
    Connection,
    ConnectionStatus,
    KeyAttempt,
    KeyFacts,
    PendingLink,
    StagedPair,
)
from kubroker.events import types as event_types
from kubroker.events.derive import derive_events
from kubroker.events.list import EVENT_TYPES
from kubroker.events.types import EventData
from kubroker.exports.model import Export, ExportRequest, ExportState
from kubroker.exports.records import ExportKind
from kubroker.kucoin.permissions import Permission
from kubroker.payouts.model import Payout, PayoutFile, PayoutPart, PayoutState
from kubroker.withdrawals.model import (
    Checkout,
    QuotedFees,
    Verification,
    Withdrawal,
    WithdrawalState,
)

FACTS = KeyFacts(
    name="kubroker",
    hint="c0de",
    permissions=[Permission.GENERAL, Permission.SPOT],
    is_addressbook_only=False,
    ip_whitelist=["203.0.113.7"],
    created_at=1_000,
)
PAIR = StagedPair(
    data_key=b"wrapped-2",
    ciphertext=b"sealed-2",
    access_token_expires_at=5_000,
    refresh_token_expires_at=9_000,
)


def attempt(state=AttemptState.REQUESTED, **changes):
    fields = {
        "attempt_id": "s-1",
        "session_id": "s-1",
        "state": state,
        "permissions": [Permission.GENERAL, Permission.SPOT],
        "is_addressbook_only": False,
        "requested_at": 1_000,
        **changes,
    }
    return KeyAttempt(**fields)


def connection(**changes):
    fields = {
        "user_id": "user-1",
        "account_label": "Main",
        "session_id": "s-1",
        "link_generation": 1,
        "connection_status": ConnectionStatus.CONNECTING,
        "authorization": Authorization.LIVE,
        "token_data_key": b"wrapped-1",
        "token_ciphertext": b"sealed-1",
        "refresh_token_expires_at": 9_000,
        "key_attempt": attempt(),
        "created_at": 1_000,
        "updated_at": 1_000,
        "sequence": 1,
        **changes,
    }
    return Connection(**fields)


def pending(session_id="s-2"):
    return PendingLink(
        session_id=session_id,
        account_label="Main",
        pair=PAIR,
        allow_account_change=False,
        requested_at=1_000,
    )


LIVE = connection(
    connection_status=ConnectionStatus.ACTIVE,
    api_key_state=ApiKeyState.ACTIVE,
    api_key_facts=FACTS,
    key_attempt=attempt(AttemptState.DONE, facts=FACTS),
    kucoin_uid="165111215",
    sequence=5,
)
GONE = LIVE.model_copy(update={"connection_status": ConnectionStatus.DISCONNECTED})


def change(base, **changes):
    return base.model_copy(update={"sequence": base.sequence + 1, **changes})


def told(old, new, *, with_refreshes=True):
    events = derive_events(
        old.to_item() if old else None,
        new.to_item() if new else None,
        with_refreshes=with_refreshes,
    )
    return [event.type for event in events]


CHANGES = {
    "first link": (None, connection(), ["ConnectionAuthorized"]),
    "link after a disconnect": (GONE, connection(sequence=6), ["ConnectionAuthorized"]),
    "link of the same session again after a disconnect": (
        GONE,
        connection(sequence=6, link_generation=3, committed_seq=9, token_data_key=b"other"),
        ["ConnectionAuthorized"],
    ),
    "claim of a key": (connection(), change(connection(), key_attempt=attempt(AttemptState.CREATING)), []),
    "key stored": (connection(), change(connection(), key_attempt=attempt(AttemptState.STORED)), []),
    "key there": (connection(), LIVE, ["ApiKeyCreated"]),
    "key refused": (
        connection(),
        change(connection(), key_attempt=attempt(AttemptState.FAILED, code="key_name_taken")),
        ["ApiKeyFailed"],
    ),
    "key of unknown outcome": (
        connection(),
        change(connection(), key_attempt=attempt(AttemptState.OUTCOME_UNKNOWN)),
        ["ApiKeyOutcomeUnknown"],
    ),
    "second link waits": (
        LIVE,
        change(LIVE, pending_link=pending(), key_attempt=attempt(attempt_id="s-2"), link_generation=2),
        ["ConnectionAuthorized"],
    ),
    "second link swaps": (
        change(LIVE, pending_link=pending(), key_attempt=attempt(attempt_id="s-2")),
        change(LIVE, session_id="s-2", token_data_key=b"wrapped-2", key_attempt=attempt(AttemptState.DONE, attempt_id="s-2", replaced=FACTS)),
        ["ApiKeyCreated"],
    ),
    "second link keeps the key": (
        change(LIVE, pending_link=pending(), key_attempt=attempt(attempt_id="s-2")),
        change(LIVE, session_id="s-2", key_attempt=attempt(AttemptState.DONE, attempt_id="s-2", is_kept=True)),
        ["ApiKeyKept"],
    ),
    "second link after REQUIRED": (
        change(LIVE, pending_link=pending(), key_attempt=attempt(attempt_id="s-2"), authorization=Authorization.REQUIRED),
        change(LIVE, session_id="s-2", key_attempt=attempt(AttemptState.DONE, attempt_id="s-2")),
        ["ApiKeyCreated", "AuthorizationRestored"],
    ),
    "key gone": (LIVE, change(LIVE, api_key_state=ApiKeyState.GONE, api_key_code="400003"), ["ApiKeyGone"]),
    "tokens rotated": (LIVE, change(LIVE, committed_seq=1), ["TokensRefreshed"]),
    "24 hours left": (LIVE, change(LIVE, expiry_warning_hours=24), ["RefreshTokenExpiring"]),
    "6 hours left": (
        change(LIVE, expiry_warning_hours=24),
        change(LIVE, expiry_warning_hours=6),
        ["RefreshTokenExpiring"],
    ),
    "24 hours left, another failure": (
        change(LIVE, expiry_warning_hours=24),
        change(LIVE, expiry_warning_hours=24, refresh_failures=9),
        [],
    ),
    "warning over": (change(LIVE, expiry_warning_hours=6), change(LIVE, expiry_warning_hours=None), []),
    "required": (
        LIVE,
        change(LIVE, authorization=Authorization.REQUIRED, authorization_cause="in_doubt"),
        ["ReauthorizationRequired"],
    ),
    "rescued": (
        change(LIVE, authorization=Authorization.REQUIRED),
        change(LIVE, committed_seq=1),
        ["TokensRefreshed", "AuthorizationRestored"],
    ),
    "shredded on purpose": (LIVE, change(LIVE, authorization=Authorization.FORGOTTEN, token_data_key=None), []),
    "disconnecting": (
        LIVE,
        change(LIVE, connection_status=ConnectionStatus.DISCONNECTING, token_data_key=None),
        ["ConnectionDisconnecting"],
    ),
    "disconnected": (
        change(LIVE, connection_status=ConnectionStatus.DISCONNECTING),
        GONE,
        ["ConnectionDisconnected"],
    ),
    "claim of a rotation": (LIVE, LIVE.model_copy(update={"claim_seq": 1}), []),
    "queued": (LIVE, LIVE.model_copy(update={"next_action_at": 2_000}), []),
    "item deleted": (LIVE, None, []),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_change_of_a_connection_tells(name):
    old, new, expected = CHANGES[name]
    assert told(old, new) == expected


def withdrawal(state, **changes):
    quote = QuotedFees(
        network_fee="1",
        service_fee="0",
        value_usdt="100",
        currency_usd="1",
        usdt_usd="1",
        read_at=1,
    )
    fields = {
        "user_id": "user-1",
        "withdrawal_id": "abcdefgh234567ab",
        "state": state,
        "kucoin_uid": "1",
        "request_hash": "h",
        "body": '{"toAddress":"TXsecretaddress"}',
        "payment_id": "p",
        "currency": "USDT",
        "address": "TXsecretaddress",
        "amount": "100",
        "withdraw_type": "ADDRESS",
        "return_url": "https://www.broker.example/back",
        "quote": quote,
        "created_at": 1_000,
        "updated_at": 1_000,
        "sequence": 3,
        **changes,
    }
    return Withdrawal(**fields)


WITHDRAWALS = {
    WithdrawalState.CREATED: [],
    WithdrawalState.SUBMITTING: [],
    WithdrawalState.VERIFICATION_REQUIRED: ["WithdrawalVerificationRequired"],
    WithdrawalState.SECURITY_SETUP_REQUIRED: ["WithdrawalSecuritySetupRequired"],
    WithdrawalState.SUBMITTED: ["WithdrawalSubmitted"],
    WithdrawalState.SUCCESS: ["WithdrawalSettled"],
    WithdrawalState.FAILURE: ["WithdrawalFailed"],
    WithdrawalState.REJECTED: ["WithdrawalFailed"],
    WithdrawalState.NOT_DONE: ["WithdrawalFailed"],
    WithdrawalState.CANCELLED: ["WithdrawalCancelled"],
    WithdrawalState.EXPIRED: ["WithdrawalExpired"],
    WithdrawalState.OUTCOME_UNKNOWN: ["WithdrawalOutcomeUnknown"],
}


@pytest.mark.parametrize("state", WithdrawalState)
def test_state_of_a_withdrawal_tells(state):
    before = withdrawal(
        WithdrawalState.SUBMITTING
        if state is not WithdrawalState.SUBMITTING
        else WithdrawalState.CREATED
    )
    assert told(before, withdrawal(state)) == WITHDRAWALS[state]
    assert told(withdrawal(state), withdrawal(state, sequence=4)) == []


def test_return_of_funds_tells():
    failed = withdrawal(WithdrawalState.FAILURE, return_status="PROCESSING")
    returned = withdrawal(WithdrawalState.FAILURE, return_status="SUCCESS", return_amount="99")
    assert told(failed, returned) == ["WithdrawalReturnUpdated"]
    assert told(returned, returned) == []


CHECKOUT = Checkout(payee="shop", payee_name="Shop", expires_at=2_000)
# States before and after, with the stored status after; what it tells.
PAYMENTS = {
    "opened": (None, ("CREATED", "OPEN"), []),
    "begun": (("CREATED", "OPEN"), ("SUBMITTING", "PROCESSING"), []),
    "codes wanted": (("SUBMITTING", "PROCESSING"), ("VERIFICATION_REQUIRED", "OPEN"), []),
    "codes lapsed": (("VERIFICATION_REQUIRED", "OPEN"), ("EXPIRED", "OPEN"), []),
    "security wanted": (("SUBMITTING", "PROCESSING"), ("SECURITY_SETUP_REQUIRED", "OPEN"), []),
    "taken": (
        ("SUBMITTING", "PROCESSING"), ("SUBMITTED", "PROCESSING"), ["PaymentSubmitted"]),
    "found": (
        ("OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"), ("SUBMITTED", "PROCESSING"), ["PaymentSubmitted"]),
    "paid out": (("SUBMITTED", "PROCESSING"), ("SUCCESS", "SETTLED"), ["PaymentSettled"]),
    "failed": (("SUBMITTED", "PROCESSING"), ("FAILURE", "FAILED"), ["PaymentFailed"]),
    "refused": (("SUBMITTING", "PROCESSING"), ("REJECTED", "FAILED"), ["PaymentFailed"]),
    "not done": (
        ("OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"), ("NOT_DONE", "FAILED"), ["PaymentFailed"]),
    "cancelled": (("CREATED", "OPEN"), ("CANCELLED", "CANCELLED"), ["PaymentCancelled"]),
    "expired": (("CREATED", "OPEN"), ("EXPIRED", "EXPIRED"), ["PaymentExpired"]),
    "expired later": (("EXPIRED", "OPEN"), ("EXPIRED", "EXPIRED"), ["PaymentExpired"]),
    "lost": (
        ("SUBMITTING", "PROCESSING"), ("OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"),
        ["PaymentOutcomeUnknown"]),
}  # fmt: skip


def payment(state, status, **changes):
    kept = {"kind": "payment", "payment": CHECKOUT, "reference": "invoice 1"}
    return withdrawal(WithdrawalState(state), payment_status=status, **kept, **changes)


@pytest.mark.parametrize("name", PAYMENTS)
def test_change_of_a_payment_tells(name):
    old, new, expected = PAYMENTS[name]
    before = payment(*old) if old else None
    after = payment(*new, sequence=4)
    assert told(before, after) == expected
    assert told(after, payment(*new, sequence=5)) == []
    for event in derive_events(before and before.to_item(), after.to_item(), with_refreshes=True):
        assert event.subject == "payment/user-1/abcdefgh234567ab"
        data = json.loads(event.to_json())["data"]
        assert (data["paymentId"], data["reference"]) == ("abcdefgh234567ab", "invoice 1")
        assert (data["payee"], data["status"]) == ("shop", new[1])
        assert "secretaddress" not in event.to_json()


def test_return_of_a_payments_funds_tells():
    failed = payment("FAILURE", "FAILED", return_status="PROCESSING")
    returned = payment("FAILURE", "FAILED", return_status="SUCCESS", return_amount="99")
    assert told(failed, returned) == ["PaymentReturnUpdated"]


def test_forged_remark_tells_once_and_with_the_other_withdrawals_id():
    for make, name in (
        (partial(withdrawal, WithdrawalState.OUTCOME_UNKNOWN), "WithdrawalRemarkForged"),
        (partial(payment, "OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"), "PaymentRemarkForged"),
    ):
        forged = make(forged_at=1, forged_by="kucoin-2")
        assert told(make(), forged) == [name]
        assert told(forged, make(forged_at=1, forged_by="kucoin-2", sequence=9)) == []
        (event,) = derive_events(make().to_item(), forged.to_item(), with_refreshes=True)
        assert json.loads(event.to_json())["data"]["forgedBy"] == "kucoin-2"


def test_refreshes_are_told_only_where_asked_for():
    rotated = change(LIVE, committed_seq=1)
    assert told(LIVE, rotated, with_refreshes=False) == []
    required = change(LIVE, authorization=Authorization.REQUIRED)
    assert told(required, rotated, with_refreshes=False) == ["AuthorizationRestored"]


def test_same_change_tells_the_same_ids_and_another_change_others():
    def ids(old, new):
        return [
            e.id for e in derive_events(old and old.to_item(), new.to_item(), with_refreshes=True)
        ]

    first = ids(None, connection())
    assert first == ids(None, connection())
    assert first != ids(None, connection(sequence=2))
    assert first != ids(None, connection(updated_at=1_001)), "a restored table counts anew"
    assert first != ids(None, connection(user_id="user-2"))
    swap = CHANGES["second link after REQUIRED"]
    assert len(set(ids(*swap[:2]))) == 2


def test_sequence_rises_within_a_write_and_from_write_to_write():
    old, new, _ = CHANGES["second link after REQUIRED"]
    first, second = derive_events(old.to_item(), new.to_item(), with_refreshes=True)
    assert new.sequence * 10 == first.sequence == second.sequence - 1
    assert second.sequence < (new.sequence + 1) * 10


def test_every_type_is_told_by_some_change():
    told_types = {name for _, _, names in CHANGES.values() for name in names}
    told_types |= {name for names in WITHDRAWALS.values() for name in names}
    told_types |= {name for _, _, names in PAYMENTS.values() for name in names}
    told_types |= {"WithdrawalReturnUpdated", "PaymentReturnUpdated", "PayoutsReady"}
    told_types |= {"WithdrawalRemarkForged", "PaymentRemarkForged"}
    told_types |= {"ExportReady", "ExportFailed"}
    assert told_types == {event_type.__name__ for event_type in EVENT_TYPES}


def test_every_public_model_is_a_listed_type():
    models = {
        value
        for value in vars(event_types).values()
        if isinstance(value, type) and issubclass(value, EventData)
    }
    assert models - set(EVENT_TYPES) == {
        EventData,
        event_types.KeyData,
        event_types.PaymentData,
        event_types.WithdrawalData,
    }


def test_events_hold_no_secret_and_no_address():
    secrets = ["wrapped", "sealed", "secretaddress", "TX", "hash", "https://"]
    pairs = [(old, new) for old, new, _ in CHANGES.values()]
    waiting = withdrawal(
        WithdrawalState.VERIFICATION_REQUIRED,
        verification=Verification(
            transaction_id="tx-id-TX", all_factors=[["MAIL"]], sent_factors=[], until=2_000
        ),
        verify_hashes=["hash"],
        security_url="https://www.kucoin.com/setup",
    )
    pairs.append((withdrawal(WithdrawalState.SUBMITTING), waiting))
    for old, new in pairs:
        images = [item.to_item() if item else None for item in (old, new)]
        for event in derive_events(*images, with_refreshes=True):
            assert not [word for word in secrets if word in event.to_json()]


def payout(state=PayoutState.RUNNING, **changes):
    fields = {
        "payout_id": "p-1",
        "payout_state": state,
        "currency": "USDT",
        "chain": "trx",
        "account": "main",
        "total": 40,
        "part_count": 2,
        "parts_left": 0,
        "found": 38,
        "failed": 2,
        "request_hash": "hash",
        "created_at": 1_000,
        "ttl": 9_000,
        **changes,
    }
    return Payout(**fields)


def ready_payout():
    file = PayoutFile(format="csv", key="payouts/p-1.csv", size_bytes=1, sha256="hash")
    return payout(PayoutState.READY, ready_at=2_000, files=[file])


def test_payout_tells_its_end_once_and_of_no_user():
    images = payout().to_item(), ready_payout().to_item()
    (event,) = derive_events(*images, with_refreshes=True)
    assert json.loads(event.to_json()) == {
        "id": event.id,
        "type": "PayoutsReady",
        "timestamp": "1970-01-01T00:33:20Z",
        "userId": None,
        "subject": "payout/p-1",
        "sequence": 10,
        "schemaVersion": 1,
        "data": {
            "payoutId": "p-1",
            "currency": "USDT",
            "chain": "trx",
            "account": "main",
            "total": 40,
            "found": 38,
            "failed": 2,
        },
    }
    assert derive_events(*images, with_refreshes=True) == [event]
    assert derive_events(images[1], images[1], with_refreshes=True) == []


def test_payout_tells_nothing_on_the_way():
    part = PayoutPart(payout_id="p-1", part="part#hash#0000", users=["u-1"], ttl=9_000)
    done = part.model_copy(update={"is_done": True})
    changes = [
        (None, payout()),
        (payout(found=0), payout()),
        (None, part),
        (part, done),
        (ready_payout(), None),
    ]
    for old, new in changes:
        images = [item.to_item() if item else None for item in (old, new)]
        assert derive_events(*images, with_refreshes=True) == []


def test_event_is_a_standard_webhooks_payload():
    (event,) = derive_events(None, connection().to_item(), with_refreshes=True)
    sent = json.loads(event.to_json())
    assert {"type", "timestamp", "data"} <= set(sent)
    assert sent["timestamp"] == "1970-01-01T00:16:40Z"
    assert sent["data"] == {"sessionId": "s-1", "linkGeneration": 1, "isRelink": False}


def test_newer_releases_attributes_are_passed_over_and_nonsense_is_refused():
    image = {**connection().to_item(), "ofTheNextRelease": {"a": 1}}
    assert derive_events(None, image, with_refreshes=True)
    with pytest.raises(ValueError, match="userId"):
        derive_events(None, {"nonsense": 1}, with_refreshes=True)


def export(state=ExportState.RUNNING, **changes):
    fields = {
        "export_id": "e-1",
        "export_state": state,
        "request": ExportRequest(
            kinds=[ExportKind.DEPOSITS], start_ms=0, end_ms=1, format="csv", is_of_all=False
        ),
        "request_hash": "hash",
        "users": 2,
        "records": 7,
        "created_at": 1_000,
        "updated_at": 2_000,
        "ttl": 9_000,
        **changes,
    }
    return Export(**fields)


@pytest.mark.parametrize(
    ("state", "types"),
    [
        (ExportState.RUNNING, []),
        (ExportState.CANCELLED, []),
        (ExportState.READY, ["ExportReady"]),
        (ExportState.FAILED, ["ExportFailed"]),
    ],
)
def test_export_tells_its_end_once_and_of_no_user(state, types):
    running, over = export(), export(state, sequence=2)
    events = derive_events(running.to_item(), over.to_item(), with_refreshes=False)
    assert [event.type for event in events] == types
    assert {event.subject for event in events} <= {"export/e-1"}
    assert {event.user_id for event in events} <= {None}
    assert derive_events(over.to_item(), over.to_item(), with_refreshes=False) == []


def test_what_an_export_does_on_the_way_is_no_news():
    unit = {**export(ExportState.READY).to_item(), "item": "unit#user-1"}
    assert derive_events(None, unit, with_refreshes=False) == []
