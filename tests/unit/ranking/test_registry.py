"""Rankers are found by their names, and each keeps the promise that relevances are calibrated."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from factories import TOPICS, like, make_paper, make_profile, make_subscriber

from digest import pipeline
from digest.embeddings.encoder import LEXICAL
from digest.errors import ConfigurationError
from digest.ranking import briefs, registry
from digest.ranking.candidates import load_library
from digest.ranking.profiles import load_examples
from digest.workshop import Workshop

DAY = timedelta(days=1)


def test_every_module_of_the_package_is_a_ranker() -> None:
    assert registry.names() == ["cosine", "standard"]
    assert all(callable(registry.find(name)) for name in registry.names())


def test_what_a_ranker_shows_is_what_it_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(registry.find_shower(name) for name in registry.names())
    monkeypatch.delattr("digest.ranking.rankers.cosine.show")
    assert registry.find_shower("cosine") is None
    with pytest.raises(ConfigurationError, match="There is no ranker"):
        registry.find_shower("best")


@pytest.mark.parametrize("name", ["", "best", "standard.ask", "../rankers/standard"])
def test_an_unknown_ranker_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(ConfigurationError, match="choose from cosine, standard"):
        registry.find(name)


@pytest.mark.parametrize("encoder", ["hashing", LEXICAL])
@pytest.mark.parametrize("name", registry.names())
def test_a_ranker_answers_with_calibrated_relevances(shop: Workshop, now: datetime, name: str, encoder: str) -> None:
    shop.encoder_name = encoder
    with shop.database.session() as session:
        papers = {topic: [make_paper(session, now, topic) for _ in range(20)] for topic in TOPICS}
        reader = make_subscriber(session, now)
        spoken, shown, silent = (
            make_profile(session, reader, topic, name=topic) for topic in ("mamba", "robot", "galaxy")
        )
        shown.text = silent.text = ""
        for paper in papers["robot"][:3]:
            like(session, shown, paper)
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        library = load_library(session, encoder, now - DAY, now)
        assert library is not None
        brief = briefs.read(session, encoder, [reader], now - DAY)
        queries, crowd = registry.find(name)(library, brief, load_examples(session, library, brief.signs))
    relevance = queries.relevance(library.view)
    assert crowd.shape == (3, len(library.sample_ids))
    assert np.nanmean(crowd, axis=1) == pytest.approx(0, abs=0.1)
    assert (np.nanstd(crowd[:2], axis=1) > 0.8).all()
    assert list(np.isnan(crowd).sum(axis=1)) == [0, 3, 0]
    topics = [paper.title.split()[0].lower() for paper in library.papers]
    assert [topics[row] for row in relevance.argmax(axis=1)[:2]] == ["mamba", "robot"]
    assert relevance[2] == pytest.approx(0)
    assert spoken.id < shown.id
