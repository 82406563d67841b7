"""Every fault kind over real sockets, holds, and what the journal says was delivered."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests

from local.kucoin_simulator.control.client import SimulatorError
from tests.simulator.unit.driver import REFRESH_PATH, code_of

LOST = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


def _eventually(condition):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize(
    ("fields", "status", "content_type"),
    [
        ({"kind": "error", "code": "500000", "msg": "x"}, 200, "application/json"),
        ({"kind": "error", "code": "500000", "status": 500}, 500, "application/json"),
        ({"kind": "status_5xx"}, 503, "text/html"),
        ({"kind": "status_5xx", "status": 504}, 504, "text/html"),
        ({"kind": "rate_limit"}, 429, "application/json"),
        ({"kind": "garbage"}, 200, "application/json"),
        ({"kind": "html_403"}, 403, "text/html"),
        ({"kind": "failure_200000"}, 200, "application/json"),
        ({"kind": "redirect"}, 302, "application/json"),
    ],
)
@pytest.mark.parametrize("phase", ["before", "after"])
def test_fault_replacing_the_answer_does_the_work_only_in_phase_after(
    driver, fields, status, content_type, phase
):
    pair = driver.tokens()
    driver.control.add_fault("refresh", phase=phase, **fields)

    answer = driver.session.post(
        driver.url + REFRESH_PATH,
        data={
            "grant_type": "authorization_code",
            "refresh_token": pair["refresh_token"],
            "scope": "OAUTH_CREATE_API",
        },
        allow_redirects=False,
        timeout=10,
    )

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(content_type)
    assert "access_token" not in answer.text
    assert len(driver.control.rotations()["rotations"]) == (phase == "after")
    assert driver.last_entry(route="refresh")["fault"] == f"{fields['kind']}:{phase}"


def test_fault_error_on_web_has_the_web_envelope(driver):
    driver.control.add_fault("token", "error", code="77", msg="no")

    answer = driver.exchange("any").json()

    assert (answer["success"], answer["code"], answer["msg"]) == (False, "77", "no")


def test_fault_error_on_rest_has_the_rest_envelope(driver):
    driver.control.add_fault("timestamp", "error", code="77", msg="no")

    assert driver.get("/api/v1/timestamp").json() == {"code": "77", "msg": "no"}


def test_fault_rate_limit_has_the_quota_headers(driver):
    driver.control.add_fault("timestamp", "rate_limit", resetMs=1234)

    answer = driver.get("/api/v1/timestamp")

    assert code_of(answer) == "429000"
    assert answer.headers["gw-ratelimit-remaining"] == "0"
    assert answer.headers["gw-ratelimit-reset"] == "1234"


def test_fault_failure_has_the_success_code(driver):
    driver.control.add_fault("timestamp", "failure_200000")

    answer = driver.get("/api/v1/timestamp").json()

    assert (answer["code"], answer["success"], answer["data"]) == ("200000", False, None)


def test_fault_oversize_is_that_large(driver):
    driver.control.add_fault("timestamp", "oversize", bytes=300_000)

    assert len(driver.get("/api/v1/timestamp").content) > 300_000


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("phase", "rotations"), [("before", 0), ("after", 1)])
def test_fault_drop_gives_no_byte(driver, phase, rotations, reset):
    pair = driver.tokens()
    driver.control.add_fault("refresh", "drop", phase=phase, reset=reset)

    with pytest.raises(LOST):
        driver.refresh(pair["refresh_token"])

    assert len(driver.control.rotations()["rotations"]) == rotations
    entry = driver.last_entry(route="refresh")
    assert (entry["written"], entry["delivered"], entry["status"]) == (False, False, 0)


def test_fault_during_answers_first_and_works_when_released(driver):
    pair = driver.tokens()
    driver.control.add_fault("refresh", "error", phase="during", code="500000")

    assert code_of(driver.refresh(pair["refresh_token"])) == "500000"
    assert driver.control.rotations()["rotations"] == []
    held = driver.control.wait_for_holds()[0]
    assert held["answered"] is True
    driver.control.release(held["id"])

    _eventually(lambda: driver.control.rotations()["rotations"])


def test_fault_during_works_by_itself_after_its_seconds(driver):
    pair = driver.tokens()
    driver.control.add_fault("refresh", "drop", phase="during", seconds=0.05)

    with pytest.raises(LOST):
        driver.refresh(pair["refresh_token"])

    assert _eventually(lambda: driver.control.rotations()["rotations"])[0]["lost"] is True


def test_fault_cut_sends_half_of_the_body(driver):
    pair = driver.tokens()
    driver.control.add_fault("refresh", "cut")

    with pytest.raises(LOST):
        driver.refresh(pair["refresh_token"])

    rotations = driver.control.rotations()
    assert (rotations["lost"], rotations["rotations"][0]["written"]) == (1, False)


def test_fault_lost_answer_is_no_loss_where_the_old_token_survives(driver):
    driver.control.set_worlds(refresh_rotation="survives")
    pair = driver.tokens()
    driver.control.add_fault("refresh", "cut")
    with pytest.raises(LOST):
        driver.refresh(pair["refresh_token"])

    assert driver.control.rotations()["lost"] == 0
    assert "access_token" in driver.refresh(pair["refresh_token"]).json()


@pytest.mark.parametrize("part", ["body", "header"])
def test_fault_drip_sends_one_byte_at_a_time(driver, part):
    driver.control.add_fault("timestamp", "drip", seconds=0.002, part=part)

    started = time.monotonic()
    answer = driver.get("/api/v1/timestamp")

    assert code_of(answer) == "200000"
    assert time.monotonic() - started > 0.05


def test_fault_delay_waits(driver):
    driver.control.add_fault("timestamp", "delay", seconds=0.2)

    started = time.monotonic()
    driver.get("/api/v1/timestamp")

    assert time.monotonic() - started >= 0.2


def test_fault_idle_close_answers_then_closes_silently(driver):
    driver.control.add_fault("timestamp", "idle_close")
    raw = socket.create_connection(driver.url.removeprefix("http://").split(":"), 5)
    raw.sendall(b"GET /api/v1/timestamp HTTP/1.1\r\nHost: x\r\n\r\n")

    answer = b""
    while chunk := raw.recv(4096):
        answer += chunk
    raw.close()

    assert b"Connection: keep-alive" in answer
    assert b'"code":"200000"' in answer


def test_fault_no_refresh_token_takes_it_out(driver):
    driver.control.add_fault("token", "no_refresh_token")

    assert set(driver.tokens()) == {"access_token", "token_type", "expires_in", "scope"}


@pytest.mark.parametrize("value", [0, -5, "soon", 10**12, None])
def test_fault_expires_in_says_what_it_is_told(driver, value):
    driver.control.add_fault("token", "expires_in", value=value)

    assert driver.tokens()["expires_in"] == value


def test_fault_expires_in_without_value_takes_it_out(driver):
    driver.control.add_fault("token", "expires_in")

    assert "expires_in" not in driver.tokens()


def test_fault_rewrite_sets_and_removes_fields(driver):
    driver.control.add_fault("check_key", "rewrite", set={"data.uid": 7}, remove=["data.apiKey"])

    data = driver.check_key(driver.key()).json()["data"]

    assert data["uid"] == 7
    assert "apiKey" not in data


def test_fault_strikes_n_times_after_skipping(driver):
    driver.control.add_fault("timestamp", "error", times=2, skip=1, code="1")

    codes = [code_of(driver.get("/api/v1/timestamp")) for _ in range(5)]

    assert codes == ["200000", "1", "1", "200000", "200000"]


def test_fault_for_ever_strikes_until_it_is_removed(driver):
    driver.control.add_fault("*", "error", times=None, code="1")
    assert [code_of(driver.get("/api/v1/timestamp")) for _ in range(3)] == ["1"] * 3
    driver.control.clear_faults()

    assert code_of(driver.get("/api/v1/timestamp")) == "200000"


def test_fault_with_probability_is_reproducible_by_its_seed(driver):
    def strike():
        driver.control.clear_faults()
        driver.control.add_fault(
            "timestamp", "error", times=None, probability=0.5, seed=7, code="1"
        )
        return [code_of(driver.get("/api/v1/timestamp")) for _ in range(20)]

    first = strike()

    assert set(first) == {"1", "200000"}
    assert strike() == first


def test_fault_contains_strikes_only_that_request(driver):
    first, second = driver.tokens("alice"), driver.tokens("bob")
    driver.control.add_fault("refresh", "error", code="1", contains=second["refresh_token"])

    assert "access_token" in driver.refresh(first["refresh_token"]).json()
    assert code_of(driver.refresh(second["refresh_token"])) == "1"


@pytest.mark.parametrize(
    "spec",
    [
        {"route": "refresh", "kind": "nonsense"},
        {"route": "refresh", "kind": "cut", "phase": "before"},
        {"route": "refresh", "kind": "delay", "phase": "during"},
    ],
)
def test_fault_that_does_not_exist_is_refused(driver, spec):
    with pytest.raises(SimulatorError):
        driver.control.call("POST", "/faults", spec)


def _in_background(call):
    outcome = []

    def run():
        try:
            outcome.append(call())
        except requests.RequestException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


@pytest.mark.parametrize(("phase", "rotated"), [("before", 0), ("after", 1)])
def test_hold_blocks_until_released(driver, phase, rotated):
    pair = driver.tokens()
    driver.control.add_fault("refresh", "hold", phase=phase)
    thread, outcome = _in_background(lambda: driver.refresh(pair["refresh_token"]).json())

    held = driver.control.wait_for_holds()[0]
    assert (held["route"], held["phase"]) == ("refresh", phase)
    assert len(driver.control.rotations()["rotations"]) == rotated
    driver.control.release(held["id"])
    thread.join(5)

    assert "access_token" in outcome[0]
    assert driver.control.holds() == []


def test_hold_released_with_drop_closes_without_answer(driver):
    pair = driver.tokens()
    driver.control.add_fault("refresh", "hold", phase="after")
    thread, outcome = _in_background(lambda: driver.refresh(pair["refresh_token"]))
    driver.control.wait_for_holds()
    driver.control.release(drop=True)
    thread.join(5)

    assert isinstance(outcome[0], LOST)
    assert driver.control.rotations()["lost"] == 1


def test_hold_does_not_block_other_requests(driver):
    driver.control.add_fault("timestamp", "hold")
    thread, _ = _in_background(lambda: driver.get("/api/v1/timestamp"))
    driver.control.wait_for_holds()

    assert code_of(requests.get(driver.url + "/api/v1/my-ip", timeout=5)) == "200000"
    driver.control.release()
    thread.join(5)


def test_release_of_an_unknown_hold_is_an_error(driver):
    with pytest.raises(SimulatorError):
        driver.control.release(999_999)


REFRESH_AND_WAIT = """
import sys, requests
session = requests.Session()
fields = {"grant_type": "authorization_code", "refresh_token": sys.argv[2],
          "scope": "OAUTH_CREATE_API"}
