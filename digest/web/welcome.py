"""The first steps after confirming: what to read, ten papers to judge, when to mail. Each can be passed over."""

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route
from wtforms import StringField, TextAreaField
from wtforms.validators import Length

from digest import questions
from digest.composing.editions import list_authors
from digest.errors import InvalidRequest
from digest.papers.lookup import find_paper
from digest.ranking import reasons
from digest.subscribers import feedback, outlook, profiles, schedule, trials
from digest.subscribers.feedback import Vote
from digest.subscribers.interests import Interest
from digest.tables import Profile, Subscriber
from digest.web.delivery import DeliveryForm
from digest.web.forms import PageForm
from digest.web.site import Site
from digest.web.visits import Visit, page_route

VALUES = {"want": feedback.MORE, "not": feedback.LESS}
EXAMPLES = "Example papers"


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/welcome", lambda visit: visit.go("/welcome/topics")),
        page_route(site, "/welcome/topics", topics, posts=True),
        page_route(site, "/welcome/rate", rate, posts=True),
        page_route(site, "/welcome/delivery", delivery, posts=True),
    ]


class TopicsForm(PageForm):
    """Three ways to say what to read; one is enough."""

    text = TextAreaField("In your own words")
    liked = TextAreaField("Or papers that you like")
    author = StringField(
        "Or somebody whose papers you read", [Length(max=100, message="Name must be 100 characters or fewer")]
    )


def topics(visit: Visit) -> Response:
    """Step 1: the first interest, or one more."""
    reader, form = visit.require_reader(), TopicsForm(visit)
    if form.accept():
        if not any((field.data or "").strip() for field in (form.text, form.liked, form.author)):
            return visit.go("/welcome/rate")
        with visit.rows() as session:
            problems = _say(session, visit.me(session), form, visit)
        if not problems:
            visit.site.errands.make_edition(reader.id)
            return visit.go("/welcome/rate")
        form.blame(problems)
    with visit.site.shop.database.session(write=False) as session:
        interests = profiles.listing(session, reader)
    return form.show("welcome_topics", interests=interests)


def _say(session: Session, me: Subscriber, form: TopicsForm, visit: Visit) -> dict[str, list[str]]:
    """Store what was said as one interest, or as two when an author is named as well; or tell what is wrong."""
    text, lines = (form.text.data or "").strip(), tuple((form.liked.data or "").splitlines())
    author = (form.author.data or "").strip()
    if text or any(line.strip() for line in lines):
        name = profiles.free_name(session, me, profiles.name_from(text) or EXAMPLES)
        interest = Interest(name, text, liked=lines)
        problems = profiles.check(session, me, interest)
        if problems:
            return {("text" if name in {"name", "form"} else name): told for name, told in problems.items()}
        profiles.add(session, me, interest, visit.now, patient=True)
    try:
        if author:
            profiles.from_author(session, me, author, visit.now)
    except InvalidRequest as error:
        session.rollback()
        return {"author": [str(error)]}
    return {}


def rate(visit: Visit) -> Response:
    """Step 2: papers that are near and unlike each other; what is said of them counts at once."""
    reader, form = visit.require_reader(), PageForm(visit)
    if form.accept():
        with visit.rows() as session:
            count = _take_votes(session, visit.me(session), visit)
        told = f"{count} votes are saved." if count != 1 else "One vote is saved."
        more = visit.form.get("then") == "more"
        return visit.go("/welcome/rate" if more else "/welcome/delivery", told if count else "")
    visit.limit("preview")
    with visit.site.shop.database.session(write=False) as session:
        wanted = [trials.stored(session, profile) for profile in profiles.listing(session, reader)]
    found = questions.preview_interests(visit.site.shop, visit.now, reader, wanted)
    interests = {copy.id: want.profile.id for copy, want in zip(found.profiles, wanted, strict=True)}
    picks = found.draft.picks if wanted else []  # what trends says nothing of what was asked for
    papers = [(pick, list_authors(tuple(pick.paper.authors), pick.paper.author_count)) for pick in picks]
    return form.show("welcome_rate", papers=papers, interests=interests, said=visit.form, explain=reasons.explain)


def _take_votes(session: Session, me: Subscriber, visit: Visit) -> int:
    """The votes of the page; each names the interest that the paper was shown for."""
    count = 0
    for name, value in visit.form.multi_items():
        field, _, number = name.partition("-")
        if field != "paper" or value not in VALUES:
            continue
        paper = find_paper(session, f"#{number}")
        interest = _mine(session, me, str(visit.form.get(f"interest-{number}", "")))
        given = Vote(paper, VALUES[str(value)], profile_id=interest.id if interest else None)
        feedback.vote(session, me, given, visit.now)
        count += 1
    return count


def _mine(session: Session, me: Subscriber, number: str) -> Profile | None:
    return next((one for one in profiles.listing(session, me) if str(one.id) == number), None)


def delivery(visit: Visit) -> Response:
    """Step 3: days, hour, zone and length; ends on the preview."""
    visit.require_reader()
    with visit.rows() as session:
        me = visit.me(session)
        form = DeliveryForm(visit, schedule.delivery_of(me))
        if not form.accept():
            return form.show("welcome_delivery")
        schedule.set_delivery(session, me, form.wanted, visit.now)
        told = outlook.say_delivery(schedule.delivery_of(me))
    return visit.go("/preferences/preview", f"All is set: {told}.")
