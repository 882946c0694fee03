"""Team drafts are fair, whole and repeatable, and editions say whose pick each paper is."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from factories import TOPICS, like, make_paper, make_profile, make_subscriber
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from digest import pipeline
from digest.clock import local_day
from digest.errors import ConfigurationError
from digest.questions import preview
from digest.ranking.interleaving import interleave, takes_part, toss
from digest.ranking.methods import OUTSIDE
from digest.settings import Settings
from digest.tables import EditionItem, Paper, Profile, SkipReason, Subscriber
from digest.workshop import Workshop

DAY = date(2026, 5, 6)
PAPERS = [
    Paper(id=number, title="", abstract="", source="files", announced_at=DAY, first_seen_at=DAY) for number in range(40)
]


@dataclass(frozen=True)
class Chosen:
    paper: Paper
    profile_id: int
    team: str


def team(name: str, numbers: list[int], interests: int = 1) -> list[Chosen]:
    """Papers by their numbers; each belongs to the same one of a few interests for whichever team."""
    return [Chosen(PAPERS[number], number % interests, name) for number in numbers]


LISTS = st.lists(st.integers(0, 39), unique=True, max_size=12)


@given(first=LISTS, second=LISTS, places=st.integers(0, 12), seed=st.integers(), interests=st.integers(1, 3))
def test_a_team_draft_is_as_long_as_it_can_be_and_honours_both_orders(
    first: list[int], second: list[int], places: int, seed: int, interests: int
) -> None:
    teams = {"first": team("first", first, interests), "second": team("second", second, interests)}
    made = interleave(teams["first"], teams["second"], places, toss(seed, DAY))
    numbers = [pick.paper.id for pick in made]
    assert len(set(numbers)) == len(numbers)
    longest = max(len(first), len(second))
    assert min(places, longest) <= len(made) <= places
    for name, listed in teams.items():
        own = [pick for pick in made if pick.team == name]
        assert own == sorted(own, key=listed.index)
    most = {
        key: max(Counter(p.profile_id for p in listed)[key] for listed in teams.values()) for key in range(interests)
    }
    assert all(number <= most[key] for key, number in Counter(pick.profile_id for pick in made).items())


@given(first=st.permutations(range(8)), second=st.permutations(range(8)), seed=st.integers(0, 10**6))
def test_teams_of_equal_strength_get_as_many_places(first: list[int], second: list[int], seed: int) -> None:
    made = interleave(team("first", first), team("second", second), 8, toss(seed, DAY))
    assert Counter(pick.team for pick in made) == {"first": 4, "second": 4}
    assert {made[0].paper.id} <= {first[0], second[0]}


def test_what_both_like_best_goes_to_either_as_often() -> None:
    listed = [0, 1, 2, 3]
    made = [interleave(team("first", listed), team("second", listed), 4, toss(seed, DAY)) for seed in range(2_000)]
    assert 0.46 < sum(picks[0].team == "first" for picks in made) / 2_000 < 0.54
    assert all([pick.paper.id for pick in picks] == listed for picks in made)


def test_who_takes_part_is_settled_and_only_grows_with_the_share() -> None:
    people = range(1, 4_001)
    some, more = ({who for who in people if takes_part(who, "cosine", share)} for share in (0.2, 0.5))
    assert some < more
    assert 0.18 < len(some) / 4_000 < 0.22
    assert {who for who in people if takes_part(who, "other", 0.2)} != some
    assert all(takes_part(who, "cosine", 1.0) and not takes_part(who, "cosine", 0.0) for who in people)
    assert not takes_part(1, "", 1.0)


def test_a_coin_falls_the_same_way_again_and_differs_by_day_and_reader() -> None:
    falls = [[toss(who, DAY + timedelta(days=day))(n) for n in range(20)] for who in (1, 2) for day in (0, 1)]
    assert falls == [[toss(who, DAY + timedelta(days=day))(n) for n in range(20)] for who in (1, 2) for day in (0, 1)]
    assert len({tuple(fall) for fall in falls}) == 4


def open_shop(settings: Settings, **fields: object) -> Workshop:
    return Workshop(settings.model_copy(update={"compare_ranker": "cosine", "compare_share": 1.0, **fields}))


def stock(shop: Workshop, now: datetime) -> Subscriber:
    """Papers of last month, new ones on two topics, and a reader who likes some of each and has words for one."""
    with shop.database.session() as session:
        liked = [
            make_paper(session, now, topic, announced_at=now - timedelta(days=30)) for topic in TOPICS for _ in "abcd"
        ]
        for topic in ("mamba", "robot"):
            for _ in range(12):
                make_paper(session, now, topic)
        reader = make_subscriber(session, now)
        profile = make_profile(session, reader, "mamba", balance=0.0)
        for paper in liked[:6]:
            like(session, profile, paper)
        robots = make_profile(session, reader, "robot", balance=0.0)
        like(session, robots, liked[12])
    pipeline.prepare(shop, now)
    return reader


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_edition_is_drawn_from_both_rankers_and_says_whose_each_pick_is(settings: Settings, now: datetime) -> None:
    shop = open_shop(settings)
    reader = stock(shop, now)
    both = preview(shop, now, reader).picks
    alone = {
        name: preview(open_shop(settings, ranker=name, compare_ranker=""), now, reader).picks
        for name in ("standard", "cosine")
    }
    expected = interleave(alone["standard"], alone["cosine"], 10, toss(reader.id, local_day(now, "UTC")))
    assert [(p.paper.id, p.ranker, p.reason, p.relevance) for p in both] == [
        (p.paper.id, p.ranker, p.reason, p.relevance) for p in expected
    ]
    assert {pick.ranker for pick in both} == {"standard", "cosine"}
    pipeline.run(shop, now, upto="rank")
    with shop.database.session(write=False) as session:
        stored = session.exec(select(EditionItem).order_by(EditionItem.rank)).all()
        assert [(item.paper_id, item.ranker) for item in stored] == [(pick.paper.id, pick.ranker) for pick in both]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_takes_no_part_gets_the_picks_of_the_ranker_alone(settings: Settings, now: datetime) -> None:
    shop = open_shop(settings, compare_share=0.0)
    reader = stock(shop, now)
    assert {pick.ranker for pick in preview(shop, now, reader).picks} == {"standard"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_trends_outside_stays_nobodys_pick(settings: Settings, now: datetime) -> None:
    shop = open_shop(settings)
    reader = stock(shop, now)
    hot = {"votes": 90, "hours": 20.0, "times": 5.0}
    with shop.database.session() as session:
        make_paper(session, now, "galaxy", trend=0.9, trend_facts=hot)
        for profile in session.exec(select(Profile)):
            profile.balance = 0.3
    pipeline.prepare(shop, now)
    picks = preview(shop, now, reader).picks
    assert [(pick.profile_id, pick.ranker) for pick in picks if pick.profile_id is None] == [(None, OUTSIDE)]
    assert len(picks) == 10


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_new_stays_nothing_new_for_both(settings: Settings, now: datetime) -> None:
    shop = open_shop(settings)
    reader = stock(shop, now)
    draft = preview(shop, now + timedelta(days=60), reader)
    assert (draft.picks, draft.skip_reason) == ([], SkipReason.NO_NEW_PAPERS)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_ranker_is_not_compared_with_itself_nor_with_nobody(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="name another one, or none"):
        _ = open_shop(settings, ranker="cosine").method
    with pytest.raises(ConfigurationError, match="no ranker “best”"):
        _ = open_shop(settings, compare_ranker="best").method
