"""A person's data: all of it can be had, all of it can be erased, and nothing is kept too long."""

import json
import zlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import like, make_paper, make_profile, make_subscriber
from sqlalchemy import text
from sqlmodel import Session, SQLModel, col, select

from digest.db import Database
from digest.mail.suppression import digest_of, suppress, suppressed
from digest.papers.signals import count_readers
from digest.ranking import briefs
from digest.subscribers.privacy import SECTIONS, erase, export, plan_tidy, work_tidy
from digest.tables import (
    BounceScore,
    Edition,
    EditionItem,
    Feedback,
    MailedLink,
    OutboxMessage,
    OutboxState,
    PaperRequest,
    Profile,
    ProfileVector,
    Signal,
    Subscriber,
    SubscriberStatus,
    WebSession,
)

DAY = timedelta(days=1)
PUBLIC = {"paper", "paper_external_id", "paper_listing", "signal"}
SECRETS = ("ada@example.org", "Ada Lovelace", "analytical engines", "ada's key")


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    """A subscriber who has used everything there is."""
    with database.session() as session:
        ada = make_subscriber(session, now, email=SECRETS[0], name=SECRETS[1], link_key=SECRETS[3])
        fill(session, ada, now)
    return ada


def fill(session: Session, subscriber: Subscriber, now: datetime) -> None:
    paper = make_paper(session, now)
    profile = make_profile(
        session, subscriber, name=f"{subscriber.name}'s interest", text="analytical engines", authors=["Ada Lovelace"]
    )
    like(session, profile, paper)
    edition = Edition(subscriber_id=subscriber.id, edition_date=now.date(), created_at=now)
    edition.hidden = [{"paper": paper.id, "profile": profile.id, "phrase": "engines"}]
    session.add(edition)
    session.flush()
    session.add_all(
        [
            ProfileVector(profile_id=profile.id, encoder="hashing", dimension=1, vector=b"\0\0"),
            EditionItem(
                edition_id=edition.id,
                paper_id=paper.id,
                profile_id=profile.id,
                rank=1,
                score=1.0,
                relevance=1.0,
                reason={"profile": profile.name},
            ),
            OutboxMessage(
                subscriber_id=subscriber.id,
                edition_id=edition.id,
                state=OutboxState.SENT,
                envelope_from="digest@papers.example",
                recipient=subscriber.email,
                message_id=f"<{subscriber.id}@papers.example>",
                content=zlib.compress(b"mail"),
                next_at=now,
                created_at=now,
            ),
            Feedback(subscriber_id=subscriber.id, paper_id=paper.id, edition_id=edition.id, value=1, created_at=now),
            PaperRequest(
                subscriber_id=subscriber.id, profile_id=profile.id, line=f"{subscriber.name} (1843)", created_at=now
            ),
            MailedLink(
                digest=f"link{subscriber.id}",
                purpose="address-change",
                subscriber_id=subscriber.id,
                address=subscriber.email,
                created_at=now,
                expires_at=now + DAY,
            ),
            WebSession(
                digest=f"cookie{subscriber.id}",
                subscriber_id=subscriber.id,
                created_at=now,
                seen_at=now,
                proved_at=now,
            ),
        ]
    )
    count_readers(session, paper.id, now)


def everything(database: Database) -> dict[str, list[str]]:
    """Every row of every table, written out."""
    with database.session(write=False) as session:
        return {
            name: [repr(tuple(row)) for row in session.execute(text(f'SELECT * FROM "{name}"'))]  # noqa: S608 - ours
            for name in SQLModel.metadata.tables
        }


def test_nothing_that_names_an_erased_person_is_left(database: Database, ada: Subscriber, now: datetime) -> None:
    before = " ".join(row for rows in everything(database).values() for row in rows)
    assert all(secret in before.replace("\\'", "'") for secret in SECRETS)
    with database.session() as session:
        erase(session, ada, now)
    left = {name: rows for name, rows in everything(database).items() if rows}
    assert set(left) == PUBLIC
    assert not [secret for secret in SECRETS if secret in str(left)]


