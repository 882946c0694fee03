"""The page of a paper: what it says, how it is received, what is like it, and what a reader may say to it."""

from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from digest import questions
from digest.errors import InvalidRequest
from digest.papers import listing
from digest.papers.lookup import find_by_identifiers, find_paper
from digest.sources.identifiers import arxiv_id_of_doi, parse_arxiv_id, parse_doi
from digest.subscribers import feedback, profiles
from digest.subscribers.feedback import MORE, VALUES, Vote
from digest.tables import Paper, Subscriber
from digest.web import cards
from digest.web.answers import NotHere
from digest.web.cards import Card
from digest.web.forms import PageForm
from digest.web.site import Site
from digest.web.visits import Visit, page_route

ALIKE = 10  # similar papers
MANY_AUTHORS = 30  # of which the rest is folded away
MOST_NAMED = 100  # authors told to search engines
GONE = "There is no paper of this number here. Look for it by its title."
UNKNOWN = "No paper of this name is here yet. Look for it by its title, or submit it."


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/papers/{number:int}", paper),
        page_route(site, "/papers/{number:int}/similar", similar),
        page_route(site, "/papers/{number:int}/vote", vote, posts=True),
        page_route(site, "/papers/{scheme}/{value:path}", by_name),
    ]


def paper(visit: Visit) -> Response:
    """All that is known of a paper; one that was merged into another leads there."""
    with visit.rows() as session:
        found = _find(visit, session)
        if found.id != _number(visit):
            return RedirectResponse(f"/papers/{found.id}", 308)
        card = cards.add_curves(session, cards.deal(session, listing.read(session, [found.id])))[0]
        opinion = _opinion(session, visit.reader, found) if visit.reader else None
    alike = _alike(visit, found)
    told: dict[str, Any] = {"card": card, "alike": alike, "opinion": opinion}
    told |= {"facts": _facts(visit, card), "many": MANY_AUTHORS, "follow": _follow}
    return visit.page("paper", form=PageForm(visit), quiet=True, **told)


def similar(visit: Visit) -> Response:
    """The papers like one, alone: the link in the mail leads here."""
    with visit.rows() as session:
        found = _find(visit, session)
        if found.id != _number(visit):
            return RedirectResponse(f"/papers/{found.id}/similar", 308)
        card = cards.deal(session, listing.read(session, [found.id]))[0]
    return visit.page("similar", card=card, alike=_alike(visit, found))


def vote(visit: Visit) -> Response:
    """More like this, less, or the vote taken back; looking at the page does nothing."""
    reader, form = visit.require_reader(), PageForm(visit)
    value = str(visit.form.get("value", ""))
    with visit.rows() as session:
        found = _find(visit, session)
        if not form.accept() or value not in {*VALUES, "undo"}:
            card = cards.deal(session, listing.read(session, [found.id]))[0]
            return form.show("paper_vote", card=card, opinion=_opinion(session, reader, found))
        visit.site.rates.take("votes", f"reader {reader.id}")
        note = _cast(visit, session, found, value)
    return visit.go(f"/papers/{found.id}", note)


def by_name(visit: Visit) -> Response:
    """To the paper with an arXiv id or a DOI."""
    scheme, value = visit.path("scheme"), visit.path("value")
    arxiv, doi = parse_arxiv_id(value), parse_doi(value)
    own = arxiv_id_of_doi(doi) if doi else None
    names = {"arxiv": arxiv[0] if arxiv else None, "doi": doi}
    if scheme not in names:
        raise NotHere
    wanted = [(kind, name) for kind, name in ((scheme, names[scheme]), ("arxiv", own)) if name]
    with visit.rows() as session:
        found = find_by_identifiers(session, wanted)
    if not found:
        raise NotHere(UNKNOWN)
    return visit.go(f"/papers/{next(iter(found.values())).id}")


def _number(visit: Visit) -> int:
    return int(visit.request.path_params["number"])


def _find(visit: Visit, session: Session) -> Paper:
    """The paper of the address, or what it has been merged into."""
    try:
        return find_paper(session, f"#{_number(visit)}")
    except InvalidRequest as error:
        raise NotHere(GONE) from error


def _alike(visit: Visit, found: Paper) -> list[Card] | None:
    """Cards of similar papers; None while the vectors are being loaded."""
    if not visit.site.errands.is_warm(0):
        return None
    hits = questions.similar_to(visit.site.shop, found.id, visit.now, ALIKE)
    with visit.rows() as session:
        return cards.deal_hits(session, hits)


def _opinion(session: Session, reader: Subscriber, found: Paper) -> dict[str, Any]:
    """What the reader said of the paper, and the name of the interest that would learn from a vote for more."""
    row, learner = feedback.find(session, reader, found), feedback.teaches(session, reader, Vote(found, MORE))
    return {"value": row.value if row else 0, "learner": learner.name if learner else ""}


def _cast(visit: Visit, session: Session, found: Paper, value: str) -> str:
    """Store a vote, or forget it; returns what came of it."""
    me = visit.me(session)
    if value == "undo":
        feedback.undo(session, me, found, visit.now)
        return "Your vote is taken back."
    row = feedback.vote(session, me, Vote(found, VALUES[value]), visit.now)
    learner = profiles.get(session, me, row.profile_id) if row.profile_id else None
    if learner is None:
        return "Remembered: this paper does not come again."
    moves = "move up" if value == "more" else "move down"
    return f"Papers like this one {moves} in “{learner.name}”, from your next edition on."


def _follow(author: str) -> str:
    """Where the form of an interest waits with the author filled in."""
    return f"/preferences/interests/new?{urlencode({'author': author})}"


def _facts(visit: Visit, card: Card) -> dict[str, Any]:
    """The paper for search engines (schema.org)."""
    stored = card.paper
    return {
        "@context": "https://schema.org",
        "@type": "ScholarlyArticle",
        "headline": card.title,
        "author": [{"@type": "Person", "name": name} for name in stored.authors[:MOST_NAMED]],
        "datePublished": (stored.published_on or stored.announced_at.date()).isoformat(),
        "abstract": stored.abstract,
        "url": f"{visit.site.shop.settings.base_url}/papers/{stored.id}",
        "sameAs": [link.url for link in card.links],
    }
