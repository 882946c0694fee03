"""Papers that the store lacked: looked for once an hour, found or given up, never lost."""

from datetime import datetime, timedelta

import pytest
from factories import make_paper, make_profile, make_subscriber
from sqlmodel import Session, select

from digest.db import Database
from digest.errors import InvalidRequest
from digest.subscribers import requests
from digest.subscribers.examples import VOTED, read
from digest.tables import PaperExternalId, PaperRequest, Profile, ProfileExample, Subscriber

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def profile(database: Database, now: datetime) -> Profile:
    with database.session() as session:
        return make_profile(session, make_subscriber(session, now))


def ask(session: Session, profile: Profile, text: str, now: datetime, sign: int = 1) -> None:
    requests.ask(session, profile, [(line, sign) for line in read(text)], now)


def open_ids(session: Session) -> list[int]:
    return list(session.exec(select(PaperRequest.id).where(requests.OPEN)))


def test_the_hour_that_was_asked_is_noted_before_anybody_is_asked(
    database: Database, profile: Profile, now: datetime
) -> None:
    with database.session() as session:
        ask(session, profile, "2401.00002 A title\nhttps://arxiv.org/abs/2401.00001v2\n10.1000/x\nSome title", now)
        ids = requests.plan(session, now)
        counts, missing = requests.begin(session, now, ids)
        assert (len(ids), dict(counts), missing) == (4, {}, ["2401.00001", "2401.00002"])
    with database.session() as session:
        assert requests.plan(session, now + HOUR - timedelta(seconds=1)) == []
        assert requests.plan(session, now + HOUR) == ids


def test_what_has_come_becomes_a_chosen_example(database: Database, profile: Profile, now: datetime) -> None:
    with database.session() as session:
        ask(session, profile, "2401.00001\nA Müller-Work", now)
        ask(session, profile, "10.1000/x", now, sign=-1)
        papers = [make_paper(session, now) for _ in range(2)] + [make_paper(session, now, title="a MULLER work.")]
        for paper, (scheme, value) in zip(papers, (("arxiv", "2401.00001"), ("doi", "10.1000/x")), strict=False):
            session.add(PaperExternalId(paper_id=paper.id, scheme=scheme, value=value, source="files"))
        session.add(ProfileExample(profile_id=profile.id, paper_id=papers[0].id, sign=-1, origin=VOTED, created_at=now))
        session.flush()
        counts, missing = requests.begin(session, now, open_ids(session))
        assert (counts["found"], missing, open_ids(session)) == (3, [], [])
        kept = {row.paper_id: (row.sign, row.origin) for row in session.exec(select(ProfileExample))}
    assert kept == {papers[0].id: (1, "chosen"), papers[1].id: (-1, "chosen"), papers[2].id: (1, "chosen")}


def test_what_nobody_knows_is_given_up(database: Database, profile: Profile, now: datetime) -> None:
    with database.session() as session:
        ask(session, profile, "2401.00001\n2401.00002\nSome title", now)
        ids = open_ids(session)
        assert requests.finish(session, now, ids, {"2401.00002", "Some title"}) == {"given_up": 1}
        assert requests.given_up(session, profile) == ["2401.00002"]
        assert requests.open_lines(session, profile, 1) == ["2401.00001", "Some title"]
        assert requests.finish(session, now + 7 * DAY - HOUR, ids, ()) == {}
        assert requests.finish(session, now + 7 * DAY, ids, ()) == {"given_up": 2}
        assert requests.plan(session, now + 8 * DAY) == []


def test_a_form_that_is_saved_again_waits_for_what_it_says_now(
    database: Database, profile: Profile, now: datetime
) -> None:
    with database.session() as session:
        ask(session, profile, "2401.00001\n2401.00002\n2401.00003\n2401.00004", now)
        requests.begin(session, now, open_ids(session))
        requests.finish(session, now, open_ids(session), {"2401.00001", "2401.00002"})
        said = [(line, 1) for line in read("2401.00002\n2401.00003\n2401.00005")]
        requests.replace(session, profile, said, now + DAY)
        assert requests.open_lines(session, profile, 1) == ["2401.00003", "2401.00002", "2401.00005"]
        assert requests.given_up(session, profile) == []
        assert len(requests.plan(session, now)) == 2  # the one that stayed was asked for already


def test_a_reader_submits_a_paper(database: Database, now: datetime) -> None:
    with database.session() as session:
        ada = make_subscriber(session, now)
        paper = make_paper(session, now)
        assert requests.submit(session, ada, f" {paper.url} ", now) == paper
        assert [requests.submit(session, ada, text, now) for text in ("2401.00001", "arXiv:2401.00001")] == [None] * 2
        ids = open_ids(session)
        make_paper(session, now, title="Another")
        assert requests.begin(session, now, ids)[1] == ["2401.00001"]
        requests.finish(session, now, ids, {"2401.00001"})
        assert requests.submit(session, ada, "2401.00001", now) is None  # and it is looked for once more
        assert len(open_ids(session)) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Name one paper"),
        ("2401.00001 2401.00002", "Name one paper"),
        ("https://example.org/a", "Links must be to arxiv.org, huggingface.co, alphaxiv.org or doi.org."),
    ],
)
def test_a_submission_that_names_no_paper_is_refused(database: Database, now: datetime, text: str, told: str) -> None:
    with database.session() as session, pytest.raises(InvalidRequest, match=told):
        requests.submit(session, make_subscriber(session, now), text, now)


def test_a_person_waits_for_ten_papers_at_most(database: Database, profile: Profile, now: datetime) -> None:
    with database.session() as session:
        ada = session.get_one(Subscriber, profile.subscriber_id)
        ask(session, profile, "2402.00001", now)  # for an interest, which does not count
        for number in range(10):
            requests.submit(session, ada, f"2401.{number:05}", now)
        with pytest.raises(InvalidRequest, match="10 papers are being looked up"):
            requests.submit(session, ada, "2401.00099", now)
        assert requests.submit(session, ada, "2401.00003", now) is None
