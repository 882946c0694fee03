"""A preview, a search and the list of who is due tell the truth and change nothing."""

from datetime import datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from factories import TOPICS
from scenes import add_reader, bring, everything, rows, sent

from digest import pipeline, questions
from digest.errors import InvalidRequest
from digest.mail.transports import FolderTransport
from digest.tables import EditionItem
from digest.workshop import Workshop


def test_a_preview_is_what_the_run_then_sends_and_writes_nothing_to_the_database(
    shop: Workshop, now: datetime, tmp_path: Path
) -> None:
    bring(shop, now)
    reader = add_reader(shop, now, "mamba", "robot")
    pipeline.run(shop, now, upto="background")
    before = everything(shop)
    draft = questions.preview(shop, now, reader)
    path = questions.write_preview(shop, now, reader, draft)
    assert everything(shop) == before
    assert path == tmp_path / "preview" / f"{reader.id}.html"
    pipeline.run(shop, now)
    stored = [(item["rank"], item["paper_id"], item["reason"]) for item in rows(shop, EditionItem)]
    assert stored == [(rank, pick.paper.id, pick.reason) for rank, pick in enumerate(draft.picks, 1)]
    html = message_from_bytes(sent(shop)[0].content, policy=default).get_body(("html",)).get_content()
    for pick in draft.picks:
        assert pick.paper.title in path.read_text(encoding="utf-8")
        assert pick.paper.title in html


def test_a_text_and_a_paper_find_what_is_like_them(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="background")
    hits = questions.search(shop, TOPICS["robot"], now, 6)
    assert {hit.paper.title.split()[0] for hit in hits} == {"Robot"}
    name = hits[0].paper.url.rpartition("/")[2]
    like_it = questions.similar(shop, name, now, 5)
    assert {hit.paper.id for hit in like_it} == {hit.paper.id for hit in hits[1:]}


def test_a_search_says_what_it_needs(shop: Workshop, now: datetime) -> None:
    for ask, words in (
        (lambda: questions.search(shop, " ", now, 3), "Say what to look for"),
        (lambda: questions.search(shop, "mamba", now, 3), "There are no papers yet"),
        (lambda: questions.similar(shop, "2605.99999", now, 3), "No stored paper"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            ask()


def test_what_lies_in_the_data_folder_of_a_person_is_removed_and_nobody_elses(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    ada, eve = add_reader(shop, now, "mamba"), add_reader(shop, now, "robot")
    shop.transport = FolderTransport(shop.settings.outbox_dir)
    pipeline.run(shop, now, upto="background")
    for reader in (ada, eve):
        questions.write_preview(shop, now, reader, questions.preview(shop, now, reader))
    pipeline.run(shop, now)
    questions.forget_files(shop, ada)
    left = [path.name for folder in ("outbox", "preview") for path in (shop.data_dir / folder).iterdir()]
    assert len(left) == 3
    assert all(eve.email in name or name == f"{eve.id}.html" for name in left)


def test_how_new_the_store_is_is_said_in_words(shop: Workshop, now: datetime) -> None:
    assert questions.newest_paper(shop).startswith("There are no papers yet")
    bring(shop, now)
    pipeline.run(shop, now, upto="ingest")
    assert questions.newest_paper(shop) == "The newest stored paper was announced on 2026-05-05."
