"""What is said of the editions that went out is what the votes say, and how little that is while they are few."""

from datetime import datetime, timedelta

import pytest
from factories import make_edition, make_message, make_paper, make_profile, make_subscriber
from sqlmodel import Session

from digest.evaluation.live import Quality, measure, share
from digest.ranking.methods import OUTSIDE
from digest.tables import Edition, EditionItem, Feedback, OutboxState, Paper, Profile, Subscriber
from digest.workshop import Workshop

DAY = timedelta(days=1)


def send(session: Session, profile: Profile, moment: datetime, *rankers: str) -> tuple[Edition, list[Paper]]:
    """An edition with one paper per ranker; those from outside belong to no profile."""
    who = session.get_one(Subscriber, profile.subscriber_id)
    edition = make_edition(session, who, moment)
    papers = [make_paper(session, moment) for _ in rankers]
    for rank, (paper, ranker) in enumerate(zip(papers, rankers, strict=True), 1):
        item = EditionItem(edition_id=edition.id, paper_id=paper.id, rank=rank, score=1, relevance=2, reason={})
        item.ranker, item.profile_id = ranker, None if ranker == OUTSIDE else profile.id
        session.add(item)
    session.flush()
    return edition, papers


def vote(session: Session, edition: Edition, paper: Paper, value: int, moment: datetime) -> None:
    row = Feedback(subscriber_id=edition.subscriber_id, paper_id=paper.id, value=value, created_at=moment)
    session.add(row)
    session.flush()


def look(session: Session, now: datetime, days: int = 90) -> Quality:
    return measure(session, now, days)


def test_an_instance_without_editions_has_nothing_to_say(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        found = look(session, now)
    assert (found.editions, found.votes, found.votes_per_edition) == (0, 0, None)
    assert (found.up.value, found.up.low, found.with_votes.value) == (None, None, None)
    assert found.by_age == found.by_rank == found.by_ranker == found.comparisons == []
    assert not found.conclusive


def test_votes_are_counted_by_edition_age_rank_and_ranker(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        ada, bob = (make_subscriber(session, now) for _ in range(2))
        fresh = make_profile(session, ada, created_at=now - 12 * DAY)
        settled = make_profile(session, bob, created_at=now - 40 * DAY)
        first, papers = send(session, fresh, now - 10 * DAY, "standard", "standard", "standard", OUTSIDE)
        second, others = send(session, settled, now - 5 * DAY, "standard", "")
        send(session, settled, now - 20 * DAY, "standard")
        vote(session, first, papers[0], 1, now - 9 * DAY)
        vote(session, first, papers[2], -1, now - 9 * DAY)
        vote(session, first, papers[3], 1, now - 2 * DAY)
        vote(session, second, others[1], 1, now - DAY)
        found = look(session, now)
    assert (found.editions, found.readers, found.voters, found.votes) == (3, 2, 2, 4)
    assert found.votes_per_edition == pytest.approx(4 / 3)
    assert (found.with_votes.count, found.with_votes.total) == (2, 3)
    assert (found.up.count, found.up.total) == (3, 4)
    counted = {
        name: [(group.name, group.voted.total, group.voted.count, group.up.count) for group in groups]
        for name, groups in (("age", found.by_age), ("rank", found.by_rank), ("ranker", found.by_ranker))
    }
    assert counted == {
        "age": [("first week", 3, 2, 1), ("first month", 1, 0, 0), ("later", 2, 1, 1)],
        "rank": [("1", 3, 1, 1), ("2-3", 3, 2, 1), ("4-6", 1, 1, 1)],
        "ranker": [("not recorded", 1, 1, 1), ("outside", 1, 1, 1), ("standard", 5, 2, 1)],
    }


def test_what_is_too_young_too_old_or_never_came_does_not_count(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        profile = make_profile(session, make_subscriber(session, now, created_at=now - 99 * DAY))
        who = session.get_one(Subscriber, profile.subscriber_id)
        for number, (age, state) in enumerate(
            [(0.5, None), (3, OutboxState.SENT), (4, OutboxState.BOUNCED), (5, OutboxState.PLANNED), (40, None)]
        ):
            edition, papers = send(session, profile, now - age * DAY, "standard")
            vote(session, edition, papers[0], 1, now - age * DAY + timedelta(hours=1))
            if state:
                session.add(make_message(who, now, number, edition_id=edition.id, state=state))
        session.flush()
        found, longer = look(session, now, 30), look(session, now, 50)
    assert (found.editions, found.unsettled, found.votes) == (1, 1, 1)
    assert (longer.editions, longer.votes) == (2, 2)


def test_a_vote_on_a_duplicate_counts_for_the_paper_that_was_sent(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        profile = make_profile(session, make_subscriber(session, now))
        edition, (paper,) = send(session, profile, now - 3 * DAY, "standard")
        work = make_paper(session, now)
        session.get_one(Paper, paper.id).merged_into = work.id
        vote(session, edition, work, -1, now - 2 * DAY)
        other = make_subscriber(session, now)
        session.add(Feedback(subscriber_id=other.id, paper_id=work.id, value=1, created_at=now - 2 * DAY))
        session.flush()
        found = look(session, now)
    assert (found.votes, found.up.count, found.voters) == (1, 0, 1)


def test_only_editions_of_two_teams_with_a_vote_on_a_pick_of_theirs_are_matches(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        profile = make_profile(session, make_subscriber(session, now))
        for age, rankers, voted in (
            (9, ["standard", "cosine", OUTSIDE], {0: 1, 2: 1}),
            (8, ["cosine", "standard"], {0: -1}),
            (7, ["standard", "cosine"], {0: 1, 1: 1}),
            (6, ["standard", "cosine", OUTSIDE], {2: 1}),
            (5, ["standard", "standard"], {0: 1}),
            (4, ["standard", ""], {0: 1}),
            (3, ["standard", "cosine"], {}),
        ):
            edition, papers = send(session, profile, now - age * DAY, *rankers)
            for place, value in voted.items():
                vote(session, edition, papers[place], value, now - DAY)
        (found,) = look(session, now).comparisons
    assert (found.first, found.second, found.wins, found.losses, found.ties) == ("cosine", "standard", 0, 2, 1)
    assert found.readers == 1
    assert found.p == 1.0


def test_a_share_of_few_has_wide_bounds() -> None:
    few, many = share(4, 5), share(400, 500)
    assert (few.value, many.value) == (0.8, 0.8)
    assert few.low == pytest.approx(0.3755, abs=1e-3)  # Wilson's score interval, worked out by hand
    assert few.high == pytest.approx(0.9638, abs=1e-3)
    assert many.low > few.low
    assert share(0, 5).low == 0


def test_it_is_conclusive_only_with_many_votes_of_many_readers(shop: Workshop, now: datetime) -> None:
    def cast(session: Session, readers: int, each: int) -> None:
        for _ in range(readers):
            profile = make_profile(session, make_subscriber(session, now))
            edition, papers = send(session, profile, now - 3 * DAY, *["standard"] * each)
            for paper in papers:
                vote(session, edition, paper, 1, now - DAY)

    with shop.database.session() as session:
        cast(session, 1, 120)
        assert not look(session, now).conclusive
        cast(session, 19, 1)
        assert look(session, now).conclusive
