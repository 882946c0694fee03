"""The form of one interest, and its way to and from what the layers below take."""

from wtforms import BooleanField, RadioField, SelectMultipleField, StringField, TextAreaField

from digest.papers.categories import ARCHIVES
from digest.subscribers import profiles
from digest.subscribers.interests import BALANCES, Interest
from digest.tables import Profile
from digest.web.forms import PageForm

LINES = ("liked", "disliked", "required", "muted", "keywords", "authors")  # fields of one thing a line
LABELS = {
    "only like this": "Only like this",
    "mostly like this": "Mostly like this",
    "even": "Even",
    "mostly trending": "Mostly trending",
    "only trending": "Only trending",
}


class InterestForm(PageForm):
    """All that one interest can say. One sentence is enough; everything else is for those who want it.

    Nothing is checked here: what can be taken is known by `profiles.check`, in whose words it is told.
    """

    name = StringField("Name")
    text = TextAreaField("What do you want to read?")
    against = TextAreaField("Not this")
    liked = TextAreaField("Example papers")
    disliked = TextAreaField("Papers not wanted")
    authors = TextAreaField("Authors to follow")
    categories = SelectMultipleField("Categories", validate_choice=False)
    required = TextAreaField("Must contain")
    muted = TextAreaField("Mute")
    keywords = TextAreaField("Move up")
    balance = RadioField(
        "How much does it count what everybody reads?", choices=LABELS, default="even", validate_choice=False
    )
    active = BooleanField("This interest is on", default=True)

    def read(self, weight: float = 1.0) -> Interest:
        """What was typed. Without a name the first words of the text are one, or the first author is."""
        return Interest(
            name=(self.name.data or "").strip() or profiles.name_from(self.text.data or "") or self._first_author(),
            text=self.text.data or "",
            against=self.against.data or "",
            categories=tuple(self.categories.data or ()),
            weight=weight,
            balance=BALANCES.get(self.balance.data, -1.0),
            active=bool(self.active.data),
            **{field: self._lines(field) for field in LINES},
        )

    def _first_author(self) -> str:
        return next((line.strip() for line in self._lines("authors") if line.strip()), "")

    def _lines(self, field: str) -> tuple[str, ...]:
        return tuple((self._fields[field].data or "").replace("\r\n", "\n").split("\n"))

    @property
    def archives(self) -> list[tuple[str, list[str]]]:
        """The categories of each archive, for the boxes to be shown in groups."""
        groups = ((archive, [f"{archive}.{name}" for name in names.split()]) for archive, names in ARCHIVES.items())
        return [(archive, [archive, *names]) for archive, names in groups]


def as_typed(interest: Interest) -> dict[str, object]:
    """A stored interest as the form's fields hold it."""
    lines = {field: "\n".join(getattr(interest, field)) for field in LINES}
    texts = {"name": interest.name, "text": interest.text, "against": interest.against}
    others = {"categories": list(interest.categories), "active": interest.active, "balance": step_of(interest.balance)}
    return {**texts, **lines, **others}


def step_of(balance: float) -> str:
    """The step of the form that is nearest to a balance."""
    return min(BALANCES, key=lambda name: abs(BALANCES[name] - balance))


def stored_balance(form: InterestForm, profile: Profile, interest: Interest) -> float:
    """A balance between two steps, as only the shell sets it, stays while nobody chooses another step."""
    untouched = form.balance.data == step_of(profile.balance)
    return profile.balance if untouched else interest.balance
