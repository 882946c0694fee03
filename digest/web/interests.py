"""Interests: making, changing, trying out, copying, removing and restoring one, and what votes have taught it."""

from dataclasses import replace
from datetime import timedelta

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from digest.composing import archive
from digest.errors import InvalidRequest
from digest.papers.lookup import find_paper
from digest.subscribers import feedback, profiles, requests
from digest.subscribers.interests import Interest
from digest.tables import Profile, Subscriber
from digest.web.answers import NotHere
from digest.web.forms import PageForm
from digest.web.interest_form import InterestForm, as_typed, stored_balance
from digest.web.previews import is_part, preview_of, refuse_part
from digest.web.site import Site
from digest.web.visits import Visit, page_route

REMEMBERED = timedelta(days=30)  # for how long the page tells what muted words hid
ALL = "/preferences/interests"
GONE = "That interest is not one of yours, or it was removed: see Preferences."


def routes(site: Site) -> list[Route]:
    one = f"{ALL}/{{number:int}}"
    return [
        page_route(site, f"{ALL}/new", create, posts=True),
        page_route(site, f"{ALL}/new/preview", try_new, posts=True),
        page_route(site, f"{ALL}/author", create_from_author, posts=True),
        page_route(site, one, edit, posts=True),
        page_route(site, f"{one}/preview", try_changed, posts=True),
        page_route(site, f"{one}/copy", copy, posts=True),
        page_route(site, f"{one}/delete", delete, posts=True),
        page_route(site, f"{one}/restore", restore, posts=True),
        page_route(site, f"{one}/votes", forget_votes, posts=True),
        page_route(site, f"{one}/votes/{{paper:int}}", forget_vote, posts=True),
    ]


def create(visit: Visit) -> Response:
    """A new interest; what other pages suggest for it comes by the address."""
    reader = visit.require_reader()
    form = InterestForm(visit, data={"text": visit.asked("text")[:4000], "authors": visit.asked("author")[:100]})
    if form.accept():
        with visit.rows() as session:
            made = _store(session, form, visit.me(session), visit)
        if made is not None:
            visit.site.errands.make_edition(reader.id)
            return visit.go("/preferences", f"“{made.name}” is saved. It counts from your next edition on.")
    return _show(visit, form, None)


def _store(session: Session, form: InterestForm, me: Subscriber, visit: Visit) -> Profile | None:
    """The new interest, or None with the form blamed."""
    interest = form.read()
    problems = profiles.check(session, me, interest)
    if not problems:
        try:
            return profiles.add(session, me, interest, visit.now, patient=True)
        except InvalidRequest as error:  # another window was faster
            problems = {"form": [str(error)]}
    form.blame(problems)
    return None


def edit(visit: Visit) -> Response:
    """Change an interest."""
    reader = visit.require_reader()
    with visit.rows() as session:
        profile = _mine(visit, session)
        form = InterestForm(visit, data=as_typed(profiles.describe(session, profile)))
        if not form.accept():
            return _show(visit, form, profile, session)
        interest = _read(form, profile)
        problems = profiles.check(session, visit.me(session), interest, profile)
        if problems:
            form.blame(problems)
            return _show(visit, form, profile, session)
        profiles.change(session, profile, interest, visit.now)
    visit.site.errands.make_edition(reader.id)
    return visit.go("/preferences", f"“{interest.name}” is saved. It counts from your next edition on.")


def _read(form: InterestForm, profile: Profile) -> Interest:
    interest = form.read(profile.weight)
    return replace(interest, balance=stored_balance(form, profile, interest))


def _mine(visit: Visit, session: Session) -> Profile:
    found = profiles.get(session, visit.require_reader(), int(visit.request.path_params["number"]))
    if found is None or found.removed_at is not None:
        raise NotHere(GONE)
    return found


def _show(visit: Visit, form: InterestForm, profile: Profile | None, session: Session | None = None) -> Response:
    """The page of the form, with what else is known of a stored interest."""
    context: dict[str, object] = {"voted": [], "muted": [], "unknown": []}
    if profile is not None and session is not None:
        reader = visit.require_reader()
        votes = feedback.listing(session, reader)
        context["voted"] = [(row, paper) for row, paper in votes if row.profile_id == profile.id]
        context["muted"] = archive.list_muted(session, reader.id, profile.id, visit.now - REMEMBERED)
        context["unknown"] = requests.given_up(session, profile)
    response = form.show("interest", profile=profile, **context)
    response.headers["Content-Security-Policy"] = visit.site.preview_policy
    return response


