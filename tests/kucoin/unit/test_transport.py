"""One total deadline, one honest outcome: against a peer that misbehaves byte by byte."""

import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.foundation.errors import KucoinOutcomeUnknownError, KucoinUnsentError
from kubroker.foundation.settings import KucoinProtocol
from kubroker.kucoin.answers import parse_rest
from kubroker.kucoin.codes import Act, Acting
from kubroker.kucoin.exchange import Connection, Exchange, KucoinAnswer, KucoinRequest
from kubroker.kucoin.transport import KucoinTransport, decide_pause
from tests.support.certificates import build_contexts
from tests.support.wire_server import build_answer

OK = build_answer({"code": "200000"}, headers={"GW-RateLimit-Reset": "12"})
OK_BODY = b'{"code": "200000"}'
SHORT = 0.3
SLACK = 4.0  # of a busy machine; the peers would go on for five seconds and more


def get(url, **changes):
    return KucoinRequest(method="GET", url=f"{url}/path", **changes)


def post(url, **changes):
    return KucoinRequest(method="POST", url=f"{url}/path", **changes)


def send_fresh(request, *, deadline_seconds=5.0, **options):
    return KucoinTransport(**options).send(
        request, deadline_seconds=deadline_seconds, is_fresh=True
    )


# What goes out and comes back


def test_send_answer_comes_back_whole(serve):
    answer = send_fresh(get(serve(OK).url))
    assert (answer.status, answer.body) == (200, OK_BODY)
    assert answer.headers["gw-ratelimit-reset"] == "12"


def test_send_request_goes_out_as_it_is(serve):
    server = serve(OK)
    request = KucoinRequest(
        method="POST",
        url=f"{server.url}/a/b",
        query="redirect_uri=https://x/y?z=1&code=%2F",
        headers={"Content-Type": "application/json", "User-Agent": "other"},
        body=b'{"a":1}',
    )
    send_fresh(request)
    (received,) = server.received
    assert received.line == "POST /a/b?redirect_uri=https://x/y?z=1&code=%2F HTTP/1.1"
    assert received.body == b'{"a":1}'
    assert received.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "content-length": "7",
        "accept": "application/json",
        "user-agent": "other",
        "content-type": "application/json",
    }


def test_send_without_path_and_body_asks_for_the_root(serve):
    server = serve(OK)
    send_fresh(KucoinRequest(method="POST", url=server.url))
    (received,) = server.received
    assert received.line == "POST / HTTP/1.1"
    assert received.headers["content-length"] == "0"


@pytest.mark.parametrize("status", [204, 302, 400, 403, 429, 500, 503])
def test_send_any_status_is_an_answer_and_is_not_followed(serve, status):
    server = serve(build_answer(b"", status=status, headers={"Location": "http://127.0.0.1:1/"}))
    assert send_fresh(post(server.url)).status == status
    assert len(server.received) == 1


def test_send_header_over_several_lines_is_one_value(serve):
    folded = b"HTTP/1.1 200 OK\r\nX-Note: one\r\n  Set-Cookie: two\r\nContent-Length: 2\r\n\r\n{}"
    answer = send_fresh(get(serve(folded).url))
    assert answer.headers["x-note"] == "one Set-Cookie: two"
    assert "set-cookie" not in answer.headers


def test_send_proxies_of_the_environment_are_ignored(serve, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert send_fresh(get(serve(OK).url)).status == 200


def test_request_and_answer_repr_hide_all_that_may_be_secret():
    request = KucoinRequest(
        method="GET", url="https://hush", query="hush", headers={"a": "hush"}, body=b"hush"
    )
    answer = KucoinAnswer(status=200, headers={"a": "hush"}, body=b"hush")
    assert repr(request) == "KucoinRequest(method='GET')"
    assert repr(answer) == "KucoinAnswer(status=200)"


# The deadline is total


def drip_header(peer):
    peer.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000)


def drip_body(peer):
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    peer.drip(b"x" * 1000)


def drip_open_body(peer):
    """Without a length the end of the connection is the end of the body: not if we ended it."""
    peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + OK_BODY)
    peer.drip(b" " * 1000)


def drip_chunks(peer):
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.drip(b"1\r\nx\r\n" * 1000)


def stay_silent(peer):
    peer.stay_silent()


