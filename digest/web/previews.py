"""The live preview: the edition that would come next, by the real ranker and in the real mail, nothing being saved.

Without script it is a page; with htmx only the part beside the form is sent.
"""

from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from wtforms import StringField, TextAreaField
from wtforms.validators import Length

from digest import questions
from digest.papers import listing
from digest.ranking import reasons
from digest.ranking.previews import Wanted
from digest.subscribers import profiles, trials
from digest.subscribers.interests import LONGEST_TEXT, Interest
from digest.tables import Profile, Subscriber, SubscriberStatus
from digest.web.errors import IN_PAGE
from digest.web.forms import PageForm, StrangersForm
from digest.web.site import Site
from digest.web.visits import Visit, page_route

NEW_TAB = '<head>\n<base target="_blank">'  # a paper's link must not open inside the frame
TOO_LONG = f"Description must be {LONGEST_TEXT:,} characters or fewer"


class TryForm(StrangersForm):
    """A sentence, before anybody has given an address."""

    shortest = 0
    text = TextAreaField("What do you want to read?", [Length(max=LONGEST_TEXT, message=TOO_LONG)])
    email = StringField("Your e-mail address")


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/try", try_sentence, posts=True),
        page_route(site, "/preferences/preview", next_edition),
    ]


def try_sentence(visit: Visit) -> Response:
    """What a stranger would get."""
    form = TryForm(visit)
    if form.accept():
        visit.limit("preview")
        text = (form.text.data or "").strip()
        if not text:
            form.blame({"text": ["Say in a sentence what you want to read"]})
        else:
            return preview_of(visit, form, _nobody(visit), Interest(profiles.name_from(text), text))
    return _guard(visit, form.show("try", preview=None))


def _nobody(visit: Visit) -> Subscriber:
    """Somebody who has not given an address."""
    papers = visit.site.shop.settings.papers_per_edition
    status = SubscriberStatus.PENDING
    return Subscriber(id=0, email="", status=status, papers_per_edition=papers, link_key="", created_at=visit.now)


def next_edition(visit: Visit) -> Response:
    """The next edition of somebody as their interests stand."""
    reader = visit.require_reader()
    visit.limit("preview")
    with visit.site.shop.database.session(write=False) as session:
        wanted = [trials.stored(session, profile) for profile in profiles.listing(session, reader)]
    return _guard(visit, visit.page("preview", **_rehearse(visit, reader, wanted)))


def preview_of(
    visit: Visit, form: PageForm, reader: Subscriber, interest: Interest, profile: Profile | None = None
) -> Response:
    """The preview of an interest that is in a form: beside it for htmx, else on its page."""
    with visit.site.shop.database.session(write=False) as session:
        wanted = trials.with_draft(session, reader, interest, profile)
    context = _rehearse(visit, reader, wanted) | {"form": form, "profile": profile}
    if is_part(visit):
        return visit.page("preview_part", **context)
    template = "try" if reader.id == 0 else "interest_preview"
    status = 422 if form.summary else 200
    return _guard(visit, visit.page(template, status, **context))


def is_part(visit: Visit) -> bool:
    """Whether the answer goes into a page that is open, beside its form."""
    return IN_PAGE in visit.request.headers


def refuse_part(form: PageForm) -> Response:
    """Why a form that could not be read brings no preview."""
    return form.show("preview_part", preview=None)


def _rehearse(visit: Visit, reader: Subscriber, wanted: list[Wanted]) -> dict[str, Any]:
    with visit.site.rehearsals:
        found = questions.preview_interests(visit.site.shop, visit.now, reader, wanted)
    with visit.site.shop.database.session(write=False) as session:
        gone = [one.paper for one in listing.read(session, found.changes.gone)]
    return {
        "preview": found,
        "letter": found.html.replace("<head>", NEW_TAB, 1),
        "why_missed": [(pick.paper, reasons.explain(pick.reason)) for pick in found.missed],
        "came": [pick.paper for pick in found.draft.picks if pick.paper.id in found.changes.new],
        "gone": gone,
        "is_new": reader.id == 0,
    }


def _guard(visit: Visit, response: HTMLResponse) -> HTMLResponse:
    """Allow the styles of the mail, and nothing else, on a page that shows one."""
    response.headers["Content-Security-Policy"] = visit.site.preview_policy
    return response
