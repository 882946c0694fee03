"""The addresses of a person's feeds, one by one and as a file for feed readers; and new ones when they got about."""

from dataclasses import dataclass
from xml.etree import ElementTree

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from digest.subscribers import profiles
from digest.subscribers.holders import rotate_feed, sign_feed
from digest.tables import Subscriber
from digest.web.forms import PageForm
from digest.web.site import Site
from digest.web.visits import Visit, page_route

NAMES = {"atom": "Atom", "rss": "RSS", "json": "JSON Feed"}


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/preferences/feeds", feeds, posts=True),
        page_route(site, "/preferences/feeds.opml", opml),
    ]


@dataclass(frozen=True, slots=True)
class Listed:
    """A feed: what it holds, and its address without the ending that says its form."""

    title: str
    base: str

    def address(self, form: str) -> str:
        return f"{self.base}.{form}"


def feeds(visit: Visit) -> Response:
    """The addresses; the button makes new ones, and the old ones stop working."""
    visit.require_reader()
    form = PageForm(visit)
    with visit.rows() as session:
        me = visit.me(session)
        if form.accept():
            rotate_feed(session, me)
            return visit.go("/preferences/feeds", "Your feeds have new addresses. The old ones do not work any more.")
        return form.show("feeds", feeds=_list(visit, session, me), forms=NAMES)


def opml(visit: Visit) -> Response:
    """All feeds in one file, which feed readers take (OPML 2.0)."""
    visit.require_reader()
    with visit.rows() as session:
        listed = _list(visit, session, visit.me(session))
    root = ElementTree.Element("opml", version="2.0")
    ElementTree.SubElement(ElementTree.SubElement(root, "head"), "title").text = visit.site.name
    body = ElementTree.SubElement(root, "body")
    for feed in listed:
        names = {"text": feed.title, "title": feed.title, "type": "rss", "xmlUrl": feed.address("atom")}
        ElementTree.SubElement(body, "outline", names)
    headers = {"Content-Disposition": 'attachment; filename="paper-digest.opml"', "Cache-Control": "no-store"}
    written = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(written, media_type="text/x-opml", headers=headers)


def _list(visit: Visit, session: Session, me: Subscriber) -> list[Listed]:
    settings = visit.site.shop.settings
    own = [(f"Interest: {interest.name}", interest.id) for interest in profiles.listing(session, me)]
    return [
        *(
            Listed(title, f"{settings.base_url}/feeds/{sign_feed(settings.signing_key, me, number)}")
            for title, number in [("All your editions", None), *own]
        ),
        Listed("What is trending", f"{settings.base_url}/trending"),
    ]
