"""Where papers can be read: addresses made of the names under which they are known."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from sqlmodel import Session, col, select

from digest.db import batches
from digest.tables import Paper, PaperExternalId

ADDRESSES = {  # by scheme: what the link is called, and what comes before the name
    "arxiv": (("arXiv", "https://arxiv.org/abs/"), ("PDF", "https://arxiv.org/pdf/")),
    "huggingface": (("Hugging Face", "https://huggingface.co/papers/"),),
    "doi": (("DOI", "https://doi.org/"),),
}
KEPT = "/:;()"  # characters that a name may have in an address
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Link:
    """An address to read a paper at."""

    label: str
    url: str


def find(session: Session, papers: Iterable[Paper]) -> dict[int, list[Link]]:
    """The links of each paper: what its names lead to, then the address that its source gave if that is another."""
    wanted = list(papers)
    names: dict[int, dict[str, str]] = defaultdict(dict)
    for some in batches([paper.id for paper in wanted], CHUNK):
        query = select(PaperExternalId).where(col(PaperExternalId.paper_id).in_(some))
        query = query.where(col(PaperExternalId.scheme).in_(ADDRESSES)).order_by(col(PaperExternalId.id))
        for name in session.exec(query):
            names[name.paper_id].setdefault(name.scheme, name.value)
    return {paper.id: _links(paper, names[paper.id]) for paper in wanted}


def _links(paper: Paper, names: dict[str, str]) -> list[Link]:
    known = [
        Link(label, before + quote(names[scheme], safe=KEPT))
        for scheme, addresses in ADDRESSES.items()
        if scheme in names
        for label, before in addresses
    ]
    own = _own(paper.url)
    return known if own is None or own.url in {link.url for link in known} else [*known, own]


def _own(url: str) -> Link | None:
    """The address that a source gave; None when it leads to no web page."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    return Link(parts.hostname.removeprefix("www."), url)