@pytest.mark.parametrize(
    "script", [stay_silent, drip_header, drip_body, drip_open_body, drip_chunks]
)
@pytest.mark.parametrize("is_fresh", [True, False])
def test_send_dripping_or_silent_peer_ends_at_the_deadline_as_unknown(serve, script, is_fresh):
    server = serve(script)
    started = time.monotonic()
    with pytest.raises(KucoinOutcomeUnknownError, match="the deadline passed"):
        KucoinTransport().send(post(server.url), deadline_seconds=SHORT, is_fresh=is_fresh)
    assert SHORT <= time.monotonic() - started < SHORT + SLACK
    if script is not stay_silent:
        assert server.closed.acquire(timeout=2), "the connection was left open"


def test_send_hanging_resolver_ends_at_the_deadline_as_unsent_and_stays_unsent(serve, monkeypatch):
    server = serve(OK)
    resolve = threading.Event()
    resolved = threading.Event()
    original = socket.getaddrinfo

    def hang(*arguments, **options):
        resolve.wait(5)
        resolved.set()
        return original(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = time.monotonic()
    with pytest.raises(KucoinUnsentError, match="the deadline passed"):
        send_fresh(post(server.url), deadline_seconds=SHORT)
    assert time.monotonic() - started < SHORT + SLACK
    resolve.set()
    assert resolved.wait(2)
    assert server.closed.acquire(timeout=2), "the late connection was left open"
    assert server.received == []


def test_send_dripping_handshake_is_unsent(serve):
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"https://localhost:{listener.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(KucoinUnsentError, match="the deadline passed"):
        send_fresh(post(url), deadline_seconds=SHORT)
    assert time.monotonic() - started < SHORT + SLACK
    listener.close()


@pytest.mark.parametrize("deadline_seconds", [0, -1])
def test_send_no_time_left_is_unsent_without_connecting(serve, deadline_seconds):
    server = serve(OK)
    with pytest.raises(KucoinUnsentError, match="no time left"):
        send_fresh(get(server.url), deadline_seconds=deadline_seconds)
    assert server.connections == 0


def test_send_interrupted_caller_forbids_sending(serve, monkeypatch):
    server = serve(OK)
    resolve = threading.Event()
    original = socket.getaddrinfo

    def hang(*arguments, **options):
        resolve.wait(5)
        return original(*arguments, **options)

    class Interrupted(threading.Event):
        def wait(self, timeout=None):
            raise KeyboardInterrupt

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    connection = Connection(urlsplit(server.url), None, 5.0)
    exchange = Exchange(connection, post(server.url), 100)
    exchange._done = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        exchange.run(5.0)
    resolve.set()
    assert server.closed.acquire(timeout=2)
    assert server.received == []


def test_work_of_an_abandoned_exchange_sends_nothing_on_an_open_connection(serve):
    server = serve(OK)
    connection = Connection(urlsplit(server.url), None, 5.0)
    Exchange(connection, get(server.url), 100).run(5.0)
    connection.handle.close()  # so that nothing but the ban on sending can stop it
    late = Exchange(connection, post(server.url), 100)
    late._abandon_unless_done()
    late._work()
    assert [received.line for received in server.received] == ["GET /path HTTP/1.1"]
    assert connection.sock is None


# Provably unsent, or unknown


def find_closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def assert_tells_only(error, words):
    assert error.message == words
    assert error.__cause__ is None
    assert error.__context__ is None


def test_send_refused_connection_is_unsent():
    with pytest.raises(KucoinUnsentError) as caught:
        send_fresh(post(f"http://127.0.0.1:{find_closed_port()}", query="code=hush"))
    assert_tells_only(caught.value, "KuCoin could not be reached (ConnectionRefusedError).")
    assert caught.value.retryable


def test_send_unknown_host_is_unsent(monkeypatch):
    def fail(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known: hush")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(KucoinUnsentError) as caught:
        send_fresh(post("http://hush.invalid"))
    assert_tells_only(caught.value, "KuCoin could not be reached (gaierror).")


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {"A": "line\r\nbreak"}},
        {"headers": {"A": "€"}},
        {"query": "a=b c"},
        {"query": "a=\r\n"},
        {"query": "a=ü"},
    ],
)
def test_send_unsendable_request_is_unsent(serve, changes):
    server = serve(OK)
    with pytest.raises(KucoinUnsentError):
        send_fresh(post(server.url, **changes))
    assert server.received == []


def close(peer):
    peer.close()


