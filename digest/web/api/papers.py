"""Papers: by date, by name, by trend, by likeness, and the search."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlmodel import Session

from digest import questions
from digest.clock import FIRST_YEAR
from digest.errors import InvalidRequest
from digest.papers import listing, lookup
from digest.papers.categories import parse_category
from digest.papers.latex import read_latex
from digest.papers.listing import DAY, Listed, Period
from digest.ranking.inquiries import DEPTH, Inquiry
from digest.ranking.search import Hit
from digest.tables import Paper
from digest.web.api import paging
from digest.web.api import schemas as told
from digest.web.api.calls import Call, Reading
from digest.web.api.problems import Answers, documented, missing
from digest.web.api.routing import TaggedRoute

UNCHANGED: Answers = {304: {"description": "As the `ETag` in `If-None-Match` has it"}}
ANSWERS = documented(401, 403, 422, 429, 500, 503) | UNCHANGED
ANSWERS_OF_ONE = documented(404) | ANSWERS

router = APIRouter(tags=["papers"], route_class=TaggedRoute, responses=ANSWERS)


class Announced(told.Said):
    since: told.Day | None = None
    until: told.Day | None = None
    category: told.Category | None = None
    cursor: told.Cursor | None = None
    limit: told.Limit = 20


class Near(told.Said):
    limit: told.Limit = 10


class Spell(told.Said):
    """A day, a week or a month."""

    day: told.Day | None = None
    week: told.Week | None = None
    month: told.Month | None = None
    category: told.Category | None = None
    limit: told.Limit = 20
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0

    def period(self, session: Session, now: datetime) -> Period | None:
        if len([one for one in (self.day, self.week, self.month) if one]) > 1:
            raise InvalidRequest("Give a day, a week or a month, not several of them.")
        if self.week:
            year, _, week = self.week.partition("-W")
            return listing.week(int(year), int(week), now)
        if self.month:
            year, _, month = self.month.partition("-")
            return listing.month(int(year), int(month), now)
        day = self.day or listing.nearest_day(session, now.date())
        return listing.day(day, now) if day else None


class Asked(told.Said):
    q: told.Question
    category: Annotated[tuple[told.Category, ...], Query(max_length=20)] = ()
    since: told.Day | None = None
    sort: told.Sort = "relevance"
    page: Annotated[int, Query(ge=1, le=DEPTH)] = 1
    limit: told.Limit = 20


@router.get("/papers", summary="Papers by date, newest first")
def list_papers(
    call: Reading,
    within: Annotated[Announced, Query()],
) -> told.PaperPage:
    """All papers, or those of some days (UTC, both ends count) or of a category. Follow `next` for more."""
    last = call.now.date() + DAY
    period = Period(within.since or date(FIRST_YEAR, 1, 1), (within.until or last) + DAY)
    after = paging.read_place(within.cursor) if within.cursor else None
    category = parse_category(within.category) if within.category else ""
    with call.shop.database.session(write=False) as session:
        found = listing.page_by_date(session, period, category, after, within.limit + 1)
        papers = describe(session, call, found[: within.limit])
    return told.PaperPage(papers=papers, next=_after(found, within.limit))


def _after(found: Sequence[Listed], limit: int) -> str | None:
    last = found[limit - 1].paper if len(found) > limit else None
    return paging.write(last.announced_at.isoformat(), last.id) if last else None


@router.get("/papers/by/{scheme}/{value:path}", summary="A paper by its name", responses=ANSWERS_OF_ONE)
def find_paper(
    call: Reading, scheme: Annotated[told.Scheme, Path()], value: Annotated[told.Name, Path()]
) -> told.PaperOut:
    """By its `arxiv` id (whatever the version), its `doi`, or a source's own id."""
    with call.shop.database.session(write=False) as session:
        paper = lookup.find_by_scheme(session, scheme, value)
        if paper is None:
            raise missing(f"paper {scheme}:{value}")
        return describe_one(session, call, paper)


@router.get("/papers/{paper_id}", summary="A paper", responses=ANSWERS_OF_ONE)
def get_paper(call: Reading, paper_id: Annotated[told.Id, Path()]) -> told.PaperOut:
    """A paper that turned out to be another's duplicate brings that other."""
    with call.shop.database.session(write=False) as session:
        return describe_one(session, call, _find(session, paper_id))


@router.get("/papers/{paper_id}/similar", summary="Papers that are close to a paper", responses=ANSWERS_OF_ONE)
def list_similar(call: Reading, paper_id: Annotated[told.Id, Path()], asked: Annotated[Near, Query()]) -> told.Matches:
    """The closest first; none while the paper has no vector yet."""
    with call.shop.database.session(write=False) as session:
        paper = _find(session, paper_id)
    hits = questions.similar_to(call.shop, paper.id, call.now, asked.limit)
    return told.Matches(matches=_matches(call, hits))


def _find(session: Session, paper_id: int) -> Paper:
    paper = session.get(Paper, paper_id)
    if paper is None:
        raise missing(f"paper {paper_id}")
    return lookup.find_work(session, paper)


@router.get("/trending", summary="What is trending")
def list_trending(call: Reading, asked: Annotated[Spell, Query()]) -> told.Trending:
    """Of a day, an ISO week or a month; without any, of the latest day that has papers."""
    category = parse_category(asked.category) if asked.category else ""
    with call.shop.database.session(write=False) as session:
        period = asked.period(session, call.now)
        if period is None:
            return told.Trending(first_day=None, last_day=None, papers=[], total=0)
        papers = describe(session, call, listing.top(session, period, category, asked.limit, asked.offset))
        total = listing.count(session, period, category)
    return told.Trending(first_day=period.start, last_day=period.end - DAY, papers=papers, total=total)


@router.get("/search", summary="Search")
def search(call: Reading, asked: Annotated[Asked, Query()]) -> told.SearchPage:
    """By meaning and by words, in your own words; the closest two hundred."""
    inquiry = Inquiry(asked.q, asked.category, asked.since, asked.sort, asked.page, asked.limit)
    found = questions.find(call.shop, inquiry, call.now)
    return told.SearchPage(
        matches=_matches(call, found.hits),
        total=found.total,
        page=asked.page,
        more=found.more,
        cut=found.cut,
        weak=found.weak,
        keywords_only=found.keywords_only,
    )


def _matches(call: Call, hits: Sequence[Hit]) -> list[told.Match]:
    with call.shop.database.session(write=False) as session:
        papers = describe(session, call, listing.read(session, [hit.paper.id for hit in hits]))
    near = {hit.paper.id: hit for hit in hits}
    return [
        told.Match(paper=one, relevance=near[one.id].relevance, phrases=list(near[one.id].phrases)) for one in papers
    ]


def describe_one(session: Session, call: Call, paper: Paper) -> told.PaperOut:
    return describe(session, call, listing.read(session, [paper.id]))[0]


def describe(session: Session, call: Call, listed: Sequence[Listed]) -> list[told.PaperOut]:
    """Papers as callers are told of them."""
    names = lookup.names_of(session, [one.paper.id for one in listed])
    return [
        told.PaperOut(
            **one.paper.model_dump(
                include={"id", "abstract", "authors", "categories", "url", "source", "version", "published_on"}
            ),
            title=read_latex(one.paper.title),
            identifiers=[told.Identifier(scheme=scheme, value=value) for scheme, value in names.get(one.paper.id, [])],
            page=f"{call.shop.settings.base_url}/papers/{one.paper.id}",
            announced_at=one.paper.announced_at,
            trend=one.paper.trend,
            counts=one.counts,
            readers=one.readers,
        )
        for one in listed
    ]
