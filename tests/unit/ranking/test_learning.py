"""What is learnt from readers, from how many of them, and that a rehearsal knows nothing of what it has to find."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from factories import TOPICS, like, make_paper, make_profile, make_subscriber
from sqlmodel import select

from digest import pipeline
from digest.embeddings import background, lexical
from digest.embeddings.encoder import LEXICAL, HashingEncoder, unit
from digest.embeddings.vectors import from_bytes, paper_text
from digest.ranking import learning, tastes
from digest.ranking.model import Model, load_model, make_model
from digest.ranking.scoring import Evidence, Floats, Matrix, View
from digest.ranking.tastes import Ints, factorise
from digest.settings import Settings
from digest.tables import LearntRanking, Paper, Profile
from digest.workshop import Workshop

ENCODER = HashingEncoder()
PAPERS, WIDTH = 300, 16
WORDS = [f"word{n}" for n in range(400)]


def make_store(truth: str, seed: int = 1) -> tuple[Model, Floats, Matrix, list[Ints]]:
    """Forty readers whose taste shows in vectors alone, or in words alone; the rest is chance."""
    random = np.random.default_rng(seed)
    subject = random.integers(10, size=PAPERS)
    noise = random.normal(size=(PAPERS, WIDTH))
    vectors = unit((np.eye(WIDTH)[subject] * 3 * (truth == "vectors") + noise).astype(np.float32))
    texts = [
        " ".join([*random.choice(WORDS, 20), *([f"topic{own} field{own}"] * (truth == "words"))]) for own in subject
    ]
    likes = [np.sort(random.choice(np.flatnonzero(subject == reader % 10), 12, replace=False)) for reader in range(40)]
    counts = lexical.count_terms(texts)
    model = make_model("hashing", background.describe([(counts, vectors)], WIDTH))
    return model, vectors, counts, likes


def test_what_tells_the_readers_papers_gains_weight() -> None:
    by_vectors, by_words = (learning.study(*make_store(truth)) for truth in ("vectors", "words"))
    for side in ("few", "many"):
        dense, sparse = (getattr(model.fusion, side) for model in (by_vectors, by_words))
        assert dense[:2].sum() > sparse[:2].sum() + 0.2
        assert sparse[2] > dense[2] + 0.2


@pytest.mark.parametrize("truth", ["vectors", "words"])
def test_weights_are_shares_and_tastes_are_of_the_liked_papers(truth: str) -> None:
    model, vectors, counts, likes = make_store(truth)
    learnt = learning.study(model, vectors, counts, likes)
    for weights in (learnt.fusion.few, learnt.fusion.many):
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert learnt.factors.shape == (PAPERS, 40 // tastes.READERS_PER_FACTOR)
    assert learnt.liked is vectors
    np.testing.assert_allclose(learnt.factors, factorise(likes, PAPERS), atol=1e-6)


def test_the_same_readers_teach_the_same() -> None:
    first, again = (learning.study(*make_store("words")) for _ in range(2))
    assert first.fusion.few.tobytes() == again.fusion.few.tobytes()
    assert first.fusion.many.tobytes() == again.fusion.many.tobytes()
    assert first.factors.tobytes() == again.factors.tobytes()


@pytest.mark.parametrize(("readers", "each"), [(19, 12), (40, 4), (0, 12)])
def test_from_too_few_readers_or_likes_nothing_is_learnt(readers: int, each: int) -> None:
    model, vectors, counts, likes = make_store("words")
    assert learning.study(model, vectors, counts, [rows[:each] for rows in likes[:readers]]) is model


def test_readers_who_like_little_teach_nothing_beside_those_who_like_enough() -> None:
    model, vectors, counts, likes = make_store("words")
    with_others = learning.study(model, vectors, counts, [rows[:4] for rows in likes] + likes)
    alone = learning.study(model, vectors, counts, likes)
    assert with_others.fusion.many.tolist() == alone.fusion.many.tolist()
    assert with_others.factors.tolist() == alone.factors.tolist()


def test_where_too_few_can_be_tested_only_tastes_are_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "RANKED", 1)
    model, vectors, counts, likes = make_store("words")
    learnt = learning.study(model, vectors, counts, likes)
    assert learnt.fusion is model.fusion
    assert learnt.factors.shape == (PAPERS, 13)


def test_a_rehearsal_knows_nothing_of_what_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the tastes nor the evidence of a rehearsal are made of hidden likes; only they are ranked."""
    model, vectors, counts, likes = make_store("words")
    factorised: list[list[Ints]] = []
    asked: list[list[Ints]] = []
    ranked: list[tuple[Floats, list[Ints]]] = []
    average, learn = learning.average, learning.fusion.learn

    def spy_factorise(known: list[Ints], papers: int) -> Floats:
        factorised.append(list(known))
        return factorise(known, papers)

    def spy_average(knowing: Model, view: View, known: list[Ints]) -> Evidence:
        asked.append(list(known))
        return average(knowing, view, known)

    def spy_learn(signals: Floats, hidden: list[Ints], prior: Floats) -> Floats:
        ranked.append((signals, list(hidden)))
        return learn(signals, hidden, prior)

    monkeypatch.setattr(learning, "factorise", spy_factorise)
    monkeypatch.setattr(learning, "average", spy_average)
    monkeypatch.setattr(learning.fusion, "learn", spy_learn)
    learning.study(model, vectors, counts, likes)
    *rehearsed, final = factorised
    everything = set(np.concatenate(likes).tolist())
    assert len(rehearsed) == len(asked) == len(ranked) == 2
    assert set(np.concatenate(final).tolist()) == everything
    for known, evidence, (signals, hidden) in zip(rehearsed, asked, ranked, strict=True):
        seen = set(np.concatenate(known).tolist())
        assert signals.shape[:2] == (len(hidden), signals.shape[1])
        assert signals.shape[1] <= len(everything - seen)
        assert set(np.concatenate(evidence).tolist()) <= seen
        assert all(len(theirs) for theirs in hidden)
    assert {len(rows) for rows in asked[1]} <= {1, learning.NEWCOMER}


