"""The storage edge: the vault, conditional writes and their repetitions, on moto."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from kubroker.aws.clients import translate_errors
from kubroker.aws.table import Put, Table, Update
from kubroker.connections.vault import EncryptionContext, Purpose, Vault
from kubroker.foundation.errors import ContendedError, LostRaceError, StoreError, VaultError


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        client.create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        yield Table(client, "t")


@pytest.fixture
def vault(table: Table) -> Vault:
    kms = boto3.client("kms", region_name="eu-west-1")
    return Vault(kms, kms.create_key()["KeyMetadata"]["KeyId"])


def make(table: Table, **item: Any) -> None:
    table.write(Put({"id": "1", **item}, ["attribute_not_exists(#id)"]))


def test_table_keeps_values_of_every_kind(table: Table) -> None:
    make(
        table, number=3, text="x", blob=b"\x00\x01", nested={"blob": b"y", "list": [b"z"]}, no=None
    )
    item = table.find({"id": "1"})
    assert item is not None
    assert item.pop("lastWriteId")
    assert item == {
        "id": "1",
        "number": 3,
        "text": "x",
        "blob": b"\x00\x01",
        "nested": {"blob": b"y", "list": [b"z"]},
    }


def test_table_update_sets_removes_adds_at_every_depth(table: Table) -> None:
    make(table, n=1, gone="x", nested={"a": 1, "b": 2})
    item = table.write(
        Update(
            {"id": "1"},
            set_={"gone": None, "new": "y", "nested.a": 5, "nested.b": None},
            add={"n": 2},
            conditions=["#nested.#a = :one", "#n < :five"],
            values={":one": 1, ":five": 5, ":unused": 9},
        )
    )
    assert (item["n"], item["new"], item["nested"]) == (3, "y", {"a": 5})
    assert "gone" not in item


def test_table_failed_condition_is_a_lost_race(table: Table) -> None:
    make(table, n=1)
    with pytest.raises(LostRaceError):
        table.write(Update({"id": "1"}, {"n": 2}, conditions=["#n = :no"], values={":no": 7}))
    with pytest.raises(LostRaceError):
        make(table)


def test_table_repeated_write_recognises_its_own_success(table: Table) -> None:
    """The SDK repeats a write whose answer was lost: the repetition fails on its own success."""
    client: Any = table._client

    class AnswerLost:
        def update_item(self, **request: Any) -> Any:
            client.update_item(**request)
            return client.update_item(**request)

    make(table, n=1)
    doubled = Table(AnswerLost(), "t")  # type: ignore[arg-type]
    item = doubled.write(
        Update({"id": "1"}, {"n": 2}, conditions=["#n = :one"], values={":one": 1})
    )
    assert item["n"] == 2


def test_table_transaction_is_all_or_nothing(table: Table) -> None:
    make(table, n=1)
    with pytest.raises(LostRaceError):
        table.transact(
            [
                (table, Put({"id": "2"}, ["attribute_not_exists(#id)"])),
                (table, Update({"id": "1"}, {"n": 2}, conditions=["#n = :no"], values={":no": 7})),
            ]
        )
    assert table.find({"id": "2"}) is None


def meet_another(table: Table, times: int) -> list[int]:
    """The first transactions meet another one; how many were sent is counted."""
    sent: list[int] = []

    def answer(**_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        sent.append(1)
        if len(sent) > times:
            return None
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        error = {"Code": "TransactionCanceledException", "Message": ""}
        told = {"Error": error, "CancellationReasons": reasons}
        return AWSResponse("", 400, {}, None), told

    table._client.meta.events.register("before-call.dynamodb.TransactWriteItems", answer)
    return sent


@pytest.mark.parametrize("times", [1, 5])
def test_patient_transaction_that_meets_others_is_written_once(table: Table, times: int) -> None:
    make(table, n=1)
    sent, pauses = meet_another(table, times), list[float]()
    patient = Table(table._client, "t", sleep=pauses.append)
    patient.transact_patiently([(table, Update({"id": "1"}, add={"n": 1}))])
    assert table.find({"id": "1"})["n"] == 2
    assert (len(sent), len(pauses)) == (times + 1, times)
    assert all(0 <= pause <= 0.4 for pause in pauses)


def test_patient_transaction_that_keeps_meeting_others_is_given_up(table: Table) -> None:
    make(table, n=1)
    sent, pauses = meet_another(table, 100), list[float]()
    patient = Table(table._client, "t", sleep=pauses.append)
    with pytest.raises(ContendedError):
        patient.transact_patiently([(table, Update({"id": "1"}, add={"n": 1}))])
    assert table.find({"id": "1"})["n"] == 1
    assert (len(sent), len(pauses)) == (6, 5)


def test_patient_transaction_whose_condition_fails_is_not_repeated(table: Table) -> None:
    make(table, n=1)
    sent = meet_another(table, 0)
    change = Update({"id": "1"}, {"n": 2}, conditions=["#n = :no"], values={":no": 7})
    with pytest.raises(LostRaceError):
        table.transact_patiently([(table, change)])
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "x"),
            LostRaceError,
        ),
        (
            ClientError(
                {
                    "Error": {"Code": "TransactionCanceledException"},
                    "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
                },
                "x",
            ),
            ContendedError,
        ),
        (
            ClientError(
                {
                    "Error": {"Code": "TransactionCanceledException"},
                    "CancellationReasons": [{"Code": "ConditionalCheckFailed"}],
                },
                "x",
            ),
            LostRaceError,
        ),
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "x"), StoreError),
        (EndpointConnectionError(endpoint_url="http://x"), StoreError),
    ],
)
def test_aws_error_becomes_ours(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(StoreError) as caught, translate_errors("trying"):
        raise error
    assert type(caught.value) is expected


def test_vault_round_trip_uses_a_fresh_nonce(vault: Vault) -> None:
    context = EncryptionContext("u", Purpose.API_KEY)
    key = vault.create_data_key(context)
    blobs = {key.encrypt(b"payload"), key.encrypt(b"payload")}
    assert len(blobs) == 2
    again = vault.unwrap(key.wrapped, context)
    assert {again.decrypt(blob) for blob in blobs} == {b"payload"}


@pytest.mark.parametrize(
    "context",
    [EncryptionContext("other", Purpose.API_KEY), EncryptionContext("u", Purpose.OAUTH_TOKENS)],
)
def test_vault_another_context_opens_nothing(vault: Vault, context: EncryptionContext) -> None:
    key = vault.create_data_key(EncryptionContext("u", Purpose.API_KEY))
    with pytest.raises(VaultError):
        vault.unwrap(key.wrapped, context)
    with pytest.raises(VaultError):
        vault.create_data_key(context).decrypt(key.encrypt(b"x"))


@pytest.mark.parametrize("position", [0, 1, 13, -1])
def test_vault_damaged_blob_is_refused(vault: Vault, position: int) -> None:
    key = vault.create_data_key(EncryptionContext("u", Purpose.API_KEY))
    blob = bytearray(key.encrypt(b"payload"))
    blob[position] ^= 1
    with pytest.raises(VaultError):
        key.decrypt(bytes(blob))


def test_vault_unreachable_kms_is_passing(vault: Vault) -> None:
    unreachable = boto3.client(
        "kms",
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="x",
        aws_secret_access_key="y",
    )
    with pytest.raises(StoreError):
        Vault(unreachable, "k").create_data_key(EncryptionContext("u", Purpose.API_KEY))
