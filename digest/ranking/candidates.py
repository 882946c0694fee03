"""Candidate generation: the papers that editions may hold, in both views, and one search for all profiles at once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from digest.db import batches
from digest.embeddings import index, lexical
from digest.embeddings.background import Crowd
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import from_bytes, paper_text, rankable
from digest.papers import attention, trending
from digest.ranking import scoring
from digest.ranking.model import Model, load_model
from digest.ranking.scoring import Queries, View
from digest.tables import Paper, PaperVector, Profile

CROWD_SAMPLE = 1_000  # newest papers that relevances are calibrated on
OVER_FETCH = 1_000  # candidates per profile in the first search: words may lift what vectors leave far behind
CHUNK = 1_000
PHRASES = 2_048  # of which a library remembers in what papers they are

T = TypeVar("T")
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Library:
    """The papers of a window in all views (row by row in `papers`), and the model that they are measured by."""

    papers: list[Paper]
    sentences: list[Vectors]
    view: View
    sample: View
    sample_ids: list[int]
    model: Model

    @property
    def crowd(self) -> Crowd:
        return self.model.crowd

    @property
    def encoder(self) -> str:
        return self.model.encoder

    @cached_property
    def rows(self) -> dict[int, int]:
        """The row of each paper id."""
        return {paper.id: row for row, paper in enumerate(self.papers)}

    @cached_property
    def trend(self) -> Vectors:
        """The trend of each paper, NaN where it is not known."""
        return np.array([np.nan if paper.trend is None else paper.trend for paper in self.papers], np.float32)

    @cached_property
    def field_trend(self) -> Vectors:
        """The trend of each paper by the measure of its own field; the plain one where its field has no level."""
        found = [(paper.trend_facts or {}).get("field") for paper in self.papers]
        times = np.array([np.nan if field is None else field["times"] for field in found], np.float32)
        return np.where(np.isnan(times), self.trend, trending.trend_score(times)).astype(np.float32)

    @cached_property
    def fields(self) -> tuple[list[str], Ints]:
        """The names of the fields there are, sorted, and the place in it of each paper's own; "" names none."""
        names, places = np.unique([trending.field_of(paper.categories) for paper in self.papers], return_inverse=True)
        return names.tolist(), places.astype(np.int64)

    @cached_property
    def precedence(self) -> Ints:
        """The place of each paper where scores tie: by trend, then votes, the newer listing day, the lower id."""
        places = np.empty(len(self.papers), np.int64)
        places[sorted(range(len(places)), key=lambda row: _standing(self.papers[row]))] = np.arange(len(places))
        return places

    @cached_property
    def ids(self) -> Ints:
        """The id of each paper."""
        return np.array([paper.id for paper in self.papers], np.int64)

    @cached_property
    def stems(self) -> list[str]:
        """Each paper's stems between blanks, for finding phrases."""
        return [f" {' '.join(lexical.words(paper_text(paper)))} " for paper in self.papers]

    @cached_property
    def rows_by_stem(self) -> dict[str, list[int]]:
        """The rows of the papers that have a stem, so that a phrase is looked for in few of them."""
        return _listed_by(((stem, row) for row, stems in enumerate(self.stems) for stem in set(stems.split())))

    @cached_property
    def rows_by_author(self) -> dict[tuple[str, ...], list[int]]:
        """The rows of the papers of an author, by the words of the name."""
        named = ((lexical.surface(name), row) for row, paper in enumerate(self.papers) for name in paper.authors)
        return _listed_by(named)

    def mentions(self, phrase: str) -> Mask:
        """Which papers have `phrase` as whole words, in any number and case."""
        return self._mask(self._rows_with(phrase))

    def mention_any(self, phrases: Iterable[str]) -> Mask:
        """Which papers have one of `phrases` or more."""
        return self._mask([row for phrase in phrases for row in self._rows_with(phrase)])

    def written_by(self, authors: Iterable[str]) -> Mask:
        """Which papers have one of `authors`, whatever the case, the accents and the dots."""
        return self._mask([row for name in authors for row in self.rows_by_author.get(lexical.surface(name), ())])

    def announced_after(self, moment: datetime) -> Mask:
        return np.asarray(self._announced > moment.timestamp(), dtype=bool)

    @cached_property
    def _announced(self) -> NDArray[np.float64]:
        return np.array([paper.announced_at.timestamp() for paper in self.papers], np.float64)

    @cached_property
    def _rows_with(self) -> Callable[[str], list[int]]:
        """Finds the rows with a phrase, and remembers them: what is muted for one edition is muted for the next."""
        return lru_cache(maxsize=PHRASES)(self._find_rows)

    def _find_rows(self, phrase: str) -> list[int]:
        stems = lexical.words(phrase)
        rarest = min((self.rows_by_stem.get(stem, []) for stem in stems), key=len, default=[])
        wanted = f" {' '.join(stems)} "
        return rarest if len(stems) == 1 else [row for row in rarest if wanted in self.stems[row]]

    def _mask(self, rows: list[int]) -> Mask:
        mask = np.zeros(len(self.papers), dtype=bool)
        mask[rows] = True
        return mask

    def unfold(self) -> None:
        """Make now what is otherwise made at its first use."""
        words, trends = (self.rows_by_stem, self.rows_by_author), (self.trend, self.field_trend, self.fields)
        for made in (self.rows, *trends, self.precedence, self.ids, self._announced, *words):
            len(made)


