from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from servers import LocalServer, Reply, Request, atom_entry, atom_feed

from digest.errors import InvalidRequest, PermanentError, TransientError
from digest.sources.arxiv import ArxivSource
from digest.sources.base import PaperRecord, Refusal
from digest.sources.http import Manners, PoliteClient

SINCE, UNTIL = datetime(2026, 4, 20, tzinfo=UTC), datetime(2026, 4, 21, tzinfo=UTC)
ERROR = """<entry>
    <id>http://arxiv.org/api/errors#incorrect_id_format_for_1234</id>
    <title>Error</title><summary>incorrect id format for 1234</summary>
  </entry>"""


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(lambda _: Reply(atom_feed([]))) as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> PoliteClient:
    return PoliteClient(tmp_path, "", Manners(sleep=lambda _: None, timeout=5.0))


def fetch_category(
    server: LocalServer, client: PoliteClient, *categories: str, page_size: int = 500
) -> list[PaperRecord | Refusal]:
    source = ArxivSource(client, categories or ("cs.CL",), base_url=server.url, page_size=page_size)
    return list(source.fetch(SINCE, UNTIL))


def fetch_ids(server: LocalServer, client: PoliteClient, *ids: str) -> list[PaperRecord | Refusal]:
    return list(ArxivSource(client, ids=ids, base_url=server.url).fetch(SINCE, UNTIL))


def serve(server: LocalServer, *entries: str) -> None:
    server.answer = lambda _: Reply(atom_feed(entries))


def serve_pages(server: LocalServer, papers: list[str], total: int | None = None) -> None:
    """Pages of the papers, as `start` and `max_results` ask."""

    def answer(request: Request) -> Reply:
        start, size = int(request.query["start"]), int(request.query["max_results"])
        page = [atom_entry(paper) for paper in papers[start : start + size]]
        return Reply(atom_feed(page, len(papers) if total is None else total, start))

    server.answer = answer


def ids_of(items: list[PaperRecord | Refusal]) -> list[str]:
    return [item.ids["arxiv"] if isinstance(item, PaperRecord) else f"refused {item.where}" for item in items]


def test_an_entry_becomes_a_record(server: LocalServer, client: PoliteClient) -> None:
    serve(server, atom_entry("2604.00001v2", extra="<arxiv:doi>10.1000/ABC</arxiv:doi>"))
    assert fetch_category(server, client) == [
        PaperRecord(
            source="arxiv",
            title="On the number 2604.00001v2",
            abstract="We count to 2604.00001v2 and find nothing unusual.",
            ids={"arxiv": "2604.00001", "doi": "10.1000/abc"},
            version=2,
            authors=("Ada Example", "Bo Sample"),
            author_count=2,
            published_on=date(2026, 4, 20),
            announced_at=None,
            categories=("cs.CL", "cs.AI"),
            url="https://arxiv.org/abs/2604.00001",
        )
    ]


@pytest.mark.parametrize(
    ("address", "paper"), [("math/0309136v1", "math/0309136"), ("hep-th/9901001v3", "hep-th/9901001")]
)
def test_ids_of_the_old_form_are_read(server: LocalServer, client: PoliteClient, address: str, paper: str) -> None:
    serve(server, atom_entry(address))
    assert ids_of(fetch_category(server, client)) == [paper]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (atom_entry("2604.00001v1", title=" \n "), "it has no title"),
        (atom_entry("2604.00001v1", summary=""), "it has no abstract"),
        (atom_entry("2604.00001v1", summary="This paper has been withdrawn by the author."), "it is withdrawn"),
        (atom_entry("2604.00001v1", summary="Withdrawn."), "it is withdrawn"),
        (
            atom_entry("2604.00001v1", extra="<arxiv:comment>The authors have withdrawn this</arxiv:comment>"),
            "it is withdrawn",
        ),
        (atom_entry("2604.00001v1", published="soon"), "its date cannot be read"),
    ],
)
def test_an_entry_that_is_no_paper_is_refused(server: LocalServer, client: PoliteClient, entry: str, why: str) -> None:
    serve(server, entry, atom_entry("2604.00002v1"))
    refused, kept = fetch_category(server, client)
    assert isinstance(refused, Refusal)
    assert refused.where == "2604.00001"
    assert refused.why.startswith(why)
    assert ids_of([kept]) == ["2604.00002"]


