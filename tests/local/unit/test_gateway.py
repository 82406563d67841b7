import json
import socket
import threading

import pytest
import requests

from local.gateway.http_api import LARGEST_BODY, LOCAL_CALLER, HttpApi
from local.gateway.invocation import InvokeResult, ThrottledError
from local.gateway.server import Gateway
from local.gateway.sigv4 import AllowedCaller, sign_headers


@pytest.fixture(scope="module")
def http_api(small_stack_once, pool_once):
    return HttpApi(small_stack_once.routes, pool_once.invoke)


@pytest.fixture(scope="module")
def gateway(http_api):
    gateway = Gateway(http_api, 0)
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def url(gateway):
    return gateway.url


def send_raw(gateway, text):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(text.encode("latin-1"))
        answer = connection.makefile("rb").readline().decode()
    return int(answer.split()[1])


def test_gateway_event_reaches_the_function(url):
    answer = requests.post(
        f"{url}/echo?x=1&x=2", data="ü".encode(), headers={"Content-Type": "text/plain"}
    )
    event = answer.json()["event"]
    assert answer.status_code == 200
    assert (event["routeKey"], event["body"]) == ("ANY /echo", "ü")
    assert event["rawQueryString"] == "x=1&x=2"
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["requestContext"]["domainName"] == "localhost"


@pytest.mark.parametrize(
    ("path", "route", "parameters"),
    [
        ("/items/a%20b", "GET /items/{id}", {"id": "a b"}),
        ("/items/a%2Fb", "GET /items/{id}", {"id": "a/b"}),
        ("/items/a/b", "GET /items/{rest+}", {"rest": "a/b"}),
    ],
)
def test_gateway_path_parameters(url, path, route, parameters):
    event = requests.get(url + path).json()["event"]
    assert (event["routeKey"], event["pathParameters"]) == (route, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/echo/"),
        ("POST", "/items/a"),
        ("OPTIONS", "/items/a"),
        ("GET", "/items/"),
    ],
)
def test_gateway_unknown_route_is_404(url, method, path):
    answer = requests.request(method, url + path)
    assert (answer.status_code, answer.text) == (404, '{"message":"Not Found"}')


def test_gateway_unsigned_is_403(url):
    answer = requests.post(f"{url}/signed")
    assert (answer.status_code, answer.text) == (403, '{"message":"Forbidden"}')


def test_gateway_signed_tells_who(url):
    signed = sign_headers(
        method="POST", url=f"{url}/signed?a=%20", headers={}, body=b"{}", caller=LOCAL_CALLER
    )
    answer = requests.post(f"{url}/signed?a=%20", data=b"{}", headers=signed)
    assert answer.json()["event"]["requestContext"]["authorizer"]["iam"]["accessKey"] == "local"


def test_gateway_caller_without_the_route_is_403(url, http_api):
    reader = AllowedCaller("reader", "secret", allowed_routes=("GET/*",))
    http_api.callers.append(reader)
    signed = sign_headers(method="POST", url=f"{url}/signed", headers={}, body=b"", caller=reader)
    assert requests.post(f"{url}/signed", headers=signed).status_code == 403


@pytest.mark.parametrize("do", ["raise", "exit", "malformed"])
def test_gateway_failing_function_is_500(url, do):
    answer = requests.get(f"{url}/echo?do={do}")
    assert (answer.status_code, answer.text) == (500, '{"message":"Internal Server Error"}')


def test_gateway_function_that_can_not_be_loaded_is_500(url):
    assert requests.get(f"{url}/broken").status_code == 500


def test_gateway_cookies_and_base64(url):
    answer = requests.get(f"{url}/echo?do=cookies")
    assert answer.content == b"\xff"
    assert answer.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_gateway_cookies_of_the_request(url):
    event = requests.get(f"{url}/echo", headers={"Cookie": "a=1; b=2"}).json()["event"]
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


def test_gateway_chunked_body(url):
    answer = requests.post(
        f"{url}/echo", data=iter([b"a", b"bc"]), headers={"Content-Type": "text/plain"}
    )
    assert answer.json()["event"]["body"] == "abc"


def test_gateway_throttled_is_503(small_stack):
    def refuse(name, event):
        raise ThrottledError

    gateway = Gateway(HttpApi(small_stack.routes, refuse), 0)
    answer = requests.get(f"{gateway.url}/echo")
    gateway.stop()
    assert (answer.status_code, answer.text) == (503, '{"message":"Service Unavailable"}')


def test_gateway_integration_too_slow_is_503(small_stack):
    released = threading.Event()

    def wait(name, event):
        released.wait(10)
        return InvokeResult({}, None, 0, "")

    gateway = Gateway(HttpApi(small_stack.routes, wait, integration_seconds=0.1), 0)
    answer = requests.get(f"{gateway.url}/echo")
    released.set()
    gateway.stop()
    assert (answer.status_code, answer.text) == (503, '{"message":"Service Unavailable"}')


@pytest.mark.parametrize(
    ("size", "status"), [(LARGEST_BODY + 1, 413), (7 * 1024 * 1024, 413), (1024, 200)]
)
def test_gateway_large_body(small_stack, size, status):
    def echo(name, event):
        return InvokeResult({"statusCode": 200}, None, 0, "")

    gateway = Gateway(HttpApi(small_stack.routes, echo), 0)
    try:
        answered = requests.post(f"{gateway.url}/echo", data=b"x" * size).status_code
    except requests.ConnectionError:
        answered = 413  # closed while it was being sent
    gateway.stop()
    assert answered == status


@pytest.mark.parametrize(
    "text",
    [
        "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "nonsense\r\n\r\n",
    ],
)
def test_gateway_malformed_request_is_400(gateway, text):
    assert send_raw(gateway, text) == 400


def test_gateway_large_headers_are_431(url):
    answer = requests.get(f"{url}/echo", headers={"X-Large": "x" * 11_000})
    assert answer.status_code == 431
    assert json.loads(answer.text)["message"]
