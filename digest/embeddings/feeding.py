"""Feeds a sentence-transformers model: texts are turned into tokens ahead of it, in threads.

On a fast GPU the tokeniser is the bound: at some 2,000 abstracts a second and core it takes a dozen cores to keep one
card busy. It works outside the interpreter's lock, so threads are enough; each has a tokeniser of its own, because one
of them serves a single thread at a time. On a CPU the model needs the cores itself, and nothing is done ahead.
"""

import copy
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np

BATCH = 32
GPU_BATCH = 256
MOST_THREADS = 16
AHEAD = 2  # batches of tokens that wait per thread

Batch = dict[str, Any]


def embed(model: Any, texts: Sequence[str], prompt: str, role: str) -> Any:
    """A tensor of shape (len(texts), width) on the model's device, in the order of `texts` (one at least)."""
    if model.device.type != "cuda" or not hasattr(model[0], "processor"):  # a model of several entrances
        return model.encode(
            list(texts), prompt=prompt, task=role, batch_size=BATCH, convert_to_tensor=True, show_progress_bar=False
        )
    return embed_ahead(model, texts, prompt, role, min(os.cpu_count() or 1, MOST_THREADS))


def embed_ahead(model: Any, texts: Sequence[str], prompt: str, role: str, threads: int) -> Any:
    """The same as the model's own `encode`, with tokens made ahead by so many `threads`; on any device."""
    import torch

    order = np.argsort([-len(text) for text in texts], kind="stable")  # texts of one length need little padding
    parts = [[texts[row] for row in order[start : start + GPU_BATCH]] for start in range(0, len(order), GPU_BATCH)]
    tokenise = _Tokeniser(model, prompt, role)
    model.eval()
    rows = []
    with torch.inference_mode():
        for tokens in _made_ahead(tokenise, parts, threads):
            there = {
                name: value.to(model.device, non_blocking=True) if torch.is_tensor(value) else value
                for name, value in tokens.items()
            }
            rows.append(model(there, task=role)["sentence_embedding"])
    back = torch.from_numpy(np.argsort(order)).to(model.device)
    return torch.cat(rows)[back]


class _Tokeniser:
    """Makes the tokens of a batch, with a copy of the model's tokeniser for each thread that calls."""

    def __init__(self, model: Any, prompt: str, role: str) -> None:
        self._model, self._prompt, self._role = model, prompt, role
        self._copying = threading.Lock()
        self._mine = threading.local()

    def __call__(self, texts: list[str]) -> Batch:
        tokens: Batch = self._front().preprocess(texts, prompt=self._prompt, task=self._role)
        return tokens

    def _front(self) -> Any:
        """The model's first module, which reads texts, as this thread's own."""
        if not hasattr(self._mine, "front"):
            with self._copying:
                front = copy.copy(self._model[0])
                front.processor = copy.deepcopy(front.processor)
            self._mine.front = front
        return self._mine.front


def _made_ahead(tokenise: Callable[[list[str]], Batch], parts: list[list[str]], threads: int) -> Iterator[Batch]:
    """The tokens of each part, in order; a few parts are always under way."""
    with ThreadPoolExecutor(threads, "tokeniser") as pool:
        left = iter(parts)
        waiting: deque[Future[Batch]] = deque(pool.submit(tokenise, part) for part in islice(left, AHEAD * threads))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(tokenise, part) for part in islice(left, 1))
