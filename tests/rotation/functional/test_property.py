"""Whatever happens in whatever order: no pair is lost that could be saved, nobody is sent away.

Users, faults of KuCoin and AWS, crashes at any request, clocks that jump, second links,
disconnects, revocations. After each step the truth is read from KuCoin, the store and the queue:
a rotation whose pair is in neither has to be excused by this step's own fault. In the end all
faults pass, and every connection must be well, or have a true reason not to be.
"""

import json
import os
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from kubroker.aws.queue import Queue
from kubroker.aws.table import Table
from kubroker.connections.model import Authorization
from kubroker.connections.store import ConnectionStore
from kubroker.connections.vault import EncryptionContext, Purpose, Vault
from kubroker.foundation.clock import Clock
from kubroker.foundation.errors import KubrokerError
from kubroker.foundation.rotation_rules import RotationPolicy, RotationRules
from kubroker.kucoin.oauth import OAuthClient
from kubroker.rotation.access_tokens import AccessTokens
from kubroker.rotation.asking import RotationAsking
from kubroker.rotation.model import RotatedPair
from kubroker.rotation.refusals import RefusalCounts, RotationRefusals
from kubroker.rotation.rotate import Rotation, RotationSteps
from kubroker.rotation.save import PairSaver
from kubroker.rotation.store import RotationStore
from local.gateway.invocation import build_environment
from tests.rotation.functional.crashing import Fuse, Killed, MortalClient, MortalTransport
from tests.support.rotation import RotationWorld, fingerprint

EXAMPLES = int(os.environ.get("ROTATION_EXAMPLES", "10"))
USERS = ("user-1", "user-2")
KUCOIN = {"user-1": "alice", "user-2": "bob"}
UPDATE = {"service": "dynamodb", "operation": "UpdateItem"}

# Faults of KuCoin's that cost the answer of a rotation it did.
LOSING = [
    {"kind": "drop", "phase": "after"},
    {"kind": "cut", "phase": "after"},
    {"kind": "garbage", "phase": "after"},
    {"kind": "status_5xx", "phase": "after"},
    {"kind": "rate_limit", "phase": "after"},
    {"kind": "no_refresh_token"},
    {"kind": "rewrite", "remove": ["access_token"]},
]
HARMLESS = [
    {"kind": "status_5xx"},
    {"kind": "drop"},
    {"kind": "garbage"},
    {"kind": "html_403"},
    {"kind": "rate_limit"},
    {"kind": "error", "code": "40003"},
    {"kind": "error", "code": "99999"},
    {"kind": "expires_in", "value": -5},
]
KUCOIN_FAULTS = st.one_of(st.none(), st.sampled_from(HARMLESS), st.sampled_from(LOSING))
AWS_FAULTS = st.lists(
    st.sampled_from(
        [
            {**UPDATE, "skip": 1, "times": 1},
            {**UPDATE, "skip": 1, "times": 0},
            {**UPDATE, "skip": 1, "times": 1, "phase": "after"},
            {**UPDATE, "times": 0},
            {"service": "kms", "operation": "Decrypt", "times": 0},
            {"service": "sqs", "times": 0},
            {"service": "sqs", "times": 1, "phase": "after"},
        ]
    ),
    max_size=2,
)
FUSES = st.one_of(st.none(), st.none(), st.integers(1, 10))


