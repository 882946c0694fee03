"""What is trending: the papers of a day, a week or a month, those with the most attention for their age first."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from digest.errors import InvalidRequest
from digest.papers import listing
from digest.papers.categories import parse_category
from digest.papers.listing import Period
from digest.web import cards
from digest.web.answers import NotHere
from digest.web.paging import Paging, read_number, with_query
from digest.web.site import Site
from digest.web.visits import Visit, page_route

NAMES = ("day", "week", "month")
SIZE = 25  # papers of a page
LONGEST_CATEGORY = 40
DAY, WEEK, MONTH = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"(\d{4})-W(\d\d)"), re.compile(r"(\d{4})-(\d\d)")


@dataclass(frozen=True, slots=True)
class View:
    """A day, a week or a month: what it is called after “Trending”, and where its page is."""

    name: str
    period: Period

    @property
    def words(self) -> str:
        start = self.period.start
        if self.name == "month":
            return f"{start:%B %Y}"
        return f"{'week from ' if self.name == 'week' else ''}{cards.day_words(start)}"

    @property
    def title(self) -> str:
        return f"Trending {'on' if self.name == 'day' else 'in'} {'the ' if self.name == 'week' else ''}{self.words}"

    @property
    def address(self) -> str:
        start = self.period.start
        if self.name == "day":
            return f"/trending/{start.isoformat()}"
        if self.name == "month":
            return f"/trending/month/{start:%Y-%m}"
        year, week, _ = start.isocalendar()
        return f"/trending/week/{year}-W{week:02}"


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/trending", latest),
        page_route(site, "/trending/week/{week}", week),
        page_route(site, "/trending/month/{month}", month),
        page_route(site, "/trending/{day}", day),
    ]


def latest(visit: Visit) -> Response:
    """The latest day that has papers; a day that was picked has an address of its own."""
    if picked := visit.asked("day"):
        view = around(visit, _read_day(picked, visit), visit.asked("view"))
        return visit.go(with_query(view.address, {"cat": visit.asked("cat")}))
    with visit.rows() as session:
        newest = listing.nearest_day(session, visit.now.date())
    return _show(visit, around(visit, newest or visit.now.date()))


def day(visit: Visit) -> Response:
    return _show(visit, around(visit, _read_day(visit.path("day"), visit)))


def week(visit: Visit) -> Response:
    found = WEEK.fullmatch(visit.path("week"))
    if found is None:
        raise NotHere("Write a week as 2026-W19.")
    return _show(visit, View("week", _exist(lambda: listing.week(int(found[1]), int(found[2]), visit.now))))


def month(visit: Visit) -> Response:
    found = MONTH.fullmatch(visit.path("month"))
    if found is None:
        raise NotHere("Write a month as 2026-05.")
    return _show(visit, View("month", _exist(lambda: listing.month(int(found[1]), int(found[2]), visit.now))))


def _read_day(text: str, visit: Visit) -> date:
    try:
        found = date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise NotHere("There is no such day: write it as 2026-05-06.")
    return _exist(lambda: listing.day(found, visit.now)).start


def _exist(make: Callable[[], Period]) -> Period:
    """The period; what can hold no papers is no page of ours."""
    try:
        return make()
    except InvalidRequest as error:
        raise NotHere(str(error)) from error


def around(visit: Visit, day: date, name: str = "day") -> View:
    """The day, or the week or month that it is in."""
    if name == "week":
        return View(name, _exist(lambda: listing.week(*day.isocalendar()[:2], visit.now)))
    if name == "month":
        return View(name, _exist(lambda: listing.month(day.year, day.month, visit.now)))
    return View("day", _exist(lambda: listing.day(day, visit.now)))


def _show(visit: Visit, view: View) -> Response:
    with visit.rows() as session:
        present = listing.categories(session, view.period)
        category = visit.asked("cat")[:LONGEST_CATEGORY]
        category = category if category in {"", *present} else parse_category(category)
        total = listing.count(session, view.period, category)
        paging = Paging(read_number(visit), SIZE, total, view.address, {"cat": category})
        if paging.number > paging.pages:
            raise NotHere(f"The list has only {cards.count_words(paging.pages, 'page')}.")
        listed = listing.top(session, view.period, category, SIZE, paging.offset)
        shown = cards.add_curves(session, cards.deal(session, listed))
        late = listing.late_risers(session, view.period, category) if paging.number == 1 else []
        risers = cards.deal_risers(session, late)
        nearest = None if total else _nearest(session, visit, view, category)
    return visit.page(
        "trending",
        view=view,
        cards=shown,
        risers=risers,
        feed=with_query("/trending.atom", {"view": "" if view.name == "day" else view.name, "cat": category}),
        paging=paging,
        category=category,
        categories=sorted({*present, category} - {""}),
        nearest=nearest,
        **_neighbours(visit, view),
    )


def _nearest(session: Session, visit: Visit, view: View, category: str) -> View | None:
    """Where there are papers instead: the whole of this view when only the category is empty, else the nearest day."""
    if category and listing.count(session, view.period):
        return view
    found = listing.nearest_day(session, view.period.start)
    return around(visit, found) if found else None


def _neighbours(visit: Visit, view: View) -> dict[str, Any]:
    """The other views that one may go on to."""
    before, after = view.period.previous(), view.period.next(visit.now)
    return {
        "tabs": [around(visit, view.period.start, name) for name in NAMES],
        "previous": View(view.name, before) if before else None,
        "following": View(view.name, after) if after else None,
    }