def reset(peer):
    peer.reset()


def cut_body(peer):
    peer.send(OK[:-1])
    peer.close()


def cut_header(peer):
    peer.send(OK[:30])
    peer.close()


def cut_chunk(peer):
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
    peer.close()


def claim_no_chunk_end(peer):
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
    peer.close()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (close, "RemoteDisconnected"),
        (reset, "ConnectionResetError"),
        (cut_body, "IncompleteRead"),
        (cut_chunk, "IncompleteRead"),
        (claim_no_chunk_end, "IncompleteRead"),
        (b"garbage that is no HTTP\r\n\r\n", "BadStatusLine"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "LineTooLong"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, "HTTPException"),
        (b"HTTP/1.1 199 ?\r\nContent-Length: 2\r\n\r\n{}", "BadStatusLine"),
        (b"HTTP/1.1 600 ?\r\nContent-Length: 2\r\n\r\n{}", "BadStatusLine"),
        (b"HTTP/1.1 999 ?\r\nContent-Length: 2\r\n\r\n{}", "BadStatusLine"),
    ],
)
def test_send_cut_or_garbled_answer_is_unknown(serve, script, words):
    with pytest.raises(KucoinOutcomeUnknownError, match=words) as caught:
        send_fresh(post(serve(script).url, query="code=hush", headers={"X": "hush"}))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "hush" not in caught.value.message
    assert not caught.value.retryable


def test_send_header_cut_before_the_length_is_an_answer_that_no_reader_takes(serve):
    answer = send_fresh(post(serve(cut_header).url))
    assert answer.body == b""
    with pytest.raises(KucoinOutcomeUnknownError):
        parse_rest(answer, Acting(Act.WITHDRAWAL, KucoinProtocol()))


@pytest.mark.parametrize(
    "answer",
    [
        build_answer(b"x" * 101),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n66\r\n" + b"x" * 102 + b"\r\n0\r\n\r\n",
    ],
)  # fmt: skip
def test_send_body_over_the_cap_is_unknown(serve, answer):
    with pytest.raises(KucoinOutcomeUnknownError, match="AnswerTooLargeError"):
        send_fresh(post(serve(answer).url), max_answer_bytes=100)


def test_send_body_at_the_cap_is_an_answer(serve):
    assert (
        len(send_fresh(post(serve(build_answer(b"x" * 100)).url), max_answer_bytes=100).body) == 100
    )


# TLS


@pytest.fixture
def tls(tmp_path):
    return build_contexts(tmp_path, "localhost")


def test_send_tls_trusted_peer_answers(serve, tls):
    server_tls, client_tls = tls
    server = serve(OK, tls=server_tls)
    transport = KucoinTransport(tls=client_tls)
    for _ in range(2):
        answer = transport.send(get(server.url), deadline_seconds=5, is_fresh=False)
        assert answer.body == OK_BODY
    assert server.connections == 1


def test_send_tls_dripping_body_ends_at_the_deadline_as_unknown(serve, tls):
    server_tls, client_tls = tls
    started = time.monotonic()
    with pytest.raises(KucoinOutcomeUnknownError, match="the deadline passed"):
        send_fresh(
            post(serve(drip_body, tls=server_tls).url), deadline_seconds=SHORT, tls=client_tls
        )
    assert time.monotonic() - started < SHORT + SLACK


def test_send_tls_untrusted_peer_is_unsent(serve, tls):
    server = serve(OK, tls=tls[0])
    with pytest.raises(KucoinUnsentError, match="SSLCertVerificationError"):
        send_fresh(post(server.url))
    assert server.received == []


def test_send_tls_other_host_is_unsent(serve, tmp_path):
    server_tls, client_tls = build_contexts(tmp_path, "kucoin.example")
    with pytest.raises(KucoinUnsentError, match="SSLCertVerificationError"):
        send_fresh(post(serve(OK, tls=server_tls).url), tls=client_tls)


def test_send_tls_peer_without_tls_is_unsent():
    listener = socket.create_server(("127.0.0.1", 0))

    def answer_plainly():
        sock, _ = listener.accept()
        with sock:
            sock.recv(1)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    threading.Thread(target=answer_plainly, daemon=True).start()
    with pytest.raises(KucoinUnsentError, match=r"SSL|ConnectionReset"):
        send_fresh(post(f"https://localhost:{listener.getsockname()[1]}"))
    listener.close()


