"""Pages that only tell: help, privacy, accessibility, about; and the two small files that programs look for."""

from datetime import timedelta

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from digest.web.site import Site
from digest.web.visits import Page, Visit, page_route

PAGES = ("help", "privacy", "accessibility", "about")
VALID = timedelta(days=180)  # of security.txt (RFC 9116)
CLOSED = ("/editions", "/preferences", "/search", "/welcome", "/try")  # to robots
ROBOTS = "User-agent: *\n" + "".join(f"Disallow: {path}\n" for path in CLOSED)


def routes(site: Site) -> list[Route]:
    return [
        *(page_route(site, f"/{name}", _teller(name)) for name in PAGES),
        page_route(site, "/robots.txt", lambda _visit: PlainTextResponse(ROBOTS)),
        page_route(site, "/.well-known/security.txt", security),
    ]


def _teller(name: str) -> Page:
    def tell(visit: Visit) -> Response:
        return visit.page(name, postal_address=visit.site.sender.postal_address)

    return tell


def security(visit: Visit) -> Response:
    """Whom to tell of a hole (RFC 9116)."""
    contact = visit.site.contact
    where = contact if "://" in contact else f"mailto:{contact}"
    until = (visit.now + VALID).strftime("%Y-%m-%dT00:00:00Z")
    canonical = f"{visit.site.shop.settings.base_url}/.well-known/security.txt"
    return PlainTextResponse(f"Contact: {where}\nExpires: {until}\nPreferred-Languages: en\nCanonical: {canonical}\n")
