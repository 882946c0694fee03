"""Is the sentence that a mail sets in bold better chosen than the first? Measured by papers that the ranker never saw.

For a held-out paper that a user liked, the chosen sentence and the first one are held against the mean of the user's
held-out liked papers: once of all of them, which is kind to sentences that sum the paper up, and once of the others
only, which is not. Where the first sentence is chosen, that is a tie.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digest.embeddings.encoder import Vectors, unit
from digest.errors import ConfigurationError, InvalidRequest
from digest.evaluation import bootstrap, conditions
from digest.evaluation.bootstrap import Interval
from digest.evaluation.comparison import Bench, Progress
from digest.evaluation.conditions import Conditions
from digest.evaluation.datasets import User, by_hash
from digest.evaluation.methods.product import make_brief, make_examples
from digest.evaluation.tasks import Reader, Task
from digest.papers import sentences
from digest.ranking import reasons
from digest.ranking.profiles import find_centre
from digest.ranking.scoring import View

LEAST_LIKES = 5  # of a user
MOST_CASES = 500
TARGET = 0.65

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Case:
    """A held-out paper (by its row) that a user likes, its sentences, and the middle of what the user likes."""

    user: User
    row: int
    sentences: list[str]
    centre: Vectors


@dataclass(frozen=True, slots=True)
class Verdict:
    """By what the sentences were measured, and in how many cases the chosen one was nearer, the first, or further.

    `of_others` is the share of nearer ones among the cases in which another sentence than the first was chosen, and
    `of_all` among all; `possible` is the share of cases in which any sentence was nearer than the first.
    """

    measure: str
    users: int
    nearer: int
    same: int
    further: int
    of_others: Interval
    of_all: Interval
    possible: float

    @property
    def cases(self) -> int:
        return self.nearer + self.same + self.further


def judge(bench: Bench, under: Conditions, progress: Progress) -> list[Verdict]:
    """The verdicts by the user's other held-out papers, and by all; raises InvalidRequest when there are no cases."""
    if not bench.cache.name:
        raise ConfigurationError("Without vectors no sentence is chosen, and DIGEST_ENCODER is `none`.")
    cases = _make_cases(bench, under, progress)
    if not cases:
        raise InvalidRequest(f"{bench.dataset.name} has no held-out abstracts of users who like {LEAST_LIKES} papers.")
    texts = list(dict.fromkeys(text for case in cases for text in case.sentences))
    known = dict(zip(texts, bench.cache.embed(texts, progress), strict=True))
    found = [_outcomes(bench, case, np.stack([known[text] for text in case.sentences])) for case in cases]
    names = [case.user.name for case in cases]
    return [
        verdict
        for place, measure in enumerate(("the other held-out papers", "all held-out papers"))
        if (verdict := _sum_up(measure, names, [outcome[place] for outcome in found]))
    ]


def _make_cases(bench: Bench, under: Conditions, progress: Progress) -> list[Case]:
    """At most MOST_CASES, drawn by hash."""
    dataset = bench.dataset
    users = [user for user in conditions.choose_users(dataset, under) if len(user.liked) >= LEAST_LIKES]
    readers = conditions.make_readers(dataset, users, under, bench.cache.embedder(progress))
    centres = _centres(bench, readers)
    drawn = sorted(
        (by_hash(user.name, dataset.names[row]), place, int(row))
        for place, user in enumerate(users)
        for row in user.relevant
        if len(sentences.split(dataset.papers[row].abstract)) > 1
    )
    return [
        Case(users[place], row, sentences.split(dataset.papers[row].abstract), centres[place])
        for _, place, row in drawn[:MOST_CASES]
    ]


def _centres(bench: Bench, readers: Sequence[Reader]) -> list[Vectors]:
    """The middle of what each reader likes, by the code that editions are made with."""
    task = Task(bench.dataset.papers, bench.vectors, bench.dataset.held_out, readers, bench.cache.name)
    nothing = np.empty((len(bench.vectors), 0), np.float32)
    brief, examples = make_brief(readers), make_examples(View(bench.vectors, nothing, nothing), task, readers)
    usual = bench.vectors.mean(axis=0)
    return [find_centre(brief, examples, profile, usual) for profile in brief.profiles]


def _outcomes(bench: Bench, case: Case, vectors: Vectors) -> list[tuple[int, bool] | None]:
    """By the other papers and by all, whether the chosen sentence is nearer (1), the first (0) or further (-1).

    And whether any is nearer. None where there are no others.
    """
    chosen = reasons.choose_highlight(bench.dataset.papers[case.row].abstract, vectors, case.centre)
    place = case.sentences.index(chosen) if chosen else 0
    wanted = (case.user.relevant[case.user.relevant != case.row], case.user.relevant)
    return [_compare(vectors, place, bench.vectors[rows]) if len(rows) else None for rows in wanted]


def _compare(vectors: Vectors, chosen: int, liked: Vectors) -> tuple[int, bool]:
    cosines = vectors @ unit(liked.mean(axis=0, keepdims=True))[0]
    return int(np.sign(cosines[chosen] - cosines[0])), bool(cosines.max() > cosines[0])


def _sum_up(measure: str, names: Sequence[str], outcomes: Sequence[tuple[int, bool] | None]) -> Verdict | None:
    known = [(name, *outcome) for name, outcome in zip(names, outcomes, strict=True) if outcome is not None]
    if not known:
        return None
    users, owner = np.unique([name for name, _, _ in known], return_inverse=True)
    signs, possible = np.array([sign for _, sign, _ in known]), np.array([able for _, _, able in known])
    nearer, same, further = (np.bincount(owner, signs == sign, len(users)) for sign in (1, 0, -1))
    return Verdict(
        measure=measure,
        users=len(users),
        nearer=int(nearer.sum()),
        same=int(same.sum()),
        further=int(further.sum()),
        of_others=bootstrap.ratio(nearer, nearer + further),
        of_all=bootstrap.ratio(nearer, nearer + same + further),
        possible=float(possible.mean()),
    )


def write(verdicts: Sequence[Verdict]) -> str:
    """The verdicts in words."""
    return "\n".join(_tell(verdict) for verdict in verdicts)


def _tell(found: Verdict) -> str:
    passed = "reaches" if found.of_others.mean >= TARGET else "misses"
    return (
        f"By {found.measure} ({found.cases} papers of {found.users} users): the chosen sentence is nearer than"
        f" the first in {found.nearer} cases, the first itself in {found.same}, further in {found.further}.\n"
        f"  Where another was chosen, it is nearer in {_say(found.of_others)}: that {passed} {TARGET:.0%}.\n"
        f"  Of all cases, {_say(found.of_all)}; in at most {found.possible:.1%} any sentence is nearer than the first."
    )


def _say(share: Interval) -> str:
    return f"{share.mean:.1%} ({100 * share.low:.1f} to {100 * share.high:.1f})"