def test_hidden_papers_have_no_factors_in_the_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    model, vectors, counts, likes = make_store("vectors")
    seen: list[Model] = []
    average = learning.average

    def spy(knowing: Model, view: View, known: list[Ints]) -> Evidence:
        seen.append(knowing)
        return average(knowing, view, known)

    monkeypatch.setattr(learning, "average", spy)
    learnt = learning.study(model, vectors, counts, likes)
    for knowing in seen:
        nobodys = np.linalg.norm(knowing.factors, axis=1) < 1e-3
        assert nobodys.sum() >= learning.HIDDEN * PAPERS
        assert np.linalg.norm(learnt.factors[nobodys], axis=1).max() > 0.99


def fill(shop: Workshop, now: datetime, readers: int = 22, each: int = 6) -> tuple[list[Profile], list[Paper]]:
    """Readers who like some of twelve papers on their topic."""
    with shop.database.session() as session:
        papers = {topic: [make_paper(session, now, topic) for _ in range(12)] for topic in TOPICS}
        profiles = []
        for number in range(readers):
            topic = [*TOPICS][number % len(TOPICS)]
            profiles.append(make_profile(session, make_subscriber(session, now), topic, text=""))
            for place in range(each):
                like(session, profiles[-1], papers[topic][(number + place) % 12])
    pipeline.prepare(shop, now)
    return profiles, [paper for some in papers.values() for paper in some]


def plan(shop: Workshop, now: datetime) -> list[int]:
    with shop.database.session(write=False) as session:
        return learning.plan(session, shop.encoder_name, now)


def stored(shop: Workshop) -> list[LearntRanking]:
    with shop.database.session(write=False) as session:
        return list(session.exec(select(LearntRanking)))


@pytest.mark.parametrize(
    ("readers", "each", "planned"), [(20, 5, True), (19, 5, False), (20, 4, False)], ids=["enough", "few", "little"]
)
def test_it_is_planned_when_twenty_readers_like_five_papers(
    shop: Workshop, now: datetime, readers: int, each: int, planned: bool
) -> None:
    fill(shop, now, readers, each)
    assert plan(shop, now) == ([readers * each] if planned else [])


def test_it_is_planned_once_a_week_and_per_encoder(shop: Workshop, now: datetime) -> None:
    fill(shop, now)
    assert learning.refresh(shop.database, ENCODER.name, now) == 22
    assert plan(shop, now + learning.EVERY - timedelta(seconds=1)) == []
    assert len(plan(shop, now + learning.EVERY)) == 1
    shop.encoder_name = LEXICAL
    assert len(plan(shop, now)) == 1


def test_dislikes_and_removed_and_inactive_profiles_do_not_count(shop: Workshop, now: datetime) -> None:
    profiles, papers = fill(shop, now, readers=23)
    with shop.database.session() as session:
        session.get_one(Profile, profiles[0].id).removed_at = now
        session.get_one(Profile, profiles[1].id).active = False
        hater = make_profile(session, make_subscriber(session, now))
        for paper in papers[:8]:
            like(session, hater, paper, -1)
    assert len(plan(shop, now)) == 1
    assert learning.refresh(shop.database, ENCODER.name, now) == 21
    with shop.database.session() as session:
        for profile in profiles[2:4]:
            session.get_one(Profile, profile.id).removed_at = now
    assert plan(shop, now + learning.EVERY) == []
    assert learning.refresh(shop.database, ENCODER.name, now + learning.EVERY) == 0


