"""Search in the whole store by a text or a paper."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from factories import TOPICS, make_paper

from digest import pipeline
from digest.embeddings.encoder import LEXICAL, HashingEncoder
from digest.ranking import search
from digest.ranking.search import Hit, Question
from digest.tables import Paper, PaperVector
from digest.workshop import Workshop

DAY = timedelta(days=1)


@pytest.fixture(params=["hashing", LEXICAL])
def shop(request: pytest.FixtureRequest, shop: Workshop, now: datetime) -> Workshop:
    """Forty papers of four topics, some of them years old, by vectors and words or by words alone."""
    shop.encoder_name = request.param
    with shop.database.session() as session:
        for age in range(10):
            for topic in ("mamba", "auction", "protein", "galaxy"):
                make_paper(session, now, topic, announced_at=now - 200 * age * DAY)
    pipeline.prepare(shop, now)
    return shop


def ask(shop: Workshop, question: Question, now: datetime, count: int = 5) -> list[Hit]:
    with shop.database.session(write=False) as session:
        return search.search(session, shop.encoder_name, question, now, count)


def ask_text(shop: Workshop, text: str) -> Question:
    return search.ask_text(text, HashingEncoder().encode([text])[0] if shop.encoder_name else np.empty(0, np.float32))


def ask_paper(shop: Workshop, paper_id: int) -> Question:
    with shop.database.session(write=False) as session:
        return search.ask_paper(session, shop.encoder_name, session.get_one(Paper, paper_id))


def topics_of(hits: list[Hit]) -> list[str]:
    return [hit.paper.title.split()[0].lower() for hit in hits]


@pytest.mark.parametrize("topic", ["mamba", "auction", "galaxy"])
def test_a_text_finds_the_papers_on_its_topic_of_any_age(shop: Workshop, now: datetime, topic: str) -> None:
    hits = ask(shop, ask_text(shop, TOPICS[topic]), now, 12)
    assert topics_of(hits)[:10] == [topic] * 10
    assert len(hits) == 12
    relevances = [hit.relevance for hit in hits]
    assert relevances == sorted(relevances, reverse=True)
    assert relevances[9] > 1 > relevances[10]


def test_a_paper_finds_its_like_and_never_itself(shop: Workshop, now: datetime) -> None:
    hits = ask(shop, ask_paper(shop, 3), now, 40)
    assert topics_of(hits)[:9] == ["protein"] * 9
    assert 3 not in {hit.paper.id for hit in hits}
    assert len(hits) == 39


def test_a_duplicate_is_not_found(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        session.get_one(Paper, 7).merged_into = 3
    assert 7 not in {hit.paper.id for hit in ask(shop, ask_text(shop, TOPICS["protein"]), now, 40)}


def test_words_that_no_paper_has_find_nothing_close(shop: Workshop, now: datetime) -> None:
    hits = ask(shop, ask_text(shop, "zzyzx"), now, 3)
    assert all(np.isfinite(hit.relevance) for hit in hits)


def test_more_papers_than_are_scored_closely_does_not_lose_the_best(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "NEAREST", 10)
    assert topics_of(ask(shop, ask_text(shop, TOPICS["auction"]), now)) == ["auction"] * 5


@pytest.mark.parametrize("shop", ["hashing"], indirect=True)
def test_a_paper_that_is_not_embedded_yet_is_asked_for_in_words(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        fresh = make_paper(session, now, "galaxy").id
    assert topics_of(ask(shop, ask_paper(shop, fresh), now, 10)) == ["galaxy"] * 10


def ask_shelf(shop: Workshop, question: Question, now: datetime, count: int = 5) -> list[Hit]:
    with shop.database.session(write=False) as session:
        desk = shop.desk(session, now)
        assert desk is not None
        return search.search_shelf(session, desk, question, count)


@pytest.mark.parametrize("shop", ["hashing"], indirect=True)
def test_a_shelf_gives_what_reading_all_vectors_gives(shop: Workshop, now: datetime) -> None:
    for question in (ask_text(shop, TOPICS["mamba"]), ask_paper(shop, 3)):
        slow, fast = ask(shop, question, now, 40), ask_shelf(shop, question, now, 40)
        assert [hit.paper.id for hit in fast] == [hit.paper.id for hit in slow]
        np.testing.assert_allclose(
            [hit.relevance for hit in fast], [hit.relevance for hit in slow], rtol=1e-4, atol=1e-4
        )
        assert len(ask_shelf(shop, question, now, 7)) == 7


@pytest.mark.parametrize("shop", ["hashing"], indirect=True)
def test_what_changed_since_the_shelf_was_filled_is_not_found(shop: Workshop, now: datetime) -> None:
    question = ask_text(shop, TOPICS["protein"])
    assert len(ask_shelf(shop, question, now, 40)) == 40
    with shop.database.session() as session:
        session.get_one(Paper, 7).merged_into = 3
        session.delete(session.get_one(PaperVector, (11, shop.encoder_name)))
    found = {hit.paper.id for hit in ask_shelf(shop, question, now, 40)}
    assert found == set(range(1, 41)) - {7, 11}
