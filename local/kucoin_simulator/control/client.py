"""For tests and the local stack: start the simulator as a process, and steer it."""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from local.kucoin_simulator.control.trade_client import TIMEOUT_S, SimulatorError, TradeControl

__all__ = ["SimulatorControl", "SimulatorError", "SimulatorProcess"]
ROOT = Path(__file__).resolve().parents[3]
READY = "simulator ready "


class SimulatorProcess:
    """The simulator as a subprocess: ready when constructed, gone after `stop`.

    Attributes:
        url: Its base URL; spot and web at it, futures at ``{url}/futures``, broker at
            ``{url}/broker``.
        control: A client for its control routes.
    """

    def __init__(self, *arguments: str, port: int = 0) -> None:
        """Start it and wait until it listens.

        Args:
            *arguments: More of its command line, such as ``--redirect-url``, ``URL``.
            port: TCP port; 0 takes a free one.

        Raises:
            SimulatorError: It ended or stayed silent instead of listening.
        """
        command = [sys.executable, "-m", "local.kucoin_simulator", "--port", str(port)]
        self._process = subprocess.Popen(
            [*command, "--exit-with-parent", str(os.getpid()), *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.url = self._wait_until_ready()
        self.control = SimulatorControl(self.url)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def stop(self) -> None:
        """End the process; harmless when repeated."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def _wait_until_ready(self) -> str:
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read_line, args=(lines,), daemon=True).start()
        try:
            line = lines.get(timeout=TIMEOUT_S)
        except queue.Empty:
            line = ""
        if not line.startswith(READY):
            self.stop()
            raise SimulatorError("the simulator did not start (is its port in use?)")
        return line.removeprefix(READY).strip()

    def _read_line(self, lines: "queue.Queue[str]") -> None:
        if self._process.stdout is not None:
            lines.put(self._process.stdout.readline())


class SimulatorControl(TradeControl):
    """The control routes under ``/_sim`` as methods; see control.py for every body."""

    def reset(self, now_ms: int | None = None) -> None:
        """Return to the start: demo users, default worlds and settings, no faults.

        Args:
            now_ms: What KuCoin's clock says then; the machine's time unless given.
        """
        self.call("POST", "/reset", {} if now_ms is None else {"nowMs": now_ms})

    def state(self) -> Any:
        """Return worlds, settings, clock, users, keys, chains, rotations, faults, holds."""
        return self.call("GET", "/state")

    def set_worlds(self, **worlds: Any) -> Any:
        """Change worlds: `set_worlds(refresh_rotation="survives")`."""
        return self.call("PUT", "/worlds", worlds)

    def set_settings(self, **settings: Any) -> Any:
        """Change settings, in snake_case or camelCase: `set_settings(access_token_seconds=20)`."""
        return self.call("PUT", "/settings", settings)

    def set_clock(self, **clock: Any) -> Any:
        """Set `offsetSeconds`, `nowMs` or `frozen`."""
        return self.call("PUT", "/clock", clock)

    def advance(self, seconds: float) -> Any:
        """Move KuCoin's clock on."""
        return self.call("POST", "/clock/advance", {"seconds": seconds})

    def add_user(self, name: str, **fields: Any) -> Any:
        """Add a user; fields in snake_case or camelCase."""
        return self.call("POST", "/users", {"name": name, **fields})["users"][0]

    def add_users(self, count: int, prefix: str = "user", **fields: Any) -> Any:
        """Add users ``prefix-1`` to ``prefix-count``."""
        return self.call("POST", "/users", {"count": count, "prefix": prefix, **fields})["users"]

    def patch_user(self, name: str, **fields: Any) -> Any:
        """Change a user."""
        return self.call("PATCH", f"/users/{name}", fields)

    def add_key(self, user: str, **fields: Any) -> Any:
        """Make a key without the OAuth way; the answer holds secret and passphrase."""
        return self.call("POST", f"/users/{user}/keys", fields)

    def patch_key(self, api_key: str, **fields: Any) -> Any:
        """Set ipWhitelist, groups or isAddressbookOnly of a key."""
        return self.call("PATCH", f"/keys/{api_key}", fields)

    def delete_key(self, api_key: str) -> Any:
        """Delete a key as its user would at KuCoin."""
        return self.call("DELETE", f"/keys/{api_key}")

    def revoke_chain(self, chain_id: str) -> Any:
        """Withdraw an authorization as its user would at KuCoin."""
        return self.call("DELETE", f"/chains/{chain_id}")

    def authorize(self, user: str, **fields: Any) -> str:
        """Walk login and consent without a browser; return where the browser would go.

        Args:
            user: Name of the user who logs in.
            **fields: redirectUri, state, clientId, permissions, isAddressbookOnly, cancel.
        """
        return str(self.call("POST", "/authorize", {"user": user, **fields})["location"])

    def authorization_code(self, user: str, **fields: Any) -> str:
        """Walk login and consent and return the code alone."""
        location = self.authorize(user, **fields)
        return parse_qs(urlsplit(location).query)["code"][0]

    def add_fault(self, route: str, kind: str, **fields: Any) -> int:
        """Add a fault and return its id."""
        return int(self.call("POST", "/faults", {"route": route, "kind": kind, **fields})["id"])

    def faults(self) -> Any:
        """Return the rules in force, with how often each struck."""
        return self.call("GET", "/faults")["faults"]

    def clear_faults(self) -> None:
        """Remove every fault; held requests stay held."""
        self.call("DELETE", "/faults")

    def holds(self) -> Any:
        """Return the requests that are held now."""
        return self.call("GET", "/holds")["holds"]

    def wait_for_holds(self, count: int = 1, timeout_s: float = TIMEOUT_S) -> Any:
        """Return the held requests once there are as many.

        Raises:
            SimulatorError: They did not come in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            held = self.holds()
            if len(held) >= count:
                return held
            time.sleep(0.02)
        raise SimulatorError(f"no {count} held requests within {timeout_s} s")

    def release(self, hold_id: int | str = "all", *, drop: bool = False) -> None:
        """Let a held request go on, or close its connection without an answer."""
        self.call("POST", f"/holds/{hold_id}/release", {"drop": drop})

    def journal(self, since: int = 0, **filters: str) -> Any:
        """Return journal entries after a sequence number; filters: route, user."""
        query = "".join(f"&{name}={value}" for name, value in filters.items())
        return self.call("GET", f"/journal?since={since}{query}")["entries"]

    def rotations(self) -> Any:
        """Return chains, rotations, and the counters reused and lost."""
        return self.call("GET", "/rotations")

    def secrets(self, *, without: Sequence[str] = ()) -> Sequence[str]:
        """Return every secret string that was ever issued.

        Args:
            without: Kinds to leave out; ``two_factor_code`` is six digits and so easily found
                by chance.
        """
        found = self.call("GET", "/secrets")["secrets"]
        return [item["value"] for item in found if item["kind"] not in without]

    def add_balance(self, user: str, currency: str, amount: str, account: str = "main") -> Any:
        """Bring funds in from outside; a negative amount takes them out."""
        body = {"account": account, "currency": currency, "amount": amount}
        return self.call("POST", f"/users/{user}/balances", body)

    def codes(self, user: str | None = None) -> Any:
        """Return the verification codes that are waiting, latest last."""
        waiting = self.call("GET", "/codes")["codes"]
        return [item for item in waiting if user in (None, item["user"])]

    def withdrawals(self, user: str | None = None) -> Any:
        """Return every withdrawal with all its figures, in the order of their making."""
        made = self.call("GET", "/withdrawals")["withdrawals"]
        return [item for item in made if user in (None, item["user"])]

    def set_withdrawal(self, withdrawal_id: str, status: str, **fields: Any) -> Any:
        """Set a status; with FAILURE also failureReason and returnStatus."""
        return self.call("PATCH", f"/withdrawals/{withdrawal_id}", {"status": status, **fields})

    def book(self, since: int = 0, limit: int | None = None) -> Any:
        """Return balances, postings after a sequence number, and whether the book is sound.

        Args:
            since: Sequence number of the last posting that is not wanted.
            limit: How many postings at most; all unless given.
        """
        most = "" if limit is None else f"&limit={limit}"
        return self.call("GET", f"/book?since={since}{most}")

    def patch_chain(self, currency: str, chain: str, **fields: Any) -> Any:
        """Change a chain: isWithdrawEnabled, needTag, minFee, minSize, feeRate, precision."""
        return self.call("PATCH", f"/currencies/{currency}/{chain}", fields)