# Connections: fresh for what acts, shared for reads, never idle for long


class Ticker:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_send_fresh_uses_a_connection_of_its_own_and_closes_it(serve):
    server = serve(OK)
    transport = KucoinTransport()
    for is_fresh in (False, True, True):
        transport.send(get(server.url), deadline_seconds=5, is_fresh=is_fresh)
    assert [request.connection for request in server.received] == [1, 2, 3]
    assert server.closed.acquire(timeout=2)
    assert server.closed.acquire(timeout=2)
    assert not server.closed.acquire(timeout=0.05)


def test_send_reads_share_a_connection(serve):
    server, other = serve(OK), serve(OK)
    transport = KucoinTransport()
    for _ in range(2):
        transport.send(get(server.url), deadline_seconds=5, is_fresh=False)
        transport.send(get(other.url), deadline_seconds=5, is_fresh=False)
    assert (server.connections, other.connections) == (1, 1)


@pytest.mark.parametrize(("idle_seconds", "connections"), [(4.9, 1), (5.1, 2)])
def test_send_idle_connection_is_used_for_five_seconds_only(serve, idle_seconds, connections):
    server, ticker = serve(OK), Ticker()
    transport = KucoinTransport(monotonic=ticker)
    transport.send(get(server.url), deadline_seconds=5, is_fresh=False)
    ticker.now += idle_seconds
    transport.send(get(server.url), deadline_seconds=5, is_fresh=False)
    assert server.connections == connections
    if connections == 2:
        assert server.closed.acquire(timeout=2), "the stale connection was left open"


def test_send_deadline_of_a_reused_connection_is_its_own(serve):
    server = serve(OK, stay_silent)
    transport = KucoinTransport()
    transport.send(get(server.url), deadline_seconds=5, is_fresh=False)
    started = time.monotonic()
    with pytest.raises(KucoinOutcomeUnknownError):
        transport.send(get(server.url), deadline_seconds=SHORT, is_fresh=False)
    assert time.monotonic() - started < SHORT + SLACK


def test_send_longer_deadline_on_a_reused_connection_is_its_own(serve, monkeypatch):
    monkeypatch.setattr("kubroker.kucoin.transport.BACKSTOP_SECONDS", 0)

    def answer_late(peer):
        peer.stopped.wait(0.8)
        peer.send(OK)

    server = serve(OK, answer_late)
    transport = KucoinTransport()
    transport.send(get(server.url), deadline_seconds=0.6, is_fresh=False)
    transport.send(get(server.url), deadline_seconds=5, is_fresh=False)
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [build_answer({}, headers={"Connection": "close"}), b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"],
)  # fmt: skip
def test_send_connection_that_the_peer_closes_is_not_kept(serve, answer):
    server = serve(answer)
    transport = KucoinTransport()
    for _ in range(2):
        transport.send(get(server.url), deadline_seconds=5, is_fresh=False)
    assert server.connections == 2


def test_send_many_at_once_each_get_their_own_answer(serve):
    server = serve(lambda peer: peer.send(build_answer(peer.received.line)))
    transport = KucoinTransport()
    failures = []

    def ask(number):
        for _ in range(10):
            answer = transport.send(
                get(f"{server.url}/{number}"), deadline_seconds=5, is_fresh=number % 2 == 0
            )
            if answer.body != f"GET /{number}/path HTTP/1.1".encode():
                failures.append(answer)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(server.received) == 60
    assert len(transport._idle) <= 3


# Reads that may be repeated


def build_patient(pauses, **options):
    return KucoinTransport(sleep=pauses.append, random_share=lambda: 0.5, **options)


@pytest.mark.parametrize("first", [close, build_answer("<html>", status=503)])
def test_send_safe_failing_in_passing_asks_once_more_on_a_fresh_connection(serve, first):
    server, pauses = serve(first, OK), list[float]()
    answer = build_patient(pauses).send_safe(get(server.url), deadline_seconds=5)
    assert answer.body == OK_BODY
    assert [request.connection for request in server.received] == [1, 2]
    assert pauses == [0.25]


def test_send_safe_connection_closed_while_idle_is_replaced(serve):
    def answer_and_close(peer):
        peer.send(OK)
        peer.close()

    server, pauses = serve(answer_and_close, OK), list[float]()
    transport = build_patient(pauses)
    transport.send_safe(get(server.url), deadline_seconds=5)
    assert server.closed.acquire(timeout=2)
    assert transport.send_safe(get(server.url), deadline_seconds=5).body == OK_BODY
    assert len(pauses) == 1


