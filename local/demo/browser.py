"""A browser's part over HTTP: cookies, redirects, forms. For the demo and for tests."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

import requests

_MOST_REDIRECTS = 10
_TIMEOUT_SECONDS = 60


@dataclass
class Form:
    """A form as it would be sent if nothing was touched.

    Attributes:
        fields: Name and value of what counts: hidden and text fields, ticked boxes.
        choices: Name and value of every box, ticked or not.
        buttons: Name and value of every named button.
    """

    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    choices: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """Where the browser is."""

    url: str
    status: int
    text: str
    location: str = ""

    @property
    def forms(self) -> list[Form]:
        """The page's forms, in order."""
        parser = _FormParser()
        parser.feed(self.text)
        return parser.forms

    def find_form(self, *, with_field: str = "", with_button: str = "") -> Form:
        """The first form that has the field, box or button.

        Raises:
            LookupError: There is none; the message has the page's text.
        """
        for form in self.forms:
            names = {name for name, _ in (*form.fields, *form.choices)}
            buttons = {value for _, value in form.buttons}
            if with_field in {"", *names} and with_button in {"", *buttons}:
                return form
        raise LookupError(f"{self.status} at {urlsplit(self.url).path}: {self.text[:2000]}")


class Browser:
    """One browser profile."""

    def __init__(self, stop_at: str = "") -> None:
        """Args: the beginning of URLs that are not fetched: there ``Page.location`` ends."""
        self._stop_at = stop_at
        self.cookies: dict[str, dict[str, str]] = {}

    def open(self, url: str) -> Page:
        """Follows a link, redirects included."""
        return self._follow("GET", url, None, origin="")

    def submit(
        self,
        page: Page,
        form: Form,
        *,
        button: tuple[str, str] | None = None,
        **changed: str | list[str],
    ) -> Page:
        """Sends a form of a page.

        Args:
            page: Where the form is.
            form: The form.
            button: Name and value of the button that was pressed.
            changed: Values of fields; a list gives the boxes that are ticked.
        """
        pairs = [(name, value) for name, value in form.fields if name not in changed]
        for name, value in changed.items():
            values = [value] if isinstance(value, str) else value
            pairs += [(name, each) for each in values]
        if button:
            pairs.append(button)
        url = urljoin(page.url, form.action or page.url)
        return self._follow(form.method, url, pairs, origin=page.url)

    def _follow(
        self, method: str, url: str, pairs: list[tuple[str, str]] | None, *, origin: str
    ) -> Page:
        for _ in range(_MOST_REDIRECTS):
            if self._stop_at and url.startswith(self._stop_at):
                return Page(url=url, status=0, text="", location=url)
            page = self._fetch(method, url, pairs, origin=origin)
            if not page.location:
                return page
            method, url, pairs, origin = "GET", urljoin(page.url, page.location), None, page.url
        raise LookupError("too many redirects")

    def _fetch(
        self, method: str, url: str, pairs: list[tuple[str, str]] | None, *, origin: str
    ) -> Page:
        host = urlsplit(url).hostname or ""
        is_same_site = urlsplit(origin).hostname == host
        headers = {}
        jar = self.cookies.setdefault(host, {})
        if jar and (is_same_site or method == "GET"):  # SameSite=Lax
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        answer = requests.request(
            method,
            url,
            data=pairs,
            headers=headers,
            allow_redirects=False,
            timeout=_TIMEOUT_SECONDS,
        )
        for line in answer.raw.headers.getlist("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    jar.pop(name, None)
                else:
                    jar[name] = morsel.value
        location = answer.headers.get("location", "") if 300 <= answer.status_code < 400 else ""
        return Page(url, answer.status_code, answer.text, location)


class _FormParser(HTMLParser):
    """Collects forms; enough for our pages and the simulator's."""

    def __init__(self) -> None:
        """Begins with no form."""
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A form, or something in one."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            method = given.get("method", "get").upper()
            self.forms.append(Form(method, given.get("action", "")))
        elif self.forms and given.get("name") and tag in ("input", "button"):
            self._add(tag, dict(attrs), given)

    def _add(self, tag: str, attrs: dict[str, str | None], given: dict[str, str]) -> None:
        form = self.forms[-1]
        kind = given.get("type", "submit" if tag == "button" else "text")
        pair = (given["name"], given.get("value", "on" if kind == "checkbox" else ""))
        if kind in ("checkbox", "radio"):
            form.choices.append(pair)
            if "checked" in attrs and "disabled" not in attrs:
                form.fields.append(pair)
        elif kind == "submit":
            form.buttons.append(pair)
        elif "disabled" not in attrs:
            form.fields.append(pair)
