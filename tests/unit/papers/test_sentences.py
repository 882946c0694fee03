"""Splitting abstracts into sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.papers.sentences import SHORTEST, split

FIRST, SECOND = "The first sentence is long enough.", "The second one is long enough too."


@given(text=st.text() | st.text('aB1.!? \n\t"”)(“’\u00a0', max_size=200))
def test_the_sentences_together_are_the_text(text: str) -> None:
    sentences = split(text)
    assert " ".join(sentences) == " ".join(text.split())
    assert all(sentences)


@given(text=st.text("aB1.!? ", max_size=300))
def test_no_sentence_among_several_is_a_scrap(text: str) -> None:
    sentences = split(text)
    assert len(sentences) <= 1 or all(len(sentence) >= SHORTEST for sentence in sentences)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (FIRST, SECOND),
        ("Is the first sentence long enough?", SECOND),
        ("The first sentence ends in a quote: “enough.”", SECOND),
        ("The first sentence ends in brackets (here, that is.)", SECOND),
        ("The first sentence ends in a number: 3.5.", SECOND),
        (FIRST, "“The second” begins with a quote."),
        (FIRST, "(The second one stands in brackets.)"),
        (FIRST, "$O(n)$ is how the second one begins."),
        (FIRST, "3D shapes are what the second one is about."),
    ],
)
def test_a_sentence_ends_where_a_reader_would_say(first: str, second: str) -> None:
    assert split(f"{first} {second}") == [first, second]
    assert split(f"{first}\n  {second}\n") == [first, second]


@pytest.mark.parametrize(
    "sentence",
    [
        "We compare many baselines, e.g. BERT and its successors, on long texts.",
        "We consider the harder case, i.e. Markov chains without any restarts.",
        "This extends the method of Vaswani et al. It was known before to some.",
        "As shown by Vaswani et al. (2017), attention is all that one needs.",
        "The rate drops from 3.5 percent to 1.2 percent, which is significant.",
        "The results of the ablation are given in Fig. 3 and discussed in Sec. 5.",
        "This is a theorem of J. Smith and of K. R. Jones, with a new proof.",
        "The samples are drawn i.i.d. Gaussian noise is then added to all of them.",
        "We ask whether learning helps vs. Bayesian inference on small samples.",
        "The library is called node.js and the site is example.Org for everybody.",
    ],
)
def test_a_full_stop_within_a_sentence_ends_nothing(sentence: str) -> None:
    assert split(f"{FIRST} {sentence}") == [FIRST, sentence]


@pytest.mark.parametrize(("text", "expected"), [("", []), (" \n ", []), ("No end", ["No end"])])
def test_little_text_gives_few_sentences(text: str, expected: list[str]) -> None:
    assert split(text) == expected


def test_a_scrap_joins_the_sentence_before_it() -> None:
    assert split(f"{FIRST} It works. {SECOND}") == [f"{FIRST} It works.", SECOND]


def test_a_scrap_at_the_beginning_joins_the_sentence_after_it() -> None:
    assert split(f"It works. {SECOND}") == [f"It works. {SECOND}"]
