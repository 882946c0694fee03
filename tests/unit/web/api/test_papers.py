"""Papers are told as they are stored, page by page, and found by name, by trend, by likeness and by words."""

from datetime import datetime, timedelta

import pytest
from factories import make_paper
from scenes import bring
from starlette.testclient import TestClient

from digest import pipeline
from digest.tables import Paper, PaperExternalId
from digest.workshop import Workshop

DAY = timedelta(days=1)


def add(shop: Workshop, now: datetime, count: int = 1, **fields: object) -> list[int]:
    with shop.database.session() as session:
        return [make_paper(session, now, **fields).id for _ in range(count)]


def ids(papers: list[dict[str, int]]) -> list[int]:
    return [paper["id"] for paper in papers]


def test_a_paper_is_told_with_all_its_names(program: TestClient, shop: Workshop, now: datetime) -> None:
    (number,) = add(shop, now, title=r"A $\beta$-test", categories=["cs.LG"], trend=1.5)
    told = program.get(f"/papers/{number}").json()
    assert told["title"] == "A β-test"
    assert told["identifiers"] == [{"scheme": "arxiv", "value": "2605.00001"}]
    assert told["page"] == f"http://localhost:8000/papers/{number}"
    assert (told["categories"], told["trend"], told["counts"], told["readers"]) == (["cs.LG"], 1.5, {}, 0)
    assert datetime.fromisoformat(told["announced_at"]) == now - timedelta(hours=2)


def test_pages_hold_every_paper_once_newest_first(program: TestClient, shop: Workshop, now: datetime) -> None:
    old = add(shop, now, 2, announced_at=now - DAY)
    same = add(shop, now, 3)
    seen, cursor = [], ""
    while cursor is not None:
        page = program.get("/papers", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += ids(page["papers"])
        cursor = page["next"]
    assert seen == [*reversed(same), *reversed(old)]


def test_papers_are_of_days_and_of_categories(program: TestClient, shop: Workshop, now: datetime) -> None:
    (old,) = add(shop, now, announced_at=now - DAY, categories=["cs.LG"])
    (new,) = add(shop, now, categories=["math.CO"])
    assert ids(program.get("/papers?since=2026-05-06").json()["papers"]) == [new]
    assert ids(program.get("/papers?until=2026-05-05").json()["papers"]) == [old]
    assert ids(program.get("/papers?since=2026-05-05&until=2026-05-06&category=cs").json()["papers"]) == [old]
    assert program.get("/papers?category=cs.XX").status_code == 422


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("arxiv/2605.00001", 200),
        ("arxiv/2605.00001v3", 200),
        ("doi/10.48550/arXiv.2605.00001", 200),
        ("arxiv/2605.99999", 404),
        ("files/2605.00001", 404),
        ("title/anything", 404),
        ("arxiv/a%00b", 422),
        ("ARXIV/2605.00001", 422),
    ],
)
def test_a_paper_is_found_by_its_names(
    program: TestClient, shop: Workshop, now: datetime, path: str, status: int
) -> None:
    (number,) = add(shop, now)
    answer = program.get(f"/papers/by/{path}")
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["id"] == number


def test_a_doi_with_slashes_is_found(program: TestClient, shop: Workshop, now: datetime) -> None:
    (number,) = add(shop, now)
    with shop.database.session() as session:
        session.add(PaperExternalId(paper_id=number, scheme="doi", value="10.1000/a/b", source="files"))
    assert program.get("/papers/by/doi/10.1000/A/b").json()["id"] == number
    assert program.get("/papers/by/doi/10.1000%2Fa%2Fb").json()["id"] == number


def test_a_duplicate_brings_what_it_was_merged_into(program: TestClient, shop: Workshop, now: datetime) -> None:
    one, other = add(shop, now, 2)
    with shop.database.session() as session:
        session.get_one(Paper, other).merged_into = one
    assert program.get(f"/papers/{other}").json()["id"] == one
    assert ids(program.get("/papers").json()["papers"]) == [one]


def test_what_is_trending_is_of_a_day_a_week_or_a_month(program: TestClient, shop: Workshop, now: datetime) -> None:
    assert program.get("/trending").json() == {"first_day": None, "last_day": None, "papers": [], "total": 0}
    (low,) = add(shop, now, trend=1.0)
    (high,) = add(shop, now - DAY, trend=2.0)
    told = program.get("/trending").json()
    assert (told["first_day"], ids(told["papers"])) == ("2026-05-06", [low])
    for asked in ("week=2026-W19", "month=2026-05"):
        assert ids(program.get(f"/trending?{asked}").json()["papers"]) == [high, low]
    told = program.get("/trending?week=2026-W19&limit=1&offset=1").json()
    assert (told["first_day"], told["last_day"], ids(told["papers"]), told["total"]) == (
        "2026-05-04",
        "2026-05-10",
        [low],
        2,
    )
    assert ids(program.get("/trending?day=2026-05-05").json()["papers"]) == [high]


@pytest.mark.parametrize(
    "asked",
    [
        "day=2026-05-06&week=2026-W19",
        "week=2026-W54",
        "month=2026-13",
        "month=0000-01",
        "day=2027-05-06",
        "week=2026-19",
    ],
)
def test_a_spell_that_there_cannot_be_is_refused(program: TestClient, asked: str) -> None:
    assert program.get(f"/trending?{asked}").status_code == 422


def test_search_and_likeness_find_what_is_near(program: TestClient, shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="background")
    told = program.get("/search", params={"q": "a robot arm that grasps objects", "limit": 2}).json()
    assert all(match["paper"]["title"].startswith("Robot") for match in told["matches"])
    assert (len(told["matches"]), told["page"], told["more"], told["keywords_only"]) == (2, 1, True, False)
    near = told["matches"][0]["paper"]["id"]
    like = program.get(f"/papers/{near}/similar?limit=3").json()["matches"]
    assert len(like) == 3
    assert near not in [match["paper"]["id"] for match in like]
    assert like[0]["paper"]["title"].startswith("Robot")


def test_a_search_without_vectors_says_so(program: TestClient, shop: Workshop, now: datetime) -> None:
    (number,) = add(shop, now, 1, title="A zebra")
    told = program.get("/search?q=zebra").json()
    assert (ids([match["paper"] for match in told["matches"]]), told["keywords_only"]) == ([number], True)
    assert program.get(f"/papers/{number}/similar").json() == {"matches": []}
    assert program.get("/papers/99/similar").status_code == 404


@pytest.mark.parametrize("asked", ["", "q=", "q=%20", "q=a&page=11", "q=a&sort=best", "q=a&category=x", "q=a%00"])
def test_a_search_that_cannot_be_answered_is_refused(program: TestClient, asked: str) -> None:
    assert program.get(f"/search?{asked}&limit=20").status_code == 422
