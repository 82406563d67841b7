"""The API's description as pages at ``/docs``, beside the deployed routes; on one machine only.

The viewer is the Swagger UI that comes with Powertools: no other site is asked.
"""

from collections.abc import Callable
from importlib.resources import files

from local.gateway.http_api import HttpApi
from local.gateway.http_event import HttpRequest, HttpResponse
from local.processes import ROOT

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kubroker API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="description"></div>
<script src="/docs/swagger-ui.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
# Requests need a signature that a browser can't make: nothing is sent from the page.
_START = """SwaggerUIBundle({
  url: "/docs/openapi.json", dom_id: "#description", deepLinking: true, supportedSubmitMethods: []
});
"""
_POLICY = (
    "default-src 'none'; connect-src 'self'; script-src 'self'; img-src data:; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
)
_VIEWER = files("aws_lambda_powertools.event_handler.openapi") / "swagger_ui"
_FILES: dict[str, tuple[str, Callable[[], str]]] = {
    "/docs": ("text/html", lambda: _PAGE),
    "/docs/openapi.json": ("application/json", (ROOT / "docs/openapi.json").read_text),
    "/docs/start.js": ("text/javascript", lambda: _START),
    "/docs/swagger-ui.css": ("text/css", (_VIEWER / "swagger-ui.min.css").read_text),
    "/docs/swagger-ui.js": ("text/javascript", (_VIEWER / "swagger-ui-bundle.min.js").read_text),
}


class DocumentedApi:
    """An HTTP API with the description's pages in front."""

    def __init__(self, api: HttpApi) -> None:
        """Args: what answers everything else."""
        self._api = api

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answers one request."""
        found = _FILES.get(request.raw_path)
        if found is None or request.method not in ("GET", "HEAD"):
            return self._api.handle(request)
        kind, read = found
        headers = (
            ("content-type", f"{kind}; charset=utf-8"),
            ("content-security-policy", _POLICY),
            ("x-content-type-options", "nosniff"),
        )
        return HttpResponse(200, headers, read().encode())
