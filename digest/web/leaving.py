"""Leaving from the mail: one press in a mail program (RFC 8058) or one on the page, and what one might do instead."""

from dataclasses import replace
from datetime import timedelta

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from digest import tokens
from digest.clock import EVERY_DAY, local_day
from digest.errors import InvalidRequest
from digest.subscribers import optin, profiles, schedule
from digest.subscribers.holders import Holder, find_holder
from digest.tables import Subscriber, SubscriberStatus
from digest.web.answers import NotHere
from digest.web.forms import PageForm
from digest.web.site import Site
from digest.web.visits import Visit, page_route

FEWER = 5  # papers of a short edition
MORE = 10


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/unsubscribe/{token}", unsubscribe, posts=True),
        page_route(site, "/unsubscribe/{token}/undo", come_back, posts=True),
        page_route(site, "/unsubscribe/{token}/instead", do_instead, posts=True),
        page_route(site, "/manage/{token}", manage, posts=True),
        page_route(site, "/manage/{token}/link", mail_link, posts=True),
    ]


def hold(visit: Visit, session: Session, purpose: tokens.Purpose) -> Holder:
    """Whose the link of this page is; a link that is not valid is no page."""
    secret = visit.site.shop.settings.signing_key
    try:
        return find_holder(session, secret, purpose, visit.path("token"), visit.now)
    except InvalidRequest as error:
        raise NotHere(str(error)) from error


def unsubscribe(visit: Visit) -> Response:
    """Any POST ends it: mail programs send no token of a form, and the address itself is the key."""
    form = PageForm(visit)
    with visit.rows() as session:
        subscriber = hold(visit, session, "unsubscribe").subscriber
        if visit.posted:
            optin.unsubscribe(session, subscriber, visit.now)
        gone = subscriber.status is SubscriberStatus.UNSUBSCRIBED
        return visit.page("unsubscribe", form=form, quiet=True, gone=gone, token=visit.path("token"))


def come_back(visit: Visit) -> Response:
    """Take leaving back."""
    form, token = PageForm(visit), visit.path("token")
    with visit.rows() as session:
        subscriber = hold(visit, session, "unsubscribe").subscriber
        if form.accept():
            _resubscribe(session, subscriber, visit)
            return visit.page("done", heading="Welcome back", told="Your editions go on at the usual time.")
        return form.show("unsubscribe", gone=True, token=token)


def _resubscribe(session: Session, subscriber: Subscriber, visit: Visit) -> None:
    try:
        optin.resubscribe(session, subscriber, visit.now)
    except InvalidRequest as error:  # whose words hold the address, which whoever got the mail forwarded may not know
        raise InvalidRequest("This address is not to be mailed: write to the operator to change that.") from error


def do_instead(visit: Visit) -> Response:
    """A pause, a weekly edition or a short one in place of leaving."""
    form, token = PageForm(visit), visit.path("token")
    with visit.rows() as session:
        subscriber = hold(visit, session, "unsubscribe").subscriber
        if form.accept():
            told = change(session, subscriber, str(visit.form.get("choice", "")), visit)
            return visit.page("done", heading="Done", told=told)
        return form.show("unsubscribe", gone=False, token=token)


def change(session: Session, subscriber: Subscriber, choice: str, visit: Visit) -> str:
    """Do what a button of a mailed page says; gives what to tell the person."""
    if subscriber.status not in optin.LISTENING:
        raise InvalidRequest("No editions go out to this subscriber at present: subscribe again first.")
    now, delivery = visit.now, schedule.delivery_of(subscriber)
    today = local_day(now, subscriber.zone)
    match choice:
        case "pause-week" | "pause-month":
            until = today + timedelta(days=7 if choice == "pause-week" else 30)
            schedule.pause(session, subscriber, until, now)
            return f"No edition comes until {until:%-d %B}; then they go on by themselves."
        case "resume":
            schedule.resume(session, subscriber, now)
            return "Your editions go on."
        case "weekly":
            schedule.set_delivery(session, subscriber, replace(delivery, weekdays=[today.weekday()]), now)
            return f"From now on an edition comes once a week, on {today:%A}."
        case "daily":
            schedule.set_delivery(session, subscriber, replace(delivery, weekdays=EVERY_DAY), now)
            return "From now on an edition comes every day."
        case "fewer" | "more":
            papers = FEWER if choice == "fewer" else MORE
            schedule.set_delivery(session, subscriber, replace(delivery, papers=papers), now)
            return f"From now on an edition holds up to {papers} papers."
    raise InvalidRequest("That is none of the choices: go back and press one of the buttons.")


def manage(visit: Visit) -> Response:
    """What a link that may have been forwarded can do: little, and all of it can be taken back."""
    form = PageForm(visit)
    with visit.rows() as session:
        subscriber = hold(visit, session, "manage").subscriber
        if not form.accept():
            return _show_manage(visit, session, subscriber, form)
        return visit.go(f"/manage/{visit.path('token')}", _manage(session, subscriber, visit))


def _show_manage(visit: Visit, session: Session, subscriber: Subscriber, form: PageForm) -> Response:
    secret, delivery = visit.site.shop.settings.signing_key, schedule.delivery_of(subscriber)
    return form.show(
        "manage",
        address=f"/manage/{visit.path('token')}",
        interests=profiles.listing(session, subscriber),
        is_paused=subscriber.status is SubscriberStatus.PAUSED,
        is_weekly=len(delivery.weekdays) == 1,
        is_short=delivery.papers <= FEWER,
        leave=tokens.sign(secret, "unsubscribe", {"s": subscriber.id, "k": subscriber.link_key}),
    )


def _manage(session: Session, subscriber: Subscriber, visit: Visit) -> str:
    number = str(visit.form.get("interest", ""))
    if not number:
        return change(session, subscriber, str(visit.form.get("choice", "")), visit)
    for profile in profiles.listing(session, subscriber):
        if str(profile.id) == number:
            profile.active = visit.form.get("wanted") == "on"
            return f"“{profile.name}” is {'on' if profile.active else 'off'}."
    raise InvalidRequest("That interest is gone: go back and look again.")


def mail_link(visit: Visit) -> Response:
    """Mail the owner a link to sign in; whoever holds this page learns nothing by it."""
    form = PageForm(visit)
    with visit.rows() as session:
        subscriber = hold(visit, session, "manage").subscriber
        if not form.accept():
            return _show_manage(visit, session, subscriber, form)
        visit.limit("sign-in")
        optin.ask_to_sign_in(session, visit.site.office, subscriber.email, visit.now)
    visit.site.errands.send_letters()
    return visit.go(f"/manage/{visit.path('token')}", "A link to sign in is on its way to the subscriber's address.")
