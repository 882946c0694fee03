"""Past editions: in a list, one by one, and as entries of a feed; only one's own."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from editions import Sent, send_edition
from factories import make_edition, make_paper, make_profile, make_subscriber
from sqlmodel import Session

from digest.composing import archive
from digest.composing.archive import Issue
from digest.db import Database
from digest.tables import Edition, EditionItem, Feedback, SkipReason
from digest.workshop import Workshop


@pytest.fixture
def sent(shop: Workshop, now: datetime) -> Sent:
    """Ada's edition; Bob has one as well."""
    made = send_edition(shop, now, "ada@example.org")
    send_edition(shop, now, "bob@example.org", papers=2)
    return made


def test_issues_are_listed_newest_first_with_those_that_were_none(
    database: Database, sent: Sent, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    yesterday = now - timedelta(days=1)
    with database.session() as session:
        make_edition(session, sent.subscriber, yesterday, skip_reason=SkipReason.NO_MATCH)
        listed = archive.list_issues(session, sent.subscriber.id)
        of_profile = archive.list_issues(session, sent.subscriber.id, sent.profile.id)
        monkeypatch.setattr(archive, "PAGE", 1)
        newest = archive.list_issues(session, sent.subscriber.id)
    assert [(one.day, one.papers, one.skip_reason) for one in listed] == [
        (now.date(), 3, None),
        (yesterday.date(), 0, SkipReason.NO_MATCH),
    ]
    assert of_profile == newest == listed[:1]


def test_an_edition_is_found_by_its_day_and_read_whole(database: Database, sent: Sent, now: datetime) -> None:
    with database.session(write=False) as session:
        edition = archive.find_edition(session, sent.subscriber.id, now.date())
        assert edition is not None
        assert archive.find_edition(session, sent.subscriber.id, now.date() - timedelta(days=1)) is None
        sheet = archive.read_sheet(session, edition)
    assert [item.paper_id for item in sheet.items] == [paper.id for paper in sent.papers]
    assert set(sheet.papers) == {paper.id for paper in sent.papers}
    assert (sheet.subscriber.id, set(sheet.profiles)) == (sent.subscriber.id, {sent.profile.id})


def test_votes_are_the_readers_own(database: Database, sent: Sent, now: datetime) -> None:
    first, second, _ = sent.papers
    with database.session() as session:
        other = make_edition(session, sent.subscriber, now - timedelta(days=2)).subscriber_id
        session.add(Feedback(subscriber_id=other, paper_id=first.id, value=1, created_at=now))
        session.add(Feedback(subscriber_id=other + 1, paper_id=second.id, value=-1, created_at=now))
        session.flush()
        found = archive.read_votes(session, archive.read_sheet(session, sent.edition))
    assert {paper_id: vote.value for paper_id, vote in found.items()} == {first.id: 1}


def test_a_feed_has_the_newest_papers_first(database: Database, sent: Sent, now: datetime) -> None:
    with database.session() as session:
        profile = make_profile(session, sent.subscriber, "robot")
        later = make_edition(session, sent.subscriber, now + timedelta(days=1))
        item = {"score": 1.0, "relevance": 1.0, "reason": {}, "profile_id": profile.id}
        session.add(EditionItem(edition_id=later.id, paper_id=sent.papers[2].id, rank=1, **item))
        session.flush()
        entries = archive.feed_entries(session, sent.subscriber.id)
        of_profile = archive.feed_entries(session, sent.subscriber.id, profile.id)
    assert [one.paper.id for one in entries] == [sent.papers[2].id, *(paper.id for paper in sent.papers)]
    assert [one.day for one in of_profile] == [later.edition_date]


def test_what_came_for_each_interest_is_counted(database: Database, sent: Sent, now: datetime) -> None:
    with database.session(write=False) as session:
        assert archive.count_picked(session, sent.subscriber.id, now - timedelta(days=7)) == Counter(
            {sent.profile.id: 3}
        )
        assert archive.count_picked(session, sent.subscriber.id, now) == Counter()


def put(session: Session, edition: Edition, *profiles: int | None) -> list[EditionItem]:
    """A paper in an edition for each of the profiles."""
    items = [
        EditionItem(
            edition_id=edition.id,
            paper_id=make_paper(session, edition.created_at).id,
            profile_id=profile,
            rank=rank,
            score=1.0,
            relevance=1.0,
            reason={},
        )
        for rank, profile in enumerate(profiles, 1)
    ]
    session.add_all(items)
    session.flush()
    return items


def test_editions_are_listed_a_page_at_a_time(database: Database, now: datetime) -> None:
    with database.session() as session:
        reader = make_subscriber(session, now)
        mamba, robot = (make_profile(session, reader, topic).id for topic in ("mamba", "robot"))
        put(session, make_edition(session, reader, now), mamba, robot, None)
        put(session, make_edition(session, reader, now - timedelta(days=2)), robot)
        make_edition(session, reader, now - timedelta(days=1), skip_reason=SkipReason.NO_MATCH)
        put(session, make_edition(session, make_subscriber(session, now), now), None)
        today = now.date()
        days = [today - timedelta(days=age) for age in range(3)]
        whole = [Issue(days[0], 3, None), Issue(days[1], 0, SkipReason.NO_MATCH), Issue(days[2], 1, None)]
        assert archive.list_issues(session, reader.id) == whole
        assert archive.list_issues(session, reader.id, before=today) == whole[1:]
        assert archive.list_issues(session, reader.id, mamba) == [Issue(days[0], 1, None)]
        assert archive.list_issues(session, reader.id, robot, before=today) == whole[2:]
        assert archive.count_picked(session, reader.id, now - timedelta(days=1)) == {mamba: 1, robot: 1}


@pytest.mark.parametrize("why", list(SkipReason))
def test_there_are_words_for_every_reason(now: datetime, why: SkipReason) -> None:
    assert Issue(now.date(), 0, why).words == archive.WHY_NONE[why]
    assert Issue(now.date(), 3, why).words == f"{archive.WHY_NONE[why]} (3 papers)"


def test_papers_in_words(now: datetime) -> None:
    assert [Issue(now.date(), count, None).words for count in (1, 2)] == ["1 paper", "2 papers"]


def test_votes_are_found_under_either_number_of_a_merged_work(database: Database, now: datetime) -> None:
    with database.session() as session:
        reader = make_subscriber(session, now)
        edition = make_edition(session, reader, now)
        plain, merged, unvoted = put(session, edition, None, None, None)
        sheet = archive.read_sheet(session, edition)
        work = make_paper(session, now)
        sheet.papers[merged.paper_id].merged_into = work.id
        for number, value in ((plain.paper_id, 1), (work.id, -1)):
            session.add(Feedback(subscriber_id=reader.id, paper_id=number, value=value, created_at=now))
        session.flush()
        found = {paper: vote.value for paper, vote in archive.read_votes(session, sheet).items()}
        assert found == {plain.paper_id: 1, merged.paper_id: -1}
        assert unvoted.paper_id not in found


def test_what_was_hidden_is_named_while_its_paper_is_there(database: Database, now: datetime) -> None:
    with database.session() as session:
        reader = make_subscriber(session, now)
        profile, paper = make_profile(session, reader), make_paper(session, now)
        hidden = [{"paper": paper.id, "profile": profile.id, "phrase": "survey"}]
        hidden += [{"paper": paper.id + 99, "profile": profile.id, "phrase": "survey"}]
        edition = make_edition(session, reader, now, hidden=hidden)
        found = archive.read_hidden(session, archive.read_sheet(session, edition))
        assert found == [archive.Hidden(paper.title, "survey", profile.name)]
