"""Public sets of people's choices among papers: who liked what, and which of the papers held out they liked later.

A set is a folder with `papers.jsonl.gz` (id, title, abstract, year, cold: held out) and `users.jsonl.gz` (user;
profile: the ids of liked papers, oldest first where the order is known; relevant: held-out papers that were liked; and,
where people said so, disliked and candidates: the held-out papers that this user ranks).
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digest.errors import InvalidRequest
from digest.tables import Paper

PAPERS, USERS = "papers.jsonl.gz", "users.jsonl.gz"
UNDATED = 2000  # the year of papers whose year is not told

Ints = NDArray[np.int64]
Row = TypeVar("Row", bound=BaseModel)


class _PaperRow(BaseModel):
    model_config = ConfigDict(strict=True)

    id: str = Field(min_length=1)
    title: str
    abstract: str = ""
    year: int | None = Field(None, ge=1000, le=9998)
    cold: bool


class _UserRow(BaseModel):
    model_config = ConfigDict(strict=True)

    user: str = Field(min_length=1)
    profile: list[str]
    relevant: list[str] = Field(min_length=1)
    disliked: list[str] = []
    candidates: list[str] | None = None


@dataclass(frozen=True, eq=False)
class User:
    """Somebody's choices, as rows of the set's papers. `candidates`: None stands for every paper held out."""

    name: str
    liked: Ints
    disliked: Ints
    relevant: Ints
    candidates: Ints | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """Papers (transient rows, numbered from one), their names in the set, who is held out, and the users."""

    folder: Path
    papers: Sequence[Paper]
    names: Sequence[str]
    cold: NDArray[np.bool_]
    users: Sequence[User]

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @cached_property
    def held_out(self) -> Ints:
        """Rows of the papers to rank, in the order of their names' hashes: ties go to the earlier, by chance alone."""
        return np.array(sorted(np.flatnonzero(self.cold).tolist(), key=lambda row: by_hash(self.names[row])), np.int64)

    @cached_property
    def column(self) -> Ints:
        """The place of each paper among those held out, -1 for the others."""
        places = np.full(len(self.papers), -1, np.int64)
        places[self.held_out] = np.arange(len(self.held_out))
        return places


def by_hash(*names: str) -> str:
    """A key that sorts by chance, and the same way everywhere."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def load(folder: Path) -> Dataset:
    """Read a set; raises InvalidRequest that names the file and the line at fault."""
    rows = dict(_paper_rows(folder / PAPERS))
    names = list(rows)
    places = {name: place for place, name in enumerate(names)}
    cold = np.array([row.cold for row in rows.values()], dtype=bool)
    papers = [_make_paper(number, row) for number, row in enumerate(rows.values(), 1)]
    users = list(_users(folder / USERS, places, cold))
    return Dataset(folder, papers, names, cold, users)


def _make_paper(number: int, row: _PaperRow) -> Paper:
    announced = datetime(row.year or UNDATED, 1, 1, tzinfo=UTC)
    return Paper(
        id=number,
        title=row.title,
        abstract=row.abstract,
        source="evaluation",
        announced_at=announced,
        first_seen_at=announced,
    )


def _paper_rows(path: Path) -> Iterator[tuple[str, _PaperRow]]:
    seen: set[str] = set()
    for number, row in _read(path, _PaperRow):
        if row.id in seen:
            raise _fault(path, number, f"the paper {row.id} is there already")
        if not (row.title.strip() or row.abstract.strip()):
            raise _fault(path, number, f"the paper {row.id} has neither a title nor an abstract")
        seen.add(row.id)
        yield row.id, row


def _users(path: Path, places: dict[str, int], cold: NDArray[np.bool_]) -> Iterator[User]:
    seen: set[str] = set()
    for number, row in _read(path, _UserRow):
        if row.user in seen:
            raise _fault(path, number, f"the user {row.user} is there already")
        seen.add(row.user)
        try:
            yield _make_user(row, places, cold)
        except InvalidRequest as error:
            raise _fault(path, number, str(error)) from error


def _make_user(row: _UserRow, places: dict[str, int], cold: NDArray[np.bool_]) -> User:
    disliked = set(row.disliked)
    known = [_rows(names, places, ~cold, "held out") for names in (row.profile, row.disliked)]
    new = [_rows(names, places, cold, "not held out") for names in (row.relevant, row.candidates or [])]
    liked = [place for name, place in zip(row.profile, known[0], strict=True) if name not in disliked]
    if row.candidates is not None and not np.isin(new[0], new[1]).all():
        raise InvalidRequest("a relevant paper is not among the candidates")
    candidates = None if row.candidates is None else new[1]
    return User(row.user, np.array(liked, np.int64), known[1], new[0], candidates)


def _rows(names: Sequence[str], places: dict[str, int], wanted: NDArray[np.bool_], otherwise: str) -> Ints:
    unknown = next((name for name in names if name not in places), None)
    if unknown is not None:
        raise InvalidRequest(f"the paper {unknown} is not in {PAPERS}")
    rows = np.array([places[name] for name in names], np.int64)
    if len(set(names)) < len(names):
        raise InvalidRequest("a paper is named twice in one list")
    if not wanted[rows].all():
        raise InvalidRequest(f"the paper {names[int(np.argmin(wanted[rows]))]} is {otherwise}")
    return rows


def _read(path: Path, kind: type[Row]) -> Iterator[tuple[int, Row]]:
    """The rows of a file with their line numbers, from one; a file without a row is at fault."""
    number = 0
    try:
        with gzip.open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                yield number, kind.model_validate(_parse(path, number, line))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _fault(path, number, f"{where or 'the line'}: {first['msg']}") from error
    except FileNotFoundError as error:
        raise InvalidRequest(f"{path} is not there: a set is a folder with {PAPERS} and {USERS}.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _fault(path, number + 1, f"it cannot be read ({error})") from error
    if not number:
        raise InvalidRequest(f"{path} is empty.")


def _parse(path: Path, number: int, line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise _fault(path, number, f"this is no JSON ({error})") from error


def _fault(path: Path, number: int, what: str) -> InvalidRequest:
    return InvalidRequest(f"{path}, line {number}: {what}.")
