"""What every source promises, whatever it reads."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from servers import LocalServer, Reply, atom_entry, atom_feed, daily_paper, find_free_port, listing

from digest.errors import TransientError, Unreachable
from digest.sources.arxiv import ArxivSource
from digest.sources.base import PaperRecord, Refusal, Source
from digest.sources.files import FilesSource
from digest.sources.http import Manners, PoliteClient
from digest.sources.huggingface import HuggingFaceSource
from digest.sources.identifiers import clean_text
from digest.sources.sample import SampleSource

SINCE, UNTIL = datetime(2026, 4, 20, tzinfo=UTC), datetime(2026, 4, 21, tzinfo=UTC)
NOW = datetime(2026, 4, 21, 12, tzinfo=UTC)
FEED = atom_feed([atom_entry("2604.00001v1"), atom_entry("2604.00002v1", title=" "), atom_entry("math/0309136v2")])
LISTING = listing([daily_paper("2604.00001"), {}, daily_paper("2604.00002", summary="Two\n\nlines \x00 here")])
LINES = [
    {"id": "2604.00001v1", "title": " A \n title", "abstract": "A\tb", "announced": "2026-04-20", "authors": "A and B"},
    {},
    {"id": "own", "title": "T", "abstract": "A", "signals": [["2026-04-20T07:00", "votes", 1]]},
]


@dataclass(frozen=True)
class Network:
    """A source that asks a server, and an answer of the server that holds papers and something to refuse."""

    open: Callable[[PoliteClient, str], Source]
    answer: bytes


NETWORK = {
    "arxiv": Network(lambda client, url: ArxivSource(client, ["cs.CL"], base_url=url), FEED),
    "huggingface": Network(lambda client, url: HuggingFaceSource(client, url, now=lambda: NOW), LISTING),
}


@pytest.fixture
def client(tmp_path: Path) -> PoliteClient:
    return PoliteClient(tmp_path / "cache", "", Manners(attempts=2, timeout=5.0, sleep=lambda _: None))


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(lambda _: Reply(status=500)) as running:
        yield running


@pytest.fixture(params=["arxiv", "huggingface", "files", "sample"])
def source(request: pytest.FixtureRequest, client: PoliteClient, server: LocalServer, tmp_path: Path) -> Source:
    if request.param in NETWORK:
        network = NETWORK[request.param]
        server.answer = lambda _: Reply(network.answer, headers={"ETag": '"1"'})
        return network.open(client, server.url)
    if request.param == "sample":
        return SampleSource()
    path = tmp_path / "papers.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in LINES))
    return FilesSource([path], now=lambda: NOW)


@pytest.fixture
def records(source: Source) -> list[PaperRecord]:
    found = [item for item in source.fetch(SINCE, UNTIL) if isinstance(item, PaperRecord)]
    assert len(found) >= 2
    return found


def test_a_source_has_a_plain_name_and_signs_with_it(source: Source, records: list[PaperRecord]) -> None:
    assert source.name.isidentifier()
    assert source.name.islower()
    assert {record.source for record in records} == {source.name}


def test_it_delivers_records_and_refusals_that_say_where_and_why(source: Source) -> None:
    refusals = [item for item in source.fetch(SINCE, UNTIL) if not isinstance(item, PaperRecord)]
    assert (len(refusals) > 0) == (source.name != "sample")
    for refusal in refusals:
        assert isinstance(refusal, Refusal)
        assert refusal.where
        assert refusal.why
        assert "\n" not in refusal.where + refusal.why


def test_texts_are_there_and_clean(records: list[PaperRecord]) -> None:
    for record in records:
        for text in (record.title, record.abstract, *record.authors, *record.categories):
            assert text
            assert text == clean_text(text)


def test_ids_are_strings_and_arxiv_ids_carry_no_version(records: list[PaperRecord]) -> None:
    for record in records:
        assert record.ids
        assert all(isinstance(value, str) and value for pair in record.ids.items() for value in pair)
        assert "v" not in record.ids.get("arxiv", "")


def test_moments_are_aware_and_counts_are_counts(records: list[PaperRecord]) -> None:
    for record in records:
        moments = [signal.observed_at for signal in record.signals] + [record.announced_at or NOW]
        assert all(moment.tzinfo is not None for moment in moments)
        assert all(type(signal.value) is int and signal.value >= 0 for signal in record.signals)
        assert {signal.kind for signal in record.signals} <= {"votes", "comments", "stars", "citations"}
        assert record.author_count is None or record.author_count >= len(record.authors)


def test_an_address_is_one_that_a_mail_may_link(records: list[PaperRecord]) -> None:
    assert all(record.url == "" or record.url.startswith(("https://", "http://")) for record in records)


def test_a_second_fetch_finds_the_same(source: Source) -> None:
    assert list(source.fetch(SINCE, UNTIL)) == list(source.fetch(SINCE, UNTIL))


@pytest.mark.parametrize("name", NETWORK)
def test_a_server_in_trouble_is_transient(name: str, client: PoliteClient, server: LocalServer) -> None:
    source = NETWORK[name].open(client, server.url)
    for trouble in (Reply(status=503), Reply(b"<html>", 200), Reply(b"", 200), Reply(b"half", cut=True)):
        server.answer = lambda _, trouble=trouble: trouble
        with pytest.raises(TransientError):
            list(source.fetch(SINCE, UNTIL))


@pytest.mark.parametrize("name", NETWORK)
def test_a_server_that_is_not_there_is_unreachable(name: str, client: PoliteClient) -> None:
    source = NETWORK[name].open(client, f"http://127.0.0.1:{find_free_port()}")
    with pytest.raises(Unreachable):
        list(source.fetch(SINCE, UNTIL))