@pytest.mark.parametrize("encoder", [ENCODER.name, LEXICAL])
def test_what_is_learnt_replaces_what_was_and_is_what_the_model_uses(
    shop: Workshop, now: datetime, encoder: str
) -> None:
    _, papers = fill(shop, now)
    shop.encoder_name = encoder
    pipeline.prepare(shop, now)
    for day in (0, 7):
        learning.refresh(shop.database, encoder, now + timedelta(days=day))
    (row,) = stored(shop)
    with shop.database.session(write=False) as session:
        model = load_model(session, encoder)
    assert model is not None
    assert (row.encoder, row.reader_count, row.computed_at) == (encoder, 22, now + timedelta(days=7))
    assert [row.few, row.many] == [model.fusion.few.tolist(), model.fusion.many.tolist()]
    assert sum(row.few) == pytest.approx(1, abs=1e-5)
    view = model.look_at(ENCODER.encode(["x"])[:, : row.dimension], lexical.count_terms(["x"]))
    assert view.tastes.shape == (1, row.factor_count) == (1, model.factors.shape[1])
    if encoder:
        rows = from_bytes(row.vectors, row.dimension)
        assert (rows * ENCODER.encode([paper_text(paper) for paper in papers])).sum(axis=1) == pytest.approx(
            1, abs=1e-3
        )
        assert row.factor_count == 22 // tastes.READERS_PER_FACTOR


def test_each_encoder_has_a_row_of_its_own(shop: Workshop, now: datetime) -> None:
    fill(shop, now)
    learning.refresh(shop.database, ENCODER.name, now)
    shop.encoder_name = LEXICAL
    pipeline.prepare(shop, now)
    learning.refresh(shop.database, LEXICAL, now)
    assert sorted(row.encoder for row in stored(shop)) == [LEXICAL, ENCODER.name]


def test_a_merged_paper_counts_as_the_one_it_was_merged_into_and_once(shop: Workshop, now: datetime) -> None:
    profiles, papers = fill(shop, now)
    with shop.database.session() as session:
        twin = make_paper(session, now, "mamba", merged_into=papers[0].id)
        for profile in profiles:
            like(session, profile, twin)
    with shop.database.session(write=False) as session:
        read, likes = learning._read(session, ENCODER.name)
    ids = [paper.id for paper, _ in read]
    assert (len(ids), twin.id in ids) == (60, False)
    for number, rows in enumerate(likes):
        assert len(rows) == len(set(rows.tolist()))
        assert ids.index(papers[0].id) in rows
        assert len(rows) == 6 + (
            papers[0].id not in {papers[(number % 5) * 12 + (number + n) % 12].id for n in range(6)}
        )


def test_what_most_readers_like_is_read_and_a_paper_without_a_vector_is_not(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles, _ = fill(shop, now)
    with shop.database.session() as session:
        common = make_paper(session, now, "galaxy")
    pipeline.prepare(shop, now)
    with shop.database.session() as session:
        bare = make_paper(session, now, "robot")
        for profile in profiles[:15]:
            like(session, profile, bare)
        for profile in profiles:
            like(session, profile, common)
    monkeypatch.setattr(learning, "MOST_PAPERS", 2)
    monkeypatch.setattr(learning, "LEAST_LIKES", 1)
    with shop.database.session(write=False) as session:
        read, likes = learning._read(session, ENCODER.name)
    assert [paper.id for paper, _ in read] == [common.id]
    assert [rows.tolist() for rows in likes] == [[0]] * 22


def test_without_a_store_nothing_is_learnt(shop: Workshop, now: datetime) -> None:
    assert plan(shop, now) == []
    assert learning.refresh(shop.database, ENCODER.name, now) == 0
    assert stored(shop) == []


@pytest.mark.parametrize("encoder", [ENCODER.name, LEXICAL])
def test_a_run_learns_once_and_editions_still_go_out(settings: Settings, now: datetime, encoder: str) -> None:
    shop = Workshop(settings.model_copy(update={"encoder": encoder or "none"}))
    profiles, _ = fill(shop, now)
    reports = {report.name: report for report in pipeline.run(shop, now)}
    assert reports["learn"].counts["readers"] == 22
    assert reports["rank"].counts["editions"] == len(profiles)
    assert {report.name: report.planned for report in pipeline.run(shop, now)}["learn"] == 0
    shop.database.dispose()
