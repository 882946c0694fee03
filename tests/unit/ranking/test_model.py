"""The ranking model: what is stored of it comes back, and what does not fit the store is not used."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from factories import TOPICS, make_paper

from digest import pipeline
from digest.embeddings import lexical
from digest.embeddings.background import Crowd
from digest.embeddings.encoder import LEXICAL, HashingEncoder
from digest.embeddings.vectors import to_bytes
from digest.ranking import fusion
from digest.ranking.model import Model, load_model, make_model
from digest.tables import LearntRanking
from digest.workshop import Workshop

ENCODER = HashingEncoder()


def prepare(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        for topic in TOPICS:
            make_paper(session, now, topic)
    pipeline.prepare(shop, now)


def keep(shop: Workshop, now: datetime, **fields: Any) -> LearntRanking:
    liked = ENCODER.encode([TOPICS["mamba"], TOPICS["galaxy"]])
    given = {
        "encoder": ENCODER.name,
        "dimension": ENCODER.dimension,
        "factor_count": 2,
        "reader_count": 30,
        "few": [0.5, 0.25, 0.25, 0.0],
        "many": [0.1, 0.2, 0.3, 0.4],
        "vectors": to_bytes(liked),
        "factors": to_bytes(np.eye(2, dtype=np.float32)),
        "computed_at": now,
    }
    with shop.database.session() as session:
        row = LearntRanking(**(given | fields))
        session.add(row)
    return row


def load(shop: Workshop, encoder: str = ENCODER.name) -> Model:
    with shop.database.session(write=False) as session:
        model = load_model(session, encoder)
    assert model is not None
    return model


def test_an_empty_store_has_no_model(shop: Workshop) -> None:
    with shop.database.session(write=False) as session:
        assert load_model(session, ENCODER.name) is load_model(session, LEXICAL) is None


@pytest.mark.parametrize("encoder", [ENCODER.name, LEXICAL])
def test_before_anything_is_learnt_weights_are_the_usual_and_nobody_has_a_taste(
    shop: Workshop, now: datetime, encoder: str
) -> None:
    shop.encoder_name = encoder
    prepare(shop, now)
    model = load(shop, encoder)
    usual = fusion.usual(model.crowd.mean_length)
    assert (model.encoder, model.crowd.size) == (encoder, 5)
    assert [model.fusion.few.tolist(), model.fusion.many.tolist()] == [usual.few.tolist(), usual.many.tolist()]
    view = model.look_at(ENCODER.encode(["x"])[:, : len(model.crowd.mean)], lexical.count_terms(["x"]))
    assert view.tastes.shape == (1, 0)


def test_what_was_learnt_is_used(shop: Workshop, now: datetime) -> None:
    prepare(shop, now)
    keep(shop, now)
    model = load(shop)
    assert model.fusion.few.tolist() == [0.5, 0.25, 0.25, 0.0]
    np.testing.assert_allclose(model.fusion.many, [0.1, 0.2, 0.3, 0.4], atol=1e-6)
    view = model.look_at(ENCODER.encode([TOPICS["galaxy"]]), lexical.count_terms([TOPICS["galaxy"]]))
    assert view.tastes[0] == pytest.approx([0, 1], abs=0.2)


def test_the_newest_counts(shop: Workshop, now: datetime) -> None:
    prepare(shop, now)
    keep(shop, now - timedelta(days=7), few=[1.0, 0.0, 0.0, 0.0])
    keep(shop, now, few=[0.0, 0.0, 1.0, 0.0])
    assert load(shop).fusion.few.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("fields", [{"encoder": "other"}, {"dimension": 64}])
def test_what_was_learnt_by_another_encoder_or_of_another_width_is_not_used(
    shop: Workshop, now: datetime, fields: dict[str, Any]
) -> None:
    prepare(shop, now)
    keep(shop, now, **fields)
    assert load(shop).fusion.few.tolist() == fusion.usual(load(shop).crowd.mean_length).few.tolist()
    assert load(shop).factors.shape == (0, 0)


def test_a_paper_is_looked_at_in_all_views() -> None:
    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(3, 4)).astype(np.float32)
    counts = lexical.count_terms(["graph theory", "", "tree"])
    crowd = Crowd(3, np.zeros(4, np.float32), np.eye(4, dtype=np.float32), lexical.paper_counts(counts))
    view = make_model("hashing", crowd).look_at(vectors, counts)
    assert view.vectors is vectors
    assert abs(view.saturated - lexical.saturate(counts, 4 / 3)).max() < 1e-6