def _standing(paper: Paper) -> tuple[float, int, int, int]:
    """What papers are ordered by where scores tie; votes that nobody counted come after none."""
    trend = scoring.UNKNOWN_TREND if paper.trend is None else paper.trend
    votes = (paper.trend_facts or {}).get("votes", -1)
    return -trend, -votes, -paper.announced_at.toordinal(), paper.id


def _listed_by(pairs: Iterable[tuple[T, int]]) -> dict[T, list[int]]:
    listed: dict[T, list[int]] = {}
    for name, row in pairs:
        listed.setdefault(name, []).append(row)
    return listed


def load_library(session: Session, encoder: str, since: datetime, now: datetime) -> Library | None:
    """The papers announced in (since, now] that this encoder can rank, with the trend that they have at `now`.

    None while the store holds no paper at all.
    """
    model = load_model(session, encoder)
    if model is None:
        return None
    newest = (
        rankable(encoder, Paper)
        .where(Paper.announced_at <= now)
        .order_by(col(Paper.announced_at).desc(), col(Paper.id))
    )
    sample = list(session.exec(newest.limit(CROWD_SAMPLE)))
    window = list(session.exec(newest.where(Paper.announced_at > since)))
    attention.turn_back(session, window, now)
    papers = list({paper.id: paper for paper in [*window, *sample]}.values())
    view, sentences = make_view(session, model, papers)
    sampled = {paper.id for paper in sample}
    rows = np.array([row for row, paper in enumerate(papers) if paper.id in sampled], np.int64)
    sample_ids = [papers[row].id for row in rows]
    return Library(
        papers=window,
        sentences=sentences[: len(window)],
        view=view.rows(np.arange(len(window))),
        sample=view.rows(rows),
        sample_ids=sample_ids,
        model=model,
    )


def make_view(session: Session, model: Model, papers: list[Paper]) -> tuple[View, list[Vectors]]:
    """Papers in all views, and the vectors of their sentences."""
    dimension = len(model.crowd.mean)
    vectors, sentences = _stored_vectors(session, model.encoder, dimension, [paper.id for paper in papers])
    return model.look_at(vectors, lexical.count_terms([paper_text(paper) for paper in papers])), sentences


