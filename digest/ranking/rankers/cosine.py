"""The usual ranker, to compare with: the cosine to the mean of the papers liked and the words, and nothing else.

What is disliked, whitening, other readers and, where there is an encoder, words and word pairs play no part.
"""

from dataclasses import replace

import numpy as np
from scipy import sparse

from digest.ranking.arithmetic import Workings
from digest.ranking.briefs import Brief
from digest.ranking.candidates import Library
from digest.ranking.profiles import Examples, gather, own_examples
from digest.ranking.scoring import Evidence, Floats, Queries


def ask(library: Library, brief: Brief, examples: Examples) -> tuple[Queries, Floats]:
    return show(library, brief, examples).fold()


def show(library: Library, brief: Brief, examples: Examples) -> Workings:
    """One signal, calibrated by the same arithmetic as the standard ranker's."""
    centroids = average(gather(library, brief, examples))
    if library.encoder:
        centroids = replace(centroids, lift=sparse.csr_matrix(centroids.lift.shape, dtype=np.float32))
    no_contrast = np.zeros_like(centroids.vectors)
    own = own_examples(library, brief, examples)
    return Workings(centroids, no_contrast, library.sample, own, library.model.fusion)


def average(evidence: Evidence) -> Evidence:
    """One piece for each profile that likes something: the mean over its papers and its words, a text as one paper."""
    wanted = np.flatnonzero(evidence.sign > 0)
    owners, places = np.unique(evidence.owner[wanted], return_inverse=True)
    worth = np.maximum(evidence.likes[wanted], 1).astype(np.float32)
    mix = sparse.csr_matrix((worth, (places, wanted)), shape=(len(owners), len(evidence.owner)))
    return Evidence(
        vectors=np.asarray(mix @ evidence.vectors, np.float32),
        tastes=np.zeros((len(owners), evidence.tastes.shape[1]), np.float32),
        lift=sparse.csr_matrix(mix @ evidence.lift),
        owner=owners,
        likes=np.bincount(places, weights=worth, minlength=len(owners)).astype(np.int64),
        sign=np.ones(len(owners), np.int64),
    )
