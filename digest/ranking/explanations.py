"""The whole arithmetic of one paper's scores for one person, with the ranker's own numbers. Writes nothing."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.embeddings import lexical
from digest.embeddings.vectors import paper_text, rankable
from digest.errors import InvalidRequest
from digest.ranking import briefs, reasons, registry, scoring, wishes
from digest.ranking.arithmetic import Likeness, take_apart
from digest.ranking.candidates import Library, make_view
from digest.ranking.desks import EXACT, Desk, Reader
from digest.ranking.methods import Method
from digest.ranking.reasons import Nearest
from digest.ranking.scoring import Standing
from digest.tables import Edition, EditionItem, Feedback, OutboxMessage, Paper, Profile

MOST_TERMS = 8


@dataclass(frozen=True, slots=True)
class Case:
    """For whom, of which paper, at what moment and by which method a score is explained."""

    reader: Reader
    paper: Paper
    now: datetime
    method: Method


@dataclass(frozen=True, slots=True)
class Granted:
    """A wish of an interest that the paper fulfils, and the deviations that it gains."""

    kind: str
    name: str
    bonus: float


@dataclass(frozen=True, slots=True)
class Account:
    """One interest's view of the paper.

    `likeness` is `parts` added up (None where the ranker shows no workings), `relevance` is that with what is granted,
    and `score` = (1 - balance) closeness + balance · trend. `limits` say what shuts the paper out, whatever its score;
    `found` whether the search for candidates came upon it. `terms` are those that add most to the lift.
    """

    profile: Profile
    parts: Likeness | None
    likeness: float
    granted: list[Granted]
    relevance: float
    standing: Standing
    closeness: float
    trend: float
    score: float
    limits: list[str]
    found: bool
    nearest: Nearest | None
    terms: list[tuple[str, float]]

    @property
    def matches(self) -> bool:
        return self.relevance >= scoring.FLOOR and not self.limits


@dataclass(frozen=True, slots=True)
class Sent:
    """An edition that held the paper; `state` is what became of its mail, empty where there is none."""

    day: date
    rank: int
    score: float
    relevance: float
    ranker: str
    state: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The paper with its trend, what became of it for this person, and each interest's account, the best first.

    `limits` shut it out of the next edition for every interest; `vote` is +1, -1 or 0 for none.
    """

    paper: Paper
    ranker: str
    limits: list[str]
    sent: list[Sent]
    vote: int
    accounts: list[Account]


def explain(session: Session, library: Library, case: Case) -> Explanation:
    """Raises InvalidRequest when the paper cannot be ranked yet, or the person has no active interest."""
    library = _with_paper(session, library, case.paper)
    subscriber = case.reader.subscriber
    brief = briefs.read(session, library.encoder, [subscriber], case.reader.since, case.method)
    if not brief.profiles:
        raise InvalidRequest("This person has no active interest: there is nothing to score by.")
    desk = Desk(session, library, brief, [case.reader], case.now)
    show, row = registry.find_shower(brief.ranker), library.rows[case.paper.id]
    view = library.view.rows(np.array([row], np.int64))
    apart = take_apart(show(library, brief, desk.examples), view) if show else [None] * len(brief.profiles)
    relevance = desk.queries.relevance(view)[:, 0]
    accounts = [
        _account(desk, place, row, (parts, float(likeness)))
        for place, (parts, likeness) in enumerate(zip(apart, relevance, strict=True))
    ]
    return Explanation(
        paper=case.paper,
        ranker=brief.ranker,
        limits=_limits_of_reader(case, seen=case.paper.id in brief.seen.get(subscriber.id, ())),
        sent=_sent(session, case),
        vote=_vote(session, case),
        accounts=sorted(accounts, key=lambda account: (bool(account.limits), -account.score)),
    )


def _with_paper(session: Session, library: Library, paper: Paper) -> Library:
    """The library, or where the paper is not in its window, one of the same crowd that holds nothing but the paper."""
    if paper.id in library.rows:
        return library
    if session.exec(rankable(library.encoder, Paper).where(Paper.id == paper.id)).first() is None:
        raise InvalidRequest("This paper has no vector yet: `digest run` makes it.")
    view, sentences = make_view(session, library.model, [paper])
    return replace(library, papers=[paper], view=view, sentences=sentences)