def try_new(visit: Visit) -> Response:
    """What the next edition would be with a new interest."""
    visit.require_reader()
    return _try(visit, InterestForm(visit), None) if visit.posted else visit.go(f"{ALL}/new")


def try_changed(visit: Visit) -> Response:
    """What it would be with the changes in the form."""
    with visit.site.shop.database.session(write=False) as session:
        profile = _mine(visit, session)
    return _try(visit, InterestForm(visit), profile) if visit.posted else visit.go(f"{ALL}/{profile.id}")


def _try(visit: Visit, form: InterestForm, profile: Profile | None) -> Response:
    visit.limit("preview")
    reader = visit.require_reader()
    with visit.site.shop.database.session(write=False) as session:
        if not form.accept():
            return refuse_part(form) if is_part(visit) else _show(visit, form, profile, session)
        interest = form.read() if profile is None else _read(form, profile)
        form.blame(profiles.check(session, reader, interest, profile))
    return preview_of(visit, form, reader, interest, profile)


class AuthorForm(PageForm):
    """Whose papers an interest is to be made of."""

    author = StringField(
        "Name of an author",
        [DataRequired("Enter the name of an author"), Length(max=100, message="Name must be 100 characters or fewer")],
    )


def create_from_author(visit: Visit) -> Response:
    """An interest that is what an author writes."""
    visit.require_reader()
    form = AuthorForm(visit)
    if not form.accept():
        return form.show("interest_author")
    with visit.rows() as session:
        try:
            made = profiles.from_author(session, visit.me(session), form.author.data, visit.now)
        except InvalidRequest as error:
            form.blame({"author": [str(error)]})
            return form.show("interest_author")
    visit.site.errands.make_edition(made.subscriber_id)
    return visit.go(f"{ALL}/{made.id}", f"“{made.name}” is saved, with their papers as examples.")


def copy(visit: Visit) -> Response:
    form = PageForm(visit)
    with visit.rows() as session:
        profile = _mine(visit, session)
        if not form.accept():
            return _back(visit, form, f"{ALL}/{profile.id}")
        made = profiles.copy(session, profile, visit.now)
    visit.site.errands.make_edition(made.subscriber_id)
    return visit.go(f"{ALL}/{made.id}", f"This is “{made.name}”, a copy.")


def delete(visit: Visit) -> Response:
    """Asked for once more on a page of its own; can be taken back for thirty days."""
    form = PageForm(visit)
    with visit.rows() as session:
        profile = _mine(visit, session)
        if not form.accept():
            return form.show("interest_delete", profile=profile)
        profiles.remove(session, profile, visit.now)
    return visit.go("/preferences", f"“{profile.name}” is removed. You can bring it back for 30 days, below.")


def restore(visit: Visit) -> Response:
    form, number = PageForm(visit), int(visit.request.path_params["number"])
    with visit.rows() as session:
        mine = [one for one in profiles.removed(session, visit.require_reader()) if one.id == number]
        if not mine:
            raise NotHere(GONE)
        if not form.accept():
            return _back(visit, form, "/preferences")
        restored = profiles.restore(session, mine[0])
    return visit.go("/preferences", f"“{restored.name}” is back.")


def forget_votes(visit: Visit) -> Response:
    """Take from an interest all that votes have taught it."""
    form = PageForm(visit)
    with visit.rows() as session:
        profile = _mine(visit, session)
        if not form.accept():
            return _back(visit, form, f"{ALL}/{profile.id}")
        feedback.reset(session, profile)
    return visit.go(f"{ALL}/{profile.id}", f"“{profile.name}” has forgotten your votes.")


def forget_vote(visit: Visit) -> Response:
    """Take one vote back."""
    form = PageForm(visit)
    with visit.rows() as session:
        profile = _mine(visit, session)
        if not form.accept():
            return _back(visit, form, f"{ALL}/{profile.id}")
        paper = find_paper(session, f"#{visit.request.path_params['paper']}")
        feedback.undo(session, visit.me(session), paper, visit.now)
    return visit.go(f"{ALL}/{profile.id}", "The vote is taken back.")


def _back(visit: Visit, form: PageForm, address: str) -> Response:
    """To the page that has the button, to press it there; it says so if it was pressed too late."""
    return visit.go(address, next((message for _, message in form.summary), ""))
