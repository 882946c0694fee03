"""When editions come and how long they are; pauses, and their end."""

from dataclasses import replace
from datetime import date
from typing import Any

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, ValidationError

from digest.clock import local_day, zones
from digest.errors import InvalidRequest
from digest.subscribers import outlook, schedule
from digest.subscribers.schedule import Delivery
from digest.tables import Subscriber
from digest.web.forms import PageForm
from digest.web.site import Site
from digest.web.visits import Visit, page_route

LENGTHS = (5, 10, 15, 20, 30)  # papers of an edition
UNSET = "UTC"  # the zone of those who have never chosen one


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/preferences/delivery", delivery, posts=True),
        page_route(site, "/preferences/pause", pause, posts=True),
    ]


class DeliveryForm(PageForm):
    """Days, hour, zone and length."""

    weekdays = SelectMultipleField(
        "On which days?",
        [InputRequired("Choose at least one day")],
        coerce=int,
        choices=dict(enumerate(outlook.DAYS)),
    )
    hour = SelectField("At what time?", coerce=int, choices={hour: f"{hour:02}:00" for hour in range(24)})
    zone = SelectField("In which time zone?")
    papers = SelectField("How many papers at most?", coerce=int)

    def __init__(self, visit: Visit, present: Delivery) -> None:
        super().__init__(visit, data=_values(present))
        self.zone.choices = _zones(present.zone)
        self.papers.choices = {count: f"{count} papers" for count in sorted({*LENGTHS, present.papers})}
        self.may_guess = present.zone == UNSET and not visit.posted

    @property
    def wanted(self) -> Delivery:
        """What was chosen."""
        return Delivery(self.zone.data, self.hour.data, self.weekdays.data, self.papers.data)


def _values(present: Delivery) -> dict[str, Any]:
    return {
        "weekdays": list(present.weekdays),
        "hour": present.hour,
        "zone": present.zone,
        "papers": present.papers,
    }


def _zones(present: str) -> dict[str, dict[str, str]]:
    """All zones by region, as options; somebody's own is among them whatever it is."""
    known = zones()
    if not any(present in names for names in known.values()):
        known = {"Yours": [present], **known}
    return {region: {name: name.replace("_", " ") for name in names} for region, names in known.items()}


class PauseForm(PageForm):
    """The day on which editions come again, if there is one."""

    until = StringField("Until which day?")

    def validate_until(self, field: StringField) -> None:
        try:
            self.day = date.fromisoformat(field.data) if field.data else None
        except ValueError as error:
            raise ValidationError("Enter a day like 2026-12-04, or leave it empty") from error


def delivery(visit: Visit) -> Response:
    """The form, when the next edition comes by what is stored, and below it a form to pause."""
    visit.require_reader()
    with visit.rows() as session:
        me = visit.me(session)
        form = DeliveryForm(visit, schedule.delivery_of(me))
        if not form.accept():
            return form.show("delivery", pause=PauseForm(_unposted(visit)), **_outlook(visit, session, me))
        schedule.set_delivery(session, me, form.wanted, visit.now)
        told = outlook.say_delivery(schedule.delivery_of(me))
    return visit.go("/preferences", f"Saved. {told}.")


def pause(visit: Visit) -> Response:
    """Stop editions for a time, or until the person presses “Resume” on the hub."""
    visit.require_reader()
    form = PauseForm(visit)
    with visit.rows() as session:
        me = visit.me(session)
        if form.accept():
            try:
                schedule.pause(session, me, form.day, visit.now)
                return visit.go("/preferences", "Your editions pause.")
            except InvalidRequest as error:
                form.blame({"until": [str(error)]})
        return form.show("pause", pause=form, **_outlook(visit, session, me))


def _unposted(visit: Visit) -> Visit:
    """The same visit for a second form on the page, to which nothing of the posted one belongs."""
    return replace(visit, form=type(visit.form)())


def _outlook(visit: Visit, session: Session, me: Subscriber) -> dict[str, Any]:
    return {
        "me": me,
        "today": local_day(visit.now, me.zone),
        "outlook": outlook.look_ahead(session, me, visit.now),
    }
