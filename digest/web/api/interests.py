"""Interests of a subscriber, and votes that teach them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from sqlmodel import Session

from digest.errors import Taken
from digest.papers.lookup import find_work
from digest.subscribers import feedback, profiles, schedule
from digest.subscribers.feedback import Vote
from digest.subscribers.profiles import Interest
from digest.tables import Paper, Profile, Subscriber
from digest.web.api import schemas as told
from digest.web.api.calls import Managing
from digest.web.api.papers import UNCHANGED
from digest.web.api.people import ANSWERS, NOT_THERE, TAKEN, WITH_BODY, Number, find
from digest.web.api.problems import faults, missing
from digest.web.api.routing import TaggedRoute

router = APIRouter(tags=["interests"], route_class=TaggedRoute, responses=ANSWERS | NOT_THERE)

FIELDS = set(told.InterestIn.model_fields)

ProfileNumber = Annotated[told.Id, Path(description="Of the interest")]


@router.get("/subscribers/{subscriber_id}/profiles", summary="The interests of a subscriber", responses=UNCHANGED)
def list_profiles(call: Managing, subscriber_id: Number) -> told.InterestList:
    with call.shop.database.session(write=False) as session:
        found = profiles.listing(session, find(session, subscriber_id))
        return told.InterestList(profiles=[describe(session, profile) for profile in found])


@router.post(
    "/subscribers/{subscriber_id}/profiles", summary="Add an interest", status_code=201, responses=WITH_BODY | TAKEN
)
def add_profile(call: Managing, subscriber_id: Number, said: told.InterestIn, response: Response) -> told.InterestOut:
    """Example papers that the store lacks are looked up later.

    Safe to repeat: a name that is there already is left as it is, and the answer 409 says where it is.
    """
    interest = read(said)
    with call.shop.database.session() as session:
        subscriber = find(session, subscriber_id)
        schedule.lock(session, subscriber)  # so that two who add the same get 201 and 409
        _check_free(session, subscriber, interest)
        check(session, subscriber, interest)
        added = profiles.add(session, subscriber, interest, call.now, patient=True)
        response.headers["Location"] = f"/api/v1/subscribers/{subscriber_id}/profiles/{added.id}"
        return describe(session, added)


@router.get("/subscribers/{subscriber_id}/profiles/{profile_id}", summary="An interest", responses=UNCHANGED)
def get_profile(call: Managing, subscriber_id: Number, profile_id: ProfileNumber) -> told.InterestOut:
    with call.shop.database.session(write=False) as session:
        return describe(session, _find_profile(session, find(session, subscriber_id), profile_id))


@router.put("/subscribers/{subscriber_id}/profiles/{profile_id}", summary="Replace an interest", responses=WITH_BODY)
def replace_profile(
    call: Managing, subscriber_id: Number, profile_id: ProfileNumber, said: told.InterestIn
) -> told.InterestOut:
    """What is left out becomes what it is without; what votes have taught stays."""
    interest = read(said)
    with call.shop.database.session() as session:
        subscriber = find(session, subscriber_id)
        profile = _find_profile(session, subscriber, profile_id)
        check(session, subscriber, interest, profile)
        return describe(session, profiles.change(session, profile, interest, call.now))


@router.delete(
    "/subscribers/{subscriber_id}/profiles/{profile_id}",
    summary="Remove an interest",
    status_code=204,
    response_class=Response,
)
def remove_profile(call: Managing, subscriber_id: Number, profile_id: ProfileNumber) -> None:
    """The person can restore it for thirty days."""
    with call.shop.database.session() as session:
        profile = _find_profile(session, find(session, subscriber_id), profile_id)
        profiles.remove(session, profile, call.now)


@router.post("/subscribers/{subscriber_id}/votes", summary="Vote on a paper", responses=WITH_BODY)
def vote(call: Managing, subscriber_id: Number, said: told.VoteIn) -> told.VoteOut:
    """In place of an earlier vote of this subscriber on this paper. Safe to repeat."""
    with call.shop.database.session() as session:
        subscriber, paper = find(session, subscriber_id), session.get(Paper, said.paper)
        if paper is None:
            raise faults({"paper": [f"There is no paper {said.paper}"]})
        work = find_work(session, paper)
        row = feedback.vote(session, subscriber, Vote(work, said.value, reason=said.reason), call.now)
        return told.VoteOut(paper=work.id, value=row.value, reason=row.reason, profile=row.profile_id)


def read(said: told.InterestIn) -> Interest:
    """What a caller says of an interest, as the layers below take it."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in said.model_dump(include=FIELDS).items()
    }
    return Interest(**given)


def check(session: Session, subscriber: Subscriber, interest: Interest, profile: Profile | None = None) -> None:
    """Raises the problem that tells what is wrong, field by field."""
    if messages := profiles.check(session, subscriber, interest, profile):
        raise faults(messages)


def _check_free(session: Session, subscriber: Subscriber, interest: Interest) -> None:
    for other in profiles.listing(session, subscriber):
        if other.name.casefold() == interest.name.strip().casefold():
            raise Taken(f"There is an interest “{other.name}” already.", other.id)


def _find_profile(session: Session, subscriber: Subscriber, profile_id: int) -> Profile:
    profile = profiles.get(session, subscriber, profile_id)
    if profile is None or profile.removed_at is not None:
        raise missing(f"interest {profile_id} of subscriber {subscriber.id}")
    return profile


def describe(session: Session, profile: Profile) -> told.InterestOut:
    interest = profiles.describe(session, profile)
    said = {name: getattr(interest, name) for name in FIELDS}
    return told.InterestOut(id=profile.id, created_at=profile.created_at, **said)
