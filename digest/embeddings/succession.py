"""Which encoder is in force, and how another one follows it while editions go out.

One row names both. The papers are embedded by the one to come, those first that ranking needs: the newest, which are
window and crowd, then the examples, then the rest; then the profiles, from what they say; then the crowd is worked out.
What is missing is asked of the database each time, so whatever is cut off goes on where it was. When nothing is
missing, one transaction lets it take over. The vectors of the one before stay until they are forgotten.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from digest.db import Database, take_turns
from digest.embeddings import background, vectors
from digest.embeddings.encoder import LEXICAL, Encoder, EncoderSpec
from digest.errors import InvalidRequest
from digest.tables import Background, EncoderInForce, Paper, PaperVector, ProfileExample, ProfileVector, Run

ROW = 1
SPELL = 45.0  # seconds of a pass that may go into what is only prepared
FIRST_SPELL, LONGEST_SPELL = 64, 200_000  # items

Load = Callable[[], tuple[Database, Encoder | None]]


@dataclass(frozen=True, slots=True)
class Succession:
    """The encoder in force and since when; the one that is prepared to follow it, if any, and when it was asked for."""

    current: EncoderSpec
    since: datetime
    prepared: EncoderSpec | None
    asked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the encoder that is prepared has come: vectors there are, and items that still lack one."""

    papers: int
    papers_left: int
    profiles_left: int
    crowd_ready: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """The vectors that are stored of one encoder."""

    encoder: str
    dimension: int
    papers: int
    size: int


def read(session: Session) -> Succession | None:
    """What the row says; None before the first paper was embedded, when the settings decide."""
    row = session.get(EncoderInForce, ROW)
    if row is None:
        return None
    prepared = EncoderSpec(**row.prepared) if row.prepared else None
    return Succession(EncoderSpec(**row.current), row.since, prepared, row.asked_at)


def prepared_for(session: Session) -> EncoderSpec | None:
    """The encoder that is to follow the one in force."""
    found = read(session)
    return found.prepared if found else None


def adopt(session: Session, spec: EncoderSpec, now: datetime) -> None:
    """Put the encoder of the settings in force, unless there is one."""
    take_turns(session, "encoder")
    if session.get(EncoderInForce, ROW) is None:
        session.add(EncoderInForce(id=ROW, current=asdict(spec), since=now))
        session.flush()


def ask(session: Session, spec: EncoderSpec, now: datetime) -> None:
    """Let `spec` be prepared to follow the encoder in force, in place of another one that may be on its way.

    Vectors that it has already are kept. Raises InvalidRequest when it is in force.
    """
    spec.check()
    row = _lock(session)
    if EncoderSpec(**row.current).identity == spec.identity:
        raise InvalidRequest(f"{_said(spec)} is in force already.")
    row.prepared, row.asked_at = asdict(spec), now


def cancel(session: Session) -> EncoderSpec:
    """Prepare no longer; returns what was prepared. Raises InvalidRequest when nothing was."""
    row = _lock(session)
    if not row.prepared:
        raise InvalidRequest("No encoder is being prepared.")
    given_up, row.prepared, row.asked_at = EncoderSpec(**row.prepared), None, None
    return given_up


def plan_papers(session: Session, _now: datetime) -> list[int]:
    """The papers that the encoder to come should embed next, as many as fit into a spell, what ranking needs first."""
    spec = prepared_for(session)
    if spec is None or spec.identity == LEXICAL:
        return []
    room = _room(session, "prepare_papers", "papers")
    found: dict[int, None] = {}
    for condition in _by_need(session):
        if len(found) >= room:
            break
        query = vectors.lacking_papers(spec.identity).where(*condition)
        query = query.order_by(col(Paper.announced_at).desc(), col(Paper.id)).limit(room)
        found |= dict.fromkeys(session.exec(query))
    return list(found)[:room]


def plan_profiles(session: Session, _now: datetime) -> list[int]:
    """The profiles that the encoder to come should embed next."""
    spec = prepared_for(session)
    if spec is None or spec.identity == LEXICAL:
        return []
    return vectors.plan_profiles_ahead(session, spec.identity)[: _room(session, "prepare_profiles", "profiles")]


def work_papers(load: Load, now: datetime, ids: Sequence[int]) -> Counter[str]:
    """Embed papers by the encoder to come; nothing when it has taken over, or was given up, since they were planned."""
    database, encoder = load()
    return Counter(papers=vectors.embed_papers(database, encoder, now, ids, ahead=True) if encoder else 0)


def work_profiles(load: Load, _now: datetime, ids: Sequence[int]) -> Counter[str]:
    """The same with profiles."""
    database, encoder = load()
    return Counter(profiles=vectors.embed_profiles(database, encoder, ids, ahead=True) if encoder else 0)


def plan_switch(session: Session, _now: datetime) -> list[int]:
    """The row when the encoder to come has all that the one in force has."""
    spec = prepared_for(session)
    return [ROW] if spec is not None and _is_complete(session, spec.identity) else []