def test_what_belongs_to_others_is_untouched(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        bob = make_subscriber(session, now, email="bob@example.org", name="Bob")
        fill(session, bob, now)
    before = everything(database)
    with database.session() as session:
        erase(session, ada, now)
    after = everything(database)
    for name, rows in after.items():
        assert set(rows) <= set(before[name]) or name == "signal"  # the papers of who is gone are counted again
        assert len(rows) == (len(before[name]) if name in PUBLIC else len(before[name]) // 2), name


def test_the_votes_of_who_is_erased_count_no_more(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        liked = session.exec(select(Feedback.paper_id)).one()
        double, disliked = make_paper(session, now, merged_into=liked), make_paper(session, now)
        bob, eve = make_subscriber(session, now), make_subscriber(session, now)
        for who, paper, value in ((bob, double, 1), (eve, double, 1), (bob, disliked, -1), (ada, disliked, -1)):
            session.add(Feedback(subscriber_id=who.id, paper_id=paper.id, value=value, created_at=now))
        assert count_readers(session, liked, now) == 3
        for number, who in enumerate((ada, bob), 1):
            erase(session, session.get_one(Subscriber, who.id), now + number * DAY)
        query = select(Signal.paper_id, Signal.value).order_by(col(Signal.observed_at))
        assert session.exec(query).all() == [(liked, 3), (liked, 2), (liked, 1)]


def test_a_suppression_outlives_the_person_without_their_address(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        suppress(session, SECRETS[0], "asked never to be mailed", now)
        erase(session, ada, now)
        assert suppressed(session, [SECRETS[0]]) == {SECRETS[0]}
    assert SECRETS[0] not in str(everything(database))


def owned() -> set[str]:
    """Every table whose rows belong to a subscriber, however indirectly."""
    found = {"subscriber"}
    while True:
        wider = found | {
            table.name
            for table in SQLModel.metadata.sorted_tables
            for key in table.foreign_keys
            if key.column.table.name in found
        }
        if wider == found:
            return found
        found = wider


def test_the_export_has_a_place_for_every_table_of_a_person() -> None:
    assert {str(table.__tablename__) for table in SECTIONS} == owned()


def test_the_export_holds_all_there_is_and_opens_no_doors(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        fill(session, make_subscriber(session, now, email="bob@example.org", name="Bob"), now)
        session.add(
            BounceScore(
                address_digest=digest_of(ada.email), score=1, first_at=now, updated_at=now, status="5.1.1 unknown"
            )
        )
        session.flush()
        found: dict[str, Any] = json.loads(json.dumps(export(session, ada)))
    assert set(SECTIONS.values()) <= {name for name, section in found.items() if section}
    assert found["subscriber"]["email"] == SECRETS[0]
    assert found["subscriber"]["status"] == "active"
    assert found["consent"] == {"asked at": (now - DAY).isoformat(), "confirmed at": None}
    (interest,) = found["interests"]
    assert (interest["text"], interest["examples"][0]["sign"]) == ("analytical engines", 1)
    assert interest["numbers made from its words"] == [
        {"by": "hashing", "how many": 1, "of what is not wanted too": False}
    ]
    title = interest["examples"][0]["paper"]
    assert title.startswith("Mamba study")
    (edition,) = found["editions"]
    assert (edition["papers"][0]["paper"], edition["papers"][0]["interest"]) == (title, interest["name"])
    assert edition["papers"][0]["reason"] == {"profile": interest["name"]}
    assert edition["hidden by your muted words"] == [{"paper": title, "profile": interest["name"], "phrase": "engines"}]
    assert [(vote["paper"], vote["value"]) for vote in found["votes"]] == [(title, 1)]
    assert found["papers asked for"][0]["line"] == "Ada Lovelace (1843)"
    assert found["mail"][0]["recipient"] == SECRETS[0]
    assert found["returned mail"][0]["status"] == "5.1.1 unknown"
    assert found["mailed links"][0]["purpose"] == "address-change"
    assert found["signed-in browsers"][0]["seen at"] == now.isoformat()
    told = str(found)
    assert not [word for word in (SECRETS[3], f"link{ada.id}", f"cookie{ada.id}", "Bob", "bob@") if word in told]


def make_person(database: Database, now: datetime, **fields: Any) -> Subscriber:
    with database.session() as session:
        return make_subscriber(session, now, **fields)


def tidy(database: Database, now: datetime) -> tuple[list[int], dict[str, int]]:
    with database.session() as session:
        ids = plan_tidy(session, now)
        counts = dict(work_tidy(session, now, ids))
        assert plan_tidy(session, now) == []
    return ids, counts


def test_who_never_confirmed_and_who_left_long_ago_is_erased(database: Database, now: datetime) -> None:
    pending, gone = SubscriberStatus.PENDING, SubscriberStatus.UNSUBSCRIBED
    old = [
        make_person(database, now, status=pending, created_at=now - 7 * DAY),
        make_person(database, now, status=gone, left_at=now - 30 * DAY),
    ]
    make_person(database, now, status=pending, created_at=now - 6.9 * DAY)
    make_person(database, now, status=gone, left_at=now - 29.9 * DAY)
    make_person(database, now, status=gone)
    make_person(database, now, status=SubscriberStatus.SUPPRESSED, created_at=now - 99 * DAY)
    make_person(database, now, created_at=now - 99 * DAY)
    again = make_person(database, now, status=pending, created_at=now - 9 * DAY)
    add_link(database, again, now, expires_at=now + DAY)
    assert tidy(database, now) == ([person.id for person in old], {"erased": 2})
    assert tidy(database, now + DAY)[1] == {"erased": 3}


def add_link(database: Database, person: Subscriber, now: datetime, **fields: Any) -> None:
    with database.session() as session:
        given = {"purpose": "confirm", "created_at": now - 90 * DAY, "digest": f"{now:%s} {sorted(fields)}"}
        session.add(MailedLink(subscriber_id=person.id, **(given | fields)))


def test_what_has_had_its_day_goes_and_its_owner_stays(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        session.get_one(Subscriber, ada.id).had_interests = True
    before = everything(database)
    with database.session() as session:
        common = {"subscriber_id": ada.id, "created_at": now - 90 * DAY}
        session.add(Profile(**common, name="gone", active=False, removed_at=now - 30 * DAY))
        session.add(WebSession(**common, digest="idle", seen_at=now - 30 * DAY, proved_at=now - 90 * DAY))
        session.add(PaperRequest(**common, line="2401.00001", gave_up_at=now - 30 * DAY))
    add_link(database, ada, now, expires_at=now - 7 * DAY)
    add_link(database, ada, now, expires_at=now + DAY, used_at=now - 7 * DAY)
    gone = {"profile": 1, "web_session": 1, "paper_request": 1, "mailed_link": 2}
    assert tidy(database, now) == ([ada.id], gone)
    assert everything(database) == before


def test_of_an_interest_that_has_had_its_day_it_stays_known_that_there_was_one(
    database: Database, now: datetime
) -> None:
    people = [make_person(database, now) for _ in range(2)]
    removed = {"name": "gone", "active": False, "removed_at": now - 30 * DAY, "created_at": now - 90 * DAY}
    with database.session() as session:
        session.add(Profile(subscriber_id=people[0].id, **removed))
    with database.session() as session:
        assert not briefs.is_newcomer(session, people[0])
    assert tidy(database, now) == ([people[0].id], {"profile": 1})
    with database.session() as session:
        assert [briefs.is_newcomer(session, session.get_one(Subscriber, who.id)) for who in people] == [False, True]


def test_what_still_has_a_use_stays(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        common = {"subscriber_id": ada.id, "created_at": now - 90 * DAY}
        session.add(Profile(**common, name="gone", active=False, removed_at=now - 29 * DAY))
        session.add(WebSession(**common, digest="seen", seen_at=now - 29 * DAY, proved_at=now - 90 * DAY))
        session.add(PaperRequest(**common, line="2401.00001", gave_up_at=now - 29 * DAY))
    add_link(database, ada, now, expires_at=now - 6 * DAY)
    assert tidy(database, now) == ([], {})
