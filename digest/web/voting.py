"""Votes from the mail: one press there, one on the page, no sign-in; and the same vote taken back."""

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from digest.composing import archive
from digest.papers.latex import read_latex
from digest.subscribers import feedback, profiles
from digest.subscribers.feedback import REASONS, VALUES, Vote
from digest.subscribers.holders import Holder
from digest.tables import Paper
from digest.web.answers import NotHere
from digest.web.forms import PageForm
from digest.web.leaving import hold
from digest.web.site import Site
from digest.web.visits import Visit, page_route

NOT_OF_EDITION = "That paper was not in the edition that this link came with."


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/vote/{token}/{paper:int}/undo", undo, posts=True),
        page_route(site, "/vote/{token}/{paper:int}/{value}", vote, posts=True),
    ]


def vote(visit: Visit) -> Response:
    """Two buttons; the one that was pressed in the mail comes first. Looking at the page does nothing."""
    value = visit.path("value")
    if value not in VALUES:
        raise NotHere
    form = PageForm(visit)
    with visit.rows() as session:
        holder, paper = _of_edition(visit, session)
        title = read_latex(paper.title)
        if not form.accept():
            return form.show("vote", title=title, value=value, address=_address(visit), reasons=REASONS)
        visit.site.rates.take("votes", f"reader {holder.subscriber.id}")
        edition = holder.edition.id if holder.edition else None
        given = Vote(paper, VALUES[value], edition, str(visit.form.get("reason", "")))
        row = feedback.vote(session, holder.subscriber, given, visit.now)
        learner = profiles.get(session, holder.subscriber, row.profile_id) if row.profile_id else None
        learns, address = learner.name if learner else "", _address(visit)
        return visit.page("voted", form=form, quiet=True, address=address, title=title, value=value, learns=learns)


def undo(visit: Visit) -> Response:
    """Take a vote back, and with it all that it taught."""
    form = PageForm(visit)
    with visit.rows() as session:
        holder, paper = _of_edition(visit, session)
        title = read_latex(paper.title)
        if not form.accept():
            return form.show("vote", title=title, value="undo", address=_address(visit))
        feedback.undo(session, holder.subscriber, paper, visit.now)
    return visit.page("voted", form=form, quiet=True, address=_address(visit), title=title, value="")


def _of_edition(visit: Visit, session: Session) -> tuple[Holder, Paper]:
    """The voter, and the paper, which must be one of the edition's."""
    holder = hold(visit, session, "vote")
    number = int(visit.request.path_params["paper"])
    if holder.edition is None:
        raise NotHere(NOT_OF_EDITION)
    paper = archive.read_sheet(session, holder.edition).papers.get(number)
    if paper is None:
        raise NotHere(NOT_OF_EDITION)
    return holder, paper


def _address(visit: Visit) -> str:
    """Where the buttons lead, without the value."""
    return visit.here.rpartition("/")[0]
