"""Subscribers: who they are, when their editions come, and an edition at once."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlmodel import Session

from digest import questions
from digest.errors import InvalidRequest
from digest.subscribers import optin, privacy, schedule
from digest.subscribers.schedule import Delivery, delivery_of
from digest.tables import Subscriber, SubscriberStatus
from digest.web.api import paging
from digest.web.api import schemas as told
from digest.web.api.calls import Managing, Sending
from digest.web.api.papers import UNCHANGED
from digest.web.api.problems import Refusal, documented, missing
from digest.web.api.routing import TaggedRoute

ANSWERS = documented(401, 403, 422, 429, 500, 503)
WITH_BODY = documented(400, 413)
NOT_THERE = documented(404)
TAKEN = documented(409)

router = APIRouter(tags=["subscribers"], route_class=TaggedRoute, responses=ANSWERS)

Number = Annotated[told.Id, Path(description="Of the subscriber")]


class Asked(told.Said):
    address: told.Address | None = None
    cursor: told.Cursor | None = None
    limit: told.Limit = 20


@router.get("/subscribers", summary="All subscribers", responses=UNCHANGED)
def list_subscribers(call: Managing, asked: Annotated[Asked, Query()]) -> told.SubscriberPage:
    """In the order in which they came, or the one with an address. Follow `next` for more."""
    with call.shop.database.session(write=False) as session:
        if asked.address is not None:
            found = optin.look_up(session, optin.parse_address(asked.address))
            return told.SubscriberPage(subscribers=[describe(found)] if found else [], next=None)
        after = paging.read_number(asked.cursor) if asked.cursor else 0
        page = optin.page(session, after, asked.limit + 1)
    more = len(page) > asked.limit
    shown = [describe(one) for one in page[: asked.limit]]
    return told.SubscriberPage(subscribers=shown, next=paging.write(shown[-1].id) if more else None)


@router.post("/subscribers", summary="Add a subscriber", status_code=201, responses=WITH_BODY | TAKEN)
def add_subscriber(call: Managing, said: told.SubscriberIn, response: Response) -> told.SubscriberOut:
    """Somebody new. Unless you vouch that they have asked for it, a letter asks them first.

    Safe to repeat: an address that is there already is left as it is, and the answer 409 says where it is.
    """
    newcomer = optin.Newcomer(
        email=said.address,
        name=said.name,
        zone=said.zone,
        hour=said.hour,
        weekdays=tuple(set(said.weekdays)),
        papers=said.papers or call.shop.settings.papers_per_edition,
        active=said.confirmed,
    )
    with call.shop.database.session() as session:
        added = optin.register(session, call.site.office, newcomer, said.text, call.now)
    if not said.confirmed:
        call.site.errands.send_letters()
    response.headers["Location"] = f"/api/v1/subscribers/{added.id}"
    return describe(added)


@router.get("/subscribers/{subscriber_id}", summary="A subscriber", responses=NOT_THERE | UNCHANGED)
def get_subscriber(call: Managing, subscriber_id: Number) -> told.SubscriberOut:
    with call.shop.database.session(write=False) as session:
        return describe(find(session, subscriber_id))


@router.patch(
    "/subscribers/{subscriber_id}", summary="Change when editions come, pause, resume", responses=WITH_BODY | NOT_THERE
)
def change_subscriber(call: Managing, subscriber_id: Number, said: told.SubscriberChange) -> told.SubscriberOut:
    """All of it or, when something cannot be taken, nothing. Safe to repeat."""
    if said.pause_until and said.status not in {None, "paused"}:
        raise InvalidRequest("A day to pause until goes with the status “paused” or with none.")
    with call.shop.database.session() as session:
        subscriber = find(session, subscriber_id)
        delivery = _changed(delivery_of(subscriber), said)
        if delivery != delivery_of(subscriber):
            schedule.set_delivery(session, subscriber, delivery, call.now)
        if said.pause_until or said.status == "paused":
            schedule.pause(session, subscriber, said.pause_until, call.now)
        elif said.status == "active":
            schedule.resume(session, subscriber, call.now)
        elif said.status == "unsubscribed":
            optin.unsubscribe(session, subscriber, call.now)
    return describe(subscriber)


def _changed(delivery: Delivery, said: told.SubscriberChange) -> Delivery:
    return Delivery(
        said.zone or delivery.zone,
        delivery.hour if said.hour is None else said.hour,
        sorted(set(said.weekdays or delivery.weekdays)),
        said.papers or delivery.papers,
    )


@router.delete(
    "/subscribers/{subscriber_id}",
    summary="Erase a subscriber",
    status_code=204,
    responses=NOT_THERE,
    response_class=Response,
)
def erase_subscriber(call: Managing, subscriber_id: Number) -> None:
    """With interests, editions, votes and mail. Nothing is left but the hash of an address that is not to be mailed."""
    with call.shop.database.session() as session:
        subscriber = find(session, subscriber_id)
        privacy.erase(session, subscriber, call.now)
    questions.forget_files(call.shop, subscriber)


@router.get(
    "/subscribers/{subscriber_id}/export",
    summary="All that is stored of a subscriber",
    responses=NOT_THERE | UNCHANGED,
)
def export_subscriber(call: Managing, subscriber_id: Number) -> dict[str, object]:
    """For the person to read, so in words; its keys may change from release to release."""
    with call.shop.database.session(write=False) as session:
        return privacy.export(session, find(session, subscriber_id))


@router.post(
    "/subscribers/{subscriber_id}/edition",
    summary="Make the edition that is due at once",
    status_code=202,
    responses=NOT_THERE | TAKEN,
)
def make_edition(call: Sending, subscriber_id: Number) -> told.EditionOut:
    """It is ranked, written and mailed in a moment. Safe to repeat: 409 says that none is due."""
    with call.shop.database.session(write=False) as session:
        subscriber = find(session, subscriber_id)
    if not questions.due(call.shop, call.now, subscriber_id):
        raise Refusal(409, _why_none_is_due(subscriber, call.now), existing=f"/api/v1/subscribers/{subscriber_id}")
    call.site.errands.make_edition(subscriber_id)
    return told.EditionOut(subscriber=subscriber_id, due_at=subscriber.next_edition_at)


def _why_none_is_due(subscriber: Subscriber, now: datetime) -> str:
    if subscriber.status is not SubscriberStatus.ACTIVE:
        return f"No edition is due: the subscriber is {subscriber.status.value}."
    comes = subscriber.next_edition_at
    if comes is not None and comes > now:
        return f"No edition is due before {comes:%Y-%m-%d %H:%M} UTC."
    return "No edition is due: the subscriber has no interest that is switched on."


def find(session: Session, subscriber_id: int) -> Subscriber:
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is None:
        raise missing(f"subscriber {subscriber_id}")
    return subscriber


def describe(subscriber: Subscriber) -> told.SubscriberOut:
    row = subscriber.model_dump()
    return told.SubscriberOut(**row, address=row["email"], papers=row["papers_per_edition"])
