"""Conditions under which a set's users are ranked for: all that they liked, or as little as a newcomer tells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

from digest.embeddings import lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import paper_text
from digest.errors import InvalidRequest
from digest.evaluation.datasets import Dataset, User, by_hash
from digest.evaluation.tasks import Reader

ENOUGH = 10  # liked papers of a user whose likes are cut down
LEAST_PAPERS = 5  # that have a phrase: people name what has a name


@dataclass(frozen=True, slots=True)
class Conditions:
    """How many of the `users` and of their `likes` are taken (None: all), and what they say in words.

    `phrases` counts the most characteristic terms of the full profile; `sentence` is the title of a liked paper.
    """

    users: int | None = None
    likes: int | None = None
    phrases: int = 0
    sentence: bool = False


def check(conditions: Conditions) -> None:
    """Raises InvalidRequest for conditions under which nobody says anything, or too much."""
    if conditions.sentence and conditions.likes != 0:
        raise InvalidRequest("--sentence stands for all that is known of a user: add --likes 0.")
    if conditions.likes == 0 and not (conditions.sentence or conditions.phrases):
        raise InvalidRequest("With --likes 0 nothing is known of a user: add --phrases or --sentence.")


def choose_users(dataset: Dataset, conditions: Conditions) -> list[User]:
    """Those with likes enough, or a part of them by chance, the same each time; raises InvalidRequest if none."""
    least = 1 if conditions.likes is None else max(ENOUGH, conditions.likes)
    users = [user for user in dataset.users if len(user.liked) >= least]
    if not users:
        raise InvalidRequest(f"No user of {dataset.name} likes {least} papers.")
    if conditions.users is None or conditions.users >= len(users):
        return users
    chosen = {user.name for user in sorted(users, key=lambda user: by_hash(user.name))[: conditions.users]}
    return [user for user in users if user.name in chosen]


def make_readers(
    dataset: Dataset,
    users: Sequence[User],
    conditions: Conditions,
    embed: Callable[[Sequence[str]], Vectors] | None,
) -> list[Reader]:
    """What a method may know of each user; without `embed` words have no vector."""
    check(conditions)
    readers = [_make_reader(dataset, user, conditions) for user in users]
    phrases = _phrases(dataset, users, conditions.phrases) if conditions.phrases else [""] * len(users)
    texts = [
        ". ".join(part for part in (_sentence(dataset, user) if conditions.sentence else "", words) if part)
        for user, words in zip(users, phrases, strict=True)
    ]
    if not any(texts):
        return readers
    vectors: Sequence[Vectors | None] = [None] * len(texts) if embed is None else list(embed(texts))
    return [
        replace(reader, text=text, vector=vector if text else None)
        for reader, text, vector in zip(readers, texts, vectors, strict=True)
    ]


def _make_reader(dataset: Dataset, user: User, conditions: Conditions) -> Reader:
    liked = user.liked
    if conditions.likes is not None:
        liked = np.sort(_shuffled(dataset, user)[: conditions.likes])
        liked = user.liked[np.isin(user.liked, liked)]
    disliked = user.disliked if conditions.likes is None else user.disliked[:0]
    candidates = None if user.candidates is None else dataset.column[user.candidates]
    return Reader(user.name, liked, disliked, candidates)


def _shuffled(dataset: Dataset, user: User) -> NDArray[np.int64]:
    """The user's liked papers in an order of chance, the same each time: fewer likes are a part of more."""
    return np.array(sorted(user.liked, key=lambda row: by_hash(user.name, dataset.names[row])), np.int64)


def _sentence(dataset: Dataset, user: User) -> str:
    paper = dataset.papers[_shuffled(dataset, user)[0]]
    return paper.title or paper_text(paper)


def _phrases(dataset: Dataset, users: Sequence[User], count: int) -> list[str]:
    """Each user's `count` most characteristic terms; ties go by the alphabet.

    Of the terms in the titles of a user's papers these are the ones that tell the papers most from all others: the
    largest shares of the Kullback-Leibler divergence.
    """
    vectorizer = CountVectorizer(
        analyzer=lexical.content_terms, binary=True, min_df=LEAST_PAPERS, max_features=None, dtype=np.float32
    )
    present = vectorizer.fit_transform([paper_text(paper) for paper in dataset.papers])
    titled = vectorizer.transform([paper.title for paper in dataset.papers])
    terms = vectorizer.get_feature_names_out()
    papers_with = np.asarray(present.sum(axis=0)).ravel()
    found = []
    for user in users:
        share = np.asarray(present[user.liked].mean(axis=0)).ravel()
        in_titles = np.asarray(titled[user.liked].sum(axis=0)).ravel() > 0
        weights = in_titles * share * np.log(np.maximum(share, 1e-9) * len(dataset.papers) / papers_with)
        best = np.argsort(-weights, kind="stable")[:count]
        found.append(", ".join(str(terms[place]) for place in best if weights[place] > 0))
    return found
