"""What is opened once per process, and by which setting."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from factories import make_paper

from digest import pipeline
from digest.embeddings.encoder import LEXICAL, HashingEncoder
from digest.errors import ConfigurationError
from digest.mail.smtp import SmtpTransport
from digest.mail.transports import FolderTransport, MemoryTransport
from digest.settings import Settings
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
