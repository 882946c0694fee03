"""Interests that are tried out: ranked like stored ones, with what missed, what was sent before and what changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import TOPICS, like, make_edition, make_paper, make_profile, make_subscriber

from digest import pipeline
from digest.embeddings.encoder import HashingEncoder
from digest.ranking import previews, scoring
from digest.ranking.candidates import load_library
from digest.ranking.desks import Reader
from digest.ranking.previews import Rehearsal, Wanted
from digest.tables import EditionItem, Paper, Profile, Subscriber
from digest.workshop import Workshop

DAY = timedelta(days=1)
WEEK = 7 * DAY
EMBED = HashingEncoder().encode


@pytest.fixture
def papers(shop: Workshop, now: datetime) -> dict[str, list[Paper]]:
    """Eight new papers on a topic, and as many old ones as make a crowd."""
    with shop.database.session() as session:
        for topic in TOPICS:
            for _ in range(6):
                make_paper(session, now, topic, announced_at=now - 30 * DAY)
        return {topic: [make_paper(session, now, topic) for _ in range(8)] for topic in TOPICS}


@pytest.fixture
def reader(shop: Workshop, now: datetime) -> Subscriber:
    with shop.database.session() as session:
        return make_subscriber(session, now, papers_per_edition=5)


def want(topic: str = "mamba", liked: Sequence[int] = (), disliked: Sequence[int] = (), **fields: Any) -> Wanted:
    return Wanted(Profile(**{"name": topic, "text": TOPICS[topic], "balance": 0.0} | fields), liked, disliked)


def rehearse(shop: Workshop, now: datetime, subscriber: Subscriber, *wanted: Wanted) -> Rehearsal:
    pipeline.prepare(shop, now)
    who = previews.transient_reader(subscriber, now)
    with shop.database.session(write=False) as session:
        library = load_library(session, shop.encoder_name, now - WEEK, now)
        trial = previews.try_out(wanted, who, EMBED)
        return previews.rehearse(session, library, Reader(who, now - WEEK), trial, now)


def ids(made: Rehearsal) -> list[int]:
    return [pick.paper.id for pick in made.draft.picks]


def test_what_missed_comes_next_and_is_told_why(
    shop: Workshop, now: datetime, papers: dict[str, list[Paper]], reader: Subscriber
) -> None:
    made = rehearse(shop, now, reader, want("mamba"))
    assert len(ids(made)) == 5
    missed = {pick.paper.id for pick in made.missed}
    assert {paper.id for paper in papers["mamba"]} == set(ids(made)) | (missed & {p.id for p in papers["mamba"]})
    assert len(missed) <= previews.MOST_MISSED
    assert not missed & set(ids(made))
    for pick in made.missed:
        assert pick.reason["profile"] == "mamba"
        assert pick.relevance >= scoring.FLOOR - previews.JUST_BELOW
    above = [pick.relevance >= scoring.FLOOR for pick in made.missed]
    assert above == sorted(above, reverse=True)


def test_papers_that_were_sent_are_counted_if_they_would_match(
    shop: Workshop, now: datetime, papers: dict[str, list[Paper]], reader: Subscriber
) -> None:
    with shop.database.session() as session:
        edition = make_edition(session, reader, now - DAY)
        for rank, paper in enumerate([*papers["mamba"][:2], papers["robot"][0]], 1):
            item = {"edition_id": edition.id, "paper_id": paper.id, "rank": rank, "score": 0.5, "relevance": 2.0}
            session.add(EditionItem(**item, reason={}))
    made = rehearse(shop, now, reader, want("mamba"))
    assert made.repeated == 2
    assert not {paper.id for paper in papers["mamba"][:2]} & set(ids(made))
    assert rehearse(shop, now, reader, want("mamba", muted=["study"])).repeated == 0
    assert rehearse(shop, now, reader, want("mamba"), want("robot")).repeated == 3


def test_changes_are_against_what_is_stored(
    shop: Workshop, now: datetime, papers: dict[str, list[Paper]], reader: Subscriber
) -> None:
    with shop.database.session() as session:
        make_profile(session, reader, "mamba", balance=0.0)
    mambas, robots = ({paper.id for paper in papers[topic]} for topic in ("mamba", "robot"))
    made = rehearse(shop, now, reader, want("robot"))
    assert (set(made.changes.new) <= robots, set(made.changes.gone) <= mambas) == (True, True)
    assert (len(made.changes.new), len(made.changes.gone)) == (5, 5)
    assert not rehearse(shop, now, reader, want("mamba")).changes


def test_examples_count_as_the_works_that_they_are_and_unknown_ones_not_at_all(
    shop: Workshop, now: datetime, papers: dict[str, list[Paper]], reader: Subscriber
) -> None:
    first, second, *rest = papers["mamba"]
    with shop.database.session() as session:
        duplicate = make_paper(session, now, merged_into=second.id)
        stored = make_profile(session, reader, name="stored", text="", balance=0.0)
        like(session, stored, first)
        like(session, stored, second)
        like(session, stored, papers["robot"][0], -1)
    tried = want(name="stored", text="", liked=[first.id, duplicate.id, 99_999], disliked=[papers["robot"][0].id])
    made = rehearse(shop, now, reader, tried)
    assert set(ids(made)) <= {paper.id for paper in rest}
    assert len(ids(made)) == 5
    assert not made.changes


@pytest.mark.parametrize("off", [{"active": False}, {"removed_at": datetime.fromisoformat("2026-05-01T00:00+00:00")}])
@pytest.mark.usefixtures("papers")
def test_an_interest_that_is_off_is_not_ranked(
    shop: Workshop, now: datetime, reader: Subscriber, off: dict[str, Any]
) -> None:
    made = rehearse(shop, now, reader, want("robot", **off), want("mamba"))
    assert {pick.profile_id for pick in made.draft.picks} == {-2}


def test_what_is_tried_out_is_only_read(shop: Workshop, now: datetime, reader: Subscriber) -> None:
    with shop.database.session() as session:
        profile = make_profile(session, reader, against="auctions")
    before = profile.model_dump()
    trial = previews.try_out([Wanted(profile)], previews.transient_reader(reader, now), EMBED)
    assert (trial.profiles[0].id, trial.profiles[0].subscriber_id) == (-1, reader.id)
    assert profile.model_dump() == before
    assert trial.against[-1] @ EMBED(["auctions"])[0] > 0.9999


def test_nobody_has_an_id_and_an_address_that_stand_in(now: datetime) -> None:
    who = previews.transient_reader(Subscriber(email="", status="pending", link_key="", created_at=now), now)
    assert (who.id, who.email, who.zone) == (previews.NOBODY, previews.UNKNOWN_ADDRESS, "UTC")
