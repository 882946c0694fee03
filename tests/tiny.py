"""Makes small sentence-transformers models with random weights, so that no test needs a hub."""

import re
from collections.abc import Sequence
from pathlib import Path

WORDS = re.findall(
    r"\S+",
    "state space model attention recurrence auction market bidder budget protein folding network robot arm grasp "
    "galaxy survey spectra star study number experiment query passage represent this paper the a of and with . , :",
)


SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}


def make_model(folder: Path, words: Sequence[str] = WORDS, **shape: int) -> Path:
    """A BERT in `folder` that knows `words` and all letters; `shape` as BertConfig has it, by default of two layers."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertConfig, BertModel, BertTokenizerFast

    shape = SHAPE | shape
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*words, *letters, *(f"##{letter}" for letter in letters), *(str(digit) for digit in range(10))]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(pieces)]
    bare = folder / "bare"
    bare.mkdir(parents=True)
    (bare / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(vocab=str(bare / "vocab.txt"), model_max_length=shape["max_position_embeddings"]).save_pretrained(
        bare
    )
    torch.manual_seed(7)
    # A wide start, or every text would have nearly the same vector.
    config = BertConfig(vocab_size=len(vocabulary), initializer_range=0.5, **shape)
    BertModel(config).save_pretrained(bare)
    front = Transformer(str(bare))
    SentenceTransformer(modules=[front, Pooling(config.hidden_size)], device="cpu").save(str(folder))
    return folder