@pytest.mark.parametrize("summary", ["The drug was withdrawn from sale.", "Withdrawn patients are studied."])
def test_an_abstract_about_withdrawal_is_a_paper(server: LocalServer, client: PoliteClient, summary: str) -> None:
    serve(server, atom_entry("2604.00001v1", summary=summary))
    assert ids_of(fetch_category(server, client)) == ["2604.00001"]


def test_an_entry_with_a_foreign_id_is_refused(server: LocalServer, client: PoliteClient) -> None:
    serve(server, atom_entry("2604.1"))
    assert fetch_category(server, client) == [Refusal("http://arxiv.org/abs/2604.1", "its id is not one of arXiv")]


def test_an_entry_without_authors_or_date_is_a_paper(server: LocalServer, client: PoliteClient) -> None:
    serve(server, "<entry><id>2604.00001</id><title>T</title><summary>S</summary></entry>")
    (record,) = fetch_category(server, client)
    assert isinstance(record, PaperRecord)
    assert (record.authors, record.author_count, record.published_on, record.categories) == ((), None, None, ())


def test_a_category_is_asked_for_by_the_window_in_utc(server: LocalServer, client: PoliteClient) -> None:
    zone = timezone(timedelta(hours=2))
    source = ArxivSource(client, ["cs.CL", "hep-th"], base_url=server.url, page_size=7)
    list(source.fetch(datetime(2026, 4, 20, 1, 30, tzinfo=zone), UNTIL))
    first, second = (request.query for request in server.requests)
    assert first == {
        "search_query": "cat:cs.CL AND submittedDate:[202604192330 TO 202604210000]",
        "sortBy": "submittedDate",
        "sortOrder": "descending",
        "start": "0",
        "max_results": "7",
    }
    assert second["search_query"].startswith("cat:hep-th AND ")


def test_all_pages_are_read(server: LocalServer, client: PoliteClient) -> None:
    papers = [f"2604.{number:05d}" for number in range(1, 8)]
    serve_pages(server, papers)
    assert ids_of(fetch_category(server, client, page_size=3)) == papers
    assert [request.query["start"] for request in server.requests] == ["0", "3", "6"]


def test_a_short_page_is_not_the_end(server: LocalServer, client: PoliteClient) -> None:
    papers = [f"2604.{number:05d}" for number in range(1, 8)]

    def answer(request: Request) -> Reply:  # never more than two, however many are asked for
        start = int(request.query["start"])
        return Reply(atom_feed([atom_entry(paper) for paper in papers[start : start + 2]], len(papers)))

    server.answer = answer
    assert ids_of(fetch_category(server, client, page_size=3)) == papers


def test_a_paper_of_two_pages_or_categories_is_delivered_once(server: LocalServer, client: PoliteClient) -> None:
    # A paper that arrives between two requests moves the last one of a page to the next.
    serve_pages(server, ["2604.00003", "2604.00002", "2604.00002", "2604.00001"])
    found = ids_of(fetch_category(server, client, "cs.CL", "cs.AI", page_size=2))
    assert found == ["2604.00003", "2604.00002", "2604.00001"]


def test_an_empty_page_is_asked_for_again(server: LocalServer, client: PoliteClient) -> None:
    papers = ["2604.00003", "2604.00002", "2604.00001"]

    def answer(request: Request) -> Reply:
        start = int(request.query["start"])
        page = [] if len(server.requests) in {2, 3} else papers[start : start + 2]
        # An empty page may announce nothing, too.
        return Reply(atom_feed(map(atom_entry, page), 0 if len(server.requests) == 2 else 3))

    server.answer = answer
    assert ids_of(fetch_category(server, client, page_size=2)) == papers
    assert len(server.requests) == 4


@pytest.mark.parametrize("papers", [[], ["2604.00001", "2604.00002"]])
def test_a_page_that_stays_empty_is_a_failure(server: LocalServer, client: PoliteClient, papers: list[str]) -> None:
    serve_pages(server, papers, total=1000)
    with pytest.raises(TransientError, match="came back empty though it announced 1000"):
        fetch_category(server, client, page_size=2)


