"""Links in KuCoin's words: handed on only where a browser arrives at KuCoin."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.foundation.withdrawal_protocol import WithdrawalProtocol
from kubroker.withdrawals.security_link import (
    build_security_link,
    find_security_link,
    is_kucoin_link,
    is_security_refusal,
)

WEB = "https://www.kucoin.com"
HOSTS = WithdrawalProtocol().security_link_hosts
WORDS = "You need to bind more factors to continue this operation. Please visit: "


def _find(words, web=WEB, hosts=HOSTS):
    return find_security_link(words, web_url=web, hosts=hosts)


@pytest.mark.parametrize(
    "link",
    [
        "https://www.kucoin.com/account/security/g2fa",
        "https://kucoin.com/account/security/g2fa",
        "https://a.b.kucoin.com/account/security",
        "https://WWW.KuCoin.com/account/security",
        "https://www.kucoin.com:443/account/security",
        "https://www.kucoin.com/account/security?lang=en_US&x=%2F#top",
        "https://www.kucoin.eu/account/security/g2fa",
        "https://www.kucoin.th/account/security/g2fa",
        "https://www.kucoin.tr/account/security/g2fa",
    ],
)
def test_link_to_kucoin_is_found_to_the_letter(link):
    assert _find(WORDS + link) == link
    assert _find(f"{WORDS}{link}.") == link
    assert _find(f'{WORDS}<a href="{link}">here</a>') == link


@pytest.mark.parametrize(
    "link",
    [
        "http://www.kucoin.com/account/security",
        "https://www.kucoin.com.evil.example/account/security",
        "https://evil.example/www.kucoin.com/account/security",
        "https://evil.example?https://www.kucoin.com/account/security",
        "https://evil.example#https://www.kucoin.com/account/security",
        "https://www.kucoin.com@evil.example/account/security",
        "https://www.kucoin.com:x@evil.example/account/security",
        "https://evil.example\\@www.kucoin.com/account/security",
        "https://evil.example\\.kucoin.com/account/security",
        "https://evilkucoin.com/account/security",
        "https://evilkucoin.tr/account/security",
        "https://www.kucoin.tr.evil.example/account/security",
        "https://www.kucoin.xyz/account/security",
        "http://www.kucoin.eu/account/security",
        "https://kucoin.com.evil.example/",
        "https://www.kucoin.com:8443/account/security",
        "https://www.kucoin.com:99999/account/security",
        "https://[::1]/account/security",
        "https://[www.kucoin.com]/account/security",
        "https:///www.kucoin.com/account/security",
        "https://.kucoin.com/account/security",
        "https://www.kucoin.com./account/security",
        "https://www%2ekucoin.com/account/security",
        "https://www.kuco\u0456n.com/account/security",
        "https://www.kucoin.com/\x07account/security",
        "https://www.kucoin.com/" + "a" * 800,
        "javascript:alert(1)//www.kucoin.com/account/security",
        "//www.kucoin.com/account/security",
        "ftp://www.kucoin.com/account/security",
    ],
)
def test_link_to_elsewhere_is_none(link):
    assert _find(WORDS + link) is None


def test_link_of_kucoin_is_found_after_a_foreign_one():
    words = "See https://evil.example/ or https://www.kucoin.com/account/security"
    assert _find(words) == "https://www.kucoin.com/account/security"


def test_link_to_the_web_url_as_set_is_allowed_to_its_very_origin():
    local = "http://127.0.0.1:3001"
    assert _find(f"{local}/account/security", web=local)
    for other in ("http://127.0.0.1:3002/x", "https://127.0.0.1:3001/x", "http://127.0.0.1/x"):
        assert _find(other, web=local) is None


def test_link_to_another_registered_name_needs_its_setting():
    link = "https://www.kucoin.example/account/security"
    assert _find(link) is None
    assert _find(link, hosts={"kucoin.com", "kucoin.example"}) == link


@pytest.mark.parametrize(
    ("link", "built"),
    [
        (
            "https://www.kucoin.com/account/security/g2fa",
            "https://www.kucoin.com/account/security/g2fa?client_id=c&redirect_uri=R",
        ),
        ("https://www.kucoin.com/s?", "https://www.kucoin.com/s?client_id=c&redirect_uri=R"),
        (
            "https://www.kucoin.com/s?a=1&b=%2F%20+x",
            "https://www.kucoin.com/s?a=1&b=%2F%20+x&client_id=c&redirect_uri=R",
        ),
        (
            "https://www.kucoin.com/s?a=1#g2fa",
            "https://www.kucoin.com/s?a=1&client_id=c&redirect_uri=R#g2fa",
        ),
        (
            "https://www.kucoin.com/s?client_id=evil&a=1&redirect%5Furi=https://evil.example",
            "https://www.kucoin.com/s?a=1&client_id=c&redirect_uri=R",
        ),
    ],
)
def test_link_carries_the_way_back_besides_what_it_carried(link, built):
    back = "https://www.broker.example/kucoin?step=2&x=a b/ü"
    encoded = "https%3A%2F%2Fwww.broker.example%2Fkucoin%3Fstep%3D2%26x%3Da%20b%2F%C3%BC"
    expected = built.replace("R", encoded)
    assert build_security_link(link, client_id="c", redirect_uri=back) == expected


@given(back=st.text(min_size=1, max_size=60), query=st.text("abc=&%2F+#?;", max_size=20))
def test_link_gives_the_way_back_exactly_and_stays_at_kucoin(back, query):
    try:
        back.encode()
    except UnicodeEncodeError:
        return
    link = f"https://www.kucoin.com/account/security?{query}"
    built = build_security_link(link, client_id="client 1", redirect_uri=back)
    pairs = parse_qsl(urlsplit(built).query, keep_blank_values=True)
    assert pairs[-2:] == [("client_id", "client 1"), ("redirect_uri", back)]
    assert is_kucoin_link(built, web_url=WEB, hosts=HOSTS) or len(built) > 800


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        ("You need to Bind More Factors to continue", True),
        ("see https://www.kucoin.com/account/security/g2fa", True),
        ("The address is not in the whitelist", False),
        ("", False),
    ],
)
def test_security_refusal_is_recognised_by_its_words(words, is_one):
    assert is_security_refusal(words) is is_one
