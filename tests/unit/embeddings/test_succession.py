"""An encoder follows another: what it still lacks, in which order, and that nothing is lost or mixed on the way."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from factories import like, make_paper, make_profile, make_subscriber
from sqlmodel import Session, select

from digest.db import Database
from digest.embeddings import background, succession, vectors
from digest.embeddings.encoder import EncoderSpec, HashingEncoder
from digest.embeddings.succession import Holding
from digest.errors import ConfigurationError, InvalidRequest
from digest.tables import Background, Paper, PaperVector, Profile, ProfileVector, Run

OLD, NEW = HashingEncoder(), HashingEncoder(64)
OLD_SPEC, NEW_SPEC = EncoderSpec("hashing"), EncoderSpec("hashing", 64)
DAY = timedelta(days=1)


@pytest.fixture
def stocked(database: Database, now: datetime) -> Database:
    """Three papers and two profiles, of which one is silent, embedded by the old encoder; the new one is asked for."""
    with database.session() as session:
        papers = [make_paper(session, now, announced_at=now - age * DAY).id for age in (3, 1, 2)]
        reader = make_subscriber(session, now)
        profiles = [make_profile(session, reader).id, make_profile(session, reader, name="silent", text=" ").id]
    vectors.embed_papers(database, OLD, now, papers)
    vectors.embed_profiles(database, OLD, profiles)
    with database.session() as session:
        succession.adopt(session, OLD_SPEC, now)
        succession.ask(session, NEW_SPEC, now)
    return database


def plan(database: Database, now: datetime) -> tuple[list[int], list[int], list[int]]:
    with database.session(write=False) as session:
        return (
            succession.plan_papers(session, now),
            succession.plan_profiles(session, now),
            succession.plan_switch(session, now),
        )


def work(database: Database, now: datetime) -> None:
    papers, profiles, _ = plan(database, now)
    succession.work_papers(lambda: (database, NEW), now, papers)
    succession.work_profiles(lambda: (database, NEW), now, profiles)


def switch(database: Database, now: datetime) -> bool:
    with database.session() as session:
        return succession.take_over(session, now)


def marks(database: Database) -> tuple[list[str | None], list[str | None]]:
    with database.session(write=False) as session:
        papers = session.exec(select(Paper.embedded_by).order_by(Paper.id)).all()
        return list(papers), list(session.exec(select(Profile.embedded_by).order_by(Profile.id)).all())


def test_the_newest_papers_come_first_and_then_the_examples_and_the_rest(
    stocked: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "MOST_PAPERS", 2)
    with stocked.session() as session:
        liked = make_paper(session, now, announced_at=now - 9 * DAY)
        profile = session.exec(select(Profile)).first()
        assert profile is not None
        like(session, profile, liked)
        two = [make_paper(session, now, announced_at=now - age * DAY).id for age in (8, 7)]
    assert plan(stocked, now)[0] == [two[1], two[0], liked.id, 2, 3, 1]


def test_a_spell_is_as_long_as_the_last_one_was_fast(
    stocked: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "FIRST_SPELL", 1)
    assert len(plan(stocked, now)[0]) == 1
    report = {"papers": 2, "seconds": succession.SPELL}
    with stocked.session() as session:
        session.add(Run(moment=now, stage="prepare_papers", started_at=now, ok=True, report=report))
    assert len(plan(stocked, now)[0]) == 2


def test_nothing_is_planned_while_no_encoder_is_asked_for(stocked: Database, now: datetime) -> None:
    with stocked.session() as session:
        assert succession.cancel(session) == NEW_SPEC
    assert plan(stocked, now) == ([], [], [])
    assert not switch(stocked, now)
    with stocked.session() as session, pytest.raises(InvalidRequest):
        succession.cancel(session)


def test_what_is_prepared_leaves_the_marks_of_the_one_in_force(stocked: Database, now: datetime) -> None:
    before = marks(stocked)
    work(stocked, now)
    assert marks(stocked) == before == ([OLD.name] * 3, [OLD.name] * 2)
    assert plan(stocked, now) == ([], [], [succession.ROW])


def test_it_takes_over_in_one_go_with_marks_profiles_and_crowd(stocked: Database, now: datetime) -> None:
    assert not switch(stocked, now)
    work(stocked, now)
    assert switch(stocked, now + DAY)
    with stocked.session(write=False) as session:
        assert succession.read(session) == succession.Succession(NEW_SPEC, now + DAY, None, None)
        assert vectors.plan_papers(session, NEW.name) == []
        crowd = background.load(session, NEW.name)
        stored = session.get_one(ProfileVector, (1, NEW.name))
        text = vectors.profile_text(session.get_one(Profile, 1))
    assert crowd is not None
    assert (crowd.size, len(crowd.mean)) == (3, 64)
    np.testing.assert_allclose(vectors.from_bytes(stored.vector, 64), NEW.encode([text]), atol=1e-3)
    assert marks(stocked) == ([NEW.name] * 3, [NEW.name, OLD.name])  # the silent one has no vector to go by
    assert not switch(stocked, now + DAY)


def test_a_text_that_changes_on_the_way_is_embedded_anew(stocked: Database, now: datetime) -> None:
    work(stocked, now)
    with stocked.session() as session:
        paper = session.get_one(Paper, 2)
        paper.abstract, paper.embedded_by = "A correction.", None
        for encoder in (OLD.name, NEW.name):  # as an ingest does
            session.delete(session.get_one(PaperVector, (2, encoder)))
    assert plan(stocked, now) == ([2], [], [])
    assert not switch(stocked, now)
    vectors.embed_papers(stocked, OLD, now, [2])
    assert plan(stocked, now)[0] == [2]
    work(stocked, now)
    assert switch(stocked, now)
    with stocked.session(write=False) as session:
        stored = session.get_one(PaperVector, (2, NEW.name))
        text = vectors.paper_text(session.get_one(Paper, 2))
    np.testing.assert_allclose(vectors.from_bytes(stored.vector, 64), NEW.encode([text]), atol=1e-3)


def test_a_text_that_changed_just_before_the_switch_is_left_to_the_next_run(stocked: Database, now: datetime) -> None:
    work(stocked, now)
    with stocked.session() as session:
        session.get_one(Paper, 2).embedded_by = None
        vectors.mark_prepared(session, NEW.name)
    assert marks(stocked)[0] == [NEW.name, None, NEW.name]


def test_a_laggard_that_marks_a_paper_costs_no_second_embedding(
    stocked: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(stocked, now)
    switch(stocked, now)
    vectors.embed_papers(stocked, OLD, now, [1])
    with stocked.session(write=False) as session:
        assert vectors.plan_papers(session, NEW.name) == [1]
    asked: list[str] = []
    monkeypatch.setattr(NEW, "encode", lambda texts: asked.extend(texts) or np.empty((0, 64), np.float32))
    assert vectors.embed_papers(stocked, NEW, now, [1]) == 1
    assert asked == []
    assert marks(stocked)[0] == [NEW.name] * 3


def test_the_row_is_made_once_and_another_setting_does_not_change_it(database: Database, now: datetime) -> None:
    with database.session() as session:
        assert succession.read(session) is None
        with pytest.raises(InvalidRequest, match="DIGEST_ENCODER"):
            succession.ask(session, NEW_SPEC, now)
        succession.adopt(session, OLD_SPEC, now)
        succession.adopt(session, NEW_SPEC, now + DAY)
        found = succession.read(session)
    assert found == succession.Succession(OLD_SPEC, now, None, None)


def test_settings_that_ask_for_another_encoder_are_named_in_one_line(stocked: Database) -> None:
    with stocked.session(write=False) as session:
        found = succession.read(session)
    assert succession.disagreement(OLD_SPEC, found) == succession.disagreement(NEW_SPEC, found) == ""
    assert succession.disagreement(EncoderSpec("other"), None) == ""
    told = succession.disagreement(EncoderSpec("other"), found)
    assert all(part in told for part in ("other", "hashing is in force", "digest encoder switch"))
    assert "\n" not in told


def test_a_request_that_makes_no_sense_is_refused(stocked: Database, now: datetime) -> None:
    def ask(session: Session, spec: EncoderSpec) -> None:
        succession.ask(session, spec, now)

    with stocked.session() as session:
        with pytest.raises(InvalidRequest, match="in force already"):
            ask(session, OLD_SPEC)
        for spec in (EncoderSpec(" "), EncoderSpec("x" * 129)):
            with pytest.raises(ConfigurationError):
                ask(session, spec)


def test_progress_counts_what_is_there_and_what_is_left(stocked: Database, now: datetime) -> None:
    with stocked.session(write=False) as session:
        assert succession.measure(session, NEW_SPEC) == succession.Progress(0, 3, 1, crowd_ready=False)
    work(stocked, now)
    switch(stocked, now)
    with stocked.session(write=False) as session:
        assert succession.measure(session, NEW_SPEC) == succession.Progress(3, 0, 0, crowd_ready=True)


def test_vectors_are_forgotten_of_an_encoder_that_is_not_in_use_only(stocked: Database, now: datetime) -> None:
    work(stocked, now)
    with stocked.session() as session:
        for name in (OLD.name, NEW.name):
            with pytest.raises(InvalidRequest, match="in use"):
                succession.forget(session, name)
    switch(stocked, now)
    with stocked.session() as session:
        assert [holding.encoder for holding in succession.holdings(session)] == [OLD.name, NEW.name]
        assert succession.forget(session, OLD.name) == 3
        with pytest.raises(InvalidRequest, match="no vectors"):
            succession.forget(session, OLD.name)
        (left,) = succession.holdings(session)
        assert isinstance(left, Holding)
        assert (left.encoder, left.dimension, left.papers) == (NEW.name, 64, 3)
        assert {row.encoder for row in session.exec(select(ProfileVector))} == {NEW.name}
        assert {row.encoder for row in session.exec(select(Background))} == {NEW.name}