def _account(desk: Desk, place: int, row: int, likeness: tuple[Likeness | None, float]) -> Account:
    library, profile, (parts, value) = desk.library, desk.profiles[place], likeness
    granted = _granted(desk, profile, row)
    relevance = round(value + sum(wish.bonus for wish in granted), EXACT)
    trend = desk.pull.trend(place, np.array([row], np.int64))
    numbers = np.array([relevance], np.float32), trend
    return Account(
        profile=profile,
        parts=parts,
        likeness=value,
        granted=granted,
        relevance=relevance,
        standing=scoring.stand(value, desk.crowd[place]),
        closeness=float(scoring.blend(*numbers, np.zeros(1, np.float32))[0]),
        trend=float(scoring.blend(*numbers, np.ones(1, np.float32))[0]),
        score=float(scoring.blend(*numbers, desk.pull.balance[[place]])[0]),
        limits=_limits(desk, profile, row),
        found=bool(np.isfinite(desk.likeness[place, row])),
        nearest=reasons.nearest_example(library.view.vectors[row], desk.examples, desk.examples.liked[profile.id]),
        terms=_terms(library.papers[row], parts),
    )


def _granted(desk: Desk, profile: Profile, row: int) -> list[Granted]:
    wanted = wishes.wishes_of(desk.library, profile, has_likes=bool(desk.examples.liked[profile.id]))
    return [Granted(wish.kind, wish.name, wish.bonus) for wish in wanted if wish.papers[row]]


def _limits(desk: Desk, profile: Profile, row: int) -> list[str]:
    """What of the interest itself shuts the paper out."""
    library = desk.library
    limits = [f"mutes “{phrase}”" for phrase in wishes.muted_at(profile, desk.now) if library.mentions(phrase)[row]]
    if desk.is_own(profile)[row]:
        limits.append("it is one of its own examples")
    if not wishes.in_categories([library.papers[row]], profile)[0]:
        limits.append(f"only {', '.join(profile.categories)}")
    if profile.required and not library.mention_any(profile.required)[row]:
        limits.append(f"only with {', '.join(f'“{phrase}”' for phrase in profile.required)}")
    return limits


def _limits_of_reader(case: Case, *, seen: bool) -> list[str]:
    announced = case.paper.announced_at
    limits = ["it was sent or voted on before"] if seen else []
    if announced > case.now:
        limits.append("it is announced later than now")
    if announced <= case.reader.since:
        limits.append(f"it was announced on {announced:%Y-%m-%d}, before the window of the next edition")
    return limits


def _terms(paper: Paper, parts: Likeness | None) -> list[tuple[str, float]]:
    """The paper's terms that add most to the likeness, or take most away; those of one column share what it adds."""
    if parts is None:
        return []
    spelled: dict[int, list[str]] = defaultdict(list)
    for term, column in lexical.hash_terms(sorted(set(lexical.terms(paper_text(paper))))).items():
        spelled[column].append(term)
    most = sorted(parts.lift.items(), key=lambda item: (-abs(item[1]), item[0]))[:MOST_TERMS]
    return [(" / ".join(spelled[column]), added) for column, added in most]


def _sent(session: Session, case: Case) -> list[Sent]:
    query = (
        select(Edition, EditionItem, OutboxMessage.state)
        .join(EditionItem, col(EditionItem.edition_id) == col(Edition.id))
        .join(Paper, col(Paper.id) == col(EditionItem.paper_id))
        .outerjoin(OutboxMessage, col(OutboxMessage.edition_id) == col(Edition.id))
        .where(Edition.subscriber_id == case.reader.subscriber.id, _work() == case.paper.id)
        .order_by(col(Edition.edition_date))
    )
    return [
        Sent(edition.edition_date, item.rank, item.score, item.relevance, item.ranker, state or "")
        for edition, item, state in session.exec(query)
    ]


def _vote(session: Session, case: Case) -> int:
    query = select(Feedback.value).join(Paper, col(Paper.id) == col(Feedback.paper_id))
    query = query.where(Feedback.subscriber_id == case.reader.subscriber.id, _work() == case.paper.id)
    return session.exec(query.order_by(col(Feedback.created_at).desc())).first() or 0


def _work() -> Any:
    """The paper, or what it was merged into."""
    return func.coalesce(Paper.merged_into, Paper.id)
