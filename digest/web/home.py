"""The front page: what one gets, today's papers as a sample, and where to begin."""

from starlette.responses import Response
from starlette.routing import Route

from digest.papers import listing
from digest.web import cards
from digest.web.joining import JoinForm
from digest.web.site import Site
from digest.web.visits import Visit, page_route

SHOWN = 5  # papers of the sample


def routes(site: Site) -> list[Route]:
    return [page_route(site, "/", home)]


def home(visit: Visit) -> Response:
    """A promise, a form, and the latest day's trending papers."""
    with visit.rows() as session:
        day = listing.nearest_day(session, visit.now.date())
        papers = cards.deal(session, listing.top(session, listing.day(day, visit.now), limit=SHOWN) if day else [])
    return visit.page("home", form=JoinForm(visit), quiet=True, papers=papers, day=day)
