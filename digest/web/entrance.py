"""Signing in by a mailed link, again for what is delicate, and out."""

import re

from starlette.responses import Response
from starlette.routing import Route

from digest.subscribers import optin, sessions
from digest.subscribers.links import LinkState
from digest.web.forms import PageForm
from digest.web.joining import AddressForm, find_link, sent
from digest.web.site import Site
from digest.web.visits import COOKIE_ID, Visit, page_route

# Where signing in may lead.
AFTER = re.compile(r"/(preferences|editions|submit|welcome|papers)(/[\w-]+)*(\?[\w%&=.+-]*)?")


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/sign-in", ask, posts=True),
        page_route(site, "/sign-in/again", ask_again, posts=True),
        page_route(site, "/sign-in/{token}", sign_in, posts=True),
        page_route(site, "/sign-out", sign_out, posts=True),
        page_route(site, "/sign-out/everywhere", sign_out_everywhere, posts=True),
    ]


def ask(visit: Visit) -> Response:
    """Ask for a link."""
    if visit.reader is not None:
        return visit.go("/preferences")
    form = AddressForm(visit)
    if not form.accept():
        return form.show("sign_in")
    visit.limit("sign-in")
    if not form.is_robot():
        _mail_link(visit, form.email.data)
    return sent(visit, "sign-in", form.email.data)


def ask_again(visit: Visit) -> Response:
    """A fresh link, for what a session that somebody left open must not do."""
    reader, form = visit.require_reader(), PageForm(visit)
    if not form.accept():
        return form.show("sign_in_again")
    visit.limit("sign-in")
    _mail_link(visit, reader.email)
    return sent(visit, "sign-in", reader.email)


def _mail_link(visit: Visit, address: str) -> None:
    with visit.rows() as session:
        optin.ask_to_sign_in(session, visit.site.office, address, visit.now)
    visit.site.errands.send_letters()


def sign_in(visit: Visit) -> Response:
    """The button signs in; looking at the page does nothing, as programs that check mail look at every link."""
    token, form = visit.path("token"), PageForm(visit)
    with visit.rows() as session:
        found = find_link(visit, session, "sign-in")
        if found.state is not LinkState.FRESH or not form.accept():
            return form.show("sign_in_link", state=found.state.value, token=token)
        after = str(visit.request.session.get("next", ""))
        visit.sign_in(session, optin.sign_in(session, token, visit.now))
    return visit.go(after if AFTER.fullmatch(after) else "/preferences")


def sign_out(visit: Visit) -> Response:
    form = PageForm(visit)
    if not form.accept():
        return form.show("sign_out")
    with visit.rows() as session:
        sessions.end(session, str(visit.request.session.get(COOKIE_ID, "")))
    visit.sign_out()
    return visit.go("/", "You are signed out.")


def sign_out_everywhere(visit: Visit) -> Response:
    form = PageForm(visit)
    reader = visit.require_reader()
    if not form.accept():
        return form.show("sign_out")
    with visit.rows() as session:
        sessions.end_all(session, reader)
    visit.sign_out()
    return visit.go("/", "You are signed out everywhere.")
