"""The rows that an edition's mail is made of, read for many editions at once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlmodel import Session, col, select

from digest.papers.latex import read_latex
from digest.tables import Edition, EditionItem, OutboxMessage, OutboxState, Paper, Profile, Subscriber

MEMORY = timedelta(days=60)  # how far back editions are looked through for papers with a new version
MOST_UPDATES = 5


@dataclass(frozen=True, slots=True)
class Update:
    """A paper that the reader got before and that has a new version since."""

    title: str
    url: str
    version: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """All rows of one edition."""

    subscriber: Subscriber
    edition: Edition
    items: list[EditionItem]
    papers: dict[int, Paper]
    profiles: dict[int, Profile]
    updates: list[Update] = field(default_factory=list)

    @property
    def is_weekly(self) -> bool:
        return len(self.subscriber.weekdays) == 1


def plan(session: Session, only: int | None = None) -> list[int]:
    """Messages that were promised for an edition and are not written yet."""
    query = select(OutboxMessage.id).where(col(OutboxMessage.content).is_(None)).order_by(col(OutboxMessage.id))
    return list(session.exec(query if only is None else query.where(OutboxMessage.subscriber_id == only)))


def load_sheets(
    session: Session, ids: Sequence[int], *, tell_updates: bool = False
) -> Iterator[tuple[OutboxMessage, Sheet]]:
    """Promised messages that are not written yet, each with its edition; one query per table for all of them.

    With `tell_updates` the papers of earlier editions that have a new version are among them, and count as told.
    """
    waiting = select(OutboxMessage, Edition).join(Edition, col(Edition.id) == col(OutboxMessage.edition_id))
    waiting = waiting.where(col(OutboxMessage.id).in_(ids), col(OutboxMessage.content).is_(None))
    found = session.exec(waiting.order_by(col(OutboxMessage.id)).with_for_update(of=OutboxMessage)).all()
    editions = [edition for _, edition in found]
    items: dict[int, list[EditionItem]] = defaultdict(list)
    listed = select(EditionItem).where(col(EditionItem.edition_id).in_([edition.id for edition in editions]))
    for item in session.exec(listed.order_by(col(EditionItem.rank))):
        items[item.edition_id].append(item)
    paper_ids = {item.paper_id for several in items.values() for item in several}
    papers = {paper.id: paper for paper in session.exec(select(Paper).where(col(Paper.id).in_(paper_ids)))}
    people = {edition.subscriber_id for edition in editions}
    subscribers = {row.id: row for row in session.exec(select(Subscriber).where(col(Subscriber.id).in_(people)))}
    profiles: dict[int, dict[int, Profile]] = defaultdict(dict)
    theirs = select(Profile).where(col(Profile.subscriber_id).in_(people), col(Profile.removed_at).is_(None))
    for profile in session.exec(theirs.order_by(col(Profile.id))):
        profiles[profile.subscriber_id][profile.id] = profile
    updates = _take_updates(session, editions) if tell_updates else {}
    for row, edition in found:
        who = edition.subscriber_id
        rows = (subscribers[who], edition, items[edition.id], papers, profiles[who])
        yield row, Sheet(*rows, updates.get(who, []))


def _take_updates(session: Session, editions: Sequence[Edition]) -> dict[int, list[Update]]:
    """By subscriber, the papers of editions that were sent and that have a new version which nobody has told of yet."""
    sent = (
        select(EditionItem, Paper, Edition.subscriber_id)
        .join(Edition, col(Edition.id) == col(EditionItem.edition_id))
        .join(OutboxMessage, col(OutboxMessage.edition_id) == col(Edition.id))
        .join(Paper, col(Paper.id) == col(EditionItem.paper_id))
        .where(col(Edition.subscriber_id).in_([edition.subscriber_id for edition in editions]))
        .where(Edition.created_at > max(edition.created_at for edition in editions) - MEMORY)
        .where(OutboxMessage.state == OutboxState.SENT, col(Paper.version) > col(EditionItem.version))
    )
    updates: dict[int, list[Update]] = defaultdict(list)
    for item, paper, who in session.exec(sent.order_by(col(EditionItem.id))):
        if len(updates[who]) < MOST_UPDATES:
            updates[who].append(Update(read_latex(paper.title), paper.url, paper.version or 0))
            item.version = paper.version
    return updates
