"""Learning from readers: a part of what they like is hidden, and the ranker rehearses finding it.

What is learnt is how much each signal weighs and what the readers' tastes are; nothing is learnt for one person alone.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.db import Database, batches
from digest.embeddings import background, lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import from_bytes, paper_text, rankable, to_bytes
from digest.ranking import fusion, scoring
from digest.ranking.fusion import Fusion
from digest.ranking.model import Model, make_model
from digest.ranking.profiles import average
from digest.ranking.scoring import Matrix
from digest.ranking.tastes import Ints, factorise
from digest.tables import LearntRanking, Paper, PaperVector, Profile, ProfileExample

LEAST_READERS, LEAST_LIKES = 20, 5
MOST_READERS, MOST_PAPERS = 1_000, 20_000
HIDDEN = 0.2  # of the liked papers
RANKED = 3_000  # hidden papers at most in a rehearsal
NEWCOMER = 2  # likes
EVERY = timedelta(days=7)
CHUNK = 1_000


def plan(session: Session, encoder: str, now: datetime) -> list[int]:
    """The newest example's id, when a week has passed since the last time and there are readers enough."""
    query = select(LearntRanking.computed_at).where(LearntRanking.encoder == encoder)
    last = session.exec(query.order_by(col(LearntRanking.id).desc()).limit(1)).first()
    if last is not None and last > now - EVERY:
        return []
    liked = _likes(ProfileExample.profile_id).group_by(col(ProfileExample.profile_id))
    enough = liked.having(func.count() >= LEAST_LIKES).limit(LEAST_READERS).subquery()
    if session.exec(select(func.count()).select_from(enough)).one() < LEAST_READERS:
        return []
    return [session.exec(select(func.max(ProfileExample.id))).one()]


def refresh(database: Database, encoder: str, now: datetime) -> int:
    """Learn anew from all that is liked; returns from how many readers. The database is locked only to store it."""
    with database.session(write=False) as session:
        crowd = background.load(session, encoder)
        papers, likes = _read(session, encoder)
    if crowd is None or len(likes) < LEAST_READERS:
        return 0
    counts = lexical.count_terms([paper_text(paper) for paper, _ in papers])
    width = len(crowd.mean)
    content = b"".join(vector for _, vector in papers)
    vectors = from_bytes(content, width) if width else np.empty((len(papers), 0), np.float32)
    learnt = study(make_model(encoder, crowd), vectors, counts, likes)
    with database.session() as session:
        for old in session.exec(select(LearntRanking).where(LearntRanking.encoder == encoder)):
            session.delete(old)
        session.add(_to_row(learnt, len(likes), now))
    return len(likes)


def _to_row(learnt: Model, readers: int, now: datetime) -> LearntRanking:
    return LearntRanking(
        encoder=learnt.encoder,
        dimension=learnt.liked.shape[1],
        factor_count=learnt.factors.shape[1],
        reader_count=readers,
        few=learnt.fusion.few.tolist(),
        many=learnt.fusion.many.tolist(),
        vectors=to_bytes(learnt.liked),
        factors=to_bytes(learnt.factors),
        computed_at=now,
    )


def study(model: Model, vectors: Vectors, counts: Matrix, likes: Sequence[Ints]) -> Model:
    """The model with what can be learnt from `likes`: rows, per reader, of the papers with these vectors and terms.

    From fewer than `LEAST_READERS` who like `LEAST_LIKES` papers, nothing is.
    """
    likes = [rows for rows in likes if len(rows) >= LEAST_LIKES]
    if len(likes) < LEAST_READERS:
        return model
    model = replace(model, liked=vectors)
    chance = np.random.default_rng(len(likes))
    hidden = np.zeros(len(vectors), dtype=bool)
    count = min(max(1, int(HIDDEN * len(vectors))), RANKED)
    hidden[chance.choice(len(vectors), count, replace=False)] = True
    kept = [rows[~hidden[rows]] for rows in likes]
    tested = np.array([place for place, rows in enumerate(likes) if 0 < len(kept[place]) < len(rows)], np.int64)
    tested = chance.permutation(tested)[:MOST_READERS]
    if len(tested) < LEAST_READERS:
        return replace(model, factors=_find_tastes(vectors, likes))
    newcomers = tested[: len(tested) // 2]
    cut = list(kept)
    for place in newcomers:
        cut[place] = chance.permutation(kept[place])[:NEWCOMER]
    gone = [rows[hidden[rows]] for rows in likes]
    many = _rehearse(model, counts, (kept, gone), tested, model.fusion.many)
    few = _rehearse(model, counts, (cut, gone), newcomers, model.fusion.few)
    return replace(model, fusion=Fusion(few, many), factors=_find_tastes(vectors, likes))


def _rehearse(
    model: Model, counts: Matrix, known: tuple[list[Ints], list[Ints]], tested: Ints, prior: fusion.Floats
) -> fusion.Floats:
    """Weights by which what is kept of the tested readers' likes finds what is gone, among all that is gone."""
    kept, gone = known
    knowing = replace(model, factors=_find_tastes(model.liked, kept))
    view = knowing.look_at(model.liked, counts)
    evidence = average(knowing, view, [kept[place] for place in tested])
    rows = np.unique(np.concatenate(gone))
    contrast = knowing.whitening.contrast(evidence.vectors)
    signals = scoring.measure(evidence, contrast, view.rows(rows))
    return fusion.learn(signals, [np.searchsorted(rows, gone[place]) for place in tested], prior)


def _find_tastes(vectors: Vectors, likes: Sequence[Ints]) -> Vectors:
    """The tastes of liked papers; by words alone new papers have no neighbours to take one from, so there are none."""
    return factorise(likes, len(vectors)) if vectors.shape[1] else np.empty((len(vectors), 0), np.float32)


def _likes(*columns: Any) -> Any:
    """A SELECT of `columns` over what active profiles like."""
    query = select(*columns).join(Profile, col(Profile.id) == col(ProfileExample.profile_id))
    return query.where(ProfileExample.sign > 0, col(Profile.active), col(Profile.removed_at).is_(None))


def _read(session: Session, encoder: str) -> tuple[list[tuple[Paper, bytes]], list[Ints]]:
    """The liked papers that most readers like, with their vectors, and per reader the rows of those liked."""
    work = func.coalesce(Paper.merged_into, Paper.id)
    rows = session.exec(_likes(ProfileExample.profile_id, work).join(Paper, col(Paper.id) == ProfileExample.paper_id))
    likes: dict[int, set[int]] = defaultdict(set)
    readers: dict[int, int] = defaultdict(int)
    for profile_id, paper_id in rows:
        likes[profile_id].add(paper_id)
        readers[paper_id] += 1
    wanted = sorted(readers, key=lambda paper_id: (-readers[paper_id], -paper_id))[:MOST_PAPERS]
    papers = _read_papers(session, encoder, sorted(wanted))
    places = {paper.id: row for row, (paper, _) in enumerate(papers)}
    listed = [sorted(places[paper] for paper in liked if paper in places) for _, liked in sorted(likes.items())]
    return papers, [np.array(rows, np.int64) for rows in listed if len(rows) >= LEAST_LIKES]


def _read_papers(session: Session, encoder: str, ids: list[int]) -> list[tuple[Paper, bytes]]:
    query = rankable(encoder, Paper, PaperVector.vector) if encoder else rankable(encoder, Paper)
    found = [row for some in batches(ids, CHUNK) for row in session.exec(query.where(col(Paper.id).in_(some)))]
    return [(row[0], row[1]) if encoder else (row, b"") for row in found]
