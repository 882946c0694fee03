"""Drafts: which papers an edition would hold and why, for many subscribers at once. Writes nothing."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from sqlmodel import Session

from digest.clock import local_day
from digest.embeddings import lexical
from digest.log import get_logger
from digest.ranking import briefs, reasons, reranking, scoring, wishes
from digest.ranking.candidates import Library
from digest.ranking.desks import Desk, Match, Reader
from digest.ranking.interleaving import interleave, takes_part, toss
from digest.ranking.methods import OUTSIDE, Method
from digest.ranking.profiles import find_centre
from digest.ranking.reasons import Reason
from digest.ranking.reranking import NO_GROUP, Cap, Choice
from digest.tables import Paper, SkipReason, Subscriber

FIRST_WINDOW = timedelta(days=7)  # how far a first edition looks back
LONGEST_WINDOW = timedelta(days=14)  # and one after a long break
WEEK = 7
OF_ONE_SOURCE, BY_ONE_AUTHOR = 7, 2  # papers in ten
ALIKE = 2  # near-duplicates in an edition
BEST = 20  # what a muted word hid is told of while it would have stood among as many


@dataclass(frozen=True, slots=True)
class Pick:
    """One paper for an edition, and whose pick it is; `profile_id` is None for one from outside every profile."""

    paper: Paper
    profile_id: int | None
    score: float
    relevance: float
    reason: Reason
    highlight: str
    ranker: str = OUTSIDE


@dataclass(frozen=True, slots=True)
class Hidden:
    """A paper that would have matched a profile but for its muted `phrase`."""

    paper: Paper
    profile_id: int
    phrase: str


@dataclass(slots=True)
class Draft:
    """What an edition would hold: picks in order, or a reason for there being none. `considered` papers were new.

    `hidden` are the papers that muted words kept out, best first; `gave_way` names the caps that would have made it
    shorter.
    """

    picks: list[Pick] = field(default_factory=list)
    considered: int = 0
    skip_reason: SkipReason | None = None
    hidden: list[Hidden] = field(default_factory=list)
    gave_way: list[str] = field(default_factory=list)


def window_start(subscriber: Subscriber, now: datetime, window: timedelta) -> datetime:
    """Papers announced after this are candidates: those of the window before the last edition, and all since.

    The window reaches back before the last edition, because a paper may reach us long after it was announced. It is
    never shorter than the time between two editions, so that a weekly one is ranked over the week.
    """
    if subscriber.last_edition_at is None:
        return now - max(window, FIRST_WINDOW)
    since = min(subscriber.last_edition_at - window, now - _longest_wait(subscriber.weekdays))
    return max(since, now - max(window, LONGEST_WINDOW))


def _longest_wait(weekdays: Collection[int]) -> timedelta:
    """The longest time between two editions of a schedule."""
    days = sorted(weekdays)
    following = [*days[1:], *(day + WEEK for day in days[:1])]
    return timedelta(days=max((after - day for day, after in zip(days, following, strict=True)), default=0))


def draft(
    session: Session, library: Library | None, subscribers: Sequence[Subscriber], now: datetime, method: Method
) -> dict[int, Draft]:
    """The draft of each subscriber, by id."""
    if library is None or not library.papers or not subscribers:
        return {subscriber.id: Draft(skip_reason=SkipReason.NO_NEW_PAPERS) for subscriber in subscribers}
    made = _draft_by(session, library, subscribers, now, method)
    teams = [who for who in subscribers if takes_part(who.id, method.challenger, method.compare_share)]
    if teams:
        other = _draft_by(session, library, teams, now, replace(method, ranker=method.challenger))
        made |= {who.id: _draft_teams(who, now, made[who.id], other[who.id]) for who in teams}
    return made


def _draft_by(
    session: Session, library: Library, subscribers: Sequence[Subscriber], now: datetime, method: Method
) -> dict[int, Draft]:
    readers = [Reader(subscriber, window_start(subscriber, now, method.window)) for subscriber in subscribers]
    brief = briefs.read(session, library.encoder, subscribers, min(reader.since for reader in readers), method)
    desk = Desk(session, library, brief, readers, now)
    made = {subscriber.id: make_draft(desk, subscriber) for subscriber in subscribers}
    if gave_way := Counter(name for found in made.values() for name in found.gave_way):
        get_logger().info("caps_gave_way", **gave_way)
    return made


def _draft_teams(subscriber: Subscriber, now: datetime, champion: Draft, challenger: Draft) -> Draft:
    """One draft of two rankers'; what both pick from outside the profiles is the champion's, if it picks at all."""
    ours, theirs = ([pick for pick in made.picks if pick.ranker != OUTSIDE] for made in (champion, challenger))
    outside = [pick for pick in (champion.picks or challenger.picks) if pick.ranker == OUTSIDE]
    places = min(max(len(ours), len(theirs)), subscriber.papers_per_edition - len(outside))
    picks = interleave(ours, theirs, places, toss(subscriber.id, local_day(now, subscriber.zone)))
    taken = {pick.paper.id for pick in picks}
    return replace(
        champion,
        picks=[*picks, *(pick for pick in outside if pick.paper.id not in taken)],
        skip_reason=champion.skip_reason and challenger.skip_reason,
        hidden=[hidden for hidden in champion.hidden if hidden.paper.id not in taken],
    )


def make_draft(desk: Desk, subscriber: Subscriber) -> Draft:
    """The draft of one of the desk's readers."""
    considered = int(desk.new(subscriber.id).sum())
    if considered and subscriber.id in desk.brief.newcomers:
        return Draft(_what_trends(desk, subscriber), considered)
    matches = desk.matches(subscriber.id)
    hidden = _hidden(desk, subscriber, matches)
    if not considered or not matches:
        return Draft(considered=considered, skip_reason=_why_not(considered), hidden=hidden)
    outside = _fill_slots(desk, subscriber, {match.row for match in matches})
    choice = _choose(desk, matches, outside, subscriber.papers_per_edition)
    picks = [
        *(make_pick(desk, matches[place]) for place in choice.rows),
        *(_unasked_pick(desk, row, reasons.outside_reason) for row in outside),
    ]
    return Draft(picks, considered, hidden=hidden, gave_way=choice.gave_way)