def _stored_vectors(session: Session, encoder: str, dimension: int, ids: list[int]) -> tuple[Vectors, list[Vectors]]:
    """Rows in the order of `ids`; without an encoder they have no columns."""
    stored: dict[int, tuple[bytes, bytes | None]] = {}
    for some in batches(ids, CHUNK) if encoder else ():
        query = select(PaperVector.paper_id, PaperVector.vector, PaperVector.sentences)
        rows = session.exec(query.where(col(PaperVector.paper_id).in_(some), PaperVector.encoder == encoder))
        stored |= {paper_id: (vector, sentences) for paper_id, vector, sentences in rows}
    if not encoder:
        return np.empty((len(ids), 0), np.float32), [np.empty((0, 0), np.float32)] * len(ids)
    vectors = from_bytes(b"".join(stored[paper_id][0] for paper_id in ids), dimension)
    return vectors, [from_bytes(stored[paper_id][1] or b"", dimension) for paper_id in ids]


@dataclass(frozen=True, slots=True)
class Pull:
    """How much the trend counts for each of some profiles: its share in the score, and the fields that are theirs.

    Of a paper in one of a profile's own fields the trend by the measure of that field counts, of others the plain one:
    `own` (profiles, fields) says which of the library's fields are whose.
    """

    library: Library
    balance: Vectors
    own: Mask

    def of(self, positions: list[int]) -> "Pull":
        return Pull(self.library, self.balance[positions], self.own[positions])

    def trend(self, position: int, rows: Ints) -> Vectors:
        """The trend of some papers as it counts for a profile."""
        is_own = self.own[position, self.library.fields[1][rows]]
        return np.where(is_own, self.library.field_trend[rows], self.library.trend[rows])

    def widen(self, queries: Queries) -> tuple[Vectors, Vectors]:
        """The dense parts of queries and papers with the trend as further dimensions: one, and one for each own field.

        The product of two rows is to first order what the score orders by.
        """
        library = self.library
        papers, asked = scoring.with_trend(library.view, library.trend), scoring.with_balance(queries, self.balance)
        fields = np.flatnonzero(self.own.any(axis=0))
        gain = np.nan_to_num(library.field_trend - library.trend)
        in_field = (library.fields[1][:, None] == fields) * gain[:, None]
        pull = self.own[:, fields] * asked[:, -1:]
        return np.hstack([asked, pull]).astype(np.float32), np.hstack([papers, in_field]).astype(np.float32)


def pull_of(library: Library, profiles: Sequence[Profile]) -> Pull:
    """How much the trend counts for `profiles`, and the fields that are their own categories or in one as `cs`."""
    names = library.fields[0]
    places = _listed_by((name, place) for place, field in enumerate(names) for name in trending.names_of(field))
    own = np.zeros((len(profiles), len(names)), dtype=bool)
    for row, profile in enumerate(profiles):
        own[row, [place for category in profile.categories for place in places.get(category, ())]] = True
    return Pull(library, np.array([profile.balance for profile in profiles], np.float32), own)


def no_pull(library: Library, profiles: int) -> Pull:
    """The trend counts for nothing: so it is with papers that nobody's votes are known of."""
    return Pull(library, np.zeros(profiles, np.float32), np.zeros((profiles, len(library.fields[0])), dtype=bool))


def nearest(library: Library, queries: Queries, pull: Pull, allowed: list[Mask], wanted: int) -> list[Ints]:
    """For each profile the rows of its candidates, best first: at least `wanted` allowed ones, or all there are.

    One exact search serves all profiles; where too few of the found are allowed, it widens until enough are.
    """
    total, profiles = len(library.papers), len(allowed)
    if queries.direction.shape[1] == 0:  # by words alone there is nothing to search with
        return [np.flatnonzero(mask) for mask in allowed]
    asked, papers = pull.widen(queries)
    count, open_profiles = OVER_FETCH, np.arange(profiles)
    found: list[Ints] = [np.empty(0, np.int64)] * profiles
    while len(open_profiles):
        _, rows = index.search(asked[open_profiles], papers, count)
        for profile, candidates in zip(open_profiles, rows, strict=True):
            found[profile] = candidates[allowed[profile][candidates]]
        short = [profile for profile in open_profiles if len(found[profile]) < wanted]
        open_profiles = np.array(short, np.int64) if count < total else np.empty(0, np.int64)
        count *= 4
    return found
