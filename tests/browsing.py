"""A browser for tests of pages: it keeps its cookie, fills in forms, presses buttons, and its owner reads their mail.

    answer = browser.press("/subscribe", "Subscribe", email="ada@example.org")     the page, its form, the press
    browser.press(browser.link("/confirm/"), "Confirm")                             by the link in the newest mail
    browser.sign_in("ada@example.org")                                              the same way that a person takes

A press reads the form from the page that it is on: its address, its token, what stands in its fields. It takes three
seconds of the test's clock, as forms for strangers are not taken from whoever is faster than a person. Redirects are
not followed, so that a test sees them; `land` follows one. The fixtures `clock` and `browser` are in `conftest.py`.
"""

import email
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from httpx2 import Response
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from digest.mail.transports import MemoryTransport
from digest.web.app import make_app
from digest.web.site import Site
from digest.workshop import Workshop

PERSON = 3  # seconds in which a person fills in a form
READS_THE_TIME = ("digest.web.", "digest.errands")
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # for tests that need no second
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Clock:
    """The time of the web face, which stands still until a test moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> datetime:
        """Let time pass: `clock.move(days=31)`."""
        self.now += timedelta(**span)
        return self.now


def wind(monkeypatch: pytest.MonkeyPatch, now: datetime) -> Clock:
    """A clock that everything in the web face reads from here on."""
    clock = Clock(now)
    for name, module in list(sys.modules.items()):
        if name.startswith(READS_THE_TIME) and hasattr(module, "utc_now"):
            monkeypatch.setattr(module, "utc_now", clock)
    return clock


@dataclass
class Button:
    """A button of a form; `action` is where it sends the form to, if not to the form's own address."""

    label: str = ""
    action: str | None = None
    sends: tuple[str, str] | None = None