def _what_trends(desk: Desk, subscriber: Subscriber) -> list[Pick]:
    """An edition for somebody of whom no interest is known yet: the new papers with the most attention for their age.

    All places are filled, also when nothing may be called trending: what is said of each paper is true of it.
    """
    rows, count = desk.trending(subscriber.id)[: reranking.BEST], subscriber.papers_per_edition
    chosen = reranking.admit(_caps(desk, rows, count), len(rows), count)
    rest = [place for place in range(len(rows)) if place not in chosen]
    places = sorted([*chosen, *rest[: count - len(chosen)]])
    return [_unasked_pick(desk, rows[place], reasons.popular_reason) for place in places]


def make_pick(desk: Desk, match: Match) -> Pick:
    """A match with its reason and its highlight."""
    library, profile = desk.library, desk.profiles[match.profile]
    paper = library.papers[match.row]
    centre = find_centre(desk.brief, desk.examples, profile, library.crowd.mean)
    likeness, crowd = float(desk.likeness[match.profile, match.row]), desk.crowd[match.profile]
    return Pick(
        paper=paper,
        profile_id=profile.id,
        score=match.score,
        relevance=match.relevance,
        reason=reasons.give_reason(library, match.row, profile, desk.examples, scoring.stand(likeness, crowd)),
        highlight=reasons.choose_highlight(paper.abstract, library.sentences[match.row], centre),
        ranker=desk.brief.ranker,
    )


def _hidden(desk: Desk, subscriber: Subscriber, matches: list[Match]) -> list[Hidden]:
    """What muted words kept out of the best; a paper that another profile takes is not hidden."""
    there = {match.row for match in matches}
    withheld = {match.row: match for match in desk.withheld(subscriber.id) if match.row not in there}
    if not withheld:
        return []
    best = desk.rank([*matches, *withheld.values()])[: max(BEST, subscriber.papers_per_edition)]
    return [_name_phrase(desk, match) for match in best if match.row in withheld]


def _name_phrase(desk: Desk, match: Match) -> Hidden:
    profile = desk.profiles[match.profile]
    muted = wishes.muted_at(profile, desk.now)
    phrase = next(phrase for phrase in muted if desk.library.mentions(phrase)[match.row])
    return Hidden(desk.library.papers[match.row], profile.id, phrase)


def _fill_slots(desk: Desk, subscriber: Subscriber, matched: set[int]) -> list[int]:
    """Rows of papers from outside every profile that get a place because they trend, hottest first."""
    count = subscriber.papers_per_edition
    slots = reranking.trend_slots(float(desk.pull.balance[desk.positions[subscriber.id]].max()), count)
    rows = [row for row in desk.outside(subscriber.id) if row not in matched] if slots else []
    return [rows[place] for place in reranking.admit(_caps(desk, rows, count), len(rows), slots)]


def _choose(desk: Desk, matches: list[Match], outside: list[int], count: int) -> Choice:
    """Variety, fair shares and caps over the matches, which come best first; of `count` places some are taken."""
    owners = np.array([match.profile for match in matches], np.int64)
    weights = {position: desk.profiles[position].weight for position in set(owners.tolist())}
    rows = [*(match.row for match in matches), *outside]
    nobody = np.full(len(outside), NO_GROUP, np.int64)
    places = count - len(outside)
    source, *others = _caps(desk, rows, count)
    caps = [source, reranking.cap_profiles(np.concatenate([owners, nobody]), weights, places), *others]
    scores = np.array([*(match.score for match in matches), *(0.0 for _ in outside)])
    taken = range(len(matches), len(rows))
    return reranking.select(scores, desk.library.view.vectors[rows], caps, places, taken)


def _caps(desk: Desk, rows: list[int], count: int) -> list[Cap]:
    """The caps of a list of `count` papers, of which those at `rows` can be, in the order in which they give way."""
    papers = [desk.library.papers[row] for row in rows]
    sources = {paper.source for paper in papers}
    return [
        reranking.cap_groups(
            "source",
            [[paper.source] if len(sources) > 1 else [] for paper in papers],
            reranking.scale(OF_ONE_SOURCE, count),
        ),
        reranking.cap_groups(
            "author", [_outer_authors(paper) for paper in papers], reranking.scale(BY_ONE_AUTHOR, count)
        ),
        reranking.cap_groups("near_duplicate", reranking.cluster(desk.library.view.vectors[rows]), ALIKE),
    ]


def _outer_authors(paper: Paper) -> set[tuple[str, ...]]:
    """The words of the first and the last author's names; of a list cut short, the last is not known."""
    last = paper.authors[-1:] if paper.author_count <= len(paper.authors) else []
    return {lexical.surface(name) for name in (*paper.authors[:1], *last)} - {()}


def _unasked_pick(desk: Desk, row: int, give_reason: Callable[[Paper], Reason]) -> Pick:
    """A paper that no interest asked for."""
    paper = desk.library.papers[row]
    return Pick(paper, None, float(paper.trend or 0), 0.0, give_reason(paper), "")


def _why_not(considered: int) -> SkipReason:
    return SkipReason.NO_MATCH if considered else SkipReason.NO_NEW_PAPERS
