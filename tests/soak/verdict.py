"""The truth about every connection, from KuCoin, the store and what was done to the workers."""

import time
from dataclasses import dataclass, field
from typing import Any

from kubroker.connections.model import Authorization
from tests.soak.rig import ACCESS_SECONDS, LEASE_SECONDS, REFRESH_SECONDS, Rig
from tests.support.rotation import fingerprint

# Faults after which the answer of a rotation was never here.
_LOSING = {"drop:after", "cut:after", "garbage:after", "status_5xx:after"}
_KILL_SECONDS = LEASE_SECONDS + 4


@dataclass
class Verdict:
    """What was counted; the last five have to be zero.

    Attributes:
        unsavable: Pairs lost between KuCoin's rotation and the first write that was taken.
        undelivered: Answers of which KuCoin itself knows that they did not arrive whole; what it
            answered with garbage did arrive.
        probes: Spent refresh tokens tried once more, because the outcome was in doubt.
    """

    users: int = 0
    refreshes: int = 0
    faults: int = 0
    unsavable: int = 0
    undelivered: int = 0
    probes: int = 0
    linked_again: int = 0
    details: list[str] = field(default_factory=list)
    savable_losses: int = 0
    needless_reauthorizations: int = 0
    reused_tokens: int = 0
    stuck_claims: int = 0
    unwell: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether all zeros are zero."""
        zeros = (
            self.savable_losses,
            self.needless_reauthorizations,
            self.reused_tokens,
            self.stuck_claims,
            self.unwell,
        )
        return not any(zeros)


class Judge:
    """Watches for users who are sent to authorize again; judges all in the end."""

    def __init__(self, rig: Rig, users: dict[str, str]) -> None:
        self._rig = rig
        self._users = users
        self._lost_chains: set[str] = set()
        self.verdict = Verdict(users=len(users))

    def link_again_who_has_to(self) -> None:
        """As a user would: each who has to authorize again does, once it is judged why."""
        world = self._rig.world
        rows, _ = world.table.scan(
            FilterExpression="#a = :required",
            ExpressionAttributeNames={"#a": "authorization"},
            ExpressionAttributeValues={":required": {"S": Authorization.REQUIRED}},
        )
        for user in (row["userId"] for row in rows):
            kucoin_user = self._users[user]
            self._judge_loss(user, kucoin_user)
            client, table = self._rig.aws.client("dynamodb"), world.table.name
            client.delete_item(TableName=table, Key={"userId": {"S": user}})
            world.link(
                user, kucoin_user, due_in=ACCESS_SECONDS // 2, refresh_seconds=REFRESH_SECONDS
            )
            self.verdict.linked_again += 1

    def _judge_loss(self, user: str, kucoin_user: str) -> None:
        world = self._rig.world
        chain = world.chain_of(kucoin_user)
        newest, reason = chain["pairs"][-1], self._find_reason(user, chain)
        self._lost_chains.add(chain["id"])
        if fingerprint(world.open_pair(user)["refreshToken"]) == newest["refreshFingerprint"]:
            # Nothing was lost, and yet the user has to come: as a rule a machine that can't keep up.
            is_over = time.time() * 1000 >= newest["refreshExpiresAt"]
            reason = "no worker came before its end" if is_over else "WITHOUT NEED"
            self.verdict.needless_reauthorizations += 1
        elif reason is None:
            reason = "LOST THOUGH IT COULD BE SAVED"
            self.verdict.savable_losses += 1
            self.verdict.needless_reauthorizations += 1
        else:
            self.verdict.unsavable += 1
        self.verdict.details.append(f"{user}: {reason}")

    def _find_reason(self, user: str, chain: Any) -> str | None:
        """Why the newest pair of the chain could not be saved; None if it could."""
        newest = chain["pairs"][-1]
        entries = self._rig.simulator.journal(since=newest["seq"] - 1, route="refresh")
        entry = next((one for one in entries if one["seq"] == newest["seq"]), None)
        if entry is None:
            return None
        if entry["fault"] in _LOSING:
            return f"its answer was lost ({entry['fault']})"
        if entry["written"] is False or entry["delivered"] is False:
            return "its answer did not arrive, says KuCoin"
        asked_at = entry["timeMs"] / 1000
        for killed_user, killed_at in self._rig.killed:
            if killed_user == user and 0 <= killed_at - asked_at <= _KILL_SECONDS:
                return "its worker was killed before a write was taken"
        return None

    def conclude(self, faults: int) -> Verdict:
        """Once all is quiet: what KuCoin holds against what the store holds."""
        told = self._rig.simulator.rotations()
        verdict = self.verdict
        verdict.refreshes, verdict.faults = len(told["rotations"]), faults
        verdict.undelivered = told["lost"]
        for chain in told["chains"]:
            if chain["id"] in self._lost_chains:
                verdict.probes += chain["reused"]
            elif chain["reused"]:
                verdict.reused_tokens += chain["reused"]
                verdict.details.append(
                    f"{chain['user']}: a spent token was used {chain['reused']} times"
                )
        last = {chain["user"]: chain for chain in told["chains"]}
        for user, kucoin_user in self._users.items():
            self._judge_ending(user, last[kucoin_user])
        return verdict

    def _judge_ending(self, user: str, chain: Any) -> None:
        world = self._rig.world
        connection = world.get(user)
        if connection.rotation is not None and not connection.rotation.is_in_doubt:
            self.verdict.stuck_claims += 1
            self.verdict.details.append(f"{user}: a claim is stuck")
        mine = fingerprint(world.open_pair(user)["refreshToken"])
        if mine == chain["pairs"][-1]["refreshFingerprint"]:
            return
        if reason := self._find_reason(user, chain):
            self.verdict.unsavable += 1
            self.verdict.details.append(f"{user}: {reason}; not settled yet")
        else:
            self.verdict.unwell += 1
            self.verdict.details.append(f"{user}: the store's pair is not KuCoin's newest")
