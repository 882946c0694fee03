"""A preview, a search and the list of who is due tell the truth and change nothing."""

from datetime import datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from factories import TOPICS, make_paper
from scenes import add_reader, bring, everything, rows, sent

from digest import pipeline, questions
from digest.errors import InvalidRequest
from digest.mail.transports import FolderTransport
from digest.ranking.drafts import Draft
from digest.ranking.inquiries import Inquiry
from digest.ranking.previews import Wanted
from digest.settings import Settings
from digest.tables import EditionItem, Profile, Subscriber, SubscriberStatus
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


def want(topic: str, **fields: Any) -> Wanted:
    """An interest that a form gives: nothing but what was filled in."""
    return Wanted(Profile(name=topic, **{"text": TOPICS[topic]} | fields))


def picked(made: Draft) -> list[tuple[int, float]]:
    return [(pick.paper.id, round(pick.score, 4)) for pick in made.picks]


@pytest.mark.parametrize("encoder", ["hashing", "none"])
def test_interests_that_are_tried_out_give_what_they_would_give_once_stored(
    settings: Settings, now: datetime, encoder: str
) -> None:
    shop = Workshop(settings.model_copy(update={"encoder": encoder}))
    bring(shop, now)
    reader = add_reader(shop, now, "mamba", "robot")
    pipeline.run(shop, now, upto="background")
    before = everything(shop)
    shown = questions.preview_interests(shop, now, reader, [want("mamba"), want("robot")])
    stored = questions.preview(shop, now, reader)
    assert everything(shop) == before
    assert picked(shown.draft) == picked(stored)
    assert [pick.reason for pick in shown.draft.picks] == [pick.reason for pick in stored.picks]
    assert not shown.changes
    assert {pick.profile_id for pick in shown.draft.picks} - {None} == {-1, -2}
    assert [profile.name for profile in shown.profiles] == ["mamba", "robot"]
    shop.database.dispose()


def test_somebody_without_an_address_sees_the_mail_and_no_link_in_it_acts(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="background")
    nobody = Subscriber(email="", status=SubscriberStatus.PENDING, link_key="", created_at=now, papers_per_edition=5)
    shown = questions.preview_interests(shop, now, nobody, [want("mamba", muted=["number 1"])])
    assert len(shown.draft.picks) == 5
    for pick in shown.draft.picks:
        assert pick.paper.title in shown.html
    assert not any(f"/{purpose}/" in shown.html for purpose in ("vote", "unsubscribe", "manage", "edition"))
    assert shown.changes.new == [pick.paper.id for pick in shown.draft.picks]
    assert (shown.repeated, [hidden.phrase for hidden in shown.hidden]) == (0, ["number 1"])


def test_a_preview_of_nothing_is_an_empty_mail(shop: Workshop, now: datetime) -> None:
    nobody = Subscriber(email="", status=SubscriberStatus.PENDING, link_key="", created_at=now)
    assert questions.preview_interests(shop, now, nobody, [want("mamba")]).draft.considered == 0
    bring(shop, now)
    pipeline.run(shop, now, upto="background")
    shown = questions.preview_interests(shop, now, nobody, [])
    assert (shown.draft.picks, shown.missed, shown.repeated) == ([], [], 0)
    assert "none came close enough" in shown.html


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


def test_a_page_of_results_finds_what_the_shell_finds(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="background")
    questions.warm_up(shop, now)
    results = questions.find(shop, Inquiry(TOPICS["robot"]), now)
    hits = questions.search(shop, TOPICS["robot"], now, results.total)
    assert [hit.paper.id for hit in results.hits] == [hit.paper.id for hit in hits]
    number = hits[0].paper.id
    like_it = questions.similar_to(shop, number, now, 5)
    assert len(like_it) == 5
    assert [hit.paper.id for hit in like_it] == [hit.paper.id for hit in questions.similar(shop, f"#{number}", now, 5)]


def test_nothing_is_similar_to_a_paper_that_has_no_vector(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="ingest")
    assert questions.similar_to(shop, 1, now, 5) == []
    pipeline.run(shop, now, upto="background")
    with shop.database.session() as session:
        fresh = make_paper(session, now).id
    assert questions.similar_to(shop, fresh, now, 5) == []
    with pytest.raises(InvalidRequest, match="no paper #999"):
        questions.similar_to(shop, 999, now, 5)
