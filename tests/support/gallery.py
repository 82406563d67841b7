"""Every page once, and a reader of its outline: for the tests here and in tests/browser."""

from html.parser import HTMLParser

from kubroker.kucoin.permissions import Permission
from kubroker.linking.consent_page import render_consent
from kubroker.linking.end_page import END_CODES, render_end
from kubroker.linking.progress_page import render_progress
from kubroker.web.page_models import Broker, ConsentPage, EndPage, ProgressPage

BACK = "https://broker.example/back?a=1"
KUCOIN = ("https://www.kucoin.com",)
EVERY = tuple(Permission)


def build_every_page(name="Northwind", *, logo_url="", label="anna", key_name="key_1"):
    """One answer of each kind, and of each end."""
    broker = Broker(name, logo_url)
    answers = {
        "consent": render_consent(
            ConsentPage(broker, "/connect/a.b", label, EVERY, (Permission.SPOT,), BACK, KUCOIN)
        ),
        "progress": render_progress(ProgressPage(broker, "/connect/a.b/status", BACK, "s1")),
        "retry": render_end(
            EndPage(
                broker,
                "permission_mismatch",
                BACK,
                "s1",
                permissions=EVERY,
                retry_action="/connect/a.b",
                retry_permissions=EVERY,
                form_origins=KUCOIN,
            )
        ),
    }
    for code in sorted(END_CODES):
        answers[code] = render_end(
            EndPage(
                broker,
                code,
                BACK,
                label,
                permissions=EVERY,
                key_name=key_name,
                old_key_name=key_name,
                missing=EVERY,
            )
        )
    return answers


class Outline(HTMLParser):
    """Tags with attributes, and the raw text of style and script elements."""

    VOID = ("meta", "link", "input", "img", "path", "circle", "rect")

    def __init__(self, html):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]].append(data)
        else:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]
