"""How editions are made is what the operator set, and a mistake there stops ranking with one line."""

from datetime import datetime

import pytest
from scenes import add_reader, bring, rows

from digest import pipeline
from digest.questions import preview
from digest.ranking.methods import USUAL
from digest.settings import Settings
from digest.tables import EditionItem
from digest.workshop import Workshop


def test_by_default_the_standard_ranker_ranks(shop: Workshop) -> None:
    assert shop.method == USUAL


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_ranker_of_the_settings_ranks(settings: Settings, now: datetime) -> None:
    shops = [Workshop(settings.model_copy(update={"ranker": name})) for name in ("standard", "cosine")]
    bring(shops[0], now)
    reader = add_reader(shops[0], now, "mamba")
    pipeline.run(shops[0], now, upto="ingest")
    pipeline.prepare(shops[0], now)
    standard, cosine = (
        {pick.paper.id: pick.relevance for pick in preview(shop, now, reader).picks if pick.profile_id}
        for shop in shops
    )
    both = standard.keys() & cosine.keys()
    assert both
    assert all(abs(standard[paper] - cosine[paper]) > 1e-3 for paper in both)
    for shop in shops:
        shop.database.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_unknown_ranker_stops_ranking_with_one_line(settings: Settings, now: datetime) -> None:
    shop = Workshop(settings.model_copy(update={"ranker": "best"}))
    bring(shop, now)
    add_reader(shop, now, "mamba")
    reports = {report.name: report for report in pipeline.run(shop, now)}
    assert reports["rank"].stopped == "There is no ranker “best”: choose from cosine, standard."
    assert rows(shop, EditionItem) == []
    shop.database.dispose()
