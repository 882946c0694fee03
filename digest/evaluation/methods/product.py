"""The product's own ranking: its crowd, evidence, calibration, search and scores, without a database.

`digest` is what an edition is made of: `ranking.candidates.nearest`, the FAISS search, finds candidates, and only they
are scored; the rest is never ranked. `digest-exhaustive` scores every paper: the difference is what searching loses.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from digest.embeddings import background, lexical
from digest.evaluation.tasks import Floats, Ints, Reader, Scorer, Task
from digest.ranking import candidates, learning, scoring
from digest.ranking.briefs import Brief, Signs, weigh
from digest.ranking.candidates import CROWD_SAMPLE, OVER_FETCH, Library
from digest.ranking.methods import USUAL
from digest.ranking.model import Model, make_model
from digest.ranking.profiles import Examples, gather
from digest.ranking.scoring import Mask, Matrix, Queries, View
from digest.tables import Profile

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def searched(task: Task) -> Scorer:
    """As an edition does it: search, then score what was found."""
    library, view = make_library(task)

    def score(readers: Sequence[Reader]) -> Floats:
        queries = ask(library, view, task, readers)
        allowed = [_allowed(reader, len(task.held_out)) for reader in readers]
        found = candidates.nearest(library, queries, candidates.no_pull(library, len(readers)), allowed, OVER_FETCH)
        scores = np.full((len(readers), len(task.held_out)), -np.inf, np.float32)
        relevance = queries.relevance(library.view)
        for place, rows in enumerate(found):
            scores[place, rows] = relevance[place, rows]
        return scores

    return score


def exhaustive(task: Task) -> Scorer:
    """Every paper is scored."""
    library, view = make_library(task)
    return lambda readers: ask(library, view, task, readers).relevance(library.view)


def make_library(task: Task) -> tuple[Library, View]:
    """The papers to rank as the ranker holds them, and all papers in all views, row by row.

    The model learns from what the readers of the task like, as an instance's does from its readers.
    """
    counts = lexical.count_terms(task.texts)
    model = make_model(task.encoder, background.describe(_chunks(task, counts), task.vectors.shape[1]))
    liked = np.unique(np.concatenate([reader.liked for reader in task.readers]))
    likes = [np.searchsorted(liked, reader.liked) for reader in task.readers]
    model = learning.study(model, task.vectors[liked], counts[liked], likes)
    view = model.look_at(task.vectors, counts)
    return _shelve(task, model, view), view


def _chunks(task: Task, counts: Matrix) -> Iterator[tuple[Matrix, Floats]]:
    for start in range(0, len(task.papers), background.CHUNK):
        rows = slice(start, start + background.CHUNK)
        yield counts[rows], task.vectors[rows]


def _shelve(task: Task, model: Model, view: View) -> Library:
    """Relevances are calibrated on the newest papers, as in the product: on those held out, which count as today's."""
    sample = _newest(task)[:CROWD_SAMPLE]
    return Library(
        papers=[task.papers[row] for row in task.held_out],
        sentences=[],
        view=view.rows(task.held_out),
        sample=view.rows(sample),
        sample_ids=[task.papers[row].id for row in sample],
        model=model,
    )


def _newest(task: Task) -> Ints:
    """The rows of all papers: those held out, then the others from the newest to the oldest."""
    others = np.setdiff1d(np.arange(len(task.papers)), task.held_out)
    ages = [-task.papers[row].announced_at.timestamp() for row in others]
    return np.concatenate([task.held_out, others[np.argsort(ages, kind="stable")]])


def ask(library: Library, view: View, task: Task, readers: Sequence[Reader]) -> Queries:
    """What the readers' profiles ask, one each."""
    brief, examples = make_brief(readers), make_examples(view, task, readers)
    evidence = gather(library, brief, examples)
    own = np.array([_own(library, task, reader) for reader in readers], dtype=bool)
    contrast = library.model.whitening.contrast(evidence.vectors)
    return scoring.fold(evidence, contrast, library.sample, own, library.model.fusion)[0]


def _own(library: Library, task: Task, reader: Reader) -> Mask:
    """Which papers of the sample are the reader's own examples."""
    rows = [*reader.liked, *reader.disliked]
    return np.isin(library.sample_ids, [task.papers[row].id for row in rows])


def make_brief(readers: Sequence[Reader]) -> Brief:
    """A transient profile per reader, numbered from one."""
    profiles = [
        Profile(id=number, name=reader.name, text=reader.text, created_at=LONG_AGO)
        for number, reader in enumerate(readers, 1)
    ]
    texts = {number: reader.vector for number, reader in enumerate(readers, 1) if reader.vector is not None}
    return Brief(profiles, texts=texts)


def make_examples(view: View, task: Task, readers: Sequence[Reader]) -> Examples:
    """The readers' papers, each as if it had been given when it was announced."""
    signs: Signs = {}
    for number, reader in enumerate(readers, 1):
        signs |= {(number, row): 1 for row in reader.liked.tolist()}
        signs |= {(number, row): -1 for row in reader.disliked.tolist()}
    given_at = {key: task.papers[key[1]].announced_at for key in signs}
    examples = Examples(list(task.papers), view, weights=weigh(signs, given_at, USUAL.half_life))
    for (number, row), sign in signs.items():
        (examples.liked if sign > 0 else examples.disliked)[number].append(row)
    return examples


def _allowed(reader: Reader, papers: int) -> Mask:
    """The columns that this reader ranks."""
    if reader.candidates is None:
        return np.ones(papers, dtype=bool)
    mask = np.zeros(papers, dtype=bool)
    mask[reader.candidates] = True
    return mask


METHODS = {"digest": searched, "digest-exhaustive": exhaustive}
