"""arXiv's OAI-PMH: ListRecords in the form arXivRaw, by set and by day, with resumption tokens; and Identify."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from random import Random
from urllib.parse import parse_qsl, urlencode
from weakref import WeakKeyDictionary

from world.doors.door import XML, Ask, Page, Reply, View, spoil_xml, xml_text
from world.moments import midnight
from world.words import abstract
from world.works import Event, Preprint
from world.world import World

EARLIEST = "2005-09-16"
PHYSICS = ("astro-ph", "cond-mat", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nlin", "nucl-ex")
_KNOWN = {"verb", "metadataPrefix", "set", "from", "until", "resumptionToken"}
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation='
    '"http://www.openarchives.org/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">\n'
)
Row = tuple[str, str, Preprint, Event]  # datestamp, id


class Harvest:
    """`/oai`. The order is that of the datestamps, so what is modified moves to the end and others shift up."""

    name = "oai"
    faults = ("empty feed", "repeated page", "shifted row", "expired token", "malformed record")

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[World, dict[tuple[int, str], list[Row]]] = WeakKeyDictionary()

    def part(self, ask: Ask) -> str:
        return _read(ask).get("set", "")

    def refuse(self, view: View, ask: Ask) -> Reply | None:
        if ask.values.get("verb") == "Identify":
            return _bind(view, ask, _IDENTITY)
        listing = ask.values.get("verb") == "ListRecords"
        error = _find_error(view, ask) if listing else ("badVerb", "This world speaks ListRecords and Identify.")
        return _bind(view, ask, f'<error code="{error[0]}">{error[1]}</error>') if error else None

    def rows(self, view: View, ask: Ask) -> Sequence[Row]:
        wanted = _read(ask)
        rows = self._snapshot(view, wanted.get("set", ""))
        begin = bisect_left(rows, wanted.get("from", ""), key=lambda row: row[0])
        end = bisect_right(rows, wanted["until"], key=lambda row: row[0]) if "until" in wanted else len(rows)
        return rows[begin:end]

    def bounds(self, view: View, ask: Ask) -> tuple[int, int]:
        return int(_read(ask).get("skip", 0)), view.sizes.harvest

    def draw(self, _view: View, _ask: Ask, row: Row) -> str:
        _, _, paper, event = row
        if "oai" not in event.drawn:
            event.drawn["oai"] = _draw(paper, event)
        return event.drawn["oai"]

    def bind(self, view: View, ask: Ask, page: Page) -> Reply:
        if not page.items:
            return _bind(view, ask, '<error code="noRecordsMatch">No records match these arguments.</error>')
        end = page.start + page.size
        token = ""
        expires = _expiry(view.now)
        if end < page.total:
            wanted = {key: value for key, value in _read(ask).items() if key not in {"skip", "expires"}}
            asked = urlencode({**wanted, "skip": end, "expires": expires})
            token = f'<resumptionToken expires="{expires}">{xml_text(asked)}</resumptionToken>'
        elif page.start:
            token = "<resumptionToken></resumptionToken>"  # the last of several pages says so
        return _bind(view, ask, f"<ListRecords>{''.join(page.items)}{token}</ListRecords>")

    def spoil(self, item: str, chance: Random) -> str:
        return spoil_xml(item, ("title", "abstract", "id", "date", "categories", "datestamp"), chance)

    def fail(self, fault: str, view: View, ask: Ask) -> Reply | None:
        if fault != "expired token" or "resumptionToken" not in ask.values:
            return None
        return _bind(view, ask, '<error code="badResumptionToken">The token has expired.</error>')

    def _snapshot(self, view: View, part: str) -> list[Row]:
        """All records of a set in the order of their datestamps, made once between two updates of arXiv."""
        kept = self._kept.setdefault(view.world, {})
        key = (view.world.epoch(view.as_of), part)
        if key not in kept:
            states = ((paper, paper.state(view.as_of)) for paper in view.world.arxiv)
            found = [(e.day.isoformat(), p.id, p, e) for p, e in states if e and is_in_set(e.categories, part)]
            kept[key] = sorted(found, key=lambda row: row[:2])
        return kept[key]


def set_of(category: str) -> str:
    """`cs:cs:CL` for cs.CL, `physics:hep-th` for hep-th."""
    archive, _, subject = category.partition(".")
    group = "physics" if archive in PHYSICS else archive
    return f"{group}:{archive}:{subject}" if subject else f"{group}:{archive}"


def is_in_set(categories: Sequence[str], part: str) -> bool:
    return not part or any(f"{set_of(category)}:".startswith(f"{part}:") for category in categories)


def _read(ask: Ask) -> dict[str, str]:
    """The arguments of a request, be they its own or those in its token."""
    token = ask.values.get("resumptionToken")
    return dict(parse_qsl(token)) if token else ask.values


def _find_error(view: View, ask: Ask) -> tuple[str, str] | None:
    names = [name for name, _ in ask.pairs]
    if len(names) != len(set(names)) or not _KNOWN.issuperset(names):
        return "badArgument", "An argument is unknown or repeated."
    if "resumptionToken" in names:
        return _judge_token(view, ask, len(names))
    if "metadataPrefix" not in names:
        return "badArgument", "metadataPrefix is required."
    if ask.values["metadataPrefix"] != "arXivRaw":
        return "cannotDisseminateFormat", "This world speaks arXivRaw."
    first, last = ask.values.get("from", EARLIEST), ask.values.get("until", "9999-12-31")
    if not _is_day(first) or not _is_day(last) or not EARLIEST <= first <= last:
        return "badArgument", "from and until are days, in order, and not before the earliest."
    return None


def _judge_token(view: View, ask: Ask, arguments: int) -> tuple[str, str] | None:
    if arguments > 2:
        return "badArgument", "A token is sent alone."
    wanted = _read(ask)
    if not wanted.get("skip", "").isdecimal() or wanted.get("expires", "") <= f"{view.now:%Y-%m-%dT%H:%M:%SZ}":
        return "badResumptionToken", "The token is none, or has expired."
    return None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _expiry(now: datetime) -> str:
    """A token holds until the next midnight in UTC."""
    return f"{midnight(now.astimezone(UTC).date() + timedelta(days=1)):%Y-%m-%dT%H:%M:%SZ}"


def _bind(view: View, ask: Ask, content: str) -> Reply:
    told = "".join(f' {name}="{xml_text(value)}"' for name, value in ask.values.items() if name in _KNOWN)
    request = f"<responseDate>{view.dated:%Y-%m-%dT%H:%M:%SZ}</responseDate>\n<request{told}>"
    text = f"{_HEAD}{request}http://oaipmh.arxiv.org/oai</request>\n{content}\n</OAI-PMH>"
    return Reply(text.encode(), kind=XML)


def _draw(paper: Preprint, event: Event) -> str:
    number = paper.work.number
    dates = [(f"v{k}", moment) for k, moment in enumerate(event.dates, start=1)]
    if number % 5 == 0:
        dates.reverse()  # their order is not to be relied upon
    parts = [
        f"<record><header><identifier>oai:arXiv.org:{paper.id}</identifier><datestamp>{event.day}</datestamp>",
        *(f"<setSpec>{set_of(category)}</setSpec>" for category in event.categories),
        '</header><metadata><arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/" ',
        'xsi:schemaLocation="http://arxiv.org/OAI/arXivRaw/ http://arxiv.org/OAI/arXivRaw.xsd">',
        f"<id>{paper.id}</id><submitter>{xml_text(paper.work.authors[0])}</submitter>",
        *(_draw_version(name, moment, event) for name, moment in dates),
        f"<title>{xml_text(event.title)}</title><authors>{xml_text(_draw_authors(paper))}</authors>",
        f"<categories>{' '.join(event.categories)}</categories>",
        f"<comments>{comment(event, number)}</comments>",
        f"<journal-ref>{event.journal}</journal-ref><doi>{event.doi}</doi>" if event.doi else "",
        "<license>http://creativecommons.org/licenses/by/4.0/</license>",
        f"<abstract>  {xml_text(abstract(number, event.version))}\n</abstract></arXivRaw></metadata></record>\n",
    ]
    return "".join(parts)


def _draw_version(name: str, moment: datetime, event: Event) -> str:
    withdrawn = event.withdrawn and name == f"v{event.version}"
    size, source = ("0kb", "<source_type>I</source_type>") if withdrawn else ("481kb", "<source_type>D</source_type>")
    when = format_datetime(moment, usegmt=True)
    return f'<version version="{name}"><date>{when}</date><size>{size}</size>{source}</version>'


def comment(event: Event, number: int) -> str:
    """What the authors remark; a withdrawn paper says so."""
    return "This paper has been withdrawn by the authors" if event.withdrawn else f"{number % 40 + 2} pages"


def _draw_authors(paper: Preprint) -> str:
    """One string, as people write it: now and then with affiliations."""
    names = list(paper.work.authors)
    if paper.work.number % 6 == 0:
        names = [f"{name} ({k % 2 + 1})" for k, name in enumerate(names)]
        return ", ".join(names) + " ((1) A Place, (2) Another Place, and its Annex)"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


_IDENTITY = (
    "<Identify><repositoryName>arXiv</repositoryName><baseURL>http://oaipmh.arxiv.org/oai</baseURL>"
    "<protocolVersion>2.0</protocolVersion><adminEmail>nobody@arxiv.example</adminEmail>"
    f"<earliestDatestamp>{EARLIEST}</earliestDatestamp><deletedRecord>persistent</deletedRecord>"
    "<granularity>YYYY-MM-DD</granularity></Identify>"
)
