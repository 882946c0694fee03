"""A person's address, and all that is stored of them, to be taken along or deleted. Both ask for a fresh sign-in."""

import json

from starlette.responses import Response
from starlette.routing import Route
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, ValidationError

from digest import questions
from digest.errors import InvalidRequest
from digest.subscribers import account, address, privacy
from digest.subscribers.links import LinkState
from digest.web.forms import PageForm
from digest.web.joining import WRONG_ADDRESS, find_link, is_address
from digest.web.site import Site
from digest.web.visits import Visit, page_route

WORD = "DELETE"  # to be typed by who wants everything deleted
DATA = "/preferences/data"


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/preferences/email", change_address, posts=True),
        page_route(site, "/address/{token}", confirm_address, posts=True),
        page_route(site, "/keep-address/{token}", keep_address, posts=True),
        page_route(site, f"{DATA}.json", download),
        page_route(site, DATA, data, posts=True),
    ]


class NewAddressForm(PageForm):
    """Where editions are to go from now on."""

    email = StringField("New e-mail address", [InputRequired(WRONG_ADDRESS), is_address])


class DeleteForm(PageForm):
    """A word that nobody types by mistake."""

    word = StringField(f"Type {WORD} to delete everything")
    never = BooleanField("Never mail this address again, whoever gives it")

    def validate_word(self, field: StringField) -> None:
        if (field.data or "").strip() != WORD:
            raise ValidationError(f"Type the word {WORD} in capital letters")


def change_address(visit: Visit) -> Response:
    """Ask the new address; the old one is told, and can stop it."""
    visit.require_proof()
    form = NewAddressForm(visit)
    if not form.accept():
        return form.show("email")
    visit.limit("sign-in")
    try:
        with visit.rows() as session:
            me = visit.me(session)
            address.change_address(session, visit.site.office, me, form.email.data, visit.now)
    except InvalidRequest as error:
        form.blame({"email": [str(error)]})
        return form.show("email")
    visit.site.errands.send_letters()
    told = f"A mail is on its way to {form.email.data}. Press its button within 24 hours; until then nothing changes."
    return visit.go("/preferences", told)


def confirm_address(visit: Visit) -> Response:
    """The button in the letter to the new address."""
    form, token = PageForm(visit), visit.path("token")
    with visit.rows() as session:
        found = find_link(visit, session, "address-change")
        if found.state is not LinkState.FRESH or not form.accept():
            return form.show("new_address", state=found.state.value, address=found.link.address)
        email = address.confirm_address(session, token, visit.now).email
    return visit.page("done", heading="Your address is changed", told=f"Your editions go to {email} from now on.")


def keep_address(visit: Visit) -> Response:
    """The button in the letter to the old address; whoever asked for the change is signed out by it."""
    form, token = PageForm(visit), visit.path("token")
    with visit.rows() as session:
        found = find_link(visit, session, "address-cancel")
        if found.state is not LinkState.FRESH or not form.accept():
            return form.show("keep_address", state=found.state.value, address=found.link.address)
        kept = address.cancel_address(session, token, visit.now)
        if visit.reader is not None and visit.reader.id == kept.id:
            visit.sign_out()
    told = (
        f"Your editions go to {kept.email}. Every browser is signed out, links in mails that went out lead nowhere, "
        "and your feeds have new addresses."
    )
    return visit.page("done", heading="Your address stays", told=told)


def data(visit: Visit) -> Response:
    """What is stored in words; a copy to download; and the end of it all."""
    visit.require_proof()
    form = DeleteForm(visit)
    with visit.rows() as session:
        me = visit.me(session)
        if not form.accept():
            return form.show("data", me=me, counts=account.count(session, me))
        stays = account.forget(session, me, visit.now, never_again=form.never.data)
    questions.forget_files(visit.site.shop, me)
    visit.sign_out()
    return visit.page("deleted", stays=stays)


def download(visit: Visit) -> Response:
    """All that is stored of a person, as one file."""
    visit.require_proof(back=DATA)
    with visit.rows() as session:
        whole = privacy.export(session, visit.me(session))
    name = f"paper-digest-{visit.now:%Y-%m-%d}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(json.dumps(whole, ensure_ascii=False, indent=2), media_type="application/json", headers=headers)
