"""What guards every page: policy, headers, escaping."""

import base64
import hashlib
import re

import pytest

from kubroker.foundation.errors import ConfigurationError
from kubroker.web.document import parse_origin
from tests.support.gallery import KUCOIN, Outline, build_every_page

HOSTILE = "\"><script>alert(1)</script>'{0}{broker.name}</title><img src=x onerror=1>"

PAGES = build_every_page()


def get_policy(answer):
    directives = (part.split(" ") for part in answer.headers["Content-Security-Policy"].split("; "))
    return {name: sources for name, *sources in directives}


def hash_source(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize("name", PAGES)
def test_page_inline_content_matches_hashes_of_policy(name):
    outline, policy = Outline(PAGES[name].body), get_policy(PAGES[name])
    assert [hash_source(text) for text in outline.raw["style"]] == policy["style-src"]
    assert [hash_source(text) for text in outline.raw["script"]] == policy.get("script-src", [])
    for _tag, attributes in outline.tags:
        assert not [key for key in attributes if key == "style" or key.startswith("on")]


@pytest.mark.parametrize("name", PAGES)
def test_page_policy_allows_only_what_it_needs(name):
    policy = get_policy(PAGES[name])
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
    assert ("connect-src" in policy) == ("script-src" in policy) == (name == "progress")
    assert policy["img-src"] == ["data:"]
    goes_to_kucoin = name in ("consent", "retry")
    assert policy["form-action"] == ["'self'", *KUCOIN] if goes_to_kucoin else ["'self'"]


@pytest.mark.parametrize("name", PAGES)
def test_page_headers_guard_it(name):
    headers = PAGES[name].headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert "set-cookie" not in {name.lower() for name in headers}


@pytest.mark.parametrize("name", PAGES)
def test_page_outline_is_whole(name):
    outline = Outline(PAGES[name].body)
    assert outline.open == []
    assert outline.all("html") == [{"lang": "en"}]
    for landmark in ("header", "main", "h1", "title"):
        assert len(outline.all(landmark)) == 1
    ids = [attributes["id"] for _tag, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    boxes = [box for box in outline.all("input") if box["type"] == "checkbox"]
    assert {label["for"] for label in outline.all("label")} == {box["id"] for box in boxes}
    assert {box["aria-describedby"] for box in boxes} <= set(ids)


@pytest.mark.parametrize("name", PAGES)
def test_page_loads_nothing_from_elsewhere(name):
    for tag, attributes in Outline(PAGES[name].body).tags:
        for key in ("src", "srcset", "data", "action") if tag != "a" else ():
            assert not (attributes.get(key) or "").startswith(("http", "//"))


@pytest.mark.parametrize("name", PAGES)
def test_page_hostile_texts_are_escaped(name):
    page = build_every_page(HOSTILE, label=HOSTILE, key_name=HOSTILE)[name]
    plain, hostile = Outline(PAGES[name].body), Outline(page.body)
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    assert HOSTILE in hostile.text
    assert get_policy(page)["style-src"] == get_policy(PAGES[name])["style-src"]


@pytest.mark.parametrize(
    ("logo_url", "source"),
    [
        ("https://cdn.broker.example/logo.svg?v=2", "https://cdn.broker.example"),
        ("https://CDN.example:8443/logo.png", "https://cdn.example:8443"),
        ("http://localhost:3003/logo.svg", "http://localhost:3003"),
    ],
)
def test_logo_good_url_is_shown_and_allowed(logo_url, source):
    page = build_every_page(logo_url=logo_url)["consent"]
    assert get_policy(page)["img-src"] == ["data:", source]
    assert Outline(page.body).all("img") == [
        {"class": "logo", "src": logo_url, "alt": "", "height": "40"}
    ]


@pytest.mark.parametrize(
    "logo_url", ["", "http://broker.example/l.png", "javascript:alert(1)", "data:image/png,x"]
)
def test_logo_url_that_is_not_safe_is_replaced_by_initial(logo_url):
    page = build_every_page(logo_url=logo_url)["consent"]
    assert Outline(page.body).all("img") == []
    assert re.search(r'aria-hidden="true">N</span>', page.body)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example; script-src *",
        "https://a.example *",
        "https://*.example",
        "https://",
        "kucoin.com",
        "https://u@a.example/",
    ],
)
def test_parse_origin_what_could_widen_a_policy_is_refused(url):
    with pytest.raises(ConfigurationError, match="no plain origin"):
        parse_origin(url)
