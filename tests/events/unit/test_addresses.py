"""Where a webhook may go, as a table of attempts to make it go elsewhere."""

import socket

import pytest

from kubroker.events.webhook_sender import choose_public_address, is_public, parse_webhook_url
from kubroker.foundation.errors import ConfigurationError, ForbiddenError
from kubroker.kucoin.exchange import list_addresses

PRIVATE = {
    "loopback": "127.0.0.1",
    "loopback, another": "127.255.255.254",
    "this host": "0.0.0.0",
    "private 10": "10.0.0.1",
    "private 172.16": "172.31.255.255",
    "private 192.168": "192.168.1.1",
    "carrier-grade NAT": "100.64.0.1",
    "link-local": "169.254.1.1",
    "metadata": "169.254.169.254",
    "Lambda's runtime": "169.254.100.1",
    "benchmarks": "198.18.0.1",
    "documentation": "203.0.113.7",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with a zone": "fe80::1%eth0",
    "IPv6 unique local": "fd00:ec2::254",
    "IPv6 site-local": "fec0::1",
    "IPv6 multicast": "ff0e::1",
    "IPv6-mapped loopback": "::ffff:127.0.0.1",
    "IPv6-mapped metadata": "::ffff:169.254.169.254",
    "IPv6-mapped private": "::ffff:10.0.0.1",
    "IPv4-compatible": "::127.0.0.1",
    "NAT64 of metadata": "64:ff9b::a9fe:a9fe",
    "NAT64, local use": "64:ff9b:1::a00:1",
    "6to4 of private": "2002:a00:1::",
    "Teredo": "2001:0:53aa:64c::1",
    "documentation, IPv6": "2001:db8::1",
    "no address": "localhost",
}
PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("name", PRIVATE)
def test_is_public_refuses(name):
    assert not is_public(PRIVATE[name])


@pytest.mark.parametrize("address", PUBLIC)
def test_is_public_takes(address):
    assert is_public(address)


@pytest.mark.parametrize("name", PRIVATE)
def test_name_that_leads_to_a_private_address_is_refused(name):
    with pytest.raises(ForbiddenError, match="not public"):
        choose_public_address("hooks.example", 443, lookup=lambda *_: [PRIVATE[name]])


def test_name_with_one_private_address_among_public_ones_is_refused():
    with pytest.raises(ForbiddenError):
        choose_public_address("hooks.example", 443, lookup=lambda *_: ["8.8.8.8", "10.0.0.1"])


def test_name_without_an_address_is_refused():
    with pytest.raises(ForbiddenError):
        choose_public_address("hooks.example", 443, lookup=lambda *_: [])


def test_name_with_both_families_gives_ipv4():
    both = ["2606:2800:21f:cb07::1", "8.8.8.8"]
    assert choose_public_address("hooks.example", 443, lookup=lambda *_: both) == "8.8.8.8"


def test_name_is_resolved_once():
    """A second look could be answered otherwise."""
    calls = []

    def lookup(host, port):
        calls.append((host, port))
        return ["8.8.8.8"] if len(calls) == 1 else ["127.0.0.1"]

    assert choose_public_address("hooks.example", 8443, lookup=lookup) == "8.8.8.8"
    assert calls == [("hooks.example", 8443)]


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "017700000001", "localhost"])
def test_odd_spellings_of_loopback_are_refused(host):
    with pytest.raises((ForbiddenError, socket.gaierror)):
        choose_public_address(host, 443)


def test_list_addresses_names_each_once():
    assert list_addresses("127.0.0.1", 443) == ["127.0.0.1"]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/x",
        "http://127.0.0.1:3000/x",
        "http://localhost:3000/x",
        "ftp://hooks.example/x",
        "https://",
        "https:///path",
        "https://user@hooks.example/",
        "https://user:secret@hooks.example/",
        "https://hooks.example\\@10.0.0.1/",
        "https://hooks.example/#fragment",
        "https://hooks.example/a b",
        "https://hooks.example/a\r\nHost: other",
        "https://hooks.example:99999/",
        "https://hooks.example:0/",
        "https://hooks.example:x/",
        "https://[::1/",
        "https://h\u00f6oks.example/",
        "//hooks.example/",
        "",
    ],
)
def test_url_is_refused(url):
    with pytest.raises(ConfigurationError, match="WebhookUrl"):
        parse_webhook_url(url, is_local=False)


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("https://hooks.example", False),
        ("https://hooks.example:8443/a/b%20c", False),
        ("http://localhost:3003/hooks", True),
    ],
)
def test_url_is_taken(url, is_local):
    assert parse_webhook_url(url, is_local=is_local).geturl() == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:3003/", "http://localhost.example/"])
def test_url_on_one_machine_is_localhost_by_name_only(url):
    with pytest.raises(ConfigurationError):
        parse_webhook_url(url, is_local=True)
