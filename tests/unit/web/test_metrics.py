"""A scrape tells what the database holds, under the names that the dashboards know."""

from datetime import datetime, timedelta

from factories import make_profile, make_subscriber
from prometheus_client.parser import text_string_to_metric_families
from scenes import HOUR
from starlette.testclient import TestClient

from digest.clock import utc_now
from digest.tables import Batch, Lease, Run, Suppression
from digest.web.app import make_app
from digest.web.metrics import METRICS
from digest.workshop import Workshop

MINUTE = timedelta(minutes=1)
PREPARING = ("lookup", "trend", "embed_papers", "embed_profiles", "background", "learn")
SUCCESSION = ("prepare_papers", "prepare_profiles", "switch_encoder")
STAGES = (*PREPARING, "tidy", "resume", "rank", "compose", "deliver", *SUCCESSION)
LABELS = {
    "source": {"digest_papers_received_24h", "digest_papers_new_24h"}
    | {"digest_source_failing", "digest_source_success_age_seconds"},
    "stage": {"digest_stage_seconds", "digest_backlog", "digest_backlog_age_seconds", "digest_items_failed_24h"},
    "outcome": {"digest_mails_24h"},
    "queue": {"digest_waiting_batches", "digest_running_batches"},
}

Scrape = dict[str, dict[str, float]]


def scrape(shop: Workshop) -> Scrape:
    """Of each metric the samples, by the value of its label ("" where it has none)."""
    shop.settings = shop.settings.model_copy(update={"sources": ["arxiv"], "broker_url": "redis://127.0.0.1:1/0"})
    answer = TestClient(make_app(shop)).get("/metrics")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")
    families = text_string_to_metric_families(answer.text)
    return {one.name: {"".join(s.labels.values()): s.value for s in one.samples} for one in families}


def fill(shop: Workshop, now: datetime) -> None:
    """An hour's work, some of it open."""

    def ran(stage: str, **report: object) -> Run:
        source = "arxiv" if stage == "ingest" else ""
        return Run(stage=stage, source=source, moment=now - HOUR, started_at=now - HOUR, ok=True, report=report)

    def open_batch(stage: str, count: int, until: datetime | None = None) -> Batch:
        ids = list(range(count))
        return Batch(stage=stage, moment=now, ids=ids, woken_at=now, lease_until=until, owner="a" if until else None)

    with shop.database.session() as session:
        session.add_all(
            [
                ran("ingest", received=30, new=12),
                ran("embed_papers", papers=90, seconds=3.0),
                ran("rank", editions=4, seconds=1.5, failed=2),
                ran("deliver", sent=3, bounced=1, seconds=2.5),
                open_batch("rank", 4, now + HOUR),
                open_batch("rank", 5),
                open_batch("embed_papers", 1),
                Lease(name="tick", moment=now - MINUTE),
                Suppression(address_digest="1", reason="complaint", created_at=now - HOUR),
            ]
        )
        make_profile(session, make_subscriber(session, now, next_edition_at=now - 20 * MINUTE))


def test_every_name_is_there_with_its_one_label_even_where_nothing_has_happened(shop: Workshop) -> None:
    found = scrape(shop)
    assert set(found) == set(METRICS)
    assert len(METRICS) == len(set(METRICS)) == 16
    labels = {name: label for label, names in LABELS.items() for name in names}
    text = TestClient(make_app(shop)).get("/metrics").text
    for line in (line for line in text.splitlines() if not line.startswith("#")):
        name, _, label = line.split(" ")[0].partition("{")
        assert label.partition("=")[0] == labels.get(name, "")


def test_a_scrape_tells_what_the_database_holds(shop: Workshop) -> None:
    fill(shop, utc_now())
    found = scrape(shop)
    assert found["digest_up_to_date"] == {"": 1}
    assert found["digest_papers_received_24h"] == {"arxiv": 30}
    assert found["digest_papers_new_24h"] == {"arxiv": 12}
    assert found["digest_source_failing"] == {"arxiv": 0}
    assert found["digest_stage_seconds"] == {"embed_papers": 3, "rank": 1.5, "deliver": 2.5}
    assert found["digest_backlog"] == {"due": 1, "rank": 9, "compose": 0, "deliver": 0}
    assert found["digest_items_failed_24h"] == dict.fromkeys(STAGES, 0) | {"rank": 2}
    outcomes = dict.fromkeys(("deferred", "suppressed", "expired", "held", "lost"), 0)
    assert found["digest_mails_24h"] == {"sent": 3, "bounced": 1} | outcomes
    assert found["digest_bounce_ratio_24h"] == {"": 0.25}
    assert round(found["digest_complaint_ratio_24h"][""], 3) == 0.333
    assert found["digest_encoder_papers_per_second"] == {"": 30}
    assert found["digest_waiting_batches"] == {"ingest": 0, "embed": 1, "rank": 1, "mail": 0}
    assert found["digest_running_batches"] == {"ingest": 0, "embed": 0, "rank": 1, "mail": 0}


def test_ages_are_in_seconds(shop: Workshop) -> None:
    fill(shop, utc_now())
    found = scrape(shop)
    assert 3600 <= found["digest_source_success_age_seconds"]["arxiv"] < 3660
    assert 60 <= found["digest_tick_age_seconds"][""] < 120
    assert 1200 <= found["digest_backlog_age_seconds"]["due"] < 1260
    assert found["digest_backlog_age_seconds"]["deliver"] == 0


def test_without_a_beat_no_tick_can_be_late(shop: Workshop) -> None:
    fill(shop, utc_now())
    assert "\ndigest_tick_age_seconds" not in TestClient(make_app(shop)).get("/metrics").text


def test_every_process_gives_the_same_answer(shop: Workshop) -> None:
    fill(shop, utc_now())
    other = Workshop(shop.settings)
    moving = {name for name in METRICS if "age_seconds" in name}
    one, two = ({k: v for k, v in scrape(each).items() if k not in moving} for each in (shop, other))
    other.database.dispose()
    assert one == two


def test_what_is_not_known_has_no_sample(shop: Workshop) -> None:
    found = scrape(shop)
    assert found["digest_tick_age_seconds"] == found["digest_source_success_age_seconds"] == {}


def test_two_scrapes_in_one_process_do_not_collide(shop: Workshop) -> None:
    client = TestClient(make_app(shop))
    assert client.get("/metrics").text.count("digest_up_to_date 1.0") == 1
    assert client.get("/metrics").text.count("digest_up_to_date 1.0") == 1
