"""What is read of a batch of people: what counts now, and nothing that was taken back."""

from datetime import datetime, timedelta
from functools import partial

import numpy as np
import pytest
from factories import TOPICS, like, make_paper, make_profile, make_subscriber
from sqlmodel import select

from digest import pipeline
from digest.embeddings.encoder import LEXICAL, HashingEncoder
from digest.ranking import briefs
from digest.ranking.methods import Method
from digest.tables import ProfileExample, ProfileVector
from digest.workshop import Workshop

DAY = timedelta(days=1)


def test_active_profiles_come_by_subscriber_and_neither_idle_nor_removed_ones(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        ada, bob = make_subscriber(session, now), make_subscriber(session, now)
        late, early = make_profile(session, bob), make_profile(session, ada)
        more = make_profile(session, ada, "robot")
        make_profile(session, ada, name="idle", active=False)
        make_profile(session, ada, name="removed", removed_at=now)
        make_profile(session, make_subscriber(session, now))
        brief = briefs.read(session, shop.encoder_name, [bob, ada], now - DAY)
    assert [profile.id for profile in brief.profiles] == [early.id, more.id, late.id]
    assert (brief.signs, brief.texts, brief.against, brief.seen) == ({}, {}, {}, {})


@pytest.mark.parametrize("encoder", ["hashing", LEXICAL])
def test_words_for_and_against_are_read_apart_and_silence_is_nothing(
    shop: Workshop, now: datetime, encoder: str
) -> None:
    with shop.database.session() as session:
        subscriber = make_subscriber(session, now)
        both = make_profile(session, subscriber, "mamba", against=TOPICS["robot"])
        only_against = make_profile(session, subscriber, name="against", text="", against=TOPICS["galaxy"])
        only_text = make_profile(session, subscriber, "protein")
        make_profile(session, subscriber, name="silent", text="", required=["x"])
        make_paper(session, now)
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        brief = briefs.read(session, encoder, [subscriber], now - DAY)
        assert len(session.exec(select(ProfileVector)).all()) == 3
    if not encoder:
        assert brief.texts == brief.against == {}
        return
    assert [*brief.texts] == [both.id, only_text.id]
    assert [*brief.against] == [both.id, only_against.id]
    for vector, topic in ((brief.texts[both.id], "mamba"), (brief.against[both.id], "robot")):
        np.testing.assert_allclose(vector, HashingEncoder().encode([TOPICS[topic]])[0], atol=1e-3)


def test_signs_are_by_work_and_the_last_word_counts(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        work, other = make_paper(session, now), make_paper(session, now)
        duplicate = make_paper(session, now, merged_into=work.id)
        profile = make_profile(session, make_subscriber(session, now))
        like(session, profile, work)
        like(session, profile, other)
        like(session, profile, duplicate, -1)
        brief = briefs.brief_on(session, shop.encoder_name, [profile], {})
    assert brief.signs == {(profile.id, work.id): -1, (profile.id, other.id): 1}


def test_an_example_weighs_by_how_much_older_it_is_than_the_newest_of_its_sign(shop: Workshop, now: datetime) -> None:
    ages = {"new": (1, 100), "year": (1, 465), "later": (1, 830), "bad": (-1, 500), "worse": (-1, 865)}
    with shop.database.session() as session:
        profile = make_profile(session, make_subscriber(session, now))
        given = {name: make_paper(session, now).id for name in ages}
        for name, (sign, age) in ages.items():
            moment = now - age * DAY
            row = ProfileExample(profile_id=profile.id, paper_id=given[name], sign=sign, created_at=moment)
            session.add(row)
        session.flush()
        read = partial(briefs.brief_on, session, shop.encoder_name, [profile], {})
        by_year, never = read(Method(half_life=365 * DAY)), read(Method(half_life=0 * DAY))
    assert {name: by_year.weights[profile.id, given[name]] for name in ages} == pytest.approx(
        {"new": 1, "year": 0.5, "later": 0.25, "bad": 1, "worse": 0.5}
    )
    assert never.weights == {}
    assert by_year.signs == never.signs
