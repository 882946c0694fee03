"""Observations: the latest of each source, the day of a listing, and the readers here as a source."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from factories import make_paper, make_subscriber
from sqlmodel import Session, select

from digest.db import Database
from digest.papers import signals
from digest.papers.signals import Count, note_listings
from digest.papers.trending import READERS
from digest.subscribers.feedback import LESS, MORE, Vote, undo, vote
from digest.tables import Paper, PaperListing, Signal, Subscriber

HOUR = timedelta(hours=1)


def count(session: Session, paper: Paper, at: datetime, value: int, **fields: str) -> None:
    session.add(Signal(paper_id=paper.id, observed_at=at, value=value, **({"source": "hf", "kind": "votes"} | fields)))
    session.flush()


def test_of_each_source_and_kind_the_latest_count_is_read(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = make_paper(session, now)
        count(session, paper, now, 5)
        count(session, paper, now - HOUR, 9)
        count(session, paper, now - HOUR, 4, source="files")
        count(session, paper, now, 2, kind="stars")
        votes = [Count(5, now, "hf"), Count(4, now - HOUR, "files")]
        assert signals.latest_counts(session, [paper.id]) == {
            paper.id: {"votes": votes, "stars": [Count(2, now, "hf")]}
        }
        assert signals.latest_counts(session, [paper.id], now, "stars")[paper.id].keys() == {"stars"}
        assert signals.latest_counts(session, [paper.id], now - HOUR / 2)[paper.id]["votes"][0].value == 9
        assert signals.latest_counts(session, []) == {}


def test_of_several_days_of_a_listing_the_first_is_kept(database: Database, now: datetime) -> None:
    with database.session() as session:
        name = (make_paper(session, now).id, "hf")
        for days in (2, 3, 1):
            note_listings(session, {name: (now - days * 24 * HOUR).date()})
            session.flush()
        assert signals.listing_days(session, [name[0]]) == {name: (now - 72 * HOUR).date()}


def test_votes_grow_by_the_highest_of_what_the_sources_last_said(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper, silent = make_paper(session, now), make_paper(session, now)
        for hours, value, source in ((3, 3, "hf"), (2, 9, "hf"), (1, 4, "files"), (0, 2, "hf")):
            count(session, paper, now - hours * HOUR, value, source=source)
        count(session, paper, now, 50, source=READERS)
        assert signals.histories(session, [paper.id, silent.id]) == {
            paper.id: [(now - 3 * HOUR, 3), (now - 2 * HOUR, 9), (now - HOUR, 9), (now, 4)]
        }
        assert signals.histories(session, []) == {}


Act = Callable[[Session, Subscriber, Paper, datetime], object]
ACTS: dict[str, Act] = {
    "more": lambda session, reader, paper, now: vote(session, reader, Vote(paper, MORE), now),
    "less": lambda session, reader, paper, now: vote(session, reader, Vote(paper, LESS), now),
    "back": undo,
}


@pytest.mark.parametrize(
    ("acts", "counts"),
    [
        (["0 more"], [1]),
        (["0 more", "0 more"], [1, 1]),  # one vote a person
        (["0 more", "1 more", "2 more"], [1, 2, 3]),
        (["0 more", "1 more", "0 less"], [1, 2, 1]),  # it may be changed
        (["0 more", "0 back"], [1, 0]),
        (["0 less"], [0]),
    ],
)
def test_each_vote_of_a_reader_is_an_observation(
    database: Database, now: datetime, acts: list[str], counts: list[int]
) -> None:
    with database.session() as session:
        readers = [make_subscriber(session, now) for _ in range(3)]
        paper = make_paper(session, now, first_seen_at=now - 30 * HOUR)
        for number, act in enumerate(acts):
            who, what = act.split()
            ACTS[what](session, readers[int(who)], paper, now + number * HOUR)
        rows = session.exec(select(Signal).where(Signal.source == READERS).order_by(Signal.observed_at)).all()  # type: ignore[arg-type]
        assert [(row.kind, row.value, row.paper_id) for row in rows] == [("votes", value, paper.id) for value in counts]
        assert session.get_one(PaperListing, (paper.id, READERS)).listed_on == (now - 30 * HOUR).date()


def test_votes_on_a_duplicate_count_for_the_work_and_two_at_one_moment_are_one_observation(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        work = make_paper(session, now)
        copy = make_paper(session, now, merged_into=work.id)
        for reader, paper in ((make_subscriber(session, now), work), (make_subscriber(session, now), copy)):
            vote(session, reader, Vote(paper, MORE), now)
        assert [(row.paper_id, row.value) for row in session.exec(select(Signal))] == [(work.id, 2)]
