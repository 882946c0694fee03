"""Search by meaning: a form whose answers stand in the address, and the papers that come closest."""

from dataclasses import replace
from datetime import date

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from wtforms import Form, SelectChoice, SelectField, StringField
from wtforms.validators import ValidationError

from digest import questions
from digest.errors import InvalidRequest
from digest.papers.categories import CATEGORIES, parse_category
from digest.ranking.inquiries import DEPTH, LONGEST_TEXT, NEAREST_ANYWAY, SORTS, Inquiry, Results
from digest.sources.identifiers import clean_text
from digest.web import cards
from digest.web.paging import Paging, read_number
from digest.web.site import Site
from digest.web.visits import Visit, page_route

SIZE = 20  # papers of a page
PATIENCE = 3.0  # seconds that a search waits for the vectors to be loaded
AGAIN = 10  # seconds after which it may be tried again
WRONG_DATE = "Write the date as 2026-04-24"
EXAMPLES = (
    "Do language models know when they are wrong?",
    "robots that learn to grasp from a few human demonstrations",
    "faster attention for long documents",
)
ORDERS = {"relevance": "Closest first", "newest": "Newest first"}
CHOICES = [SelectChoice(*order) for order in ORDERS.items()]


def routes(site: Site) -> list[Route]:
    return [page_route(site, "/search", search)]


def _clean(text: str | None) -> str:
    return clean_text(text or "")


class AskForm(Form):  # type: ignore[misc]  # the library carries no types
    """It changes nothing, so it is sent by GET and carries no token."""

    q = StringField("What are you looking for?", filters=[_clean])
    cat = StringField("Category", filters=[_clean])
    since = StringField("Announced since", name="from", filters=[_clean])
    sort = SelectField("Order", choices=CHOICES, default="relevance", validate_choice=False)

    def __init__(self, visit: Visit) -> None:
        super().__init__(visit.request.query_params)
        self.problems: list[str] = []

    @property
    def summary(self) -> list[tuple[str, str]]:
        """The errors with the ids of their fields; an empty id is the form itself."""
        fields = [(field.id, message) for field in self for message in field.errors]
        return [*(("", message) for message in self.problems), *fields]

    @property
    def categories(self) -> list[str]:
        return str(self.cat.data).replace(",", " ").split()

    def validate_cat(self, _field: StringField) -> None:
        try:
            for name in self.categories:
                parse_category(name)
        except InvalidRequest as error:
            raise ValidationError(str(error)) from error

    def validate_since(self, field: StringField) -> None:
        if field.data and _read_date(field.data) is None:
            raise ValidationError(WRONG_DATE)

    def validate_sort(self, field: SelectField) -> None:
        if field.data not in SORTS:
            raise ValidationError(f"Choose an order: {' or '.join(ORDERS.values())}")

    def inquiry(self, page: int) -> Inquiry:
        since = _read_date(self.since.data) if self.since.data else None
        return Inquiry(self.q.data, tuple(self.categories), since, self.sort.data, page, SIZE)


def _read_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def search(visit: Visit) -> Response:
    """Without a question: what may be asked. A form with an error is shown again as it was filled in."""
    form = AskForm(visit)
    if not form.validate():
        return _show(visit, form, 422)
    if not form.q.data:
        return _show(visit, form)
    visit.limit("search")
    if not visit.site.errands.is_warm(PATIENCE):
        answer = _show(visit, form, 503, loading=True)
        answer.headers["Retry-After"] = str(AGAIN)
        return answer
    try:
        inquiry = form.inquiry(read_number(visit))
        results = questions.find(visit.site.shop, inquiry, visit.now)
    except InvalidRequest as error:
        form.problems.append(str(error))
        return _show(visit, form, 422)
    return _answer(visit, form, inquiry, results)


def _answer(visit: Visit, form: AskForm, inquiry: Inquiry, results: Results) -> HTMLResponse:
    with visit.rows() as session:
        found = cards.deal_hits(session, results.hits, by_meaning=not results.keywords_only)
    query = {"q": inquiry.text, "cat": form.cat.data, "from": form.since.data, "sort": form.sort.data}
    paging = Paging(inquiry.page, SIZE, 0 if results.weak else results.total, "/search", query)
    return _show(visit, form, results=replace(results, hits=[]), cards=found, paging=paging)


def _show(visit: Visit, form: AskForm, status: int = 200, **context: object) -> HTMLResponse:
    given = {"loading": False, "results": None, "examples": EXAMPLES, "categories": sorted(CATEGORIES)}
    limits = {"longest": LONGEST_TEXT, "depth": DEPTH, "nearest": NEAREST_ANYWAY}
    return visit.page("search", status, form=form, **(given | limits | context))
