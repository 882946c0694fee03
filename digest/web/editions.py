"""Past editions: the list of one's own, each of them with its votes, and the one that a mail leads to."""

from datetime import date
from typing import Any

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from digest.clock import local_day
from digest.composing import archive, editions
from digest.composing.sheets import Sheet
from digest.errors import InvalidRequest
from digest.subscribers import feedback, outlook, profiles
from digest.subscribers.feedback import VALUES, Vote
from digest.tables import Subscriber
from digest.web.answers import NotHere
from digest.web.forms import PageForm
from digest.web.leaving import hold
from digest.web.site import Site
from digest.web.visits import Visit, page_route

NO_EDITION = "There was no edition for you on that day."


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/editions", listing),
        page_route(site, "/editions/{day}", edition),
        page_route(site, "/editions/{day}/vote", vote, posts=True),
        page_route(site, "/edition/{token}", mailed),
    ]


def listing(visit: Visit) -> Response:
    """One's own editions, newest first, all of them or those with papers for one interest."""
    visit.require_reader()
    before = _day(visit.asked("before")) if visit.asked("before") else None
    with visit.rows() as session:
        me = visit.me(session)
        interests = profiles.listing(session, me)
        chosen = next((one for one in interests if str(one.id) == visit.asked("interest")), None)
        issues = archive.list_issues(session, me.id, chosen.id if chosen else None, before)
        return visit.page(
            "editions",
            me=me,
            issues=issues,
            interests=interests,
            chosen=chosen,
            before=before,
            older=issues[-1].day if len(issues) == archive.PAGE else None,
            outlook=outlook.look_ahead(session, me, visit.now),
            today=local_day(visit.now, me.zone),
        )


def edition(visit: Visit) -> Response:
    """One of one's own editions, with the votes on its papers."""
    visit.require_reader()
    with visit.rows() as session:
        return PageForm(visit).show("edition", **_own(visit, session, visit.me(session)))


def vote(visit: Visit) -> Response:
    """The buttons of an edition's page: more, less, and the vote taken back."""
    visit.require_reader()
    form, value = PageForm(visit), str(visit.form.get("value", ""))
    with visit.rows() as session:
        me = visit.me(session)
        shown = _own(visit, session, me)
        if not visit.posted:
            return visit.go(f"/editions/{visit.path('day')}")
        if not form.accept():
            return form.show("edition", **shown)
        sheet: Sheet = shown["sheet"]
        paper = sheet.papers.get(_number(visit.form.get("paper")))
        if paper is None or value not in {*VALUES, "undo"}:
            raise InvalidRequest("That is none of the buttons: go back and press one of them.")
        visit.site.rates.take("votes", f"reader {me.id}")
        if value == "undo":
            feedback.undo(session, me, paper, visit.now)
        else:
            feedback.vote(session, me, Vote(paper, VALUES[value], sheet.edition.id), visit.now)
    told = "Your vote is taken back." if value == "undo" else "Your vote counts from your next edition on."
    return visit.go(f"/editions/{visit.path('day')}#paper-{paper.id}", told)


def mailed(visit: Visit) -> Response:
    """The edition that a mail links to. Nobody is signed in by it: its votes lead to pages that ask once more."""
    visit.limit("links")
    with visit.rows() as session:
        found = hold(visit, session, "edition").edition
        if found is None:
            raise NotHere("This edition has been deleted.")
        return visit.page("edition_mailed", **_facts(visit, archive.read_sheet(session, found)))


def _own(visit: Visit, session: Session, me: Subscriber) -> dict[str, Any]:
    """What the page of one's own edition of a day shows."""
    found = archive.find_edition(session, me.id, _day(visit.path("day")))
    if found is None:
        raise NotHere(NO_EDITION)
    sheet = archive.read_sheet(session, found)
    votes, hidden = archive.read_votes(session, sheet), archive.read_hidden(session, sheet)
    return _facts(visit, sheet) | {"votes": votes, "hidden": hidden}


def _facts(visit: Visit, sheet: Sheet) -> dict[str, Any]:
    """What everybody sees of an edition, in the words of its mail."""
    entries = editions.list_entries(visit.site.sender, sheet)
    return {
        "sheet": sheet,
        "edition": sheet.edition,
        "entries": entries,
        "heading": editions.long_date(sheet.edition.edition_date),
        "summary": editions.summarise(sheet) if entries else "",
        "chosen": editions.say_chosen(sheet.edition.considered, len(entries)),
        "why_none": archive.WHY_NONE.get(sheet.edition.skip_reason) if sheet.edition.skip_reason else "",
        "failed": editions.name_sources(sheet.edition),
    }


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise NotHere(NO_EDITION) from error


def _number(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() else 0
