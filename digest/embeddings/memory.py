"""The vectors of the texts that were embedded last: somebody who tries out an interest sends the same words often."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from digest.embeddings.encoder import Encoder, Vectors
from digest.embeddings.vectors import embed_texts, from_bytes, to_bytes

REMEMBERED = 1_024


class TextMemory:
    """Remembers the vectors of the `most` texts that were asked for last. Threads may share it."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, str], Vectors] = OrderedDict()
        self._lock = threading.Lock()  # also around the encoder, whose tokenizer serves one thread at a time

    def embed(self, encoder: Encoder, texts: Sequence[str]) -> Vectors:
        """A row per text as it would come out of the store, where numbers are shorter; noughts for an empty one."""
        with self._lock:
            missing = [text for text in dict.fromkeys(texts) if (encoder.name, text) not in self._known]
            found = from_bytes(to_bytes(embed_texts(encoder, missing)), encoder.dimension)
            rows = {text: self._known.get((encoder.name, text)) for text in texts} | dict(
                zip(missing, found, strict=True)
            )
            for text, row in rows.items():
                self._known[encoder.name, text] = row
                self._known.move_to_end((encoder.name, text))
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return np.array([rows[text] for text in texts], np.float32).reshape(len(texts), encoder.dimension)
