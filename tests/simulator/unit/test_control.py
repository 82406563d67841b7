"""Control: users, settings, worlds, clock, pages, the process and its command line."""

import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from local.kucoin_simulator.__main__ import parse_config
from local.kucoin_simulator.control.client import ROOT, SimulatorError, SimulatorProcess
from tests.simulator.unit.driver import code_of


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/worlds", {"nothing": True}),
        ("/worlds", {"refresh_rotation": "maybe"}),
        ("/worlds", {"bearer_identity": 1}),
        ("/worlds", {"one_key_per_broker": "yes"}),
        ("/settings", {"accessTokenSeconds": "long"}),
        ("/settings", {"accessTokenSeconds": True}),
        ("/settings", {"redirectUrls": "http://localhost"}),
        ("/settings", {"nothing": 1}),
    ],
)
def test_patch_with_a_wrong_name_or_type_is_refused_and_changes_nothing(driver, path, body):
    before = driver.control.state()

    with pytest.raises(SimulatorError):
        driver.control.call("PUT", path, {**body, "code_seconds": 1})

    after = driver.control.state()
    assert (after["worlds"], after["settings"]) == (before["worlds"], before["settings"])


def test_settings_take_both_spellings(driver):
    driver.control.set_settings(accessTokenSeconds=20, refresh_token_seconds=60)

    settings = driver.control.state()["settings"]

    assert (settings["accessTokenSeconds"], settings["refreshTokenSeconds"]) == (20, 60)


def test_clock_frozen_stands_still_until_advanced(driver):
    driver.control.set_clock(frozen=True, nowMs=1_700_000_000_000)
    driver.control.advance(1.5)

    assert driver.get("/api/v1/timestamp").json()["data"] == 1_700_000_001_500
    driver.control.set_clock(frozen=False)
    assert driver.get("/api/v1/timestamp").json()["data"] >= 1_700_000_001_500


def test_users_are_added_one_by_one_and_in_numbers(driver):
    zoe = driver.control.add_user("zoe", twoFactor=False, groups=["API_COMMON"])
    many = driver.control.add_users(200, prefix="load")

    assert (zoe["twoFactor"], zoe["email"]) == (False, "zoe@example.com")
    assert [many[0]["name"], many[-1]["name"]] == ["load-1", "load-200"]
    assert len({user["uid"] for user in many}) == 200
    assert "access_token" in driver.tokens("load-200")


@pytest.mark.parametrize("fields", [{"frozen": "yes"}, {"colour": "red"}, {"uid": 1}])
def test_user_with_an_unknown_field_is_refused(driver, fields):
    with pytest.raises(SimulatorError):
        driver.control.add_user("zoe", **fields)


def test_user_taken_name_is_refused(driver):
    with pytest.raises(SimulatorError):
        driver.control.add_user("alice")


def test_user_can_be_frozen_and_thawed(driver):
    key = driver.key()
    driver.control.patch_user("alice", frozen=True)
    assert code_of(driver.check_key(key)) == "411100"
    driver.control.patch_user("alice", frozen=False)

    assert code_of(driver.check_key(key)) == "200000"


def test_key_can_lose_a_group_and_get_a_whitelist(driver):
    key = driver.key()
    driver.control.patch_key(key.api_key, groups=["API_SPOT"])
    assert code_of(driver.check_key(key)) == "400007"
    driver.control.patch_key(key.api_key, ipWhitelist=["10.0.0.1"])

    assert code_of(driver.check_key(key)) == "400006"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("DELETE", "/keys/unknown"),
        ("PATCH", "/users/unknown"),
        ("DELETE", "/chains/unknown"),
        ("POST", "/authorize"),
    ],
)
def test_control_of_what_does_not_exist_is_an_error(driver, method, path):
    with pytest.raises(SimulatorError):
        driver.control.call(method, path, {} if method != "GET" else None)


def test_control_body_that_is_no_object_is_400(driver):
    assert requests.put(driver.url + "/_sim/worlds", data="[1]", timeout=5).status_code == 400
    assert requests.put(driver.url + "/_sim/worlds", data="{", timeout=5).status_code == 400


def test_authorize_of_a_wrong_redirect_is_refused(driver):
    with pytest.raises(SimulatorError, match="redirect_uri"):
        driver.control.authorize("alice", redirectUri="http://evil.example/")


def test_journal_can_be_read_from_a_point_and_by_route(driver):
    driver.tokens()
    driver.get("/api/v1/timestamp")
    entries = driver.control.journal()

    assert [entry["route"] for entry in entries] == ["token", "timestamp"]
    assert driver.control.journal(since=entries[0]["seq"]) == [entries[1]]
    assert [e["route"] for e in driver.control.journal(user="alice")] == ["token"]


def test_journal_tells_fresh_connections_from_pooled_ones(driver):
    driver.get("/api/v1/timestamp")
    driver.get("/api/v1/timestamp")
    requests.get(driver.url + "/api/v1/timestamp", timeout=5)

    first, second, third = (entry["connection"] for entry in driver.control.journal())

    assert first == second != third


def test_page_shows_users_keys_tokens_and_journal(driver):
    driver.create_key(driver.tokens()["access_token"])
    driver.control.add_fault("refresh", "drop")

    page = driver.get("/_sim").text

    for text in ("alice@example.com", "demo-alice", "create_key", "own-1", "refresh_rotation"):
        assert text in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page


def test_page_escapes_what_others_sent(driver):
    driver.get("/<script>alert(1)</script>")

    assert "<script" not in driver.get("/_sim").text


def test_server_oversize_and_chunked_bodies_are_refused(driver):
    host, port = driver.url.removeprefix("http://").split(":")
    for header in ("Transfer-Encoding: chunked", "Content-Length: 2000000", "Content-Length: x"):
        with socket.create_connection((host, int(port)), 5) as raw:
            raw.sendall(f"POST /_sim/reset HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
            assert raw.recv(64).startswith(b"HTTP/1.1 400")


def test_process_starts_serves_and_stops(tmp_path):
    with SimulatorProcess("--client-id", "other", "--redirect-url", "http://localhost:9/cb") as one:
        location = one.control.authorize("alice", clientId="other")
        assert location.startswith("http://localhost:9/cb?success=true&code=")
        port = int(one.url.rsplit(":", 1)[1])
        with pytest.raises(SimulatorError):
            SimulatorProcess(port=port)
    one.stop()
    assert one._process.returncode in (0, -signal.SIGTERM)


START_AND_DIE = """
import os
from local.kucoin_simulator.control.client import SimulatorProcess
print(SimulatorProcess().url, flush=True)
os.kill(os.getpid(), 9)
"""


def _answers(url):
    try:
        return requests.get(url + "/api/v1/timestamp", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_process_ends_when_the_one_that_started_it_is_killed():
    started = subprocess.run(
        [sys.executable, "-c", START_AND_DIE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    url = started.stdout.strip()
    deadline = time.monotonic() + 10
    while _answers(url) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert url.startswith("http://127.0.0.1:")
    assert not _answers(url)


def test_command_line_names_the_broker(monkeypatch):
    monkeypatch.setenv("KUBROKER_SIMULATOR_PORT", "4001")

    config = parse_config(
        [
            "--client-secret",
            "a",
            "--client-secret",
            "b",
            "--spot-partner",
            "p",
            "--spot-broker-key",
            "k",
        ]
    )

    assert (config.port, config.client_secrets) == (4001, ("a", "b"))
    assert (config.spot.partner, config.spot.name, config.spot.key) == ("p", "kubrokerspotND", "k")
