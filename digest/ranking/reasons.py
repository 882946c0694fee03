"""Why a paper was picked, made of the ranker's own terms, and the one sentence of it that lies closest to the interest.

A reason is stored as data: {kind, profile, closer_than, crowd, like, words, keywords, authors, trend}. Every number
in it equals what the ranker used; `explain` puts it into words for a person.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from digest.embeddings import lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import paper_text, profile_text
from digest.papers import sentences, trending
from digest.ranking.candidates import Library
from digest.ranking.profiles import Examples
from digest.ranking.scoring import Queries
from digest.tables import Paper, Profile

CLOSE_EXAMPLE = 0.5  # cosine from which an example may be named
MOST_WORDS = 3
RARE = 0.2  # a word that more of the store has says nothing

Reason = dict[str, Any]


def give_reason(library: Library, row: int, profile: Profile, examples: Examples, closer_than: float) -> Reason:
    """Why the paper at `row` of the library is for `profile`; `closer_than` is its share of the crowd, 0..1."""
    paper = library.papers[row]
    like = _nearest_example(library.view.vectors[row], examples, examples.liked[profile.id])
    return {
        "kind": "match",
        "profile": profile.name,
        "closer_than": round(closer_than, 4),
        "crowd": library.sample.vectors.shape[0],
        "like": like.title if like else None,
        "words": shared_words(library, paper_text(paper), profile_text(profile), paper_text(like) if like else ""),
        "keywords": [phrase for phrase in profile.keywords if library.mentions(phrase)[row]],
        "authors": [author for author in paper.authors if is_followed(author, profile.authors)],
        "trend": _trend_of(paper),
    }


def outside_reason(paper: Paper) -> Reason:
    """Why a paper from outside every profile is there: it is trending, and nothing else."""
    return {"kind": "trending", "trend": _trend_of(paper)}


def is_followed(author: str, followed: Sequence[str]) -> bool:
    """Whether `author` is one of `followed`, whatever the case, the accents and the dots."""
    name = lexical.surface(author)
    return any(name == lexical.surface(other) for other in followed)


def _trend_of(paper: Paper) -> dict[str, Any] | None:
    return paper.trend_facts if trending.deserves_badge(paper.trend_facts) else None


def _nearest_example(vector: Vectors, examples: Examples, liked: list[int]) -> Paper | None:
    if not liked or not len(vector):
        return None
    cosines = examples.vectors[liked] @ vector
    best = int(np.argmax(cosines))
    return examples.papers[liked[best]] if cosines[best] >= CLOSE_EXAMPLE else None


def shared_words(library: Library, text: str, wanted: str, example: str) -> list[str]:
    """The rarest terms of `text` that a profile has too, as `text` spells them: of its words `wanted` each one, of an
    example's only the pairs. A word inside a pair is not repeated.
    """
    mine = _spelled(text)
    pairs = {term for term in lexical.content_terms(example) if " " in term}
    theirs = pairs | set(lexical.content_terms(wanted))
    both = [term for term in mine if term in theirs]
    columns = lexical.hash_terms(both)
    usual = RARE * max(library.crowd.size, 1)
    rare = [term for term in both if library.crowd.counts[columns[term]] <= usual or library.crowd.size < 1 / RARE**2]
    rare.sort(key=lambda term: (" " not in term, library.crowd.counts[columns[term]], term))
    chosen: list[str] = []
    for term in rare:
        if not any(set(term.split()) & set(longer.split()) for longer in chosen):
            chosen.append(term)
    return [mine[term] for term in chosen[:MOST_WORDS]]


def _spelled(text: str) -> dict[str, str]:
    """Each content term of `text` and how it is first spelled there."""
    spelled: dict[str, str] = {}
    tokens = [(lexical.stem(word), word) for word in lexical.surface(text)]
    content = set(lexical.content_terms(text))
    for (stem, word), (next_stem, next_word) in pairwise([*tokens, ("", "")]):
        spelled.setdefault(stem, word)
        spelled.setdefault(f"{stem} {next_stem}", f"{word} {next_word}")
    return {term: spelling for term, spelling in spelled.items() if term in content}


def choose_highlight(library: Library, row: int, queries: Queries, profile: int) -> str:
    """The sentence of the abstract with the largest inner product with the profile's query; empty for a single one."""
    pieces = sentences.split(library.papers[row].abstract)
    if len(pieces) < 2:  # noqa: PLR2004 - one sentence is the abstract
        return ""
    vectors = library.sentences[row]
    if len(vectors) == len(pieces):
        return pieces[int(np.argmax(vectors @ queries.direction[profile]))]
    idf = lexical.rarity(library.crowd.counts, library.crowd.size)
    overlap = lexical.tfidf(lexical.count_terms(pieces), idf) @ queries.overlap[[profile]].T
    return pieces[int(np.argmax(overlap.toarray().ravel()))]


def explain(reason: Reason) -> str:
    """A reason in words, without its trend."""
    if reason["kind"] == "trending":
        return "From outside your interests: trending."
    parts = [
        f"Closer to “{reason['profile']}” than {_percent(reason['closer_than'])} of {reason['crowd']} recent papers"
    ]
    if reason["authors"]:
        parts.append(f"by {_listed(reason['authors'])}, whom you follow")
    if reason["keywords"]:
        parts.append(f"has your keyword {_quoted(reason['keywords'])}")
    if reason["like"]:
        parts.append(f"like your example “{reason['like']}”")
    if reason["words"]:
        parts.append(f"shares {_quoted(reason['words'])}")
    return "; ".join(parts) + "."


def explain_trend(trend: dict[str, Any]) -> str:
    """Trend facts in words: counts, and how many times the usual they are."""
    votes, hours = trend["votes"], round(trend["hours"])
    return f"Trending: {votes} upvotes in {hours} hours, {trend['times']:.1f} times what is usual by then."


def _percent(share: float) -> str:
    """Rounded down, so that it is never more than the truth: 99.6 % stays, 99.96 % is not made 100 %."""
    tenths = int(share * 1000) / 10
    return f"{tenths:.0f} %" if tenths == int(tenths) else f"{tenths} %"


def _quoted(phrases: Sequence[str]) -> str:
    return _listed([f"“{phrase}”" for phrase in phrases])


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
