"""The hub of a person's preferences: what comes when and why, with a link to change each thing."""

from datetime import date, timedelta
from typing import Any

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from digest.clock import local_day
from digest.composing import archive
from digest.errors import InvalidRequest
from digest.mail import suppression
from digest.subscribers import feedback, optin, outlook, privacy, profiles, schedule, sessions
from digest.tables import Profile, Subscriber
from digest.web.forms import PageForm
from digest.web.joining import sent
from digest.web.site import Site
from digest.web.visits import Visit, page_route

WEEK = timedelta(days=7)


def routes(site: Site) -> list[Route]:
    return [page_route(site, "/preferences", hub, posts=True)]


def hub(visit: Visit) -> Response:
    """Everything at a glance; the buttons of its banners are posted here."""
    visit.require_reader()
    form = PageForm(visit)
    with visit.rows() as session:
        me = visit.me(session)
        answer = _do(visit, session, me, form) if form.accept() else None
        if answer is None:
            return form.show("preferences", **_glance(visit, session, me))
    visit.site.errands.send_letters()
    return answer


def _do(visit: Visit, session: Session, me: Subscriber, form: PageForm) -> Response | None:
    """What a button says; None with the form blamed when that cannot be done."""
    try:
        match visit.form.get("choice"):
            case "resume":
                schedule.resume(session, me, visit.now)
                return visit.go("/preferences", "Your editions go on.")
            case "subscribe":
                optin.resubscribe(session, me, visit.now)
                return visit.go("/preferences", "You are subscribed again.")
            case "confirm":
                visit.limit("subscribe")
                optin.subscribe(session, visit.site.office, me.email, "", visit.now)
                return sent(visit, "confirm", me.email)
        form.blame({"": ["That is none of the choices: press one of the buttons."]})
    except InvalidRequest as error:
        form.blame({"": [str(error)]})
    return None


def _glance(visit: Visit, session: Session, me: Subscriber) -> dict[str, Any]:
    """What the hub shows."""
    removed = [profile for profile in profiles.removed(session, me) if _can_return(visit, profile)]
    return {
        "me": me,
        "today": local_day(visit.now, me.zone),
        "outlook": outlook.look_ahead(session, me, visit.now),
        "delivery": outlook.say_delivery(schedule.delivery_of(me)),
        "interests": profiles.listing(session, me),
        "most": profiles.MOST_PROFILES,
        "lessons": feedback.count_lessons(session, me),
        "picked": archive.count_picked(session, me.id, visit.now - WEEK),
        "removed": removed,
        "blocked": bool(suppression.suppressed(session, [me.email])),
        "browsers": _browsers(visit, session, me),
    }


def _can_return(visit: Visit, profile: Profile) -> bool:
    return profile.removed_at is not None and profile.removed_at > visit.now - privacy.REMOVED


def _browsers(visit: Visit, session: Session, me: Subscriber) -> list[tuple[bool, date, date]]:
    """The signed-in browsers: whether it is this one, since when, and when it was last here."""
    this = visit.session.id if visit.session else None
    return [
        (row.id == this, local_day(row.created_at, me.zone), local_day(row.seen_at, me.zone))
        for row in sessions.listing(session, me)
        if row.seen_at > visit.now - sessions.LIFE
    ]
