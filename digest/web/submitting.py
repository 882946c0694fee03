"""A reader names a paper that should be here, and sees what became of those named before."""

from starlette.responses import Response
from starlette.routing import Route
from wtforms import StringField
from wtforms.validators import InputRequired

from digest.errors import InvalidRequest
from digest.subscribers import requests
from digest.tables import Paper, Subscriber
from digest.web.forms import PageForm
from digest.web.site import Site
from digest.web.visits import Visit, page_route

MISSING = "Name a paper: an arXiv id, a link to it, a DOI or its title"
WAITS = "It is not here yet, and is being looked up: with the next run, then every hour for a week."


def routes(site: Site) -> list[Route]:
    return [page_route(site, "/submit", submit, posts=True)]


class SubmitForm(PageForm):
    """One paper."""

    paper = StringField("Paper", [InputRequired(MISSING)])


def submit(visit: Visit) -> Response:
    """To the paper if it is here, else it is queued."""
    reader, form = visit.require_reader(), SubmitForm(visit)
    if form.accept():
        visit.site.rates.take("submit", f"reader {reader.id}")
        try:
            found = _ask(visit, form.paper.data)
        except InvalidRequest as error:
            form.blame({"paper": [str(error)]})
        else:
            return visit.go(f"/papers/{found.id}", "It is here already.") if found else visit.go("/submit", WAITS)
    return _show(visit, form, reader)


def _ask(visit: Visit, text: str) -> Paper | None:
    with visit.rows() as session:
        return requests.submit(session, visit.me(session), text, visit.now)


def _show(visit: Visit, form: SubmitForm, reader: Subscriber) -> Response:
    with visit.site.shop.database.session(write=False) as session:
        asked = requests.submitted(session, reader)
    asks_arxiv = "arxiv" in visit.site.shop.settings.sources
    return form.show("submit", asked=asked, most=requests.MOST_OPEN, asks_arxiv=asks_arxiv)
