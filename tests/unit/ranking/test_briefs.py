"""What is read of a batch of people: what counts now, and nothing that was taken back."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from factories import TOPICS, like, make_paper, make_profile, make_subscriber
from sqlmodel import select

from digest import pipeline
from digest.embeddings.encoder import LEXICAL, HashingEncoder
from digest.ranking import briefs
from digest.tables import ProfileVector
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