@pytest.mark.parametrize("status", [200, 302, 400, 404, 429])
def test_send_safe_definite_answer_is_not_asked_again(serve, status):
    server, pauses = serve(build_answer({}, status=status)), list[float]()
    assert build_patient(pauses).send_safe(get(server.url), deadline_seconds=5).status == status
    assert (len(server.received), pauses) == (1, [])


def test_send_safe_failing_twice_gives_the_last_outcome(serve):
    server, pauses = serve(build_answer({}, status=500), close), list[float]()
    with pytest.raises(KucoinOutcomeUnknownError, match="RemoteDisconnected"):
        build_patient(pauses).send_safe(get(server.url), deadline_seconds=5)
    assert (len(server.received), len(pauses)) == (2, 1)

    server = serve(close, build_answer({}, status=500))
    assert build_patient([]).send_safe(get(server.url), deadline_seconds=5).status == 500


def test_send_safe_post_is_sent_once_and_fresh(serve):
    server, pauses = serve(close), list[float]()
    with pytest.raises(KucoinOutcomeUnknownError):
        build_patient(pauses).send_safe(post(server.url), deadline_seconds=5)
    assert (len(server.received), pauses) == (1, [])

    server = serve(OK)
    transport = build_patient([])
    for _ in range(2):
        transport.send_safe(post(server.url), deadline_seconds=5)
    assert server.connections == 2


def test_send_safe_both_attempts_share_the_deadline(serve):
    server, ticker = serve(close, stay_silent), Ticker()

    def pass_time(pause_seconds):
        ticker.now += 4.6 + pause_seconds

    transport = KucoinTransport(monotonic=ticker, sleep=pass_time, random_share=lambda: 0.2)
    started = time.monotonic()
    with pytest.raises(KucoinOutcomeUnknownError, match="the deadline passed"):
        transport.send_safe(get(server.url), deadline_seconds=5)
    assert time.monotonic() - started < 0.3 + SLACK


ANSWERS = [
    *(KucoinAnswer(status=status) for status in (200, 302, 400, 403, 404, 429)),
    *(
        KucoinAnswer(status=200, body=b'{"code":"%s","msg":"no"}' % code)
        for code in (b"200000", b"400002", b"400003", b"400006", b"429000", b"999999")
    ),
]
PASSING = [
    KucoinUnsentError("x"),
    KucoinOutcomeUnknownError("x"),
    *(KucoinAnswer(status=status) for status in (500, 502, 503, 504)),
    *(
        KucoinAnswer(status=200, body=b'{"code":"%s","msg":"busy"}' % code)
        for code in (b"500000", b"408000", b"200002", b"230005")
    ),
]


@pytest.mark.parametrize("outcome", PASSING)
def test_decide_pause_passing_failure_of_the_first_get_pauses_with_full_jitter(outcome):
    for share, pause in ((0.0, 0.0), (0.5, 0.25), (0.99, 0.495)):
        assert decide_pause("GET", 1, outcome, remaining_seconds=5, random_share=share) == pause


@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT"]),
    attempt=st.integers(1, 5),
    outcome=st.sampled_from(ANSWERS + PASSING),
    remaining_seconds=st.floats(-10, 10),
    random_share=st.floats(0, 1, exclude_max=True),
)
def test_decide_pause_repeats_only_a_first_get_that_failed_in_passing_with_time_left(
    method, attempt, outcome, remaining_seconds, random_share
):
    pause = decide_pause(
        method, attempt, outcome, remaining_seconds=remaining_seconds, random_share=random_share
    )
    is_wanted = method == "GET" and attempt == 1 and outcome in PASSING
    if pause is None:
        assert not is_wanted or remaining_seconds <= 0.5 * random_share
    else:
        assert is_wanted
        assert 0 <= pause < min(0.5, remaining_seconds)


def test_send_default_cap_is_one_mebibyte(serve):
    assert len(send_fresh(get(serve(build_answer(b"x" * 1_048_576)).url)).body) == 1_048_576
    with pytest.raises(KucoinOutcomeUnknownError, match="AnswerTooLargeError"):
        send_fresh(get(serve(build_answer(b"x" * 1_048_577)).url))
