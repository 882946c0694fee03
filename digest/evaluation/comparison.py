"""Methods side by side: every reader's ranking by every method, measured user by user and timed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digest.evaluation import conditions, metrics, vectors
from digest.evaluation.conditions import Conditions
from digest.evaluation.datasets import Dataset, User
from digest.evaluation.tasks import Floats, Ints, Method, Reader, Scorer, Task
from digest.evaluation.vectors import Cache

CHUNK = 256  # readers whose scores are held at a time

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a method did: every metric of every user; seconds of processor time that it took to prepare and to score."""

    method: str
    values: dict[str, NDArray[np.float64]]
    preparing: float
    scoring: float

    @property
    def users(self) -> int:
        return len(next(iter(self.values.values())))

    @property
    def per_thousand(self) -> float:
        """Seconds of scoring for 1,000 users."""
        return 1000 * self.scoring / max(self.users, 1)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A method that is ready to score, and the seconds of processor time that this took."""

    name: str
    score: Scorer
    seconds: float


@dataclass(frozen=True, eq=False)
class Bench:
    """A set with the vectors of its papers, on which methods are tried under one condition after another."""

    dataset: Dataset
    vectors: Floats
    cache: Cache

    def compare(self, under: Conditions, methods: Mapping[str, Method], progress: Progress) -> list[Outcome]:
        """The outcome of each method for the same users; raises InvalidRequest when no user meets the conditions."""
        users = conditions.choose_users(self.dataset, under)
        readers = conditions.make_readers(self.dataset, users, under, self.cache.embedder(progress))
        task = Task(self.dataset.papers, self.vectors, self.dataset.held_out, readers, self.cache.name)
        ready = [prepare(name, method, task) for name, method in methods.items()]  # what is amiss shows at once
        return [run(self.dataset, users, task, each, progress) for each in ready]


def open_bench(dataset: Dataset, cache: Cache, progress: Progress) -> Bench:
    return Bench(dataset, vectors.of_papers(dataset, cache, progress), cache)


def prepare(name: str, method: Method, task: Task) -> Prepared:
    start = time.process_time()
    score = method(task)
    return Prepared(name, score, time.process_time() - start)


def run(dataset: Dataset, users: Sequence[User], task: Task, method: Prepared, progress: Progress) -> Outcome:
    """Rank for every reader of the task, who stand in the order of `users`."""
    scoring, ranks = 0.0, []
    for first in range(0, len(users), CHUNK):
        readers = task.readers[first : first + CHUNK]
        start = time.process_time()
        scores = method.score(readers)
        scoring += time.process_time() - start
        for user, reader, row in zip(users[first : first + CHUNK], readers, scores, strict=True):
            ranks.append(_rank(row, reader, dataset.column[user.relevant]))
        progress(method.name, first + len(readers), len(users))
    return Outcome(method.name, metrics.measure(ranks), method.seconds, scoring)


def _rank(scores: Floats, reader: Reader, relevant: Ints) -> Ints:
    """The ranks of the relevant columns among those that the reader ranks."""
    if reader.candidates is None:
        return metrics.find_ranks(scores, relevant)
    columns = np.sort(reader.candidates)
    return metrics.find_ranks(scores[columns], np.searchsorted(columns, relevant))