class RotationMachine(RuleBasedStateMachine):
    """The rules; ``world`` is the same for all examples and emptied for each."""

    def __init__(self, world: RotationWorld, clients: dict[str, Any], operator: Any) -> None:
        super().__init__()
        self.world = world
        self.clients = clients  # with the function's role
        self.operator = operator  # DynamoDB with every right, for what no function does
        self.fuse = Fuse()
        self.skew = self.advanced = 0
        self.excused: set[str] = set()
        self.ended: set[str] = set()
        self.is_broken = False

    # ------------------------------------------------------------------ the worker

    def now(self) -> int:
        return int(time.time()) + self.advanced + self.skew

    def build(self) -> tuple[Rotation, AccessTokens, RotationStore]:
        """A fresh process: as rotation/wiring.py joins it, with clocks that are told."""
        stack = self.world.stack
        clients = {name: MortalClient(self.clients[name], self.fuse) for name in self.clients}
        ticks = iter(range(10**9))
        clock = Clock(
            now=self.now,
            monotonic=lambda: next(ticks) / 1e3,
            sleep=lambda _: next(ticks),
            jitter=lambda: 0.5,
        )
        environment = stack.find_function("token_refresh").environment
        table = Table(clients["dynamodb"], stack.tables["ConnectionsTable"])
        limits = Table(clients["dynamodb"], stack.tables["LimitsTable"])
        store = RotationStore(table, table)
        vault = Vault(clients["kms"], environment["VAULT_KEY_ID"])
        oauth = OAuthClient(self.world.settings, lambda: None, MortalTransport(self.fuse))
        sqs: Any = clients["sqs"]
        queue = Queue(lambda: sqs, stack.queues["RescueQueue"])
        protocol = self.world.settings.protocol
        ids = iter(f"attempt-{number}" for number in range(10**9))
        rotation = Rotation(
            connections=ConnectionStore(table),
            rotations=store,
            steps=RotationSteps(
                RotationAsking(
                    vault=vault,
                    oauth=oauth,
                    protocol=protocol,
                    rules=self.rotation_rules,
                    clock=clock,
                ),
                PairSaver(store, queue, clock),
                RotationRefusals(store, RefusalCounts(limits), self.rotation_rules, clock),
            ),
            rules=self.rotation_rules,
            clock=clock,
            new_id=lambda: next(ids) + os.urandom(4).hex(),
        )
        tokens = AccessTokens(
            vault,
            connections=ConnectionStore(table),
            refresh=lambda seen, deadline: rotation.refresh(
                seen.user_id, deadline=deadline, is_forced=True, seen_seq=seen.committed_seq
            ),
            rules=self.rotation_rules,
            clock=clock,
        )
        self.clock = clock
        return rotation, tokens, store

    @initialize(
        refresh_rotation=st.sampled_from(["dies", "survives"]),
        policy=st.sampled_from([RotationPolicy.KEEP, RotationPolicy.ALWAYS_FRESH]),
    )
    def begin(self, refresh_rotation, policy):
        self.world.aws.reset_faults()
        self.world.aws.clear_data()
        self.world.simulator.reset()
        self.world.simulator.set_worlds(refresh_rotation=refresh_rotation)
        self.survives = refresh_rotation == "survives"
        self.rotation_rules = RotationRules(policy=policy)
        for user in USERS:
            self.world.link(user, KUCOIN[user])

    # ------------------------------------------------------------------ what may happen

    @rule(
        user=st.sampled_from(USERS),
        kucoin=KUCOIN_FAULTS,
        aws=AWS_FAULTS,
        fuse=FUSES,
        is_due=st.booleans(),
        is_on_demand=st.booleans(),
    )
    def refresh(self, user, kucoin, aws, fuse, is_due, is_on_demand):
        rotation, tokens, _ = self.build()
        if is_due:
            self.world.make_due(user)
        rotated = self.count_rotations(user)
        connection = self.world.get(user)
        if kucoin:
            self.world.simulator.add_fault("refresh", **kucoin)
        for fault in aws:
            self.world.aws.add_fault("error", **fault)
        self.fuse.steps_left = fuse
        self.is_broken, was_killed = True, False
        try:
            if is_on_demand:
                tokens.get(connection)
            else:
                rotation.refresh(user, deadline=self.clock.start(28))
        except Killed:
            was_killed = True
        except KubrokerError:
            pass
        self.fuse.steps_left = None
        self.world.aws.reset_faults()
        self.world.simulator.clear_faults()
        if self.count_rotations(user) > rotated and not self.is_safe(user):
            is_unheard = kucoin in LOSING
            has_no_store = {"service": "sqs", "times": 0} in aws and any(
                fault.get("operation") == "UpdateItem" for fault in aws
            )
            assert was_killed or is_unheard or has_no_store, "a pair that could be saved was lost"
            self.excused.add(user)
        self.is_broken = False

    @rule(skip=st.booleans())
    def rescue(self, skip):
        """The rescue queue delivers; twice, or after others."""
        _, _, store = self.build()
        messages = self.world.list_messages("RescueQueue")
        for message in reversed(messages) if skip else messages * 2:
            pair = RotatedPair.model_validate_json(json.dumps(message["pair"]))
            store.commit(pair, now=self.now())

    @rule(seconds=st.sampled_from([1, 30, 150, 700, 4000, 30_000]))
    def wait(self, seconds):
        self.world.simulator.advance(seconds)
        self.advanced += seconds

    @rule(skew=st.sampled_from([-240, -30, 0, 30, 240]))
    def jump(self, skew):
        """Our clock and KuCoin's part; ours may go back."""
        self.skew = skew

    @rule(user=st.sampled_from(USERS))
    def revoke(self, user):
        chain = self.world.chain_of(KUCOIN[user])
        if not chain["dead"]:
            self.world.simulator.revoke_chain(chain["id"])
        self.ended.add(user)

    @rule(user=st.sampled_from(USERS))
    def disconnect_and_link_again(self, user):
        connection = self.world.get(user)
        self.world.connections.disconnect(connection, now=self.now())
        table = self.world.stack.tables["ConnectionsTable"]
        self.operator.delete_item(TableName=table, Key={"userId": {"S": user}})
        self.world.link(
            user,
            KUCOIN[user],
            link_generation=connection.link_generation + 2,
            claim_seq=connection.claim_seq,
            committed_seq=connection.claim_seq,
        )
        self.excused.discard(user)
        self.ended.discard(user)

    # ------------------------------------------------------------------ what must hold

    @invariant()
    def nobody_is_sent_away_without_a_true_reason(self):
        for user in USERS:
            connection = self.world.connections.find(user)
            if connection and connection.authorization is Authorization.REQUIRED:
                assert self.has_reason(user), connection.authorization_cause

    def teardown(self):
        if not hasattr(self, "rotation_rules") or self.is_broken:
            return
        self.skew = 0
        for _ in range(5):
            self.rescue(skip=False)
            self.clear_counts()
            for user in USERS:
                self.world.lapse(user)
                rotation, _, _ = self.build()
                rotation.refresh(user, deadline=self.clock.start(28))
        for user in USERS:
            connection = self.world.get(user)
            assert connection.rotation is None, "a claim is stuck"
            if connection.authorization is Authorization.LIVE:
                assert self.world.is_accepted(user, KUCOIN[user])
                assert self.world.is_current(user, KUCOIN[user])
            else:
                assert self.has_reason(user), connection.authorization_cause

    # ------------------------------------------------------------------ the truth

    def has_reason(self, user: str) -> bool:
        """Revoked, ended at KuCoin, or lost with an excuse in the world where that is final."""
        chain = self.world.chain_of(KUCOIN[user])
        now_ms = self.world.simulator.call("GET", "/clock")["nowMs"]
        is_over = all(now_ms >= pair["refreshExpiresAt"] for pair in chain["pairs"][-2:])
        return user in self.ended or is_over or (user in self.excused and not self.survives)

    def count_rotations(self, user: str) -> int:
        rotations = self.world.simulator.rotations()["rotations"]
        return len([one for one in rotations if one["user"] == KUCOIN[user]])

    def is_safe(self, user: str) -> bool:
        """Whether KuCoin's newest pair is in the store or in the rescue queue."""
        newest = self.world.chain_of(KUCOIN[user])["pairs"][-1]["refreshFingerprint"]
        connection = self.world.get(user)
        if connection.token_data_key is None:
            return True
        data_key = self.world.vault.unwrap(
            connection.token_data_key,
            EncryptionContext(user, Purpose.OAUTH_TOKENS),
            is_noted=False,
        )
        blobs = [connection.token_ciphertext]
        for message in self.world.list_messages("RescueQueue"):
            pair = RotatedPair.model_validate_json(json.dumps(message["pair"]))
            if pair.data_key == connection.token_data_key:
                blobs.append(pair.ciphertext)
        opened = [json.loads(data_key.decrypt(blob))["refreshToken"] for blob in blobs]
        return newest in {fingerprint(token) for token in opened}

    def clear_counts(self) -> None:
        client, table = self.operator, self.world.stack.tables["LimitsTable"]
        for item in client.scan(TableName=table)["Items"]:
            client.delete_item(TableName=table, Key={"limitId": item["limitId"]})


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * EXAMPLES)
def test_rotation_never_loses_a_savable_pair(world, monkeypatch):
    function = world.stack.find_function("token_refresh")
    operator = world.aws.client("dynamodb")
    for name, value in build_environment(function, world.aws.url).items():
        monkeypatch.setenv(name, value)
    clients = {name: world.aws.client(name) for name in ("dynamodb", "kms", "sqs")}
    run_state_machine_as_test(
        lambda: RotationMachine(world, clients, operator),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=15,
            deadline=None,
            derandomize="ROTATION_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
