"""Papers that people named and the store lacked: looked for hourly, asked of arXiv by id, given up after a week.

The stage *lookup* first looks into the store and notes the hour, which is committed before anybody is asked, so that a
process that crashes here does not ask again and again.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlmodel import Session, col, select

from digest.db import take_turns
from digest.errors import InvalidRequest
from digest.subscribers import examples
from digest.subscribers.examples import Line
from digest.tables import Paper, PaperRequest, Profile, Subscriber

PAUSE = timedelta(hours=1)
PATIENCE = timedelta(days=7)
MOST_OPEN = 10  # papers that one person may have asked for outside their interests

OPEN = col(PaperRequest.gave_up_at).is_(None)


def ask(session: Session, profile: Profile, wanted: Sequence[tuple[Line, int]], now: datetime) -> None:
    """Note the papers that a profile waits for, each with its sign."""
    for text, sign in {line.text: sign for line, sign in wanted}.items():
        session.add(
            PaperRequest(
                subscriber_id=profile.subscriber_id, profile_id=profile.id, line=text, sign=sign, created_at=now
            )
        )
    session.flush()


def replace(session: Session, profile: Profile, wanted: Sequence[tuple[Line, int]], now: datetime) -> None:
    """Wait for these papers and no others; one that was given up is looked for anew when it is named again."""
    signs = {line.text: sign for line, sign in wanted}
    waiting: set[str] = set()
    for request in session.exec(select(PaperRequest).where(PaperRequest.profile_id == profile.id)).all():
        if request.gave_up_at is None and signs.get(request.line) == request.sign:
            waiting.add(request.line)
        else:
            session.delete(request)
    session.flush()
    ask(session, profile, [(line, sign) for line, sign in wanted if line.text not in waiting], now)


def open_lines(session: Session, profile: Profile, sign: int) -> list[str]:
    """What a profile still waits for, as it was typed."""
    query = select(PaperRequest.line).where(PaperRequest.profile_id == profile.id, PaperRequest.sign == sign, OPEN)
    return list(session.exec(query.order_by(col(PaperRequest.id))))


def given_up(session: Session, profile: Profile) -> list[str]:
    """What a profile waited for in vain: “no paper found”."""
    query = select(PaperRequest.line).where(PaperRequest.profile_id == profile.id, ~OPEN)
    return list(session.exec(query.order_by(col(PaperRequest.id))))


def submit(session: Session, subscriber: Subscriber, text: str, now: datetime) -> Paper | None:
    """Ask for one paper to be taken into the store; returns it when it is there. Raises InvalidRequest."""
    lines = examples.read(text)
    if len(lines) != 1:
        raise InvalidRequest("Name one paper: an arXiv id, a link to arXiv, a DOI or a title.")
    if lines[0].wrong:
        raise InvalidRequest(f"{lines[0].wrong[0].upper()}{lines[0].wrong[1:]}.")
    found = examples.resolve(session, lines).found
    if found:
        return found[0][1]
    take_turns(session, f"interests {subscriber.id}")
    mine = select(PaperRequest).where(
        PaperRequest.subscriber_id == subscriber.id, col(PaperRequest.profile_id).is_(None)
    )
    for request in session.exec(mine).all():
        if request.line == lines[0].text and request.gave_up_at is not None:
            session.delete(request)
    open_ones = [request.line for request in session.exec(mine.where(OPEN)).all()]
    if lines[0].text in open_ones:
        return None
    if len(open_ones) >= MOST_OPEN:
        raise InvalidRequest(f"{MOST_OPEN} papers are being looked up for you: wait until one of them is found.")
    session.add(PaperRequest(subscriber_id=subscriber.id, line=lines[0].text, created_at=now))
    session.flush()
    return None


def submitted(session: Session, subscriber: Subscriber) -> list[PaperRequest]:
    """What a person asked for by `submit` and is not found yet, or was given up; the latest first."""
    query = select(PaperRequest).where(PaperRequest.subscriber_id == subscriber.id)
    query = query.where(col(PaperRequest.profile_id).is_(None))
    return list(session.exec(query.order_by(col(PaperRequest.created_at).desc(), col(PaperRequest.id).desc())))


def plan(session: Session, now: datetime) -> list[int]:
    """Requests that are open and were not looked after within the hour."""
    due = or_(col(PaperRequest.asked_at).is_(None), col(PaperRequest.asked_at) <= now - PAUSE)
    return list(session.exec(select(PaperRequest.id).where(OPEN, due).order_by(col(PaperRequest.id))))


def begin(session: Session, now: datetime, ids: Sequence[int]) -> tuple[Counter[str], list[str]]:
    """Look into the store and note the hour; returns the counts and the arXiv ids that the store lacks."""
    counts, missing = _settle(session, now, ids)
    asked = update(PaperRequest).where(col(PaperRequest.id).in_([request.id for request, _ in missing]))
    session.exec(asked.values(asked_at=now))
    return counts, sorted({line.value for _, line in missing if line.scheme == "arxiv"})


def finish(session: Session, now: datetime, ids: Sequence[int], unknown: Collection[str]) -> Counter[str]:
    """Look once more, and give up what arXiv does not know (`unknown` ids) and what was looked for long enough."""
    counts, missing = _settle(session, now, ids)
    for request, line in missing:
        denied = line.scheme == "arxiv" and line.value in unknown
        if denied or request.created_at <= now - PATIENCE:
            request.gave_up_at = now
            counts["given_up"] += 1
    return counts


def _settle(
    session: Session, now: datetime, ids: Sequence[int]
) -> tuple[Counter[str], list[tuple[PaperRequest, Line]]]:
    """Turn the requests whose paper is in store into examples; returns the others with what they name."""
    people = select(PaperRequest.subscriber_id).where(col(PaperRequest.id).in_(ids)).distinct()
    for subscriber_id in sorted(session.exec(people)):
        take_turns(session, f"interests {subscriber_id}")
    query = select(PaperRequest).where(col(PaperRequest.id).in_(ids), OPEN).order_by(col(PaperRequest.id))
    named = [(request, _read(request)) for request in session.exec(query.execution_options(populate_existing=True))]
    resolved = examples.resolve(session, [line for _, line in named])
    papers = {line.identifier: paper for line, paper in resolved.found}
    counts: Counter[str] = Counter()
    for request, line in named:
        paper = papers.get(line.identifier)
        if paper is None:
            continue
        if request.profile_id is not None:
            examples.keep(session, request.profile_id, paper.id, request.sign, now)
        session.delete(request)
        counts["found"] += 1
    session.flush()
    return counts, [(request, line) for request, line in named if line.identifier not in papers]


def _read(request: PaperRequest) -> Line:
    """What a request names: its text was read once already, by `examples.read`."""
    lines = examples.read_line(request.line)
    known = len(lines) == 1 and not lines[0].wrong
    return lines[0] if known else Line(1, request.line, value=request.line, title=request.line)
