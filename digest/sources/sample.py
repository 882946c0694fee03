"""The papers that come with the package, so that a digest can be seen without a network."""

from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files

from digest.clock import utc_now
from digest.sources.base import PaperRecord, Refusal
from digest.sources.files import Origin, read_lines

_FILE = "sample.jsonl"


class SampleSource:
    """All papers of the packaged file, whatever their dates."""

    name = "sample"

    def fetch(self, since: datetime, until: datetime) -> Iterator[PaperRecord | Refusal]:  # noqa: ARG002
        with files(__package__).joinpath(_FILE).open(encoding="utf-8") as lines:
            yield from read_lines(lines, _FILE, Origin(self.name, self.name, utc_now()))
