"""What the other sources of a world have: Hugging Face's listings, posts of bioRxiv and medRxiv, notes, a journal."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from random import Random

from world.moments import DAY, mailed_at, midnight
from world.works import Entry, Listing, Note, Post, Preprint, Work

SERVERS = ("biorxiv", "medrxiv")
_FIELDS = {"biorxiv": ("cell biology", "neuroscience", "genomics"), "medrxiv": ("epidemiology", "oncology")}
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"


def list_papers(papers: Sequence[Preprint], ends: datetime, chance: Random) -> list[Listing]:
    """One paper in eight is listed, on a weekday up to three days after it came out; a few on two days."""
    made = []
    for paper in papers:
        if chance.random() < 0.88:
            continue
        first = paper.events[0].day
        if paper.old:
            first = ends.date() - timedelta(days=chance.randint(6, 30))
        for day in _list_days(first, chance):
            at = midnight(day) + timedelta(hours=2 + 21.9 * chance.random())
            if at < ends:
                peak = int(4 * chance.paretovariate(0.9)) % 4000
                stars = chance.randint(0, 900) if chance.random() < 0.4 else None
                paper.work.listings.append(Listing(paper, day, at, peak, chance.random() < 0.2, stars))
        made += paper.work.listings
    return sorted(made, key=lambda listing: listing.at)


def _list_days(first: date, chance: Random) -> Iterator[date]:
    day = first + timedelta(days=chance.choice((0, 0, 1, 1, 2, 3)))
    while day.weekday() > 4:
        day += DAY
    yield day
    if chance.random() < 0.06:
        second = day + timedelta(days=chance.randint(1, 4))
        yield second + timedelta(days=max(0, 7 - second.weekday()) if second.weekday() > 4 else 0)


def post_works(works: Sequence[Work], begins: datetime, ends: datetime, chance: Random) -> list[Post]:
    """A post for each work, on any day of the week; one in five has versions, one in five is published."""
    made = []
    for work in works:
        server = chance.choice(SERVERS)
        first = _moment(begins, ends, chance)
        later = [
            first + timedelta(days=4 * (k + 1) + chance.random()) for k in range(chance.choice((0, 0, 0, 0, 1, 2)))
        ]
        work.post = Post(
            server=server,
            doi=f"10.1101/{first:%Y.%m.%d}.{26_000_000 + work.number}",
            work=work,
            posted=(first, *(at for at in later if at < ends)),
            category=chance.choice(_FIELDS[server]),
            padded=chance.random() < 0.7,
        )
        if chance.random() < 0.2 or work.entry:
            work.post.published = f"10.5555/bio.{work.number}"
            work.post.published_at = first + timedelta(days=chance.randint(0, 9))
        if work.entry:
            work.entry.doi = work.post.published
            work.entry.link = f"https://doi.org/{work.post.published}"
        made.append(work.post)
    return sorted(made, key=lambda post: post.posted[0])


def submit_notes(works: Sequence[Work], begins: datetime, ends: datetime, chance: Random) -> list[Note]:
    """A note for each work; one that arXiv has as well becomes public within nine days of its announcement."""
    made = []
    for number, work in enumerate(works, start=1):
        at = _moment(begins, ends, chance)
        if work.arxiv:
            near = mailed_at(work.arxiv.events[0].day) + timedelta(days=18 * chance.random() - 9)
            at = _whole(min(max(near, begins), ends - DAY))
        changed = at + timedelta(days=chance.choice((0, 0, 0, 3, 8)))
        name = "".join(chance.choices(_LETTERS, k=6)) + f"{work.number:04}"
        work.note = Note(name, number, work, at, changed)
        made.append(work.note)
    return sorted(made, key=lambda note: note.at)


def print_entries(works: Sequence[Work], begins: datetime, ends: datetime, chance: Random) -> list[Entry]:
    """The entries of the journal's feed; one of a work at arXiv links there, after its announcement."""
    made = []
    for work in works:
        entry = work.entry
        if entry is None:
            continue
        entry.at = _moment(begins, ends, chance)
        if work.arxiv:
            entry.link = f"https://arxiv.org/abs/{work.arxiv.id}"
            after = mailed_at(work.arxiv.events[0].day)
            entry.at = _whole(min(after + timedelta(hours=90 * chance.random()), ends - timedelta(hours=1)))
        made.append(entry)
    return sorted(made, key=lambda entry: (entry.at, entry.guid))


def _moment(begins: datetime, ends: datetime, chance: Random) -> datetime:
    return _whole(begins + (ends - begins) * chance.random())


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
