"""The library of the last days as a web process keeps it: there at once, and renewed behind its readers' backs."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.db import Database
from digest.errors import DigestError
from digest.log import get_logger
from digest.ranking.candidates import Library, load_library
from digest.tables import Background, LearntRanking, Paper, Run

RECENT = timedelta(days=7)
CHANGING = ("ingest", "trend", "embed_papers", "background")  # stages that change what a library holds

Stamp = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A library and what the store looked like when it was made."""

    encoder: str
    stamp: Stamp
    library: Library | None


class RecentLibrary:
    """Keeps one library, made of the seven days before it was asked for. Threads may share it.

    It may hold papers that are older or, in a process whose `now` goes back, later than a reader wants.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: _Kept | None = None
        self._making, self._starting = threading.Lock(), threading.Lock()
        self._behind: threading.Thread | None = None

    def get(self, encoder: str, now: datetime) -> Library | None:
        """The library that is there, though it may be out of date; it is waited for only while there is none."""
        kept = self._kept
        if kept is None or kept.library is None or kept.encoder != encoder:
            return self.renew(encoder, now)
        with self._database.session(write=False) as session:
            current = _stamp(session, now)
        if kept.stamp != current:
            self._renew_behind(encoder, now)
        return kept.library

    def renew(self, encoder: str, now: datetime) -> Library | None:
        """The library as the store has it now; None while the store holds no paper that can be ranked."""
        with self._making, self._database.session(write=False) as session:
            stamp = _stamp(session, now)  # before the papers are read: what comes meanwhile makes it out of date
            kept = self._kept
            if kept is not None and (kept.encoder, kept.stamp) == (encoder, stamp):
                return kept.library
            library = load_library(session, encoder, now - RECENT, now)
            if library is not None:
                library.unfold()
            self._kept = _Kept(encoder, stamp, library)
            return library

    def settle(self) -> None:
        """Wait until nothing is being renewed."""
        if self._behind is not None:
            self._behind.join()

    def _renew_behind(self, encoder: str, now: datetime) -> None:
        with self._starting:
            if self._behind is None or not self._behind.is_alive():
                self._behind = threading.Thread(target=self._renew_or_tell, args=(encoder, now), daemon=True)
                self._behind.start()

    def _renew_or_tell(self, encoder: str, now: datetime) -> None:
        try:
            self.renew(encoder, now)
        except DigestError as error:  # the next reader tries again, and this one has what there was
            get_logger().warning("library_not_renewed", why=str(error))


def _stamp(session: Session, now: datetime) -> Stamp:
    """What changes whenever a library would: papers that came or became due, and the stages that work on them."""
    newest = [session.exec(select(func.max(table.id))).one() for table in (Paper, Background, LearntRanking)]
    latest = select(Run.id).where(col(Run.stage).in_(CHANGING)).order_by(col(Run.id).desc()).limit(1)
    due = select(func.max(Paper.announced_at)).where(Paper.announced_at <= now)
    return (*newest, session.exec(latest).first(), session.exec(due).one())
