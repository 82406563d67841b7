"""``make soak``: many connections with short-lived tokens, one refresh in ten hit by a fault.

Exits 0 if nothing was lost that could be saved, nobody was sent to authorize again without need,
no spent token was used again, and no claim is stuck. Writes build/soak.json.
"""

import json
import os
import sys
import time
from collections import Counter
from dataclasses import asdict

from kubroker.foundation.observability import logger
from local.processes import ROOT
from tests.soak.chaos import Chaos
from tests.soak.rig import ACCESS_SECONDS, REFRESH_SECONDS, TICK_SECONDS, Rig
from tests.soak.verdict import Judge, Verdict

SECONDS = float(os.environ.get("SOAK_SECONDS", "300"))
CONNECTIONS = int(os.environ.get("SOAK_CONNECTIONS", "200"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
QUIET_SECONDS = 45.0
CHECK_SECONDS = 2.0


def main() -> int:
    """Runs the soak; returns the exit code."""
    logger.setLevel("ERROR")  # every other line is a fault that was ordered
    with Rig() as rig:
        users = _link(rig)
        judge, chaos = Judge(rig, users), Chaos(rig, SEED)
        started = time.monotonic()
        rig.start()
        chaos.start()
        _watch(rig, judge, started)
        chaos.stop()
        _say(f"faults are over; waiting {QUIET_SECONDS:.0f} s until all is quiet")
        quiet = time.monotonic()
        while time.monotonic() - quiet < QUIET_SECONDS:
            judge.link_again_who_has_to()
            time.sleep(CHECK_SECONDS)
        rig.halt()
        judge.link_again_who_has_to()
        verdict = judge.conclude(sum(chaos.struck.values()))
        _report(verdict, dict(chaos.struck), time.monotonic() - started)
    return 0 if verdict.is_clean else 1


def _link(rig: Rig) -> dict[str, str]:
    rig.simulator.add_users(CONNECTIONS, prefix="soak")
    users = {f"user-{number}": f"soak-{number}" for number in range(1, CONNECTIONS + 1)}
    for number, (user, kucoin_user) in enumerate(users.items()):
        due_in = number * ACCESS_SECONDS // CONNECTIONS
        rig.world.link(user, kucoin_user, due_in=due_in, refresh_seconds=REFRESH_SECONDS)
    _say(f"{CONNECTIONS} connections, access {ACCESS_SECONDS} s, refresh {REFRESH_SECONDS} s")
    return users


def _watch(rig: Rig, judge: Judge, started: float) -> None:
    told = started
    while time.monotonic() - started < SECONDS:
        judge.link_again_who_has_to()
        time.sleep(CHECK_SECONDS)
        if time.monotonic() - told >= 30:
            told = time.monotonic()
            count = len(rig.simulator.rotations()["rotations"])
            _say(f"{told - started:4.0f} s: {count} refreshes, {judge.verdict.unsavable} unsavable")


def _report(verdict: Verdict, struck: dict[str, int], seconds: float) -> None:
    figures = {
        **asdict(verdict),
        "seconds": round(seconds, 1),
        "tickSeconds": TICK_SECONDS,
        "seed": SEED,
        "struck": struck,
        "isClean": verdict.is_clean,
    }
    path = ROOT / "build" / "soak.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(figures, indent=2) + "\n")
    for name in ("refreshes", "faults", "unsavable", "undelivered", "probes", "linked_again"):
        _say(f"{name.replace('_', ' '):28}{figures[name]:>8}")
    for name in (
        "savable_losses",
        "needless_reauthorizations",
        "reused_tokens",
        "stuck_claims",
        "unwell",
    ):
        _say(f"{name.replace('_', ' '):28}{figures[name]:>8}  has to be 0")
    for reason, number in Counter(
        line.partition(": ")[2] for line in verdict.details
    ).most_common():
        _say(f"{number:>8} x {reason}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
