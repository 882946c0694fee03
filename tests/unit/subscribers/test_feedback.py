"""Votes: the latest counts, one interest learns from it, and to undo it undoes what it taught and nothing else."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from factories import like, make_edition, make_paper, make_profile, make_subscriber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from digest import pipeline
from digest.db import Database
from digest.errors import InvalidRequest
from digest.subscribers.feedback import Vote, listing, reset, teaches, undo, vote
from digest.tables import Edition, EditionItem, Feedback, Paper, Profile, ProfileExample, Subscriber
from digest.workshop import Workshop


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    with database.session() as session:
        return make_subscriber(session, now)


def send(session: Session, subscriber: Subscriber, paper: Paper, profile: Profile | None, now: datetime) -> Edition:
    edition = make_edition(session, subscriber, now)
    item = {"edition_id": edition.id, "paper_id": paper.id, "rank": 1, "score": 1.0, "relevance": 1.0, "reason": {}}
    session.add(EditionItem(**item, profile_id=profile.id if profile else None))
    session.flush()
    return edition


def taught(session: Session) -> dict[tuple[int, int], tuple[int, str]]:
    rows = session.exec(select(ProfileExample)).all()
    return {(row.profile_id, row.paper_id): (row.sign, row.origin) for row in rows}


def test_the_interest_that_a_paper_was_sent_for_learns(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        make_profile(session, ada, "robot")
        profile, paper = make_profile(session, ada), make_paper(session, now)
        edition = send(session, ada, paper, profile, now)
        assert teaches(session, ada, Vote(paper, -1)) == profile
        for value in (1, 1, -1):
            row = vote(session, ada, Vote(paper, value, edition.id, "topic"), now)
            assert taught(session) == {(profile.id, paper.id): (value, "vote")}
        assert (row.value, row.profile_id, row.edition_id, row.reason) == (-1, profile.id, edition.id, "topic")
        assert listing(session, ada) == [(row, paper)]
        undo(session, ada, paper, now)
        undo(session, ada, paper, now)
        assert (taught(session), listing(session, ada)) == ({}, [])


def test_a_chosen_example_stays_what_it_was_chosen_for(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        profile, paper = make_profile(session, ada), make_paper(session, now)
        like(session, profile, paper)
        send(session, ada, paper, profile, now)
        vote(session, ada, Vote(paper, -1), now)
        before = taught(session)
        undo(session, ada, paper, now)
        assert before == taught(session) == {(profile.id, paper.id): (1, "chosen")}


def test_a_paper_from_outside_teaches_the_nearest_interest_when_more_is_wanted(
    shop: Workshop, ada: Subscriber, now: datetime
) -> None:
    with shop.database.session() as session:
        papers = {topic: make_paper(session, now, topic) for topic in ("mamba", "robot", "galaxy", "auction")}
        mamba, robot = make_profile(session, ada, "mamba"), make_profile(session, ada, "robot")
        silent, off = (make_profile(session, ada, name=name, text="") for name in ("silent", "off"))
        like(session, silent, make_paper(session, now, "galaxy"))
        off.text, off.active = "Auctions and matching markets", False
        removed = make_profile(session, ada, "auction", removed_at=now, active=False)
        send(session, ada, papers["mamba"], None, now)
    pipeline.prepare(shop, now)
    with shop.database.session() as session:
        nearest = {topic: teaches(session, ada, Vote(session.get_one(Paper, p.id), 1)) for topic, p in papers.items()}
        found = {topic: profile.id if profile else None for topic, profile in nearest.items()}
        assert (found["mamba"], found["robot"], found["galaxy"]) == (mamba.id, robot.id, silent.id)
        assert found["auction"] not in {removed.id, off.id}
        paper = session.get_one(Paper, papers["mamba"].id)
        vote(session, ada, Vote(paper, 1), now)
        assert taught(session)[mamba.id, paper.id] == (1, "vote")
        row = vote(session, ada, Vote(paper, -1), now)
        assert (row.profile_id, row.value) == (None, -1)
        assert (mamba.id, paper.id) not in taught(session)


def test_without_vectors_only_a_single_interest_learns(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        paper = make_paper(session, now)
        assert vote(session, ada, Vote(paper, 1), now).profile_id is None
        profile = make_profile(session, ada)
        assert teaches(session, ada, Vote(paper, 1)) == profile
        make_profile(session, ada, "robot")
        assert teaches(session, ada, Vote(paper, 1)) is None


def test_a_duplicate_is_voted_on_as_the_work_that_it_is(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        profile, paper = make_profile(session, ada), make_paper(session, now)
        duplicate = make_paper(session, now)
        send(session, ada, duplicate, profile, now)
        vote(session, ada, Vote(duplicate, -1), now)
        duplicate.merged_into = paper.id
        session.flush()
        vote(session, ada, Vote(duplicate, -1), now)
        assert taught(session) == {(profile.id, paper.id): (-1, "vote")}
        undo(session, ada, paper, now)
        assert (taught(session), listing(session, ada)) == ({}, [])


def test_a_reset_takes_back_what_votes_have_taught(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        profile, chosen, voted = make_profile(session, ada), make_paper(session, now), make_paper(session, now)
        like(session, profile, chosen)
        row = vote(session, ada, Vote(voted, 1), now)
        reset(session, profile)
        session.refresh(row)
        assert (row.value, row.profile_id) == (1, None)
        assert taught(session) == {(profile.id, chosen.id): (1, "chosen")}


@pytest.mark.parametrize(("value", "reason"), [(0, ""), (2, ""), (1, "because")])
def test_what_is_no_vote_is_refused(
    database: Database, ada: Subscriber, now: datetime, value: int, reason: str
) -> None:
    with database.session() as session, pytest.raises(InvalidRequest, match="A vote is"):
        vote(session, ada, Vote(make_paper(session, now), value, reason=reason), now)


def test_an_edition_of_somebody_else_is_not_believed(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        bob, paper = make_subscriber(session, now), make_paper(session, now)
        edition = send(session, bob, paper, make_profile(session, bob), now)
        make_profile(session, ada)
        row = vote(session, ada, Vote(paper, -1, edition.id), now)
        assert (row.edition_id, row.profile_id) == (None, None)


def test_two_tabs_at_once_end_in_one_row(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        profile, paper = make_profile(session, ada), make_paper(session, now)
    barrier = Barrier(8)

    def press(number: int) -> None:
        barrier.wait()
        with database.session() as session:
            vote(session, ada, Vote(paper, (-1) ** number), now + timedelta(seconds=number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(press, range(8)))
    with database.session(write=False) as session:
        (row,) = session.exec(select(Feedback)).all()
        expected = {(profile.id, paper.id): (1, "vote")} if row.value > 0 else {}
        assert taught(session) == expected


Step = Callable[[Session, Subscriber, Paper, datetime], object]
STEPS: dict[str, Step] = {
    "more": lambda session, ada, paper, now: vote(session, ada, Vote(paper, 1), now),
    "less": lambda session, ada, paper, now: vote(session, ada, Vote(paper, -1), now),
    "undo": undo,
}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=6), st.booleans())
def test_only_the_latest_vote_counts(
    database: Database, ada: Subscriber, now: datetime, steps: list[str], chosen: bool
) -> None:
    with database.session() as session:
        profile, paper = make_profile(session, ada, name=f"{datetime.now(now.tzinfo)}"), make_paper(session, now)
        send(session, make_subscriber(session, now), paper, None, now)
        if chosen:
            like(session, profile, paper)
        edition = session.exec(select(Edition).where(Edition.subscriber_id == ada.id)).first()
        edition = edition or make_edition(session, ada, now)
        place = len(session.exec(select(EditionItem.id).where(EditionItem.edition_id == edition.id)).all())
        item = {"paper_id": paper.id, "profile_id": profile.id, "score": 1.0, "relevance": 1.0, "reason": {}}
        session.add(EditionItem(edition_id=edition.id, rank=place + 1, **item))
        session.flush()
        for step in steps:
            STEPS[step](session, ada, paper, now)
        votes = [row.value for row, voted in listing(session, ada) if voted.id == paper.id]
        assert votes == {"more": [1], "less": [-1], "undo": []}[steps[-1]]
        left = taught(session).get((profile.id, paper.id))
        assert left == ((1, "chosen") if chosen else (votes[0], "vote") if votes else None)
