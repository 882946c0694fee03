"""Exact inner-product search: FAISS on its GPU, else torch on an NVIDIA card, else FAISS on the processor."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from digest.embeddings.encoder import Vectors
from digest.errors import ConfigurationError

Found = tuple[Vectors, NDArray[np.int64]]
Way = Literal["faiss", "faiss-gpu", "torch-cpu", "torch-cuda"]

TILE = 8_192  # queries at once on a card: their scores against 10,000 papers are 330 MB
DRIVER = Path("/proc/driver/nvidia")  # torch, which takes a second to load, is asked only where this is


def search(queries: Vectors, papers: Vectors, count: int, way: Way | None = None) -> Found:
    """The `count` rows of `papers` with the largest inner product, for every row of `queries`, best first.

    Returns (scores, rows), both of shape (len(queries), min(count, len(papers))). All ways give the same, but for the
    order of papers whose scores are equal to about 1e-6; without `way` the fastest that the machine has is taken.
    """
    wanted = min(count, len(papers))
    if wanted == 0 or len(queries) == 0:
        return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
    left, right = np.ascontiguousarray(queries, np.float32), np.ascontiguousarray(papers, np.float32)
    chosen = way or best_way()
    if chosen.startswith("torch"):
        return _search_by_torch(left, right, wanted, chosen.removeprefix("torch-"))
    faiss = load_faiss()
    if chosen == "faiss-gpu":
        scores, rows = faiss.knn_gpu(
            faiss.StandardGpuResources(), left, right, wanted, metric=faiss.METRIC_INNER_PRODUCT
        )
    else:
        scores, rows = faiss.knn(left, right, wanted, metric=faiss.METRIC_INNER_PRODUCT)
    return np.asarray(scores, np.float32), np.asarray(rows, np.int64)


def best_way() -> Way:
    """The fastest way that this machine has."""
    if _has_gpu(load_faiss()):
        return "faiss-gpu"
    return "torch-cuda" if _torch_has_cuda() else "faiss"


def _search_by_torch(queries: Vectors, papers: Vectors, count: int, device: str) -> Found:
    import torch

    there = torch.from_numpy(papers).to(device).T
    scores, rows = [], []
    for start in range(0, len(queries), TILE):
        tile = torch.from_numpy(queries[start : start + TILE]).to(device)
        best = torch.topk(tile @ there, count, dim=1)
        scores.append(best.values.cpu().numpy())
        rows.append(best.indices.cpu().numpy())
    return np.concatenate(scores), np.concatenate(rows)


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


@cache
def _torch_has_cuda() -> bool:
    if not DRIVER.exists():
        return False
    import torch

    return bool(torch.cuda.is_available())
