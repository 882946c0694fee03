"""A run from end to end, and what happens to the rest of it when a part fails."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from factories import make_paper, make_profile, make_record, make_subscriber
from scenes import ListSource, add_reader, bring, everything, rows, sent
from sqlmodel import select

from digest import pipeline, questions
from digest.embeddings import succession
from digest.embeddings.encoder import LEXICAL, EncoderSpec, HashingEncoder
from digest.errors import ConfigurationError, PermanentError, TransientError, Unreachable
from digest.papers import attention
from digest.pipeline import Stage
from digest.settings import Settings
from digest.sources.base import PaperRecord, Refusal
from digest.subscribers import requests, schedule
from digest.subscribers.examples import read
from digest.tables import (
    Edition,
    EditionItem,
    OutboxMessage,
    Paper,
    PaperRequest,
    PaperVector,
    ProfileExample,
    Run,
    SkipReason,
    Subscriber,
    SubscriberStatus,
)
from digest.workshop import Workshop

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEFORE = ["ingest", "lookup", "trend", "embed_papers", "embed_profiles", "background", "learn"]
NAMES = [*BEFORE, "tidy", "resume", "rank", "compose", "deliver", *pipeline.SUCCESSION]


def test_a_run_takes_papers_to_the_mail_through_all_stages(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    readers = [add_reader(shop, now, "mamba"), add_reader(shop, now, "auction", "robot")]
    reports = pipeline.run(shop, now)
    assert [report.name for report in reports] == NAMES
    assert [report.planned for report in reports] == [1, 0, 30, 30, 3, 1, 0, 0, 0, 2, 2, 2, 0, 0, 0]
    assert {(report.failed, report.stopped) for report in reports} == {(0, "")}
    assert reports[0].counts["new"] == reports[3].counts["papers"] == 30
    assert reports[NAMES.index("rank")].counts["editions"] == 2
    assert [envelope.recipient for envelope in sent(shop)] == [reader.email for reader in readers]
    for envelope, topics in zip(sent(shop), (["Mamba"], ["Auction", "Robot"]), strict=True):
        text = message_from_bytes(envelope.content, policy=default).get_body(("plain",)).get_content()
        assert all(f"{topic} study" in text for topic in topics)
        assert "Galaxy study" in text  # trending outside
        assert "Protein study" not in text


def test_a_second_run_does_nothing_and_sends_nothing(shop: Workshop, now: datetime) -> None:
    source = bring(shop, now)
    add_reader(shop, now, "mamba")
    pipeline.run(shop, now)
    before = everything(shop)
    reports = pipeline.run(shop, now + timedelta(minutes=1))
    assert [report.planned for report in reports] == [0] * len(NAMES)
    assert len(source.asked) == len(sent(shop)) == 1
    assert everything(shop) == before


def test_the_next_day_brings_another_edition_without_the_papers_of_the_first(shop: Workshop, now: datetime) -> None:
    source = bring(shop, now)
    add_reader(shop, now, "mamba")
    pipeline.run(shop, now)
    source.records = [*source.records, make_record("mamba", announced_at=now + HOUR)]
    pipeline.run(shop, now + DAY)
    items = [item["paper_id"] for item in rows(shop, EditionItem)]
    assert len(sent(shop)) == 2
    assert len(items) == len(set(items))
    assert source.asked[1] == (now - 2 * DAY, now + DAY)


def test_by_words_alone_a_run_goes_through(settings: Settings, now: datetime) -> None:
    shop = Workshop(settings.model_copy(update={"encoder": "none"}))
    bring(shop, now)
    add_reader(shop, now, "mamba")
    reports = {report.name: report for report in pipeline.run(shop, now)}
    assert (reports["embed_papers"].planned, reports["rank"].counts["editions"]) == (0, 1)
    assert [edition["encoder"] for edition in rows(shop, Edition)] == [LEXICAL]
    assert len(sent(shop)) == 1
    shop.database.dispose()


def vectors_by(shop: Workshop) -> Counter[str]:
    return Counter(str(row["encoder"]) for row in rows(shop, PaperVector))


def test_editions_go_out_by_the_encoder_in_force_until_another_has_everything(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "FIRST_SPELL", 20)
    monkeypatch.setattr(succession, "LONGEST_SPELL", 20)
    source = bring(shop, now)
    add_reader(shop, now, "mamba")
    pipeline.run(shop, now)
    with shop.database.session() as session:
        succession.ask(session, EncoderSpec("hashing", 64), now)
    for day in (1, 2):
        later = now + day * DAY
        news = [make_record(topic, announced_at=later - HOUR) for topic in ("mamba", "robot")]
        source.records = [*source.records, *news]
        reports = {report.name: report for report in pipeline.run(shop, later)}
        assert reports["prepare_papers"].counts["papers"] == (20, 14)[day - 1]
    assert reports["switch_encoder"].counts["switched"] == 1
    assert [edition["encoder"] for edition in rows(shop, Edition)] == ["hashing"] * 3
    assert vectors_by(shop) == {"hashing": 34, "hashing:64": 34}
    assert shop.encoder_name == shop.needed_encoder.name == "hashing:64"
    source.records = [*source.records, make_record("mamba", announced_at=now + 3 * DAY - HOUR)]
    reports = {report.name: report for report in pipeline.run(shop, now + 3 * DAY)}
    assert (reports["embed_papers"].planned, reports["embed_profiles"].planned) == (1, 0)
    assert [edition["encoder"] for edition in rows(shop, Edition)][3:] == ["hashing:64"]
    assert len(sent(shop)) == 4
    assert [report.planned for report in pipeline.run(shop, now + 3 * DAY)] == [0] * len(NAMES)


def test_an_encoder_is_prepared_at_once_on_request(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    add_reader(shop, now, "mamba")
    pipeline.run(shop, now, upto="background")
    with shop.database.session() as session:
        succession.ask(session, EncoderSpec("hashing", 64), now)
    pipeline.succeed(shop, now)
    assert shop.encoder_name == "hashing:64"
    reports = {report.name: report for report in pipeline.run(shop, now)}
    assert [reports[name].planned for name in ("embed_papers", "embed_profiles", "background")] == [0, 0, 0]
    assert [edition["encoder"] for edition in rows(shop, Edition)] == ["hashing:64"]


def test_words_alone_can_take_over_and_give_way_again(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="background")
    for name, identity in (("none", LEXICAL), ("hashing", "hashing")):
        with shop.database.session() as session:
            succession.ask(session, EncoderSpec(name), now)
        pipeline.succeed(shop, now)
        assert shop.encoder_name == identity
    assert vectors_by(shop) == {"hashing": 30}


def test_an_encoder_that_cannot_be_loaded_is_prepared_no_further_and_mail_goes_on(
    shop: Workshop, now: datetime
) -> None:
    bring(shop, now)
    add_reader(shop, now, "mamba")
    pipeline.run(shop, now, upto="background")
    with shop.database.session() as session:
        succession.ask(session, EncoderSpec("some/model"), now)
    spec = EncoderSpec("some/model")
    shop._encoders[spec] = None
    reports = {report.name: report for report in pipeline.run(shop, now)}
    assert "some/model cannot be loaded" in reports["prepare_papers"].stopped
    assert len(sent(shop)) == 1
    with pytest.raises(TransientError, match="cannot be loaded"):
        pipeline.succeed(shop, now)
    assert shop.encoder_name == "hashing"


def test_a_paper_that_cannot_be_embedded_ends_the_wait_for_an_encoder(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="background")
    spec = EncoderSpec("hashing", 64)
    with shop.database.session() as session:
        succession.ask(session, spec, now)

    def refuse(*_: object) -> None:
        raise ValueError("no such letter")

    monkeypatch.setattr(shop.load_encoder(spec), "encode", refuse)
    with pytest.raises(TransientError, match="cannot be embedded"):
        pipeline.succeed(shop, now)


def test_weights_that_vanish_between_two_runs_do_not_make_news_vanish(
    settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = HashingEncoder()
    encoder.name = "some/model"
    monkeypatch.setattr("digest.workshop.make_encoder", lambda *_: encoder)
    shop = Workshop(settings.model_copy(update={"encoder": "some/model"}))
    bring(shop, now)
    pipeline.run(shop, now)
    shop.database.dispose()
    monkeypatch.setattr("digest.workshop.make_encoder", lambda *_: None)
    restarted = Workshop(settings.model_copy(update={"encoder": "some/model"}))
    add_reader(restarted, now, "mamba")
    pipeline.run(restarted, now)
    reasons = [edition["skip_reason"] for edition in rows(restarted, Edition)]
    restarted.database.dispose()
    assert reasons == [None]


def test_a_first_run_without_papers_says_why_nothing_came(shop: Workshop, now: datetime) -> None:
    add_reader(shop, now, "mamba")
    pipeline.run(shop, now)
    assert [edition["skip_reason"] for edition in rows(shop, Edition)] == [SkipReason.NO_NEW_PAPERS]


def test_only_limits_editions_and_mail_to_one_subscriber(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    readers = [add_reader(shop, now, "mamba") for _ in range(3)]
    pipeline.run(shop, now, only=readers[1].id)
    assert [envelope.recipient for envelope in sent(shop)] == [readers[1].email]
    assert [reader.id for reader in questions.due(shop, now)] == [readers[0].id, readers[2].id]
    assert questions.due(shop, now, only=readers[1].id) == []
    assert len(rows(shop, OutboxMessage)) == 1


def test_a_run_ends_with_the_stage_it_is_told(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    add_reader(shop, now, "mamba")
    assert [report.name for report in pipeline.run(shop, now, upto="learn")] == BEFORE
    assert rows(shop, Edition) == []


def test_progress_is_told_from_nought_to_all(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    told: list[tuple[str, int, int]] = []
    pipeline.run(shop, now, upto="embed_papers", progress=lambda *step: told.append(step))
    assert told == [("ingest", 0, 1), ("ingest", 1, 1), ("lookup", 0, 0), ("trend", 0, 30), ("trend", 30, 30)] + [
        ("embed_papers", done, 30) for done in (0, 30)
    ]


def make_stage(bad: set[int], error: Exception, calls: list[list[int]], size: int = 100) -> Stage:
    def work(_now: datetime, ids: Sequence[int]) -> Counter[str]:
        calls.append(list(ids))
        if bad & set(ids):
            raise error
        return Counter(done=len(ids))

    return Stage("test", lambda _session, _now: list(range(20)), work, size)


def test_a_bad_item_is_isolated_by_halving_and_the_others_go_through(shop: Workshop, now: datetime) -> None:
    calls: list[list[int]] = []
    stage = make_stage({3, 17}, ValueError("bad"), calls, size=10)
    report = pipeline.run_stage(shop, stage, now, pipeline.no_progress)
    assert (report.planned, report.counts, report.failed, report.stopped) == (20, {"done": 18}, 2, "")
    assert [3] in calls
    assert [17] in calls
    assert len(calls) < 20
    (record,) = rows(shop, Run)
    assert (record["stage"], record["ok"]) == ("test", False)
    assert record["report"].pop("seconds") >= 0
    assert record["report"] == {"planned": 20, "failed": 2, "stopped": "", "done": 18}


def test_a_bad_edition_is_isolated_in_a_real_stage(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shop, now)
    readers = [add_reader(shop, now, "mamba") for _ in range(5)]
    compose = pipeline.mails.compose

    def fail_for_one(sender: object, sheet: pipeline.sheets.Sheet, message_id: str) -> object:
        if sheet.subscriber.id == readers[2].id:
            raise KeyError("template")
        return compose(sender, sheet, message_id)

    monkeypatch.setattr(pipeline.mails, "compose", fail_for_one)
    reports = {report.name: report for report in pipeline.run(shop, now)}
    assert (reports["compose"].failed, reports["compose"].counts["messages"]) == (1, 4)
    assert {envelope.recipient for envelope in sent(shop)} == {r.email for r in readers} - {readers[2].email}
    monkeypatch.undo()
    pipeline.run(shop, now + HOUR)
    assert sent(shop)[-1].recipient == readers[2].email
    assert len(sent(shop)) == 5


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("gone"),
        ConfigurationError("install faiss"),
    ],
    ids=["unreachable", "configuration"],
)
def test_what_no_item_can_pass_stops_the_stage_at_once(shop: Workshop, now: datetime, error: Exception) -> None:
    calls: list[list[int]] = []
    report = pipeline.run_stage(shop, make_stage(set(range(20)), error, calls), now, pipeline.no_progress)
    assert (report.stopped, report.failed, len(calls)) == (str(error), 0, 1)


def test_after_a_stage_that_was_stopped_the_later_ones_still_run(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shop, now)
    add_reader(shop, now, "mamba")

    def fail(*_: object) -> list[int]:
        raise TransientError("no trends today")

    monkeypatch.setattr(attention, "plan", fail)
    reports = pipeline.run(shop, now)
    assert [report.stopped for report in reports] == ["", "", "no trends today", *[""] * (len(NAMES) - 3)]
    assert len(sent(shop)) == 1


def test_sources_that_cannot_be_made_stop_the_first_stage_only(settings: Settings, now: datetime) -> None:
    shop = Workshop(settings.model_copy(update={"sources": ["arxv"]}))
    with shop.database.session() as session:
        make_paper(session, now)
    reports = pipeline.run(shop, now)
    shop.database.dispose()
    assert "arxv" in reports[0].stopped
    assert [report.stopped for report in reports[1:]] == [""] * (len(NAMES) - 1)
    assert reports[3].counts["papers"] == 1


def test_two_runs_at_once_are_one_too_many(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    refused: list[str] = []

    def run_again(stage: str, _done: int, _total: int) -> None:
        if stage == "ingest":
            with pytest.raises(TransientError, match="Another run is at work") as error:
                pipeline.run(shop, now)
            refused.append(str(error.value))

    pipeline.run(shop, now, progress=run_again)
    assert len(refused) == 2
    assert pipeline.run(shop, now)  # and the lock is free again


def test_a_run_frees_what_a_killed_run_had_claimed(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    add_reader(shop, now, "mamba")
    pipeline.run(shop, now, upto="compose")
    with shop.database.session() as session:
        message = session.exec(select(OutboxMessage)).one()
        pipeline.outbox.claim(session, now, [message.id], shop.owner)
    pipeline.run(shop, now)
    assert len(sent(shop)) == 1


def test_ingesting_keeps_a_record_of_success(shop: Workshop, now: datetime) -> None:
    records = [make_record(), make_record()]
    source = ListSource([*records, Refusal("line 3", "it has no title")])
    report = pipeline.ingest_source(shop, source, now)
    assert (report.counts["new"], report.error) == (2, "")
    (row,) = rows(shop, Run)
    assert (row["stage"], row["source"], row["moment"], row["ok"]) == ("ingest", "lists", now, True)
    assert row["report"] == {
        "received": 3,
        "new": 2,
        "signals": 0,
        "refused": 1,
        "refusals": ["line 3: it has no title"],
        "error": "",
    }
    assert source.asked == [(now - shop.window - 2 * DAY, now)]


@pytest.mark.parametrize(
    "error",
    [
        TransientError("503"),
        PermanentError("410"),
        KeyError("entry"),
    ],
    ids=["transient", "permanent", "unforeseen"],
)
def test_a_source_that_failed_is_on_record_and_the_reader_is_told(
    shop: Workshop, now: datetime, error: Exception
) -> None:
    with shop.database.session() as session:
        make_paper(session, now, announced_at=now - 90 * DAY)
    shop.sources = [ListSource([], error), ListSource([], name="quiet")]
    add_reader(shop, now, "mamba")
    pipeline.run(shop, now)
    ingested = {row["source"]: row["ok"] for row in rows(shop, Run) if row["stage"] == "ingest"}
    assert ingested == {"lists": False, "quiet": True}
    (edition,) = rows(shop, Edition)
    assert (edition["skip_reason"], edition["failed_sources"]) == (SkipReason.SOURCE_FAILED, ["lists"])
    assert list(questions.failures_of_run(shop, now)) == ["lists"]


def test_what_a_source_delivered_before_it_failed_is_kept_and_it_is_asked_again(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.ingest, "BATCH", 2)
    source = ListSource([make_record() for _ in range(5)], TransientError("cut"))
    shop.sources = [source]
    report = pipeline.run(shop, now, upto="ingest")[0]
    assert (report.counts["new"], report.counts["failed_sources"], len(rows(shop, Paper))) == (4, 1, 4)
    assert questions.failures_of_run(shop, now) == {"lists": "cut"}
    source.error = None
    pipeline.run(shop, now + timedelta(minutes=1), upto="ingest")
    assert len(rows(shop, Paper)) == 5
    assert source.asked[0][0] == source.asked[1][0] - timedelta(minutes=1)


def test_a_source_is_asked_once_per_interval(shop: Workshop, now: datetime) -> None:
    source = bring(shop, now)
    for moment in (now, now + HOUR - timedelta(minutes=1), now + HOUR):
        pipeline.run(shop, moment, upto="ingest")
    assert [until for _, until in source.asked] == [now, now + HOUR]


def test_preparing_sends_nothing_and_says_when_it_cannot(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_reader(shop, now, "mamba")
    with shop.database.session() as session:
        make_paper(session, now)
    pipeline.prepare(shop, now)
    assert rows(shop, Edition) == sent(shop) == []
    assert [row["stage"] for row in rows(shop, Run)] == ["trend", "embed_papers", "embed_profiles", "background"]

    def fail(*_: object) -> list[int]:
        raise TransientError("no trends today")

    monkeypatch.setattr(attention, "plan", fail)
    with pytest.raises(TransientError, match="no trends today"):
        pipeline.prepare(shop, now)


def test_what_is_loaded_by_hand_is_no_poll_and_its_failure_no_news(shop: Workshop, now: datetime) -> None:
    source = ListSource()
    shop.sources = [source]
    pipeline.ingest_source(shop, ListSource(error=TransientError("cut")), now - HOUR, stage="import")
    pipeline.ingest_source(shop, ListSource(), now - HOUR / 2, stage="import")
    assert questions.latest_failures(shop, now) == {}
    pipeline.run(shop, now, upto="ingest")
    ((since, until),) = source.asked
    assert (since, until) == (now - shop.window - 2 * DAY, now)


def test_a_pause_that_is_over_ends_in_the_run_that_brings_the_edition(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    reader = add_reader(shop, now, "mamba")
    with shop.database.session() as session:
        schedule.pause(session, session.get_one(Subscriber, reader.id), now.date() + DAY, now)
    to_mail = slice(NAMES.index("resume"), NAMES.index("deliver") + 1)
    assert [report.planned for report in pipeline.run(shop, now)][to_mail] == [0, 0, 0, 0]
    moment = (now + DAY).replace(hour=7)
    reports = {report.name: report for report in pipeline.run(shop, moment)}
    assert reports["resume"].counts == {"subscribers": 1}
    assert reports["rank"].counts["editions"] == 1
    assert [envelope.recipient for envelope in sent(shop)] == [reader.email]
    assert [row["edition_date"] for row in rows(shop, Edition)] == [moment.date()]


def test_an_edition_that_was_promised_before_a_pause_does_not_go_out_in_it(shop: Workshop, now: datetime) -> None:
    source = bring(shop, now)
    reader = add_reader(shop, now, "mamba")
    pipeline.run(shop, now, upto="compose")
    with shop.database.session() as session:
        schedule.pause(session, session.get_one(Subscriber, reader.id), now.date() + DAY, now)
    pipeline.run(shop, now + HOUR)
    assert sent(shop) == []
    assert [row["skip_reason"] for row in rows(shop, Edition)] == [SkipReason.PAUSED]
    source.records = []
    pipeline.run(shop, (now + DAY).replace(hour=7))  # its papers come after the pause
    assert len(sent(shop)) == 1


def want(shop: Workshop, now: datetime, *lines: str) -> int:
    """A reader who waits for papers; returns the number of their profile."""
    with shop.database.session() as session:
        profile = make_profile(session, make_subscriber(session, now))
        requests.ask(session, profile, [(line, 1) for line in read("\n".join(lines))], now)
    return profile.id


def answer(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, *items: object, error: Exception | None = None
) -> list[list[str]]:
    """Let arXiv answer so; returns the ids that it is asked for."""
    asked: list[list[str]] = []
    monkeypatch.setattr(shop, "source_of_ids", lambda ids: asked.append(ids) or ListSource(items, error))
    return asked


def test_papers_that_people_named_are_asked_of_arxiv_and_become_examples(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_record(ids={"arxiv": "2401.00001"}, announced_at=now - 800 * DAY)
    profile = want(shop, now, "2401.00001v2", "2401.00002", "A title")
    asked = answer(shop, monkeypatch, old, Refusal("2401.00002", "arXiv does not know this id"))
    (_, report) = pipeline.run(shop, now, upto="lookup")
    assert (report.planned, report.counts, report.failed) == (3, {"found": 1, "given_up": 1}, 0)
    assert asked == [["2401.00001", "2401.00002"]]
    (paper,) = rows(shop, Paper)
    assert paper["announced_at"] == now - 800 * DAY
    (kept,) = rows(shop, ProfileExample)
    assert (kept["profile_id"], kept["paper_id"], kept["origin"]) == (profile, paper["id"], "chosen")
    assert pipeline.run(shop, now + HOUR / 2, upto="lookup")[1].planned == 0
    assert pipeline.run(shop, now + HOUR, upto="lookup")[1].planned == 1
    assert len(asked) == 1


@pytest.mark.parametrize("error", [TransientError("503"), PermanentError("400"), Unreachable("gone")])
def test_while_arxiv_fails_people_go_on_waiting(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    want(shop, now, "2401.00001", "2401.00002")
    asked = answer(shop, monkeypatch, error=error)
    for moment in (now, now + HOUR / 2, now + HOUR):
        pipeline.run(shop, moment, upto="lookup")
    assert asked == [["2401.00001", "2401.00002"]] * 2
    assert [row["gave_up_at"] for row in rows(shop, PaperRequest)] == [None, None]
    assert [row["report"]["failed_sources"] for row in rows(shop, Run)] == [1, 1]


def test_a_process_that_crashes_while_it_asks_does_not_ask_again_at_once(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    want(shop, now, "2401.00001")
    asked = answer(shop, monkeypatch, error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(shop, now, upto="lookup")
    pipeline.run(shop, now + HOUR / 2, upto="lookup")
    assert len(asked) == 1


def test_without_arxiv_people_wait_for_the_store(shop: Workshop, now: datetime) -> None:
    want(shop, now, "2605.00077")
    assert pipeline.run(shop, now, upto="lookup")[1].counts == {}
    pipeline.ingest_source(shop, ListSource([make_record(ids={"arxiv": "2605.00077"})]), now)
    assert pipeline.run(shop, now + HOUR, upto="lookup")[1].counts == {"found": 1}


def test_a_run_tidies_up(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        make_subscriber(session, now, status=SubscriberStatus.PENDING, created_at=now - 8 * DAY)
    reports = {report.name: report for report in pipeline.run(shop, now)}
    assert (reports["tidy"].planned, reports["tidy"].counts) == (1, {"erased": 1})
    assert rows(shop, Subscriber) == []


class Daily(ListSource):
    """A source that is asked by days."""

    def __init__(self) -> None:
        super().__init__()
        self.days: list[list[date]] = []

    def fetch_days(self, days: Sequence[date]) -> list[PaperRecord | Refusal]:
        self.days.append(list(days))
        return []


def test_a_source_of_daily_listings_is_counted_again_as_its_papers_age(shop: Workshop, now: datetime) -> None:
    source = Daily()
    shop.sources = [source]
    for hours in (0, 1, 18, 19):  # 9:00, 10:00, then 3:00 and 4:00 on the next day
        pipeline.run(shop, now + hours * HOUR, upto="ingest")
    today = now.date()
    first, second, night, later = source.days
    assert first == [today - number * DAY for number in range(5, -1, -1)]
    assert second == [today]
    assert night == [today - number * DAY for number in (13, 7, 4, 2, 1, 0, -1)]
    assert later == [today + DAY]
    assert source.asked == []


def test_before_an_edition_the_listings_of_its_papers_are_counted(shop: Workshop, now: datetime) -> None:
    source = Daily()
    shop.sources = [source]
    pipeline.run(shop, now, upto="ingest")
    with shop.database.session() as session:
        make_subscriber(session, now, next_edition_at=now + 2 * HOUR)
    pipeline.run(shop, now + HOUR, upto="ingest")
    assert source.days[-1] == [now.date() - number * DAY for number in (3, 2, 1, 0)]
