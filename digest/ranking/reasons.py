"""Why a paper was picked, made of the ranker's own terms, and the one sentence of it that lies nearest to the interest.

A reason is stored as data: {kind, profile, closer_than, crowd, like, words, keywords, authors, trend}. Every number
in it equals what the ranker used; `explain` puts it into words for a person.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from digest.embeddings import lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import paper_text, profile_text
from digest.papers import sentences, trending
from digest.ranking.candidates import Library
from digest.ranking.profiles import Examples
from digest.ranking.scoring import Standing
from digest.tables import Paper, Profile

CLOSE_EXAMPLE = 0.5  # cosine from which an example may be named
MOST_WORDS = 3
EXACT = 1e-6  # what floating point takes off a number of tenths
HALF = 0.5
FINE = 500  # papers from which a tenth of a percent means something
RARE = 0.2  # a word that more of the store has says nothing
LONG_AGO = 48  # hours from which on days are told
COMMON_ENOUGH = 5  # papers that may have it however small the store

Reason = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Nearest:
    """An example and its cosine with a paper."""

    paper: Paper
    cosine: float


def give_reason(library: Library, row: int, profile: Profile, examples: Examples, standing: Standing) -> Reason:
    """Why the paper at `row` of the library is for `profile`, where it stands as `standing` says."""
    paper = library.papers[row]
    nearest = nearest_example(library.view.vectors[row], examples, examples.liked[profile.id])
    like = nearest.paper if nearest and nearest.cosine >= CLOSE_EXAMPLE else None
    return {
        "kind": "match",
        "profile": profile.name,
        "closer_than": math.floor(standing.share * 10_000) / 10_000,
        "crowd": standing.compared,
        "like": like.title if like else None,
        "words": shared_words(library, paper_text(paper), profile_text(profile), paper_text(like) if like else ""),
        "keywords": [phrase for phrase in profile.keywords if library.mentions(phrase)[row]],
        "authors": [author for author in paper.authors if is_followed(author, profile.authors)],
        "trend": _trend_of(paper, profile.categories),
    }


def outside_reason(paper: Paper) -> Reason:
    """Why a paper from outside every profile is there: it is trending, and nothing else."""
    facts = _trend_of(paper)
    return {"kind": "trending", "trend": facts if trending.deserves_badge(facts) else None}


def popular_reason(paper: Paper) -> Reason:
    """Why a paper is there for somebody of whom no interest is known: others notice it, as far as that is known."""
    return {"kind": "popular", "votes": (paper.trend_facts or {}).get("votes"), "trend": _trend_of(paper)}


def is_followed(author: str, followed: Sequence[str]) -> bool:
    """Whether `author` is one of `followed`, whatever the case, the accents and the dots."""
    name = lexical.surface(author)
    return any(name == lexical.surface(other) for other in followed)


def _trend_of(paper: Paper, categories: Sequence[str] = ()) -> dict[str, Any] | None:
    """What may be said of a paper's trend to a reader of `categories`, by the measure of its field if it is of them."""
    facts = trending.facts_within(paper.trend_facts, categories)
    return facts if trending.deserves_badge(facts) or trending.is_likely(facts) else None


def nearest_example(vector: Vectors, examples: Examples, liked: list[int]) -> Nearest | None:
    """Of the examples at the rows `liked` the one nearest to `vector`; None without examples or vectors."""
    if not liked or not len(vector):
        return None
    cosines = examples.view.vectors[liked] @ vector
    best = int(np.argmax(cosines))
    return Nearest(examples.papers[liked[best]], float(cosines[best]))


def shared_words(library: Library, text: str, wanted: str, example: str) -> list[str]:
    """The phrases of `text` that a profile has too, as `text` spells them: longest first, then rarest.

    Of the profile's own words `wanted` each one counts, of an example's only pairs: a single word is no likeness.
    """
    phrases = _common_phrases(text, set(lexical.content_terms(wanted)), set(lexical.content_terms(example)))
    usual = max(RARE * library.crowd.size, COMMON_ENOUGH)
    rare = {phrase: _most_papers(library, phrase) for phrase in phrases}
    ordered = sorted(phrases, key=lambda phrase: (-phrase.count(" "), rare[phrase], phrase))
    chosen: list[str] = []
    for phrase in ordered:
        if rare[phrase] <= usual and not any(set(phrase.split()) & set(longer.split()) for longer in chosen):
            chosen.append(phrase)
    return [phrases[phrase] for phrase in chosen[:MOST_WORDS]]


