"""Exact inner-product search with FAISS, on the GPU where FAISS finds one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.embeddings.encoder import Vectors
from digest.errors import ConfigurationError


def search(queries: Vectors, papers: Vectors, count: int) -> tuple[Vectors, NDArray[np.int64]]:
    """The `count` rows of `papers` with the largest inner product, for every row of `queries`, best first.

    Returns (scores, rows), both of shape (len(queries), min(count, len(papers))).
    """
    wanted = min(count, len(papers))
    if wanted == 0 or len(queries) == 0:
        return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
    faiss = load_faiss()
    left, right = np.ascontiguousarray(queries, np.float32), np.ascontiguousarray(papers, np.float32)
    if _has_gpu(faiss):
        scores, rows = faiss.knn_gpu(
            faiss.StandardGpuResources(), left, right, wanted, metric=faiss.METRIC_INNER_PRODUCT
        )
    else:
        scores, rows = faiss.knn(left, right, wanted, metric=faiss.METRIC_INNER_PRODUCT)
    return np.asarray(scores, np.float32), np.asarray(rows, np.int64)


def load_faiss() -> Any:
    """The faiss module; raises ConfigurationError that says how to install it."""
    try:
        import faiss
    except (ImportError, RuntimeError) as error:  # faiss-gpu raises RuntimeError when a CUDA library is missing
        raise ConfigurationError(
            "FAISS is missing: `pip install faiss-cpu`, or `pip install faiss-gpu` for an NVIDIA card; never both."
        ) from error
    return faiss


def _has_gpu(faiss: Any) -> bool:
    return hasattr(faiss, "get_num_gpus") and faiss.get_num_gpus() > 0 and hasattr(faiss, "StandardGpuResources")
