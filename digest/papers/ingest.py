"""Stores what a source delivered, each work once, whatever the source, the version and the number of tries."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session, col, select, tuple_

from digest.db import Database, batches, take_turns
from digest.papers.identity import Identifier, identifiers
from digest.papers.signals import note_listings
from digest.sources.base import PaperRecord, Refusal, SignalRecord
from digest.tables import Paper, PaperExternalId, PaperListing, PaperVector, Signal

BATCH = 500  # records stored in one transaction
LARGEST_COUNT = 10**9


@dataclass(slots=True)
class IngestReport:
    """What became of the records of one source: counts, every refusal with its reason, and why it ended early."""

    counts: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        refused = [f"{refusal.where}: {refusal.why}" for refusal in self.refusals]
        return {**self.counts, "refused": len(refused), "refusals": refused[:100], "error": self.error}


def store(
    database: Database, delivered: Iterable[PaperRecord | Refusal], now: datetime, report: IngestReport
) -> IngestReport:
    """Upsert records a batch at a time, counting in `report`: received, new, replaced, merged, unchanged, signals.

    When the source fails half-way, the whole batches before are stored and counted.
    """
    for batch in batches(delivered, BATCH):
        records = [item for item in batch if isinstance(item, PaperRecord)]
        report.refusals += [item for item in batch if isinstance(item, Refusal)]
        report.counts["received"] += len(batch)
        with database.session() as session:
            take_turns(session, "papers")
            known, _papers = _read_known(session, records)  # the papers are held so that the session keeps them
            for record in records:
                _upsert(session, known, record, now, report)
            stored = [(known[identifiers(record)[-1]], record) for record in records]
            note_listings(session, _listings(stored))
            report.counts["signals"] += _add_signals(session, stored)
    return report


def _read_known(session: Session, records: list[PaperRecord]) -> tuple[dict[Identifier, int], list[Paper]]:
    """The identifiers of `records` that are stored, each with its paper's id, and those papers."""
    wanted = {identifier for record in records for identifier in identifiers(record)}
    known: dict[Identifier, int] = {}
    for some in batches(sorted(wanted), BATCH):
        columns = tuple_(col(PaperExternalId.scheme), col(PaperExternalId.value))
        rows = session.exec(select(PaperExternalId).where(columns.in_(some)))
        known |= {(row.scheme, row.value): row.paper_id for row in rows}
    ids = sorted(set(known.values()))
    papers = (session.exec(select(Paper).where(col(Paper.id).in_(some))) for some in batches(ids, BATCH))
    return known, [paper for found in papers for paper in found]


def _upsert(
    session: Session, known: dict[Identifier, int], record: PaperRecord, now: datetime, report: IngestReport
) -> None:
    """Store one record, and keep `known` up to date."""
    names = identifiers(record)
    found = sorted({known[name] for name in names if name in known})
    if not found:
        paper = _new_paper(record, now)
        session.add(paper)
        session.flush()
        report.counts["new"] += 1
    else:
        paper = session.get_one(Paper, found[0])
        for duplicate in found[1:]:
            _merge(session, known, paper, session.get_one(Paper, duplicate))
            report.counts["merged"] += 1
        report.counts["replaced" if _refresh(session, paper, record) else "unchanged"] += 1
    for name in names:
        if name not in known:
            session.add(PaperExternalId(paper_id=paper.id, scheme=name[0], value=name[1], source=record.source))
            known[name] = paper.id


def _new_paper(record: PaperRecord, now: datetime) -> Paper:
    return Paper(
        **_text_of(record),
        categories=list(record.categories),
        url=record.url,
        source=record.source,
        version=record.version,
        published_on=record.published_on,
        announced_at=record.announced_at or now,
        first_seen_at=now,
    )


def _text_of(record: PaperRecord) -> dict[str, Any]:
    authors = list(record.authors)
    return {
        "title": record.title,
        "abstract": record.abstract,
        "authors": authors,
        "author_count": max(record.author_count or 0, len(authors)),
    }