def _most_papers(library: Library, phrase: str) -> int:
    """In how many papers of the store a phrase can be at most: as many as have its rarest pair, or the single word."""
    stems = phrase.split()
    parts = [" ".join(pair) for pair in pairwise(stems)] or stems
    return min(int(library.crowd.counts[column]) for column in lexical.hash_terms(parts).values())


def _common_phrases(text: str, wanted: set[str], example: set[str]) -> dict[str, str]:
    """Runs of stems in `text` whose every pair is known to the profile, and its single words: with their spelling."""
    words = lexical.surface(text)
    stems = [lexical.stem(word) for word in words]
    pairs = {term for term in wanted | example if " " in term}
    found: dict[str, str] = {}
    start = 0
    for end in range(1, len(stems) + 1):
        if end < len(stems) and f"{stems[end - 1]} {stems[end]}" in pairs:
            continue
        run = stems[start:end]
        if len(run) > 1 or run[0] in wanted:
            found.setdefault(" ".join(run), " ".join(words[start:end]))
        start = end
    return found


def choose_highlight(abstract: str, vectors: Vectors, centre: Vectors) -> str:
    """The sentence of an abstract whose vector (a row of `vectors` each) lies closest to the `centre` of an interest.

    Empty for a single sentence and without vectors: words alone choose no better than chance (docs/ranking.md).
    """
    pieces = sentences.split(abstract)
    if len(pieces) < 2 or len(vectors) != len(pieces) or not centre.any():  # noqa: PLR2004 - one is the abstract
        return ""
    return pieces[int(np.argmax(vectors @ centre))]


def explain(reason: Reason) -> str:
    """A reason in words, without its trend."""
    if reason["kind"] == "trending":
        return "From outside your interests: trending."
    if reason["kind"] == "popular":
        return "Among the new papers with the most votes for their age." if reason["votes"] else "A new paper."
    name, share = reason["profile"], reason["closer_than"]
    closer = f"Closer to “{name}” than {_percent(share, reason['crowd'])} of the newest {reason['crowd']} papers"
    parts = [closer if share >= HALF else f"For “{name}”"]
    if reason["authors"]:
        parts.append(f"by {_listed(reason['authors'])}, whom you follow")
    if reason["keywords"]:
        parts.append(f"has your keyword {_quoted(reason['keywords'])}")
    if reason["like"]:
        parts.append(f"like your example “{reason['like']}”")
    if words := [word for word in reason["words"] if word not in map(str.casefold, reason["keywords"])]:
        parts.append(f"shares {_quoted(words)}")
    return "; ".join(parts) + "."


def explain_trend(trend: dict[str, Any]) -> str:
    """Trend facts in words: counts, and how many times the usual they are; what is only foreseen has no number."""
    if trending.is_likely(trend):
        return "Likely to trend: papers like it did before."
    votes = "readers’ votes here" if trend.get("source") == trending.READERS else "upvotes"
    field = f" for {trend['for']}" if "for" in trend else ""
    times = f"{trend['times']:.1f}".removesuffix(".0")
    return (
        f"Trending: {trend['votes']:,} {votes} in {_span(trend['hours'])}, {times} times what is usual by then{field}."
    )


def _span(hours: float) -> str:
    """Up to two days in hours, later in whole days."""
    whole = round(hours)
    return f"{whole} hours" if whole <= LONG_AGO else f"{whole // 24} days"


def _percent(share: float, crowd: int) -> str:
    """Rounded down, so that it is never more than the truth: 99.6 % stays, 99.96 % is not made 100 %."""
    if crowd < FINE:
        return f"{math.floor(share * 100 + EXACT)} %"
    tenths = math.floor(share * 1000 + EXACT) / 10
    return f"{tenths:.0f} %" if tenths == int(tenths) else f"{tenths} %"


def _quoted(phrases: Sequence[str]) -> str:
    return _listed([f"“{phrase}”" for phrase in phrases])


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