@dataclass
class PageForm:
    """A form as a browser sees it: what would be sent if nothing were changed."""

    method: str
    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)

    def put(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


class _FormReader(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._form: PageForm | None = None
        self._select = ""
        self._choices: list[tuple[str, bool]] = []
        self._text: list[str] | None = None
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = PageForm(given.get("method", "get").lower(), given.get("action", ""))
            self.forms.append(self._form)
        elif self._form is not None:
            getattr(self, f"_start_{tag}", lambda *_: None)(self._form, given)

    def _start_input(self, form: PageForm, given: dict[str, str]) -> None:
        kind, name = given.get("type", "text"), given.get("name", "")
        if kind == "submit":
            form.buttons.append(Button(given.get("value", ""), given.get("formaction"), None))
        elif name and (kind not in {"checkbox", "radio"} or "checked" in given):
            form.put(name, given.get("value", "on" if kind in {"checkbox", "radio"} else ""))

    def _start_button(self, form: PageForm, given: dict[str, str]) -> None:
        sends = (given["name"], given.get("value", "")) if given.get("name") else None
        form.buttons.append(Button("", given.get("formaction"), sends))
        self._text = []

    def _start_textarea(self, _form: PageForm, given: dict[str, str]) -> None:
        self._area, self._text = given.get("name", ""), []

    def _start_select(self, _form: PageForm, given: dict[str, str]) -> None:
        self._select, self._choices = given.get("name", ""), []

    def _start_option(self, _form: PageForm, given: dict[str, str]) -> None:
        self._choices.append((given.get("value", ""), "selected" in given))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._form is None:
            return
        if tag == "form":
            self._form = None
        elif tag == "button":
            self._form.buttons[-1].label = " ".join("".join(self._text or []).split())
            self._text = None
        elif tag == "textarea":
            self._form.put(self._area, "".join(self._text or []).removeprefix("\n"))
            self._text = None
        elif tag == "select" and self._choices:
            chosen = [value for value, selected in self._choices if selected] or [self._choices[0][0]]
            self._form.put(self._select, chosen[0])


def forms_of(page: str) -> list[PageForm]:
    """The forms of a page, in order."""
    reader = _FormReader()
    reader.feed(page)
    return reader.forms


def token_of(page: str) -> str:
    """The token of the first form of a page."""
    return next(form.fields["form_token"][0] for form in forms_of(page) if "form_token" in form.fields)


class Mail:
    """A mail as its reader sees it."""

    def __init__(self, content: bytes) -> None:
        self.message = cast("EmailMessage", email.message_from_bytes(content, policy=default))

    @property
    def subject(self) -> str:
        return str(self.message["subject"])

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content())

    @property
    def urls(self) -> list[str]:
        """The addresses in the text, in order."""
        return re.findall(r"https?://[^\s<>]+", self.text)


class Browser:
    """Somebody's browser and their mailbox. `other` opens another browser on the same service."""

    def __init__(self, shop: Workshop, clock: Clock, app: ASGIApp | None = None) -> None:
        self.shop, self.clock = shop, clock
        self.app: Any = app or make_app(shop)
        self.client = TestClient(self.app, base_url=shop.settings.base_url, follow_redirects=False, headers=BROWSER)

    def other(self) -> "Browser":
        """A browser of somebody else, or of the same person elsewhere: it has no cookie."""
        return Browser(self.shop, self.clock, self.app)

    @property
    def site(self) -> Site:
        return cast("Site", self.app.app.state.site)

    @property
    def origin(self) -> str:
        return self.shop.settings.base_url

    @property
    def cookies(self) -> dict[str, str]:
        return dict(self.client.cookies)

    def close(self) -> None:
        self.site.errands.close()
        self.client.close()

    # Pages and forms

    def get(self, path: str, **headers: str) -> Response:
        """A page; `Accept_Language="fr"` is a header."""
        return self.client.get(path, headers=_names(headers))

    def land(self, answer: Response) -> Response:
        """The page to which an answer leads; it must be one of ours."""
        assert answer.status_code == 303, (answer.status_code, answer.text[:300])
        assert answer.headers["location"].startswith("/")
        return self.get(answer.headers["location"])

    def press(self, page: str | Response, button: str = "", /, **fields: Any) -> Response:
        """Press the button with a label (or the form with an address; else the first form) on a page.

        `fields` replaces what stands in the form's fields: a string, a list of strings for boxes, None for nothing.
        """
        answer = self.get(page) if isinstance(page, str) else page
        form, pressed = _find(answer.text, button)
        sent: dict[str, Any] = {**form.fields, **({pressed.sends[0]: pressed.sends[1]} if pressed.sends else {})}
        sent |= fields
        self.clock.move(seconds=PERSON)
        address = pressed.action or form.action or str(answer.url.path)
        return self.post(address, {name: value for name, value in sent.items() if value is not None})

    def post(self, path: str, fields: Mapping[str, Any] | bytes | str, **headers: str) -> Response:
        """Send a form as a page of ours would. A header that is given replaces the browser's; "" removes it."""
        body = fields if isinstance(fields, bytes | str) else urlencode(fields, doseq=True)
        whole = FORM | {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"} | _names(headers)
        return self.client.post(path, content=body, headers={name: value for name, value in whole.items() if value})

    # Mail

    def mails(self, recipient: str = "") -> list[Mail]:
        """The mails that have arrived, oldest first; of all people or of one."""
        self.site.errands.wait()
        transport = self.shop.transport
        assert isinstance(transport, MemoryTransport)
        return [Mail(sent.content) for sent in transport.sent if recipient in ("", sent.recipient)]

    def link(self, prefix: str, recipient: str = "") -> str:
        """The path of the link in the newest mail that has one with this beginning, e.g. "/confirm/"."""
        for mail in reversed(self.mails(recipient)):
            for url in mail.urls:
                if url.startswith(self.origin + prefix):
                    return url.removeprefix(self.origin)
        raise AssertionError(f"no mail has a link to {prefix}")

    # The ways that people take

    def subscribe(self, address: str, text: str = "") -> Response:
        """Subscribe and confirm; the browser is signed in afterwards."""
        assert self.press("/subscribe", "Subscribe", email=address, text=text).status_code == 303
        return self.press(self.link("/confirm/", address), "Confirm")

    def sign_in(self, address: str) -> Response:
        """Ask for a link, and press the button on its page."""
        assert self.press("/sign-in", "Email me a link", email=address).status_code == 303
        return self.press(self.link("/sign-in/", address), "Sign in")


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _find(page: str, wanted: str) -> tuple[PageForm, Button]:
    """The form with a button of that label, or with that address; without either the first form that posts."""
    posting = [form for form in forms_of(page) if form.method == "post"]
    for form in posting:
        for button in form.buttons:
            if wanted == button.label:
                return form, button
    for form in posting:
        if wanted in ("", form.action):
            return form, next(iter(form.buttons), Button())
    raise AssertionError(f"no button “{wanted}” on the page: {[b.label for form in posting for b in form.buttons]}")
