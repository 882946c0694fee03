"""What Prometheus reads: the health of the installation, worked out from the database at every scrape.

Nothing is counted in a process, so it makes no difference how many there are and which of them is asked.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from digest.health import Health

MEANINGS = {
    "digest_up_to_date": "1: the database was read for this answer.",
    "digest_papers_received_24h": "Entries that a source delivered in 24 hours, known ones included.",
    "digest_papers_new_24h": "Papers that nobody had delivered before, in 24 hours.",
    "digest_source_failing": "1 when the latest poll of a source failed.",
    "digest_source_success_age_seconds": "Time since a source was last read to its end.",
    "digest_stage_seconds": "How long the latest run of a stage took.",
    "digest_items_failed_24h": "Items of a stage that failed in 24 hours, every try counted.",
    "digest_backlog": "Readers due; ids in open rank batches; editions to be composed; mails to be delivered.",
    "digest_backlog_age_seconds": "How long the oldest of them has waited; 0 when nothing waits.",
    "digest_mails_24h": "Attempts to deliver, by outcome, in 24 hours.",
    "digest_bounce_ratio_24h": "Mails refused for good, of those sent or refused, 0 to 1.",
    "digest_complaint_ratio_24h": "Complaints per mail sent.",
    "digest_encoder_papers_per_second": "Papers embedded per second of the encoder's work, over 24 hours.",
    "digest_tick_age_seconds": "Time since the latest tick, in the scaled form.",
    "digest_waiting_batches": "Batches of a queue that no live worker has.",
    "digest_running_batches": "Batches of a queue that a live worker has.",
}
METRICS = tuple(MEANINGS)


def render_metrics(health: Health) -> bytes:
    """The facts in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HealthCollector(health))
    return generate_latest(registry)


class HealthCollector(Collector):
    """Gives one measurement as metrics. Every name is there; what is not known has no sample."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield _single("digest_up_to_date", 1)
        yield from self._of_sources()
        yield from self._of_stages()
        yield from self._of_mail()
        yield from self._of_work()

    def _of_sources(self) -> Iterator[GaugeMetricFamily]:
        sources = self._health.sources.items()
        yield _family("digest_papers_received_24h", "source", ((name, one.received) for name, one in sources))
        yield _family("digest_papers_new_24h", "source", ((name, one.new) for name, one in sources))
        yield _family("digest_source_failing", "source", ((name, bool(one.error)) for name, one in sources))
        ages = ((name, self._seconds(one.success_at)) for name, one in sources)
        yield _family("digest_source_success_age_seconds", "source", ages)

    def _of_stages(self) -> Iterator[GaugeMetricFamily]:
        stages, backlogs = self._health.stages.items(), self._health.backlogs.items()
        took = ((name, stage.seconds if stage.ran_at else None) for name, stage in stages)
        yield _family("digest_stage_seconds", "stage", took)
        yield _family("digest_items_failed_24h", "stage", ((name, stage.failed) for name, stage in stages))
        yield _family("digest_backlog", "stage", ((name, backlog.count) for name, backlog in backlogs))
        ages = ((name, self._seconds(backlog.oldest) or 0) for name, backlog in backlogs)
        yield _family("digest_backlog_age_seconds", "stage", ages)

    def _of_mail(self) -> Iterator[GaugeMetricFamily]:
        health = self._health
        yield _family("digest_mails_24h", "outcome", health.mails.items())
        yield _single("digest_bounce_ratio_24h", health.bounce_ratio)
        yield _single("digest_complaint_ratio_24h", health.complaints / max(health.mails["sent"], 1))

    def _of_work(self) -> Iterator[GaugeMetricFamily]:
        queues = self._health.queues.items()
        yield _single("digest_encoder_papers_per_second", self._health.papers_per_second)
        yield _single("digest_tick_age_seconds", self._seconds(self._health.ticked_at if self._health.scaled else None))
        yield _family("digest_waiting_batches", "queue", ((name, queue.waiting) for name, queue in queues))
        yield _family("digest_running_batches", "queue", ((name, queue.running) for name, queue in queues))

    def _seconds(self, moment: datetime | None) -> float | None:
        return self._health.age(moment).total_seconds() if moment else None


def _family(name: str, label: str, values: Iterable[tuple[str, float | None]]) -> GaugeMetricFamily:
    made = GaugeMetricFamily(name, MEANINGS[name], labels=[label])
    for key, value in values:
        if value is not None:
            made.add_metric([key], value)
    return made


def _single(name: str, value: float | None) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, MEANINGS[name], value=value)
