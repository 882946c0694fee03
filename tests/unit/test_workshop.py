"""What is opened once per process, and by which setting."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from factories import make_paper

from digest import pipeline
from digest.embeddings import succession
from digest.embeddings.encoder import LEXICAL, EncoderSpec, HashingEncoder
from digest.embeddings.vectors import embed_papers
from digest.errors import ConfigurationError
from digest.mail.smtp import SmtpTransport
from digest.mail.transports import FolderTransport, MemoryTransport
from digest.papers.prior import shipped
from digest.settings import Settings
from digest.sources.arxiv import ArxivSource
from digest.tables import TrendPrior
from digest.workshop import Workshop

DAY = timedelta(days=1)


def open_shop(settings: Settings, **fields: object) -> Workshop:
    return Workshop(settings.model_copy(update=fields))


def test_an_unknown_source_is_refused_with_the_known_ones(settings: Settings) -> None:
    shop = open_shop(settings, sources=["arxiv", "arxv"])
    with pytest.raises(ConfigurationError, match=r"“arxv”: choose from arxiv, huggingface, sample"):
        assert shop.sources


def test_sources_stand_in_the_order_of_the_settings(settings: Settings) -> None:
    shop = open_shop(settings, sources=["sample", "huggingface", "arxiv"])
    assert [source.name for source in shop.sources] == ["sample", "huggingface", "arxiv"]
    assert shop.sources is shop.sources


@pytest.mark.parametrize(
    ("transport", "made"), [("memory", MemoryTransport), ("folder", FolderTransport), ("smtp", SmtpTransport)]
)
def test_the_transport_is_the_one_of_the_settings(settings: Settings, transport: str, made: type) -> None:
    shop = open_shop(settings, transport=transport)
    assert type(shop.transport) is made
    assert shop.transport is shop.transport


def test_the_relay_is_the_one_of_the_settings(settings: Settings) -> None:
    fields = {"smtp_host": "mail.example", "smtp_port": 587, "smtp_username": "me", "smtp_start_tls": True}
    transport = open_shop(settings, transport="smtp", **fields).transport
    assert isinstance(transport, SmtpTransport)
    relay = transport.relay
    assert (relay.host, relay.port, relay.username, relay.start_tls, relay.tls) == (
        "mail.example",
        587,
        "me",
        True,
        False,
    )


def test_mail_in_a_folder_lies_in_the_data_folder(settings: Settings, tmp_path: Path) -> None:
    transport = open_shop(settings, transport="folder").transport
    assert isinstance(transport, FolderTransport)
    assert transport.folder == tmp_path / "outbox"


def test_none_and_missing_weights_rank_by_words_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_shop(settings, encoder="none").encoder_name == LEXICAL
    monkeypatch.setattr("digest.workshop.make_encoder", lambda *_: None)
    shop = open_shop(settings, encoder="someone/some-model")
    assert shop.encoder_name == "someone/some-model"
    with pytest.raises(ConfigurationError, match="someone/some-model cannot be loaded"):
        assert shop.needed_encoder
    assert shop.encoder_name == LEXICAL


def test_papers_are_asked_of_arxiv_by_their_ids_where_arxiv_is_a_source(settings: Settings) -> None:
    assert open_shop(settings, sources=["huggingface"]).source_of_ids(["2401.00001"]) is None
    source = open_shop(settings, sources=["huggingface", "arxiv"]).source_of_ids(["2401.00001"])
    assert isinstance(source, ArxivSource)


def test_the_encoder_is_loaded_once(shop: Workshop) -> None:
    assert isinstance(shop.encoder, HashingEncoder)
    assert shop.needed_encoder is shop.encoder


def test_a_library_is_kept_for_the_batches_of_a_run_and_refreshed_when_papers_come(
    shop: Workshop, now: datetime
) -> None:
    with shop.database.session(write=False) as session:
        assert shop.library(session, now - DAY, now) is None
    for count in (1, 2):
        with shop.database.session() as session:
            make_paper(session, now)
        pipeline.prepare(shop, now)
        with shop.database.session(write=False) as session:
            library = shop.library(session, now - DAY, now)
            assert library is not None
            assert len(library.papers) == count
            assert shop.library(session, now - DAY, now) is library
            assert shop.library(session, now - DAY, now + DAY) is not library


def test_one_library_serves_all_moments_of_its_first_day(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        make_paper(session, now, announced_at=now.replace(hour=1) - DAY)
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        library = shop.library(session, now.replace(hour=2) - DAY, now)
        assert library is not None
        assert len(library.papers) == 1
        assert shop.library(session, now.replace(hour=23) - DAY, now) is library


def test_the_recent_library_is_ready_after_warming_up(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        paper = make_paper(session, now)
    pipeline.prepare(shop, now)
    shop.warm(now)
    library = shop.recent_library(now)
    assert library is not None
    assert [found.id for found in library.papers] == [paper.id]
    assert shop.recent_library(now + timedelta(minutes=5)) is library
    assert {"stems", "rows_by_stem", "rows_by_author", "trend"} <= set(vars(library))


def test_a_workshop_without_an_encoder_warms_up_too(settings: Settings, now: datetime) -> None:
    shop = open_shop(settings, encoder="none")
    shop.warm(now)
    assert shop.recent_library(now) is None
    shop.database.dispose()


def test_what_people_type_is_embedded_by_the_encoder_of_the_settings(shop: Workshop) -> None:
    assert shop.embed_texts(["graphs"])[0] @ HashingEncoder().encode(["graphs"])[0] > 0.9999


def test_the_office_writes_as_the_settings_say(shop: Workshop) -> None:
    shop.settings.papers_per_edition = 17
    assert (shop.office.sender, shop.office.keys, shop.office.papers) == (shop.sender, shop.signing_keys, 17)


def add_embedded(shop: Workshop, now: datetime, topic: str = "mamba") -> None:
    with shop.database.session() as session:
        make_paper(session, now, topic)
    pipeline.prepare(shop, now)


def test_there_is_nothing_to_search_by_before_papers_are_embedded(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        assert shop.desk(session, now) is None
        make_paper(session, now)
        assert shop.desk(session, now) is None
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        assert shop.desk(session, now) is not None
        shop.encoder_name = LEXICAL
        assert shop.desk(session, now) is None
        shop.encoder_name = "another"
        assert shop.desk(session, now) is None


def test_a_desk_keeps_its_shelf_and_looks_for_news_once_a_minute(shop: Workshop, now: datetime) -> None:
    add_embedded(shop, now)
    with shop.database.session(write=False) as session:
        first = shop.desk(session, now)
    assert first is not None
    with shop.database.session() as session:
        number = make_paper(session, now).id
    embed_papers(shop.database, HashingEncoder(), now, [number])
    sizes = []
    for seconds in (1, 60, 61, 62):
        with shop.database.session(write=False) as session:
            desk = shop.desk(session, now + timedelta(seconds=seconds))
        assert desk is not None
        assert desk.shelf is first.shelf
        assert desk.sample is first.sample
        sizes.append(len(desk.shelf))
    assert sizes == [1, 1, 2, 2]


def test_a_desk_is_measured_by_the_newest_background(shop: Workshop, now: datetime) -> None:
    add_embedded(shop, now)
    with shop.database.session(write=False) as session:
        before = shop.desk(session, now)
    add_embedded(shop, now, "galaxy")
    with shop.database.session(write=False) as session:
        after = shop.desk(session, now)
    assert before is not None
    assert after is not None
    assert (len(before.sample.sample_ids), len(after.sample.sample_ids)) == (1, 2)


def take_over(shop: Workshop, now: datetime) -> None:
    """Another process lets another encoder take over."""
    other = open_shop(shop.settings)
    with other.database.session() as session:
        succession.ask(session, EncoderSpec("hashing", 64), now)
    pipeline.succeed(other, now)
    other.database.dispose()


def test_a_process_that_answers_people_follows_a_switch_within_a_minute(shop: Workshop, now: datetime) -> None:
    add_embedded(shop, now)
    shop.keep_up(now)
    take_over(shop, now)
    shop.keep_up(now + timedelta(seconds=59))
    assert shop.encoder_name == shop.needed_encoder.name == "hashing"
    shop.keep_up(now + timedelta(seconds=61))
    assert shop.encoder_name == shop.needed_encoder.name == "hashing:64"
    with shop.database.session(write=False) as session:
        desk = shop.desk(session, now)
    library = shop.recent_library(now)
    assert desk is not None
    assert library is not None
    assert desk.shelf.encoder == library.encoder == "hashing:64"


def test_a_setting_that_changed_does_not_change_the_encoder_of_a_service(settings: Settings, now: datetime) -> None:
    first = open_shop(settings)
    add_embedded(first, now)
    first.database.dispose()
    restarted = open_shop(settings, encoder_dimension=16)
    assert restarted.encoder_name == "hashing:16"
    pipeline.prepare(restarted, now)
    assert restarted.encoder_name == "hashing"
    assert "hashing:16, but hashing is in force" in restarted.notice()
    restarted.database.dispose()


def test_a_path_of_the_settings_is_of_their_encoder_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr("digest.workshop.make_encoder", lambda spec, path, _: asked.setdefault(spec.name, path))
    shop = open_shop(settings, encoder="a/b", encoder_path=tmp_path)
    for name in ("a/b", "a/c"):
        shop.load_encoder(EncoderSpec(name))
    assert asked == {"a/b": tmp_path, "a/c": None}


def test_what_is_foreseen_is_by_the_newest_fit_and_may_leave_the_authors_out(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        assert shop.prior(session) == shipped()
        for name in ("older", "newer"):
            session.add(TrendPrior(fitted_at=now, content=replace(shipped(), about={"from": name}).to_json()))
        session.flush()
        assert (shop.prior(session).about, shop.prior(session).ignores_authors) == ({"from": "newer"}, False)
        shop.settings = shop.settings.model_copy(update={"trend_authors": False})
        assert shop.prior(session).ignores_authors
