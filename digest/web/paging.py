"""Long lists, a page at a time. Whatever stands in an address where a number should, is the first page."""

from dataclasses import dataclass
from urllib.parse import urlencode

from digest.web.visits import Visit

MOST_DIGITS = 4


def read_number(visit: Visit) -> int:
    """The page that is asked for, from 1 on."""
    asked = visit.asked("page")
    return max(1, int(asked)) if asked.isdecimal() and len(asked) <= MOST_DIGITS else 1


@dataclass(frozen=True, slots=True)
class Paging:
    """Page `number` of a list of `total`, at an address with a query of its own."""

    number: int
    size: int
    total: int
    address: str
    query: dict[str, str]

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def previous(self) -> str:
        return self.link(self.number - 1) if self.number > 1 else ""

    @property
    def next(self) -> str:
        return self.link(self.number + 1) if self.number < self.pages else ""

    def link(self, number: int) -> str:
        """The address of a page; the first has no number."""
        return with_query(self.address, self.query | ({"page": str(number)} if number > 1 else {}))


def with_query(address: str, query: dict[str, str]) -> str:
    """The address with what of the query is not empty."""
    given = {name: value for name, value in query.items() if value}
    return f"{address}?{urlencode(given)}" if given else address
