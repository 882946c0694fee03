"""What calls say and are told: bounded, without fields that nobody knows, without characters that no store takes."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from digest.clock import EVERY_DAY, FIRST_YEAR
from digest.ranking.inquiries import LONGEST_TEXT as LONGEST_QUESTION
from digest.subscribers import examples, interests, optin
from digest.subscribers.schedule import MOST_PAPERS
from digest.tables import SubscriberStatus
from digest.web.api.paging import HIGHEST_ID

MOST_ITEMS = 100
LAST_YEAR = 9000

Id = Annotated[int, Field(ge=1, le=HIGHEST_ID)]
Limit = Annotated[int, Field(ge=1, le=MOST_ITEMS, description="How many at most", examples=[20])]
Cursor = Annotated[
    str, StringConstraints(max_length=200), Field(description="`next` of the page before, to get the one that follows")
]


def _line(longest: int, shortest: int = 0) -> StringConstraints:
    """One line, without control characters."""
    return StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", min_length=shortest, max_length=longest)


def _text(longest: int) -> StringConstraints:
    """Lines; of control characters only NUL, which a database refuses, is."""
    return StringConstraints(pattern=r"^[^\x00]*$", max_length=longest)


def _dashed(value: object) -> object:
    """A day is written with its dashes; a number is none."""
    if isinstance(value, date) or (isinstance(value, str) and len(value) == len("2026-05-06") and value.isascii()):
        return value
    raise ValueError("write a day as 2026-05-06")


def _thinkable(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"choose a day from {FIRST_YEAR} on")
    return day


Day = Annotated[
    date,
    BeforeValidator(_dashed),
    AfterValidator(_thinkable),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-05-06"]}),
]
Week = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-W[0-9]{2}$"), Field(examples=["2026-W19"])]
Month = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}$"), Field(examples=["2026-05"])]
Category = Annotated[
    str,
    _line(30),
    Field(description="An arXiv category, or an archive such as `cs`; papers without any are never left out"),
]
Scheme = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$"), Field(examples=["arxiv"])]
Name = Annotated[str, _line(512, 1), Field(examples=["2401.00001"])]
Question = Annotated[str, _line(4 * LONGEST_QUESTION, 1), Field(examples=["state space models"])]
Sort = Literal["relevance", "newest"]
Address = Annotated[
    str,
    _line(254, 3),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254, "examples": ["ada@example.org"]}),
]
Weekdays = Annotated[
    list[Annotated[int, Field(ge=0, le=6)]],
    Field(min_length=1, max_length=7, description="0 is Monday", examples=[[0, 1, 2, 3, 4]]),
]
Zone = Annotated[str, _line(64, 1), Field(description="An IANA time zone", examples=["Europe/Paris"])]
Hour = Annotated[int, Field(ge=0, le=23, description="Of the edition, in that zone")]
Papers = Annotated[int, Field(ge=1, le=MOST_PAPERS, description="Of an edition")]
Lines = Annotated[list[Annotated[str, _line(examples.LONGEST_LINE)]], Field(max_length=examples.MOST_LINES)]


class Said(BaseModel):
    """What a caller says."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


# Papers


class Identifier(BaseModel):
    scheme: str = Field(examples=["arxiv"])
    value: str = Field(examples=["2401.00001"])


class PaperOut(BaseModel):
    """A paper, merged over its sources and versions."""

    id: int
    title: str = Field(examples=["Mamba: Linear-Time Sequence Modeling"])
    abstract: str = Field(description="As the source has it; it may hold LaTeX")
    authors: list[str]
    categories: list[str] = Field(examples=[["cs.LG"]])
    identifiers: list[Identifier]
    url: str = Field(description="Where to read it")
    page: str = Field(description="Its page here")
    source: str
    version: int | None
    published_on: date | None
    announced_at: datetime
    trend: float | None = Field(description="How much it is trending, to compare papers by; null when nobody counted")
    counts: dict[str, int] = Field(description="What the sources counted last", examples=[{"votes": 120}])
    readers: int = Field(description="Readers here who want more like it")


class PaperPage(BaseModel):
    papers: list[PaperOut]
    next: str | None = Field(description="The cursor of the page that follows, null on the last")


class Trending(BaseModel):
    """The papers of a day, a week or a month: those with a trend by trend, then the others, newest first."""

    first_day: date | None = Field(description="Null while there are no papers at all")
    last_day: date | None
    papers: list[PaperOut]
    total: int


class Match(BaseModel):
    """A paper that was looked for."""

    paper: PaperOut
    relevance: float = Field(description="Standard deviations above the mean of the store; 0 when found by words alone")
    phrases: list[str] = Field(description="Rare words that it shares with the question")


class Matches(BaseModel):
    matches: list[Match]