def take_over(session: Session, now: datetime) -> bool:
    """Let the encoder that is prepared take over, its crowd worked out; False when it lacks something after all."""
    take_turns(session, "papers")  # no text changes between the look and the switch
    row = _lock(session)
    spec = EncoderSpec(**row.prepared) if row.prepared else None
    if spec is None or not _is_complete(session, spec.identity):
        return False
    if background.plan(session, spec.identity, now):
        background.refresh(session, spec.identity, now)
    vectors.mark_prepared(session, spec.identity)
    row.current, row.since, row.prepared, row.asked_at = asdict(spec), now, None, None
    return True


def measure(session: Session, spec: EncoderSpec) -> Progress:
    """How far `spec` has come. It counts over all papers."""
    name = spec.identity
    counted = select(func.count()).select_from(vectors.lacking_papers(name).subquery())
    ready = select(func.count(col(Background.id))).where(Background.encoder == name)
    return Progress(
        papers=session.exec(_count_papers(name)).one(),
        papers_left=session.exec(counted).one() if name != LEXICAL else 0,
        profiles_left=len(vectors.plan_profiles_ahead(session, name)) if name != LEXICAL else 0,
        crowd_ready=session.exec(ready).one() > 0,
    )


def holdings(session: Session) -> list[Holding]:
    """The encoders that have vectors here, by name."""
    columns = (PaperVector.encoder, func.max(PaperVector.dimension), func.count(), func.sum(_size()))
    grouped = select(*columns).group_by(col(PaperVector.encoder)).order_by(col(PaperVector.encoder))
    return [Holding(name, dimension, count, int(size)) for name, dimension, count, size in session.exec(grouped)]


def forget(session: Session, encoder: str) -> int:
    """Remove the vectors of an encoder that is not in use; returns of how many papers.

    Raises InvalidRequest for one that is in force or prepared, and for one that has none.
    """
    found = read(session)
    if found is None or encoder in {found.current.identity, found.prepared.identity if found.prepared else None}:
        raise InvalidRequest(f"{encoder} is in use: its vectors are needed.")
    count = int(session.exec(_count_papers(encoder)).one())
    if not count:
        raise InvalidRequest(f"There are no vectors of {encoder}: see `digest encoder list`.")
    for table in (PaperVector, ProfileVector, Background):
        session.exec(delete(table).where(col(table.encoder) == encoder))
    return count


def disagreement(asked: EncoderSpec, found: Succession | None) -> str:
    """One line to the operator whose settings name another encoder than the one in force; empty when they agree."""
    if found is None or asked.identity in {found.current.identity, found.prepared and found.prepared.identity}:
        return ""
    return (
        f"DIGEST_ENCODER asks for {_said(asked)}, but {_said(found.current)} is in force since {found.since:%Y-%m-%d} "
        f"and stays so: run `digest encoder switch` to change that, or set DIGEST_ENCODER={found.current.name}."
    )


def _said(spec: EncoderSpec) -> str:
    return spec.identity or "none"


def _lock(session: Session) -> EncoderInForce:
    """The row, which nobody else changes until this transaction ends."""
    take_turns(session, "encoder")
    row = session.get(EncoderInForce, ROW, populate_existing=True)
    if row is None:
        raise InvalidRequest("No paper was embedded yet: set DIGEST_ENCODER, which a new service begins with.")
    return row


def _by_need(session: Session) -> Iterator[tuple[Any, ...]]:
    """Conditions on papers: the newest, of which window and crowd are made; examples; all."""
    newest = session.exec(select(func.max(Paper.id))).one() or 0
    yield (col(Paper.id) > newest - background.MOST_PAPERS,)
    yield (col(Paper.id).in_(select(ProfileExample.paper_id)),)
    yield ()


def _room(session: Session, stage: str, counted: str) -> int:
    """How many items fit into a spell, at the pace of the stage's latest run."""
    query = select(Run.report).where(Run.stage == stage).order_by(col(Run.moment).desc(), col(Run.id).desc()).limit(1)
    report = session.exec(query).first() or {}
    done, seconds = report.get(counted, 0), report.get("seconds", 0.0)
    return max(FIRST_SPELL, min(int(SPELL * done / max(seconds, 1e-3)), LONGEST_SPELL))


def _is_complete(session: Session, encoder: str) -> bool:
    if encoder == LEXICAL:
        return True
    lacking = session.exec(vectors.lacking_papers(encoder).limit(1)).first()
    return lacking is None and not vectors.plan_profiles_ahead(session, encoder)


def _count_papers(encoder: str) -> Any:
    return select(func.count(col(PaperVector.paper_id))).where(PaperVector.encoder == encoder)


def _size() -> Any:
    return func.length(PaperVector.vector) + func.coalesce(func.length(PaperVector.sentences), 0)
