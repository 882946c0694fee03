"""The synthetic month of science keeps to the calendar of its sources, and says truly what must be known when."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from world import World
from world.moments import NEW_YORK, cutoff, harvestable_at, mailed_at
from world.preprints import CATEGORIES

AUTUMN, SPRING = date(2026, 10, 20), date(2026, 3, 1)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    return [World(seed) for seed in range(5)]


@pytest.fixture(scope="module")
def world(worlds: list[World]) -> World:
    return worlds[1]


def summary(world: World) -> list[object]:
    papers = [(p.id, p.work.title, [(e.kind, e.day, e.categories, e.dates) for e in p.events]) for p in world.arxiv]
    posts = [(post.doi, post.posted) for post in world.posts]
    return [papers, posts, [note.id for note in world.notes], [(x.guid, x.at) for x in world.entries], world.holidays]


def test_a_seed_makes_one_world_and_another_seed_another() -> None:
    assert summary(World(3, 60)) == summary(World(3, 60))
    assert summary(World(3, 60)) != summary(World(4, 60))


@pytest.mark.parametrize("start", [AUTUMN, SPRING])
def test_arxiv_announces_on_weekdays_that_are_no_holidays_at_eight_in_new_york(start: date) -> None:
    world = World(2, start=start)
    days = {event.day for paper in world.arxiv for event in paper.events if not paper.old}
    assert days <= set(world.announcement_days)
    assert all(day.weekday() < 5 and world.is_announcement_day(day) for day in days)
    assert len(world.holidays) == 2
    assert not any(map(world.is_announcement_day, world.holidays))
    mailed = [mailed_at(day) for day in world.announcement_days]
    assert {moment.astimezone(NEW_YORK).hour for moment in mailed} == {20}
    assert {moment.astimezone(NEW_YORK).weekday() for moment in mailed} == {6, 0, 1, 2, 3}  # Sunday to Thursday
    assert {moment.hour for moment in mailed} == {0, 1}  # the clocks of New York change within the month


@pytest.mark.parametrize("start", [AUTUMN, SPRING])
def test_every_change_is_filed_under_the_utc_date_of_the_evening_that_shows_it(start: date) -> None:
    for paper in World(2, start=start).arxiv:
        assert [event.at.date() for event in paper.events] == [event.day for event in paper.events]
        shown = {event.at.astimezone(NEW_YORK).time() for event in paper.events}
        assert shown == {time(22, 30)}
        assert all(earlier.day < later.day for earlier, later in pairwise(paper.events))


def test_what_is_announced_was_submitted_before_the_cut_off(world: World) -> None:
    for paper in world.arxiv:
        assert all(event.dates[-1] <= cutoff(event.day) for event in paper.events)
        assert list(paper.events[-1].dates) == sorted(paper.events[-1].dates)
    waited = [cutoff(paper.events[0].day) - paper.events[0].dates[0] for paper in world.arxiv if not paper.old]
    assert min(waited) < timedelta(days=1)
    assert max(waited) > timedelta(days=8)  # in the hands of moderators


def test_ids_are_given_in_the_order_of_announcement_and_begin_anew_each_month(world: World) -> None:
    new = [paper for paper in world.arxiv if not paper.old]
    assert [paper.id for paper in new] == sorted(paper.id for paper in new)
    assert [paper.events[0].day for paper in new] == sorted(paper.events[0].day for paper in new)
    assert Counter(paper.id[:4] for paper in new).keys() == {"2610", "2611"}
    assert {"2610.00001", "2611.00001"} <= {paper.id for paper in new}
    assert all(paper.id[:4] == f"{mailed_at(paper.events[0].day).astimezone(NEW_YORK):%y%m}" for paper in world.arxiv)


def test_everything_that_happens_to_papers_happens(worlds: list[World]) -> None:
    papers = [paper for world in worlds for paper in world.arxiv]
    events = [event for paper in papers for event in paper.events]
    assert {event.kind for event in events} == {"new", "cross", "replace", "edit"}
    assert {event.version for event in events} == set(range(1, 8))
    assert any(paper.events[-1].withdrawn for paper in papers)
    assert any(event.doi for event in events)
    assert any(len(paper.work.authors) == 300 for paper in papers)
    odd = "".join(paper.work.title for paper in papers)
    assert {"$", "<", "\u202e", "\U0001d538", "’", "\x80", "\n"} <= set(odd)
    assert any(paper.old and paper.work.listings for paper in papers)
    assert any(len(paper.work.listings) == 2 for paper in papers)
    assert {post.padded for world in worlds for post in world.posts} == {True, False}
    assert any(len(post.posted) > 1 for world in worlds for post in world.posts)
    assert {world.lag for world in worlds} == {timedelta(), timedelta(days=1)}


def test_a_bulk_day_touches_much_that_is_old(world: World) -> None:
    old = [paper for paper in world.arxiv if paper.old]
    edits = Counter(event.day for paper in old for event in paper.events if event.kind == "edit")
    assert len(edits) == 2
    assert min(edits.values()) > len(old) * 0.3
    assert all(paper.events[0].at < world.begins - timedelta(days=50) for paper in old)


def test_votes_grow_and_some_fall(worlds: list[World]) -> None:
    listings = [listing for world in worlds for listing in world.listings]
    assert all(held.votes(held.at) == 0 for held in listings)
    early, late = 48 * HOUR, 240 * HOUR
    assert all(held.votes(held.at + late) >= held.votes(held.at + early) for held in listings if not held.falls)
    falling = [held for held in listings if held.falls and held.peak > 9]
    assert any(held.votes(held.at + 130 * HOUR) < held.votes(held.at + 120 * HOUR) for held in falling)
    assert all(held.day == held.at.date() and held.day.weekday() < 5 for held in listings)
    assert all(held.at > mailed_at(held.paper.events[0].day) for held in listings)


def test_an_identifier_and_a_title_lead_to_one_work(world: World) -> None:
    names = [name for work in world.works for name in work.ids]
    assert len(names) == len(set(names))
    assert len({work.title for work in world.works}) == len(world.works)
    assert all(world.find(*name) is work for work in world.works for name in work.ids)
    assert world.find("arxiv", "2610.99999") is None


def test_some_works_stand_in_two_sources_under_one_title(world: World) -> None:
    both = [work for work in world.works if work.note and work.arxiv]
    assert both
    assert all(event.title == work.title for work in both if work.arxiv for event in work.arxiv.events)
    assert [work for work in world.works if work.entry and work.arxiv]
    assert [work for work in world.works if work.entry and work.post and work.entry.doi == work.post.published]
    assert [work for work in world.works if work.entry and not work.post and not work.arxiv]


def test_what_must_be_known_grows_and_begins_with_the_evening_of_the_announcement(world: World) -> None:
    day = world.announcement_days[5]
    of_the_day = {
        paper.work for paper in world.arxiv if paper.events[0].day == day and not paper.is_withdrawn(world.ends)
    }
    before = set(world.announced("arxiv", by=harvestable_at(day) - timedelta(seconds=1)))
    after = set(world.announced("arxiv", by=harvestable_at(day)))
    assert of_the_day
    assert after - before == of_the_day
    for source in ("arxiv", "huggingface", "biorxiv", "medrxiv", "openreview", "feed"):
        assert world.announced(source, by=world.begins - timedelta(days=1)) == []
        assert 0 < len(world.announced(source, by=world.calm_from)) < len(world.announced(source))


def test_a_paper_is_wanted_from_the_day_it_is_cross_listed_on(worlds: list[World]) -> None:
    crossed = [
        (world, paper, event)
        for world in worlds
        for paper in world.arxiv
        for event in paper.events
        if event.kind == "cross" and not paper.is_withdrawn(world.ends)
    ]
    assert crossed
    for world, paper, event in crossed:
        entered = paper.entered(event.added)
        assert entered is event
        assert paper.work not in world.announced("arxiv", event.added, event.at - HOUR)
        assert paper.work in world.announced("arxiv", event.added, event.at)


def test_old_and_withdrawn_papers_and_other_categories_are_not_asked_for(world: World) -> None:
    must = world.announced("arxiv", ["cs.CL"])
    assert must
    assert all(work.arxiv and not work.arxiv.old and not work.arxiv.events[-1].withdrawn for work in must)
    assert all(work.arxiv and "cs.CL" in work.arxiv.events[-1].categories for work in must)
    assert len(must) < len(world.announced("arxiv", CATEGORIES))
    with pytest.raises(ValueError, match="no source"):
        world.announced("elsewhere")


def test_the_size_and_the_length_are_adjustable() -> None:
    world = World(1, 2_000, SPRING, days=10)
    assert sum(not paper.old for paper in world.arxiv) == 2_000
    assert world.calm_from == datetime(2026, 3, 11, tzinfo=UTC)
    assert max(event.at for paper in world.arxiv for event in paper.events) > world.calm_from
    assert max(event.at for paper in world.arxiv for event in paper.events) <= world.ends