class SearchPage(Matches):
    total: int = Field(description="200 stands for that many or more")
    page: int
    more: bool = Field(description="Whether there is a next page")
    cut: bool = Field(description="The question was too long to be looked for as a whole")
    weak: bool = Field(description="Nothing matches: these are the nearest anyway")
    keywords_only: bool = Field(description="There are no vectors to search by: the newest papers with all the words")


# People


class SubscriberIn(Said):
    address: Address
    name: Annotated[str, _line(optin.LONGEST_NAME)] = ""
    zone: Zone = "UTC"
    hour: Hour = 7
    weekdays: Weekdays = list(EVERY_DAY)
    papers: Papers | None = Field(None, description="Of an edition; null: as the operator has set it")
    text: Annotated[str, _text(interests.LONGEST_TEXT)] = Field("", description="What they want to read")
    confirmed: bool = Field(
        default=False,
        description="True: you vouch that this person has asked for it, and editions begin. Otherwise a letter asks.",
    )


class SubscriberChange(Said):
    """What is to change; what is left out or null stays."""

    zone: Zone | None = None
    hour: Hour | None = None
    weekdays: Weekdays | None = None
    papers: Papers | None = None
    status: Literal["active", "paused", "unsubscribed"] | None = Field(
        None, description="`active` ends a pause. Who has unsubscribed can only come back themselves"
    )
    pause_until: Day | None = Field(None, description="Pause until this day, whose edition comes again")


class SubscriberOut(BaseModel):
    id: int
    address: str
    name: str
    status: SubscriberStatus
    zone: str
    hour: int
    weekdays: list[int]
    papers: int
    paused_until: datetime | None
    next_edition_at: datetime | None
    last_edition_at: datetime | None
    confirmed_at: datetime | None
    created_at: datetime


class SubscriberPage(BaseModel):
    subscribers: list[SubscriberOut]
    next: str | None = Field(description="The cursor of the page that follows, null on the last")


class EditionOut(BaseModel):
    """An edition that is being made."""

    subscriber: int
    due_at: datetime | None


# Interests


class InterestIn(Said):
    """One interest. At least one of text, liked, categories, keywords, required and authors is wanted."""

    name: Annotated[str, _line(interests.LONGEST_NAME, 1), Field(examples=["State space models"])]
    text: Annotated[str, _text(interests.LONGEST_TEXT)] = Field("", examples=["Recurrent models of linear cost"])
    against: Annotated[str, _text(interests.LONGEST_AGAINST)] = Field("", description="What is not wanted")
    liked: Lines = Field([], description="Example papers: ids, links or titles, one each", examples=[["2401.00001"]])
    disliked: Lines = Field([], description="Papers not wanted")
    categories: Annotated[list[Category], Field(max_length=200)] = Field([], examples=[["cs.LG"]])
    required: Lines = Field([], description="Only papers with one of these phrases")
    keywords: Lines = Field([], description="Papers with such a phrase move up")
    muted: Lines = Field([], description="Never a paper with this phrase", examples=[["survey until 2026-12-31"]])
    authors: Lines = Field([], description="Papers by them move up")
    balance: float = Field(0.3, ge=0, le=interests.HIGHEST_BALANCE, description="How much the trend counts")
    weight: float = Field(1, gt=0, le=interests.HIGHEST_WEIGHT, description="Share of the edition beside the others")
    active: bool = True


class InterestOut(BaseModel):
    """An interest as it is stored. It can be changed and put back: what `liked` holds is understood again."""

    id: int
    name: str
    text: str
    against: str
    liked: list[str]
    disliked: list[str]
    categories: list[str]
    required: list[str]
    keywords: list[str]
    muted: list[str]
    authors: list[str]
    balance: float
    weight: float
    active: bool
    created_at: datetime


class InterestList(BaseModel):
    profiles: list[InterestOut]


class VoteIn(Said):
    paper: Id
    value: Literal[-1, 1] = Field(description="1: more like this, -1: less")
    reason: Literal["", "topic", "quality", "seen", "basic"] = ""


class VoteOut(BaseModel):
    paper: int
    value: int
    reason: str
    profile: int | None = Field(description="The interest that has learned from it")


class PreviewIn(InterestIn):
    """An interest that is not saved."""

    name: Annotated[str, _line(interests.LONGEST_NAME, 1)] = "This interest"
    papers: Papers = 10


class PickOut(BaseModel):
    paper: PaperOut
    reason: str = Field(description="Why it would come", examples=["Has your keyword “state space”."])
    highlight: str = Field(
        description="The sentence of its abstract that lies nearest to what the interest likes and says"
    )
    outside: bool = Field(description="From outside the interest: it is trending")


class HiddenOut(BaseModel):
    paper: PaperOut
    phrase: str = Field(description="What is muted and kept it out")


class PreviewOut(BaseModel):
    papers: list[PickOut]
    missed: list[PickOut] = Field(description="What would come next")
    hidden: list[HiddenOut]
    considered: int = Field(description="How many papers were looked at")
