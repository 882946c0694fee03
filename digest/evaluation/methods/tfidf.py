"""Tf-idf vectors as arxiv-sanity-lite makes them: their mean as one query, and its linear SVM for every reader."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from digest.embeddings.lexical import Matrix
from digest.evaluation.tasks import Floats, Reader, Scorer, Task

VECTORIZER = {
    "strip_accents": "unicode",
    "stop_words": "english",
    "token_pattern": r"(?u)\b[a-zA-Z_][a-zA-Z0-9_]+\b",
    "ngram_range": (1, 2),
    "max_features": 20_000,
    "max_df": 0.1,
    "min_df": 5,
    "sublinear_tf": True,
    "dtype": np.float32,
}
SVM = {"class_weight": "balanced", "C": 0.01, "max_iter": 10_000, "tol": 1e-6, "random_state": 0}
SMALL = 200  # papers among which no term is too rare or too common


class _Space:
    """All papers as rows of length one, and the readers' likes in the same terms."""

    def __init__(self, task: Task) -> None:
        self._task = task
        limits = {} if len(task.papers) > SMALL else {"min_df": 1, "max_df": 1.0}
        self._vectorizer = TfidfVectorizer(**(VECTORIZER | limits))
        self.papers: Matrix = self._vectorizer.fit_transform(task.texts)

    def words(self, reader: Reader) -> Matrix:
        """The reader's words as one more paper, or none."""
        return self._vectorizer.transform([reader.text]) if reader.text else self.papers[:0]


def centroid(task: Task) -> Scorer:
    """Cosine to the mean of the liked papers."""
    space = _Space(task)
    candidates = space.papers[task.held_out].T.tocsc()

    def score(readers: Sequence[Reader]) -> Floats:
        liked = [sparse.vstack([space.papers[reader.liked], space.words(reader)]) for reader in readers]
        means = sparse.csr_matrix(np.concatenate([np.asarray(rows.mean(axis=0)) for rows in liked]))
        return np.asarray((means @ candidates).toarray(), np.float32)

    return score


def arxiv_sanity_lite(task: Task) -> Scorer:
    """A linear SVM per reader: what is liked against all other papers in store."""
    space = _Space(task)
    candidates = space.papers[task.held_out]

    def score(readers: Sequence[Reader]) -> Floats:
        return np.stack([_train(space, reader).decision_function(candidates) for reader in readers]).astype(np.float32)

    return score


def _train(space: _Space, reader: Reader) -> LinearSVC:
    words = space.words(reader)
    examples = sparse.vstack([space.papers, words], format="csr") if words.shape[0] else space.papers
    wanted = np.zeros(examples.shape[0], np.int64)
    wanted[reader.liked] = 1
    wanted[space.papers.shape[0] :] = 1
    return LinearSVC(**SVM).fit(examples, wanted)


METHODS = {"tfidf-centroid": centroid, "arxiv-sanity-lite": arxiv_sanity_lite}
