"""What a profile says, as rows of evidence."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from factories import like, make_paper, make_profile, make_subscriber

from digest import pipeline
from digest.embeddings import lexical
from digest.embeddings.encoder import LEXICAL, HashingEncoder
from digest.embeddings.vectors import paper_text, profile_text
from digest.ranking.briefs import brief_on
from digest.ranking.candidates import load_library
from digest.ranking.methods import Method
from digest.ranking.profiles import USUAL_WORTH, Examples, find_centre, gather, load_examples
from digest.ranking.scoring import WORDS_WORTH, Evidence
from digest.tables import Paper, Profile, ProfileExample, Subscriber
from digest.workshop import Workshop

ENCODER = HashingEncoder()


@pytest.fixture
def papers(shop: Workshop, now: datetime) -> list[Paper]:
    with shop.database.session() as session:
        return [make_paper(session, now, topic) for topic in ("mamba", "auction", "protein", "robot", "galaxy")]


@pytest.fixture
def subscriber(shop: Workshop, now: datetime) -> Subscriber:
    with shop.database.session() as session:
        return make_subscriber(session, now)


def evidence_of(shop: Workshop, now: datetime, *profiles: Profile) -> tuple[Evidence, Examples]:
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        library = load_library(session, shop.encoder_name, now - timedelta(days=3), now)
        assert library is not None
        brief = brief_on(session, library.encoder, list(profiles), {})
        examples = load_examples(session, library, brief.signs)
        return gather(library, brief, examples), examples


def test_words_likes_and_dislikes_are_a_row_each_and_silence_is_none(
    shop: Workshop, now: datetime, papers: list[Paper], subscriber: Subscriber
) -> None:
    with shop.database.session() as session:
        silent = make_profile(session, subscriber, name="silent", text=" ")
        words = make_profile(session, subscriber, name="words")
        full = make_profile(session, subscriber, name="full")
        bare = make_profile(session, subscriber, name="bare", text="")
        for profile, paper, sign in ((full, 0, 1), (full, 1, 1), (full, 2, -1), (bare, 3, -1)):
            like(session, profile, papers[paper], sign)
    evidence, _ = evidence_of(shop, now, silent, words, full, bare)
    assert evidence.owner.tolist() == [1, 2, 2, 2, 3]
    assert evidence.likes.tolist() == [0, 0, 2, 1, 1]
    assert evidence.sign.tolist() == [1, 1, 1, -1, -1]
    assert evidence.lift.shape == (5, lexical.TERMS)
    assert evidence.tastes.shape == (5, 0)
    text, liked = ENCODER.encode([profile_text(words)]), ENCODER.encode([paper_text(paper) for paper in papers[:2]])
    np.testing.assert_allclose(evidence.vectors[0], text[0], atol=1e-3)
    np.testing.assert_allclose(evidence.vectors[2], liked.mean(axis=0), atol=1e-3)


@pytest.mark.usefixtures("papers")
def test_no_profile_has_no_evidence(shop: Workshop, now: datetime) -> None:
    evidence, examples = evidence_of(shop, now)
    assert (len(evidence.owner), evidence.vectors.shape, evidence.lift.shape[0]) == (0, (0, ENCODER.dimension), 0)
    assert examples.papers == []


@pytest.mark.usefixtures("papers")
def test_words_weigh_content_terms_only(shop: Workshop, now: datetime, subscriber: Subscriber) -> None:
    with shop.database.session() as session:
        profile = make_profile(session, subscriber, text="We study the auctions", keywords=["matching markets"])
    evidence, _ = evidence_of(shop, now, profile)
    columns = lexical.hash_terms(["study", "auction", "matching", "market", "matching market", "auction matching"])
    assert sorted(evidence.lift.indices) == sorted(columns.values())


def test_a_term_of_all_likes_outweighs_a_term_of_some(
    shop: Workshop, now: datetime, papers: list[Paper], subscriber: Subscriber
) -> None:
    with shop.database.session() as session:
        profile = make_profile(session, subscriber, text="")
        for _ in range(3):
            like(session, profile, make_paper(session, now, title="Zebra", abstract="zebra zebra"))
        like(session, profile, make_paper(session, now, title="Zebra", abstract="Yak"))
    evidence, _ = evidence_of(shop, now, profile)
    zebra, yak = (evidence.lift[0, column] for column in lexical.hash_terms(["zebra", "yak"]).values())
    size = len(papers) + 4
    expected = np.log1p(0.1 * size / 4) / (0.5 * np.log1p(0.1 * 0.25 * size))
    assert zebra / yak == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("papers")
def test_an_example_of_any_age_counts_with_the_paper_that_it_was_merged_into(
    shop: Workshop, now: datetime, subscriber: Subscriber
) -> None:
    with shop.database.session() as session:
        kept = make_paper(session, now, "galaxy", announced_at=now - timedelta(days=900))
        duplicate = make_paper(session, now, "galaxy", merged_into=kept.id)
        profile = make_profile(session, subscriber, text="")
        like(session, profile, duplicate)
    evidence, examples = evidence_of(shop, now, profile)
    assert [paper.id for paper in examples.papers] == [kept.id]
    assert evidence.vectors[0] @ ENCODER.encode([paper_text(kept)])[0] > 0.999


def test_an_example_that_was_merged_into_another_counts_once(
    shop: Workshop, now: datetime, papers: list[Paper], subscriber: Subscriber
) -> None:
    with shop.database.session() as session:
        duplicate = make_paper(session, now, merged_into=papers[0].id)
        profile = make_profile(session, subscriber, text="")
        for paper in (papers[0], duplicate, papers[1]):
            like(session, profile, paper)
    evidence, _ = evidence_of(shop, now, profile)
    assert evidence.likes.tolist() == [2]


def test_a_work_liked_and_disliked_under_two_names_is_what_was_said_last(
    shop: Workshop, now: datetime, papers: list[Paper], subscriber: Subscriber
) -> None:
    with shop.database.session() as session:
        duplicate = make_paper(session, now, merged_into=papers[0].id)
        profile = make_profile(session, subscriber, text="")
        like(session, profile, papers[0])
        like(session, profile, duplicate, -1)
    evidence, _ = evidence_of(shop, now, profile)
    assert evidence.sign.tolist() == [-1]


def test_an_example_without_a_vector_is_left_out(
    shop: Workshop, now: datetime, papers: list[Paper], subscriber: Subscriber
) -> None:
    with shop.database.session() as session:
        profile = make_profile(session, subscriber, text="")
        like(session, profile, papers[0])
    pipeline.prepare(shop, now)
    with shop.database.session() as session:
        like(session, profile, make_paper(session, now))
        library = load_library(session, shop.encoder_name, now - timedelta(days=3), now)
        assert library is not None
        brief = brief_on(session, library.encoder, [profile], {})
        examples = load_examples(session, library, brief.signs)
    assert [paper.id for paper in examples.papers] == [papers[0].id]


def test_examples_weigh_what_the_brief_says_and_as_much_as_any_where_it_says_nothing(
    shop: Workshop, now: datetime, papers: list[Paper], subscriber: Subscriber
) -> None:
    with shop.database.session() as session:
        first, second = (
            make_profile(session, subscriber, name="first"),
            make_profile(session, subscriber, name="second"),
        )
        for profile in (first, second):
            like(session, profile, papers[0])
            like(session, profile, papers[1])
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        library = load_library(session, shop.encoder_name, now - timedelta(days=3), now)
        assert library is not None
        brief = brief_on(session, library.encoder, [first, second], {})
        weights = {(first.id, papers[0].id): 0.25, (first.id, papers[4].id): 0.5}
        examples = load_examples(session, library, brief.signs, weights)
    assert examples.weigh(first.id, examples.liked[first.id]).tolist() == [0.25, 1]
    assert examples.weigh(second.id, examples.liked[second.id]).tolist() == [1, 1]


def test_likes_are_averaged_by_their_weights(
    shop: Workshop, now: datetime, papers: list[Paper], subscriber: Subscriber
) -> None:
    with shop.database.session() as session:
        profile = make_profile(session, subscriber, text="")
        for paper, age in ((papers[0], 365), (papers[1], 0)):
            moment = now - timedelta(days=age)
            session.add(ProfileExample(profile_id=profile.id, paper_id=paper.id, created_at=moment))
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        library = load_library(session, shop.encoder_name, now - timedelta(days=3), now)
        assert library is not None
        brief = brief_on(session, library.encoder, [profile], {}, Method(half_life=timedelta(days=365)))
        examples = load_examples(session, library, brief.signs, brief.weights)
        evidence = gather(library, brief, examples)
    old, new = examples.view.vectors
    np.testing.assert_allclose(evidence.vectors[0], (old + 2 * new) / 3, atol=1e-6)
    has = lexical.presence(lexical.count_terms([paper_text(paper) for paper in examples.papers]))
    expected = lexical.lift((has[0] + 2 * has[1]) / 3, library.crowd.counts, library.crowd.size)
    assert abs(evidence.lift - expected).max() < 1e-6


def test_by_words_alone_evidence_has_words_and_no_columns(
    shop: Workshop, now: datetime, papers: list[Paper], subscriber: Subscriber
) -> None:
    shop.encoder_name = LEXICAL
    with shop.database.session() as session:
        profile = make_profile(session, subscriber)
        like(session, profile, papers[0])
    evidence, _ = evidence_of(shop, now, profile)
    assert evidence.vectors.shape == (2, 0)
    assert np.diff(evidence.lift.indptr).min() > 0
    assert np.asarray(evidence.lift.multiply(evidence.lift).sum(axis=1)).ravel() == pytest.approx(1, abs=1e-5)


def test_the_centre_is_of_likes_by_their_weights_of_words_as_two_likes_and_of_usual_papers(
    shop: Workshop, now: datetime, papers: list[Paper], subscriber: Subscriber
) -> None:
    with shop.database.session() as session:
        full = make_profile(session, subscriber, name="full", against="galaxies")
        silent = make_profile(session, subscriber, name="silent", text="")
        for profile, paper, sign in ((full, 1, 1), (full, 2, 1), (full, 3, -1), (silent, 3, -1)):
            like(session, profile, papers[paper], sign)
    _, examples = evidence_of(shop, now, full, silent)
    with shop.database.session(write=False) as session:
        brief = brief_on(session, shop.encoder_name, [full, silent], {})
    examples.weights[full.id, examples.liked[full.id][0]] = 0.25
    first, second, words = ENCODER.encode([*(paper_text(papers[place]) for place in (1, 2)), profile_text(full)])
    usual = np.full(ENCODER.dimension, 0.1, np.float32)
    expected = 0.25 * first + second + WORDS_WORTH * words + USUAL_WORTH * usual
    np.testing.assert_allclose(find_centre(brief, examples, full, usual), expected, atol=2e-3)
    assert not find_centre(brief, examples, silent, usual).any()