answer = session.post(sys.argv[1] + "/_oauth/refresh-token", data=fields, stream=True)
if sys.argv[3] == "read":
    answer.content
print("there", flush=True)
import time; time.sleep(60)
"""


def _refreshing_process(driver, token, how):
    return subprocess.Popen(
        [sys.executable, "-c", REFRESH_AND_WAIT, driver.url, token, how], stdout=subprocess.PIPE
    )


def test_worker_killed_while_its_answer_is_held_counts_as_lost(driver):
    pair = driver.tokens()
    driver.control.add_fault("refresh", "hold", phase="after")
    with _refreshing_process(driver, pair["refresh_token"], "read") as process:
        driver.control.wait_for_holds()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        driver.control.release()

        rotation = _eventually(
            lambda: [r for r in driver.control.rotations()["rotations"] if r["written"] is False]
        )[0]

    assert rotation["lost"] is True


def test_worker_killed_after_it_read_the_answer_does_not_count_as_lost(driver):
    pair = driver.tokens()
    with _refreshing_process(driver, pair["refresh_token"], "read") as process:
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

        rotation = _eventually(
            lambda: [r for r in driver.control.rotations()["rotations"] if r["delivered"]]
        )[0]

    assert (rotation["written"], rotation["lost"]) == (True, False)


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
@pytest.mark.parametrize("is_read", [True, False])
def test_answer_that_was_written_counts_as_lost_unless_it_was_read(driver, connection, is_read):
    pair = driver.tokens()
    raw = socket.create_connection(driver.url.removeprefix("http://").split(":"), 5)
    body = (
        f"grant_type=authorization_code&refresh_token={pair['refresh_token']}"
        "&scope=OAUTH_CREATE_API"
    )
    raw.sendall(
        f"POST {REFRESH_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {connection}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}".encode()
    )
    _eventually(lambda: raw.recv(1, socket.MSG_PEEK))
    if is_read:
        raw.recv(65536)
    raw.close()

    rotation = _eventually(
        lambda: [r for r in driver.control.rotations()["rotations"] if r["delivered"] is is_read]
    )[0]

    assert (rotation["written"], rotation["lost"]) == (True, not is_read)
