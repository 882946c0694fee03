from datetime import UTC, datetime

from digest.sources.base import PaperRecord
from digest.sources.sample import SampleSource

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def test_every_packaged_paper_is_whole() -> None:
    records = list(SampleSource().fetch(LONG_AGO, LONG_AGO))
    assert len(records) >= 50
    for record in records:
        assert isinstance(record, PaperRecord), record
        assert record.source == "sample"
        assert record.ids
        assert record.url.startswith("https://")


def test_no_packaged_paper_comes_twice() -> None:
    records = [item for item in SampleSource().fetch(LONG_AGO, LONG_AGO) if isinstance(item, PaperRecord)]
    assert len({tuple(record.ids.items()) for record in records}) == len(records)
    assert len({record.title.casefold() for record in records}) == len(records)
