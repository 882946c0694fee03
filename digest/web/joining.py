"""Subscribing and confirming. Everybody gets the same answer; what is true of an address is told by mail to it."""

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from digest.composing.letters import LinkPurpose
from digest.errors import InvalidRequest
from digest.subscribers import links, optin, profiles
from digest.subscribers.links import Found, LinkState
from digest.tables import Subscriber
from digest.web.answers import NotHere
from digest.web.forms import PageForm, StrangersForm
from digest.web.site import Site
from digest.web.visits import Visit, page_route

WRONG_ADDRESS = "Enter an e-mail address like name@example.org"
TOO_LONG = f"Description must be {profiles.LONGEST_TEXT:,} characters or fewer"
ON_ITS_WAY = "Your first edition is on its way."
FOLLOWS = "Say what to read, and your first edition follows."
UNKNOWN_LINK = "This link is not one of ours, or a newer one has taken its place. Look for the newest mail."


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/subscribe", subscribe, posts=True),
        page_route(site, "/check-your-inbox", check_inbox, posts=True),
        page_route(site, "/confirm/{token}", confirm, posts=True),
        page_route(site, "/confirm/{token}/again", mail_anew, posts=True),
        page_route(site, "/not-me/{token}", refuse, posts=True),
    ]


def is_address(_form: PageForm, field: StringField) -> None:
    """Takes an address only, and puts it into its one spelling."""
    try:
        field.data = optin.parse_address(field.data)
    except InvalidRequest as error:
        raise ValidationError(WRONG_ADDRESS) from error


class AddressForm(StrangersForm):
    """An address."""

    email = StringField("Your e-mail address", [InputRequired(WRONG_ADDRESS), is_address])


class JoinForm(AddressForm):
    """An address and, if they like, what they want to read."""

    text = TextAreaField(
        "What do you want to read?",
        [Length(max=profiles.LONGEST_TEXT, message=TOO_LONG)],
    )


def subscribe(visit: Visit) -> Response:
    """Take an address; a robot gets the same answer, and nothing happens."""
    form = JoinForm(visit)
    if not form.accept():
        return form.show("subscribe")
    visit.limit("subscribe")
    if not form.is_robot():
        with visit.rows() as session:
            optin.subscribe(session, visit.site.office, form.email.data, form.text.data or "", visit.now)
        visit.site.errands.send_letters()
    return sent(visit, "confirm", form.email.data)


def sent(visit: Visit, kind: str, address: str) -> Response:
    """On to the page that says where the letter went; the address is kept in the cookie, not in the page's address."""
    visit.request.session["sent"] = {"kind": kind, "address": address}
    return visit.go("/check-your-inbox")


def check_inbox(visit: Visit) -> Response:
    """Where the letter went, and once more if it does not come."""
    waiting = visit.request.session.get("sent")
    if not waiting:
        return visit.go("/subscribe")
    form = PageForm(visit)
    if form.accept():
        visit.limit("subscribe")
        with visit.rows() as session:
            _send_again(session, visit, waiting)
        visit.site.errands.send_letters()
        return visit.go("/check-your-inbox", "If the address is right, another mail is on its way.")
    return form.show("check_inbox", address=waiting["address"], kind=waiting["kind"])


def _send_again(session: Session, visit: Visit, waiting: dict[str, str]) -> None:
    if waiting["kind"] == "confirm":
        optin.subscribe(session, visit.site.office, waiting["address"], "", visit.now)
    else:
        optin.ask_to_sign_in(session, visit.site.office, waiting["address"], visit.now)


def confirm(visit: Visit) -> Response:
    """The button makes a subscriber, and signs them in; looking at the page does nothing."""
    form = PageForm(visit)
    with visit.rows() as session:
        found = find_link(visit, session, "confirm")
        if found.state is not LinkState.FRESH or not form.accept():
            return _show_link(visit, session, form, found)
        subscriber = optin.confirm(session, visit.path("token"), visit.now)
        visit.sign_in(session, subscriber)
        follows = ON_ITS_WAY if profiles.listing(session, subscriber) else FOLLOWS
    visit.site.errands.make_edition(subscriber.id)
    return visit.go("/welcome/topics", f"You are subscribed. {follows}")


def mail_anew(visit: Visit) -> Response:
    """Another letter for one whose link is too old, to the address that had that one."""
    form = PageForm(visit)
    with visit.rows() as session:
        found = find_link(visit, session, "confirm")
        if found.state is LinkState.USED or not form.accept():
            return _show_link(visit, session, form, found)
        visit.limit("subscribe")
        optin.subscribe(session, visit.site.office, found.link.address, "", visit.now)
    visit.site.errands.send_letters()
    return sent(visit, "confirm", found.link.address)


def find_link(visit: Visit, session: Session, purpose: LinkPurpose) -> Found:
    """The mailed link that this page's address holds; what we never mailed is no page."""
    visit.limit("links")
    found = links.look(session, purpose, visit.path("token"), visit.now)
    if found is None:
        raise NotHere(UNKNOWN_LINK)
    return found


def _show_link(visit: Visit, session: Session, form: PageForm, found: Found) -> Response:
    interests = profiles.listing(session, session.get_one(Subscriber, found.link.subscriber_id))
    return form.show("confirm", state=found.state.value, token=visit.path("token"), has_interest=bool(interests))


def refuse(visit: Visit) -> Response:
    """“This was not me”: the address is never mailed again."""
    token, form = visit.path("token"), PageForm(visit)
    with visit.rows() as session:
        if find_link(visit, session, "confirm").state is not LinkState.FRESH:
            raise NotHere(UNKNOWN_LINK)
        if not form.accept():
            return form.show("refuse", token=token, done=False)
        optin.refuse(session, token, visit.now)
    return visit.page("refuse", done=True)
