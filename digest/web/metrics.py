"""What Prometheus reads: the health of the installation, worked out from the database at every scrape.

Nothing is counted in a process, so it makes no difference how many there are and which of them is asked.
"""

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from digest.health import Health

METRICS = {
    "digest_up_to_date": "1 when the database could be read",
    "digest_papers_received_24h": "records that a source delivered in 24 hours",
    "digest_papers_new_24h": "papers of them that were new",
    "digest_source_failing": "1 when the last poll of a source failed",
    "digest_source_success_age_seconds": "seconds since a source was last read",
    "digest_stage_seconds": "how long the last run of a stage took",
    "digest_items_failed_24h": "items of a stage that failed in 24 hours",
    "digest_backlog": "what waits: editions due, ranked now, to be composed; mails to be delivered",
    "digest_backlog_age_seconds": "how long the oldest of it has waited",
    "digest_mails_24h": "mails of 24 hours by outcome",
    "digest_bounce_ratio_24h": "bounced mails among those decided, 0 to 1",
    "digest_complaint_ratio_24h": "complaints per mail sent, 0 to 1",
    "digest_encoder_papers_per_second": "papers embedded per second of the encoder's work",
    "digest_tick_age_seconds": "seconds since something was last planned",
    "digest_waiting_batches": "batches that wait for a worker",
    "digest_running_batches": "batches that a worker has",
}


class HealthCollector(Collector):
    """One health as metrics."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._of_sources()
        yield from self._of_stages()
        yield from self._of_queues()
        yield from self._of_mail()

    def _of_sources(self) -> Iterator[GaugeMetricFamily]:
        sources, now = self._health.sources, self._health.now
        yield family("digest_papers_received_24h", "source", ((name, s.received) for name, s in sources.items()))
        yield family("digest_papers_new_24h", "source", ((name, s.new) for name, s in sources.items()))
        yield family("digest_source_failing", "source", ((name, s.failing) for name, s in sources.items()))
        ages = ((name, now - s.last_success) for name, s in sources.items() if s.last_success)
        yield family("digest_source_success_age_seconds", "source", ((name, age.total_seconds()) for name, age in ages))

    def _of_stages(self) -> Iterator[GaugeMetricFamily]:
        stages, backlog, now = self._health.stages, self._health.backlog, self._health.now
        yield family("digest_stage_seconds", "stage", ((name, s.seconds) for name, s in stages.items()))
        yield family("digest_items_failed_24h", "stage", ((name, s.failed) for name, s in stages.items()))
        yield family("digest_backlog", "stage", ((name, b.count) for name, b in backlog.items()))
        ages = ((name, b.age(now).total_seconds()) for name, b in backlog.items())
        yield family("digest_backlog_age_seconds", "stage", ages)

    def _of_queues(self) -> Iterator[GaugeMetricFamily]:
        health = self._health
        yield family("digest_waiting_batches", "queue", ((name, q.waiting) for name, q in health.queues.items()))
        yield family("digest_running_batches", "queue", ((name, q.running) for name, q in health.queues.items()))
        if planned := health.ticked_at or health.last_run:
            yield single("digest_tick_age_seconds", (health.now - planned).total_seconds())

    def _of_mail(self) -> Iterator[GaugeMetricFamily]:
        health = self._health
        yield family("digest_mails_24h", "outcome", health.mails.items())
        yield single("digest_bounce_ratio_24h", health.bounce_ratio)
        yield single("digest_complaint_ratio_24h", health.complaint_ratio)
        yield single("digest_encoder_papers_per_second", health.encoder_speed)
        yield single("digest_up_to_date", 1)


def family(name: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    made = GaugeMetricFamily(name, METRICS[name], labels=[label])
    for key, value in values:
        made.add_metric([key], value)
    return made


def single(name: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, METRICS[name], value=value)
