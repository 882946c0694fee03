"""What a desk knows of papers and profiles before anything is chosen."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from factories import TOPICS, make_paper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest import pipeline
from digest.embeddings.encoder import HashingEncoder
from digest.embeddings.vectors import paper_text
from digest.ranking.briefs import Brief
from digest.ranking.candidates import Library, load_library
from digest.ranking.desks import Desk, Reader
from digest.tables import Profile, Subscriber
from digest.workshop import Workshop

DAY = timedelta(days=1)
ENCODER = HashingEncoder()


@pytest.fixture
def library(shop: Workshop, now: datetime) -> Library:
    with shop.database.session() as session:
        for topic in TOPICS:
            for age in range(6):
                make_paper(session, now, topic, announced_at=now - age * DAY)
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        found = load_library(session, "hashing", now - 7 * DAY, now)
    assert found is not None
    return found


def open_desk(
    shop: Workshop, library: Library, now: datetime, *profiles: Profile, seen: set[int] = frozenset()
) -> Desk:
    """For a reader who has no row."""
    reader = Reader(Subscriber(id=0, email="", status="active", link_key="", created_at=now), now - 4.5 * DAY)
    texts = {profile.id: ENCODER.encode([profile.text])[0] for profile in profiles if profile.text}
    against = {profile.id: ENCODER.encode([profile.against])[0] for profile in profiles if profile.against}
    brief = Brief([*profiles], {}, texts, against, {0: set(seen)})
    with shop.database.session(write=False) as session:
        return Desk(session, library, brief, [reader], now)


def make_interest(now: datetime, number: int = 1, topic: str = "mamba", **fields: object) -> Profile:
    given_fields = {"name": topic, "text": TOPICS[topic], "created_at": now}
    return Profile(id=-number, subscriber_id=0, **(given_fields | fields))


def moments(desk: Desk) -> set[datetime]:
    """When the new papers of the reader were announced."""
    return {desk.library.papers[row].announced_at for row in np.flatnonzero(desk.new(0))}


def test_new_is_what_came_since_and_was_not_seen_and_is_announced_by_now(
    shop: Workshop, library: Library, now: datetime
) -> None:
    newest = next(paper for paper in library.papers if paper.announced_at == now)
    desk = open_desk(shop, library, now, seen={newest.id})
    assert {library.papers[row].announced_at for row in np.flatnonzero(desk.new(0))} == {
        now - n * DAY for n in range(5)
    }
    assert desk.new(0).sum() == 5 * len(TOPICS) - 1
    yesterday = open_desk(shop, library, now - DAY)
    assert moments(yesterday) == {now - n * DAY for n in range(1, 6)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(data=st.data())
def test_to_be_against_the_text_of_a_paper_never_raises_it(
    shop: Workshop, library: Library, now: datetime, data: st.DataObject
) -> None:
    paper = data.draw(st.sampled_from(library.papers))
    topic = data.draw(st.sampled_from(sorted(TOPICS)))
    fields = {"required": data.draw(st.sampled_from([[], ["study"]]))}
    plain = open_desk(shop, library, now, make_interest(now, topic=topic, **fields))
    warned = open_desk(shop, library, now, make_interest(now, topic=topic, against=paper_text(paper), **fields))
    row = library.rows[paper.id]
    before, after = plain.relevance[0, row], warned.relevance[0, row]
    assert after <= before + 1e-3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(data=st.data())
def test_a_mute_only_moves_papers_from_what_matches_to_what_is_withheld(
    shop: Workshop, library: Library, now: datetime, data: st.DataObject
) -> None:
    phrases = data.draw(
        st.lists(st.sampled_from(["experiment 1", "robot", "study number 7", "state", "yak"]), max_size=3)
    )
    last = data.draw(st.sampled_from([{}, {"robot": "2026-05-05", "state": "2026-05-05"}, {"robot": "2026-05-06"}]))
    muted = make_interest(now, topic="mamba", muted=phrases, muted_until=last)
    open_ = open_desk(shop, library, now, make_interest(now, topic="mamba"))
    desk = open_desk(shop, library, now, muted)
    in_force = [phrase for phrase in phrases if last.get(phrase, "2026-05-06") >= "2026-05-06"]
    shut = library.mention_any(in_force)
    all_of_it = {match.row for match in open_.matches(0)}
    assert {match.row for match in desk.matches(0)} == {row for row in all_of_it if not shut[row]}
    assert {match.row for match in desk.withheld(0)} == {row for row in all_of_it if shut[row]}


def test_what_is_repeated_would_match_if_it_had_not_been_seen(shop: Workshop, library: Library, now: datetime) -> None:
    profile = make_interest(now)
    before = open_desk(shop, library, now, profile).matches(0)
    seen = {library.papers[match.row].id for match in before[:2]} | {library.papers[-1].id}
    desk = open_desk(shop, library, now, profile, seen=seen)
    assert [match.row for match in desk.repeated(0)] == [match.row for match in before[:2]]
    assert [match.row for match in desk.matches(0)] == [match.row for match in before[2:]]


def test_a_desk_for_nobody_in_particular_finds_nothing(shop: Workshop, library: Library, now: datetime) -> None:
    desk = open_desk(shop, library, now)
    assert desk.matches(0) == desk.withheld(0) == desk.repeated(0) == []


def test_outside_is_what_trends_and_is_of_no_interest_hottest_first(
    shop: Workshop, library: Library, now: datetime
) -> None:
    hot = {topic: next(paper for paper in library.papers if paper.title.startswith(topic.title())) for topic in TOPICS}
    for number, paper in enumerate(hot.values()):
        paper.trend, paper.trend_facts = 0.9 - number / 100, {"votes": 50, "hours": 9.0, "times": 5.0}

    def outside(**fields: object) -> list[str]:
        desk = open_desk(shop, library, now, make_interest(now, topic="mamba", **fields))
        return [topic for row in desk.outside(0) for topic, paper in hot.items() if library.rows[paper.id] == row]

    others = [topic for topic in TOPICS if topic != "mamba"]
    assert outside() == others
    assert outside(required=["yak"]) == others
    assert outside(muted=["grasp"]) == [topic for topic in others if topic != "robot"]
    assert outside(against=TOPICS["auction"]) == [topic for topic in others if topic != "auction"]
    assert outside(keywords=["protein", "folding"]) == [topic for topic in others if topic != "protein"]
