"""Rehearsals: the edition of somebody with interests that nobody has stored, by the ranker that makes the real ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import against_text, profile_text
from digest.ranking import briefs, drafts, scoring
from digest.ranking.briefs import Brief, Signs
from digest.ranking.candidates import Library
from digest.ranking.changes import Changes, compare
from digest.ranking.desks import Desk, Reader
from digest.ranking.drafts import Draft, Pick
from digest.ranking.methods import USUAL, Method
from digest.tables import Paper, Profile, SkipReason, Subscriber, SubscriberStatus

MOST_MISSED = 5
JUST_BELOW = 0.5  # deviations under the floor within which a paper has just missed
NOBODY = 0  # the id of a reader without a subscription

UNKNOWN_ADDRESS = "you@example.org"  # stands in their mail

Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An interest to try out: its `profile` is only read, whatever its ids are; example papers by their ids."""

    profile: Profile
    liked: Sequence[int] = ()
    disliked: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """Wanted interests as the ranker takes them: copies numbered -1, -2, …, which are nobody's, and their vectors.

    `method` is by what they are tried.
    """

    wanted: Sequence[Wanted]
    profiles: list[Profile]
    texts: dict[int, Vectors] = field(default_factory=dict)
    against: dict[int, Vectors] = field(default_factory=dict)
    method: Method = USUAL


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A draft, and around it what only somebody who tries out interests wants to know: see `questions.Preview`."""

    draft: Draft
    missed: list[Pick] = field(default_factory=list)
    repeated: int = 0
    changes: Changes = field(default_factory=lambda: compare([], []))


def transient_reader(subscriber: Subscriber, now: datetime) -> Subscriber:
    """A copy of what the ranker and the mail need to know of somebody, who may be nobody yet."""
    return Subscriber(
        id=subscriber.id or NOBODY,
        email=subscriber.email or UNKNOWN_ADDRESS,
        name=subscriber.name or "",
        zone=subscriber.zone,
        hour=subscriber.hour,
        weekdays=subscriber.weekdays,
        papers_per_edition=subscriber.papers_per_edition,
        status=SubscriberStatus.ACTIVE,
        link_key="",
        created_at=now,
    )


def try_out(wanted: Sequence[Wanted], reader: Subscriber, embed: Embed | None) -> Trial:
    """The interests of `reader` that are to be tried out; without `embed` they go by words alone."""
    own = [{"id": -number, "subscriber_id": reader.id} for number in range(1, len(wanted) + 1)]
    profiles = [Profile(**(want.profile.model_dump() | ids)) for want, ids in zip(wanted, own, strict=True)]
    if embed is None:
        return Trial(wanted, profiles)
    rows = embed([text for profile in profiles for text in (profile_text(profile), against_text(profile))])
    ids = [profile.id for profile in profiles]
    return Trial(wanted, profiles, dict(zip(ids, rows[::2], strict=True)), dict(zip(ids, rows[1::2], strict=True)))


def rehearse(session: Session, library: Library | None, reader: Reader, trial: Trial, now: datetime) -> Rehearsal:
    """The edition that the trial's interests would make at `now`, of the papers since `reader.since`."""
    if library is None or not library.papers:
        return Rehearsal(Draft(skip_reason=SkipReason.NO_NEW_PAPERS))
    who = reader.subscriber
    stored = briefs.read(session, library.encoder, [who], reader.since, trial.method)
    desk = Desk(session, library, _write_brief(session, trial, stored), [reader], now)
    made = drafts.make_draft(desk, who)
    before = drafts.make_draft(Desk(session, library, stored, [reader], now), who) if stored.profiles else Draft()
    ids = [[pick.paper.id for pick in draft.picks] for draft in (before, made)]
    return Rehearsal(made, _missed(desk, who, made), len(desk.repeated(who.id)), compare(*ids))


def _write_brief(session: Session, trial: Trial, stored: Brief) -> Brief:
    """What the trial says; an example that a stored profile has counts as much as it does there."""
    active = [profile for profile in trial.profiles if profile.active and profile.removed_at is None]
    copies = {want.profile.id: profile.id for profile, want in zip(trial.profiles, trial.wanted, strict=True)}
    weights = {(copies[who], paper): weight for (who, paper), weight in stored.weights.items() if who in copies}
    signs = _sign(session, trial)
    newcomers = frozenset() if trial.wanted else stored.newcomers
    return Brief(active, signs, trial.texts, trial.against, stored.seen, trial.method.ranker, weights, newcomers)


def _sign(session: Session, trial: Trial) -> Signs:
    """The examples' signs; duplicates count as what they are, and papers that are not in store not at all."""
    named = {paper for want in trial.wanted for paper in (*want.liked, *want.disliked)}
    query = select(Paper.id, func.coalesce(Paper.merged_into, Paper.id)).where(col(Paper.id).in_(named))
    works = dict(session.exec(query).all())
    signs: Signs = {}
    for profile, want in zip(trial.profiles, trial.wanted, strict=True):
        for sign, papers in ((1, want.liked), (-1, want.disliked)):
            signs |= {(profile.id, works[paper]): sign for paper in papers if paper in works}
    return signs


def _missed(desk: Desk, subscriber: Subscriber, made: Draft) -> list[Pick]:
    """What comes next: first what matched and found no place, then what lies just below the floor."""
    shown = {pick.paper.id for pick in made.picks}
    near = desk.matches(subscriber.id, scoring.FLOOR - JUST_BELOW)
    left = [match for match in near if desk.library.papers[match.row].id not in shown]
    left.sort(key=lambda match: match.relevance < scoring.FLOOR)
    return [drafts.make_pick(desk, match) for match in left[:MOST_MISSED]]
