"""A visit: one request of one person, with what a page needs to answer it.

A page is a plain function from a `Visit` to a response; it runs in a thread, so that it may wait for the database. The
form has been read before, the cookie's session looked up.
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from digest.clock import utc_now
from digest.subscribers import sessions
from digest.tables import Subscriber, WebSession
from digest.templating import render, shorten
from digest.web.answers import Elsewhere
from digest.web.site import Site

COOKIE_ID = "id"  # of the session, in the signed cookie
LONGEST_QUERY = 1_000  # characters that a cookie keeps while somebody signs in
LONGEST_NOTE, MOST_NOTES = 300, 2  # of what it keeps to be told on the next page; browsers take no larger cookie
MOST_FIELDS, LARGEST_FIELD = 400, 200_000
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # what no database and no page can hold

Page = Callable[["Visit"], Response]


@dataclass(slots=True)
class Visit:
    """`reader` is who is signed in, as they were when the request came."""

    site: Site
    request: Request
    now: datetime
    form: FormData
    reader: Subscriber | None = None
    session: WebSession | None = None

    @property
    def posted(self) -> bool:
        return self.request.method == "POST"

    @property
    def binding(self) -> str:
        """What a form's token is bound to, so that nobody else's will do."""
        return self.session.digest if self.session else ""

    def asked(self, name: str) -> str:
        """A value of the address's query, empty when it is not there."""
        return clean(self.request.query_params.get(name, "")).strip()

    def path(self, name: str) -> str:
        return clean(str(self.request.path_params[name]))

    @property
    def here(self) -> str:
        """The address of this page, whatever the request's Host header says."""
        return str(self.request.scope["path"])

    def page(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """The template, filled, with what every page shows; messages for the person are shown once."""
        return HTMLResponse(render(f"web/{template}.html.j2", self.surroundings() | context), status)

    def surroundings(self) -> dict[str, Any]:
        """What the frame of the page shows of this visit."""
        notes = self.request.session.pop("notes", []) if "notes" in self.request.session else []
        return self.site.furniture() | {"here": self.here, "reader": self.reader, "notes": notes}

    def go(self, address: str, note: str = "") -> RedirectResponse:
        """Go on to another page by GET, with a message for the person."""
        if note:
            self.tell(note)
        return RedirectResponse(address, 303)

    def tell(self, note: str) -> None:
        """Keep a message for the next page that is shown, the end of it cut off when somebody typed too much."""
        notes = [*self.request.session.get("notes", []), shorten(note, LONGEST_NOTE)]
        self.request.session["notes"] = notes[-MOST_NOTES:]

    def limit(self, rule: str) -> None:
        """Raises TooMany when this visitor's network has asked for too much."""
        self.site.rates.take(rule, self.site.rates.network_of(self.request))

    def sign_in(self, session: Session, subscriber: Subscriber) -> None:
        """Begin a session, whatever the cookie held before; the one that it held is over."""
        sessions.end(session, str(self.request.session.get(COOKIE_ID, "")))
        self.request.session.clear()
        self.request.session[COOKIE_ID] = sessions.start(session, subscriber, self.now)

    def sign_out(self) -> None:
        self.request.session.clear()
        self.reader, self.session = None, None

    def require_reader(self) -> Subscriber:
        """Who is signed in; anybody else is sent to sign in, and comes back here afterwards."""
        if self.reader is None:
            self.request.session["next"] = "/preferences" if self.posted else self._here_with_query()
            raise Elsewhere("/sign-in")
        return self.reader

    def _here_with_query(self) -> str:
        query = self.request.url.query
        return f"{self.here}?{query}" if query and len(query) <= LONGEST_QUERY else self.here

    def require_proof(self, back: str = "") -> Subscriber:
        """Who has signed in by a mailed link a moment ago; others are asked to do so again, and come `back` here."""
        reader = self.require_reader()
        if self.session is None or not sessions.is_proved(self.session, self.now):
            self.request.session["next"] = back or self.here
            raise Elsewhere("/sign-in/again")
        return reader

    def rows(self) -> AbstractContextManager[Session]:
        """A transaction of this visit: one that may write only when a form was sent, as looking changes nothing."""
        return self.site.shop.database.session(write=self.posted)

    def me(self, session: Session) -> Subscriber:
        """The reader's row in a session that may change it; who was deleted just now is signed out."""
        found = session.get(Subscriber, self.require_reader().id)
        if found is None:
            self.sign_out()
            raise Elsewhere("/")
        return found


def page_route(site: Site, path: str, page: Page, *, posts: bool = False) -> Route:
    """A route to a page. It answers GET, and POST as well where it takes a form: each form's address is a page too."""

    async def answer(request: Request) -> Response:
        form = await _read_form(request) if request.method == "POST" else FormData()
        return await run_in_threadpool(_open, site, page, request, form)

    return Route(path, answer, methods=["GET", "POST"] if posts else ["GET"])


async def _read_form(request: Request) -> FormData:
    """The fields that were sent, without the letters that nothing can hold; no files."""
    try:
        form = await request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD)
    except (UnicodeError, ClientDisconnect) as error:  # a part may name any codec; nobody may be there any more
        raise HTTPException(400) from error
    return FormData([(clean(name), clean(str(value))) for name, value in form.multi_items()])


def clean(text: str) -> str:
    """`text` without NULs and halves of letters."""
    return UNSTORABLE.sub("", text)


class Number(IntegerConvertor):
    """A row's number in an address; what no row can have is no such page."""

    regex = "[0-9]{1,18}"


register_url_convertor("int", Number())


def _open(site: Site, page: Page, request: Request, form: FormData) -> Response:
    visit = Visit(site, request, utc_now(), form)
    secret = request.session.get(COOKIE_ID)
    if secret:
        _recognise(visit, str(secret))
    return page(visit)


def _recognise(visit: Visit, secret: str) -> None:
    """Look the session up; only once an hour is the visit written down, which on SQLite is one's turn among writers."""
    database = visit.site.shop.database
    with database.session(write=False) as session:
        visit.session = sessions.find(session, secret, visit.now)
        if visit.session is None:
            visit.request.session.pop(COOKIE_ID)
            return
        visit.reader = session.get_one(Subscriber, visit.session.subscriber_id)
    if sessions.is_stale(visit.session, visit.now):
        with database.session() as session:
            sessions.read(session, secret, visit.now)