def test_a_page_that_repeats_the_last_is_a_failure(server: LocalServer, client: PoliteClient) -> None:
    server.answer = lambda _: Reply(atom_feed([atom_entry("2604.00001"), atom_entry("2604.00002")], 4))
    with pytest.raises(TransientError, match="came back empty"):
        fetch_category(server, client, page_size=2)


def test_a_window_without_papers_is_no_failure(server: LocalServer, client: PoliteClient) -> None:
    assert fetch_category(server, client) == []
    assert len(server.requests) == 1


def test_nothing_to_ask_asks_nothing(server: LocalServer, client: PoliteClient) -> None:
    assert list(ArxivSource(client, base_url=server.url).fetch(SINCE, UNTIL)) == []
    assert server.requests == []


@pytest.mark.parametrize("status", [200, 400])
def test_the_error_entry_is_permanent_and_tells_why(server: LocalServer, client: PoliteClient, status: int) -> None:
    server.answer = lambda _: Reply(atom_feed([ERROR]), status)
    with pytest.raises(PermanentError, match=r"^arXiv refuses the query: incorrect id format for 1234$"):
        fetch_ids(server, client, "2604.00001")


def test_a_bad_request_in_other_words_is_permanent(server: LocalServer, client: PoliteClient) -> None:
    for body in (b"<html>no", atom_feed([])):
        server.answer = lambda _, body=body: Reply(body, 400)
        with pytest.raises(PermanentError, match="answered 400"):
            fetch_category(server, client)


BOMB = b'<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY a "0">]><feed><totalResults>&a;</totalResults></feed>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Service is busy<br></body></html>",
        b"<html><body>Service is busy</body></html>",
        atom_feed([atom_entry("2604.00001")])[:-40],
        b'<?xml version="1.0" encoding="nonsense"?><feed/>',
        BOMB,
    ],
)
def test_what_is_no_feed_is_transient(server: LocalServer, client: PoliteClient, body: bytes) -> None:
    server.answer = lambda _: Reply(body)
    with pytest.raises(TransientError, match=r"^arXiv answered 200 with what is no .*$"):
        fetch_category(server, client)


def test_ids_are_asked_for_in_chunks_without_versions(server: LocalServer, client: PoliteClient) -> None:
    papers = [f"2604.{number:05d}" for number in range(250)]

    def answer(request: Request) -> Reply:
        return Reply(atom_feed(atom_entry(f"{paper}v1") for paper in request.query["id_list"].split(",")))

    server.answer = answer
    asked = [f"https://arxiv.org/abs/{paper}v3" for paper in papers] + [papers[0]]
    assert ids_of(fetch_ids(server, client, *asked)) == papers
    assert [request.query["max_results"] for request in server.requests] == ["100", "100", "50"]
    assert server.requests[0].query["id_list"].split(",") == papers[:100]


def test_an_id_that_arxiv_does_not_know_is_refused(server: LocalServer, client: PoliteClient) -> None:
    server.answer = lambda _: Reply(atom_feed([atom_entry("2604.00001v1")], total=2))
    found = fetch_ids(server, client, "2604.00001", "2604.99999")
    assert ids_of(found) == ["2604.00001", "refused 2604.99999"]


def test_a_wrong_category_or_id_is_refused_before_anything_is_asked(client: PoliteClient) -> None:
    for category in ("", "cs.CL OR cat:cs.AI", "CS", "cs.CL]"):
        with pytest.raises(InvalidRequest, match="is not an arXiv category"):
            ArxivSource(client, [category])
    with pytest.raises(InvalidRequest, match="is not an arXiv id"):
        ArxivSource(client, ids=["2604.1"])


def test_a_paper_asked_for_by_its_id_is_as_old_as_it_is(server: LocalServer, client: PoliteClient) -> None:
    serve(server, atom_entry("2604.00001v1"))
    (by_id,) = fetch_ids(server, client, "2604.00001")
    (by_category,) = fetch_category(server, client)
    assert isinstance(by_id, PaperRecord)
    assert isinstance(by_category, PaperRecord)
    assert by_id.published_on is not None
    assert by_id.announced_at == datetime.combine(by_id.published_on, time(), tzinfo=UTC)
    assert by_category.announced_at is None