def _refresh(session: Session, paper: Paper, record: PaperRecord) -> bool:
    """Fill in what was missing and take a newer version's text; True when the paper's text changed."""
    paper.categories = paper.categories or list(record.categories)
    paper.url = paper.url or record.url
    paper.published_on = paper.published_on or record.published_on
    if not paper.authors and record.authors:
        paper.authors, paper.author_count = list(record.authors), max(paper.author_count, len(record.authors))
    newer = (record.version or 0) > (paper.version or 0)
    # Without a better version, a text is only corrected by the very entry that it came from.
    corrected = (record.source, record.version, record.url) == (paper.source, paper.version, paper.url)
    if not (newer or corrected) or (paper.title, paper.abstract) == (record.title, record.abstract):
        paper.version = max(paper.version or 0, record.version or 0) or None
        return False
    for name, value in _text_of(record).items():
        setattr(paper, name, value)
    paper.version = record.version
    session.exec(delete(PaperVector).where(col(PaperVector.paper_id) == paper.id))  # its vector is of the old text
    paper.embedded_by = paper.prior = None
    return True


def _merge(session: Session, known: dict[Identifier, int], keep: Paper, duplicate: Paper) -> None:
    """Make `duplicate` point to `keep`; the row stays, so that editions which named it remain true."""
    session.exec(update(PaperExternalId).where(col(PaperExternalId.paper_id) == duplicate.id).values(paper_id=keep.id))
    session.exec(update(Paper).where(col(Paper.merged_into) == duplicate.id).values(merged_into=keep.id))
    duplicate.merged_into = keep.id
    keep.announced_at = min(keep.announced_at, duplicate.announced_at)
    moved = session.exec(select(Signal).where(Signal.paper_id == duplicate.id)).all()
    taken = set(session.exec(select(Signal.source, Signal.kind, Signal.observed_at).where(Signal.paper_id == keep.id)))
    for signal in moved:
        if (signal.source, signal.kind, signal.observed_at) not in taken:
            signal.paper_id = keep.id
    listed = session.exec(select(PaperListing).where(PaperListing.paper_id == duplicate.id)).all()
    note_listings(session, {(keep.id, row.source): row.listed_on for row in listed})
    for name, paper_id in known.items():
        known[name] = keep.id if paper_id == duplicate.id else paper_id


def _listings(stored: list[tuple[int, PaperRecord]]) -> dict[tuple[int, str], date]:
    """The day on which each source listed each paper that it counted something of; the first of several."""
    days: dict[tuple[int, str], date] = {}
    for paper_id, record in stored:
        if record.signals:
            moment = record.announced_at or min(signal.observed_at for signal in record.signals)
            day, name = moment.astimezone(UTC).date(), (paper_id, record.source)
            days[name] = min(days.get(name, day), day)
    return days


def _add_signals(session: Session, stored: list[tuple[int, PaperRecord]]) -> int:
    """Insert the observations that are not there yet; a count below nought or beyond all reason is none."""
    ids = {paper_id for paper_id, record in stored if record.signals}
    rows = session.exec(select(Signal).where(col(Signal.paper_id).in_(ids))).all() if ids else []
    seen = {(row.paper_id, row.source, row.kind, row.observed_at) for row in rows}
    added = 0
    for paper_id, record in stored:
        for signal in filter(_is_sane, record.signals):
            name = (paper_id, record.source, signal.kind, signal.observed_at)
            if name not in seen:
                seen.add(name)
                session.add(_observation(paper_id, record.source, signal))
                added += 1
    return added


def _observation(paper_id: int, source: str, signal: SignalRecord) -> Signal:
    return Signal(
        paper_id=paper_id, source=source, kind=signal.kind, observed_at=signal.observed_at, value=signal.value
    )


def _is_sane(signal: SignalRecord) -> bool:
    return 0 <= signal.value <= LARGEST_COUNT
