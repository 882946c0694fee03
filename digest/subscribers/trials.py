"""What somebody's next edition would be made of: their interests, with one that is being edited in its place."""

from sqlmodel import Session, col, select

from digest.ranking.previews import Wanted
from digest.subscribers import profiles
from digest.subscribers.examples import VOTED
from digest.subscribers.interests import Interest
from digest.tables import Profile, ProfileExample, Subscriber


def with_draft(
    session: Session, subscriber: Subscriber, interest: Interest, profile: Profile | None = None
) -> list[Wanted]:
    """The interests of an edition in which `interest` stands in place of the stored `profile`, or beside all others.

    What votes have taught the profile goes on to count, but for papers that were chosen; fields that cannot be taken
    are left out.
    """
    sketch, liked, disliked = profiles.sketch(session, subscriber, interest, profile)
    chosen = dict.fromkeys(liked, 1) | dict.fromkeys(disliked, -1)
    listed = profiles.listing(session, subscriber)
    if profile is None:
        return [*(stored(session, other) for other in listed), _want(sketch, chosen)]
    draft = _want(sketch, _signs(session, profile, origin=VOTED) | chosen)
    return [draft if other.id == profile.id else stored(session, other) for other in listed]


def stored(session: Session, profile: Profile) -> Wanted:
    """A profile as it is stored."""
    return _want(profile, _signs(session, profile))


def _want(profile: Profile, signs: dict[int, int]) -> Wanted:
    likes = [paper for paper, sign in signs.items() if sign > 0]
    return Wanted(profile, likes, [paper for paper, sign in signs.items() if sign < 0])


def _signs(session: Session, profile: Profile, origin: str | None = None) -> dict[int, int]:
    query = select(ProfileExample.paper_id, ProfileExample.sign).where(ProfileExample.profile_id == profile.id)
    query = query if origin is None else query.where(ProfileExample.origin == origin)
    return dict(session.exec(query.order_by(col(ProfileExample.id))).all())
