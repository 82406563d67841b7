"""The pages that a user's browser sees: pure functions from a model to a whole answer.

``render_consent``, ``render_progress`` and ``render_end`` take a frozen model and return status,
body and headers. No template engine and no framework: markupsafe escapes whatever is filled in.
"""

from kubroker.http_api.pages.consent import render_consent
from kubroker.http_api.pages.document import Page, parse_origin, render_document
from kubroker.http_api.pages.end import render_end
from kubroker.http_api.pages.end_texts import END_CODES, END_TEXTS
from kubroker.http_api.pages.models import (
    Broker,
    ConsentPage,
    EndPage,
    PageResponse,
    ProgressPage,
)
from kubroker.http_api.pages.progress import render_progress
from kubroker.http_api.pages.return_url import build_return_url
from kubroker.http_api.pages.wording import find_likely_cause

__all__ = [
    "END_CODES",
    "END_TEXTS",
    "Broker",
    "ConsentPage",
    "EndPage",
    "Page",
    "PageResponse",
    "ProgressPage",
    "build_return_url",
    "find_likely_cause",
    "parse_origin",
    "render_consent",
    "render_document",
    "render_end",
    "render_progress",
]
