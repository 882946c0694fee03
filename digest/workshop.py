"""What the stages work with, opened once per process from the settings: database, encoder, sources, transport."""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import cached_property

from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.clock import parse_window
from digest.composing.messages import Sender
from digest.composing.signing import SigningKey, load_key
from digest.db import Database
from digest.embeddings import succession
from digest.embeddings.encoder import LEXICAL, Encoder, EncoderSpec, Vectors, make_encoder
from digest.embeddings.index import load_faiss
from digest.embeddings.memory import TextMemory
from digest.embeddings.shelf import Shelf
from digest.errors import ConfigurationError
from digest.mail.delivery import Courier, make_watch
from digest.mail.pacing import Rules
from digest.mail.smtp import Relay, SmtpTransport
from digest.mail.transports import FolderTransport, MemoryTransport, Transport
from digest.papers.categories import parse_category
from digest.papers.prior import Prior, shipped
from digest.ranking import candidates, registry
from digest.ranking.candidates import Library
from digest.ranking.libraries import RecentLibrary
from digest.ranking.methods import Method
from digest.ranking.search import Desk
from digest.settings import Settings
from digest.sources.arxiv import ArxivSource
from digest.sources.base import Source
from digest.sources.http import PoliteClient
from digest.sources.huggingface import HuggingFaceSource
from digest.sources.sample import SampleSource
from digest.subscribers.correspondence import Office
from digest.tables import Background, LearntRanking, Paper, TrendPrior

SHELF_LIFE = timedelta(minutes=1)
ENCODER_SETTINGS = {"encoder", "encoder_dimension", "encoder_query_prompt", "encoder_paper_prompt"}


def settings_spec(settings: Settings) -> EncoderSpec:
    """The encoder that the settings ask for; it is in force until the database names one."""
    prompts = settings.encoder_query_prompt, settings.encoder_paper_prompt
    return EncoderSpec(settings.encoder, settings.encoder_dimension, *prompts)


def _embedded_owner() -> str:
    """The name under which a run claims; the next run on this machine takes it for its own."""
    return f"embedded@{socket.gethostname()}"


class Workshop:
    """Everything that is opened once. Building it opens nothing but the database's engine."""

    def __init__(self, settings: Settings, *, scaled: bool = False, connections: int = 5) -> None:
        """`scaled`: other processes embed, rank and mail as well; `connections` to the database that this one keeps."""
        self.settings = settings
        self.data_dir = settings.data_dir
        self.database = Database(settings.database, connections)
        self.scaled = scaled
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}" if scaled else _embedded_owner()
        self.stopping = threading.Event()
        self.window = timedelta(days=settings.window_days)
        self.poll_interval = timedelta(minutes=settings.poll_minutes)
        self.spec = settings_spec(settings)
        self.encoder_name = self.spec.identity
        self._followed_at: datetime | None = None
        self._encoders: dict[EncoderSpec, Encoder | None] = {}
        self._loading = threading.Lock()
        self._watch = make_watch()
        self._libraries: dict[tuple[object, ...], Library | None] = {}
        self._samples: dict[tuple[object, ...], Library | None] = {}
        self._shelf: Shelf | None = None
        self._shelved_at: datetime | None = None
        self._desk_lock = threading.Lock()
        self._recent, self._texts = RecentLibrary(self.database), TextMemory()

    def follow(self) -> None:
        """Work from now on with the encoder that the database names, if it names one: it may have been switched."""
        with self.database.session(write=False) as session:
            found = succession.read(session)
        if found is None or found.current == self.spec:
            return
        self.spec, self.encoder_name = found.current, found.current.identity
        kept = {found.current, found.prepared}
        self._encoders = {spec: made for spec, made in self._encoders.items() if spec in kept}

    def notice(self) -> str:
        """One line to the operator when the settings name another encoder than the one in force; else empty."""
        if not ENCODER_SETTINGS & self.settings.model_fields_set:
            return ""
        with self.database.session(write=False) as session:
            return succession.disagreement(settings_spec(self.settings), succession.read(session))

    def keep_up(self, now: datetime) -> None:
        """`follow`, at most once a minute: for a process that answers people."""
        if self._followed_at is None or abs(now - self._followed_at) > SHELF_LIFE:
            self._followed_at = now
            self.follow()

    def load_encoder(self, spec: EncoderSpec) -> Encoder | None:
        """The encoder that `spec` describes, loaded at its first use; None when its weights cannot be had."""
        with self._loading:
            if spec not in self._encoders:
                path = self.settings.encoder_path if spec.name == self.settings.encoder else None
                self._encoders[spec] = make_encoder(spec, path, self.settings.device)
            return self._encoders[spec]

    def load_prepared(self) -> tuple[Database, Encoder | None]:
        """The database, and the encoder that is to follow the one in force; None when there is none (any more).

        Raises ConfigurationError when its weights cannot be had.
        """
        with self.database.session(write=False) as session:
            spec = succession.prepared_for(session)
        if spec is not None and self.load_encoder(spec) is None:
            raise ConfigurationError(f"The encoder {spec.name} cannot be loaded here: see `digest encoder status`.")
        return self.database, self.load_encoder(spec) if spec is not None else None

    @property
    def encoder(self) -> Encoder | None:
        """The encoder in force; without its weights this process ranks by words alone."""
        made = self.load_encoder(self.spec)
        if made is None:
            self.encoder_name = LEXICAL
        return made

    @property
    def can_embed(self) -> bool:
        """Embedded, this loads the encoder, so as to do without it; scaled, the worker that embeds will tell."""
        return self.scaled or self.encoder is not None

    @property
    def needed_encoder(self) -> Encoder:
        made = self.encoder
        if made is None:
            raise ConfigurationError(f"The encoder {self.spec.name} cannot be loaded: see `digest doctor`.")
        return made

    @cached_property
    def sender(self) -> Sender:
        settings = self.settings
        return Sender(
            mail_from=settings.mail_from,
            base_url=settings.base_url,
            signing_key=settings.signing_key,
            postal_address=settings.postal_address,
            reply_to=settings.reply_to,
            bounce_address=settings.bounce_address,
        )

    @cached_property
    def signing_keys(self) -> list[SigningKey]:
        domain = self.settings.dkim_domain or self.sender.address.domain
        return [load_key(text, domain) for text in self.settings.dkim_keys]

    @cached_property
    def office(self) -> Office:
        """Who writes the letters."""
        return Office(self.sender, self.signing_keys, papers=self.settings.papers_per_edition)

    @cached_property
    def method(self) -> Method:
        """How editions are made; raises ConfigurationError for a ranker that there is not."""
        settings = self.settings
        for name in filter(None, [settings.ranker, settings.compare_ranker]):
            registry.find(name)
        if settings.ranker == settings.compare_ranker:
            raise ConfigurationError("DIGEST_COMPARE_RANKER is DIGEST_RANKER itself: name another one, or none.")
        return Method(
            window=self.window,
            ranker=settings.ranker,
            half_life=timedelta(days=settings.half_life_days),
            challenger=settings.compare_ranker,
            compare_share=settings.compare_share if settings.compare_ranker else 0.0,
        )

    @property
    def rules(self) -> Rules:
        """How mail may go out."""
        settings = self.settings
        return Rules(
            per_minute=settings.smtp_per_minute,
            per_domain=settings.smtp_per_domain,
            window=parse_window(settings.send_window),
            warm_up_start=settings.warm_up_start,
            hold_doubtful=settings.when_in_doubt == "hold",
        )

    @property
    def courier(self) -> Courier:
        return Courier(self.database, self.transport, self.owner, self.rules, self.stopping.is_set, self._watch)

    @cached_property
    def transport(self) -> Transport:
        settings = self.settings
        if settings.transport == "folder":
            return FolderTransport(settings.outbox_dir)
        if settings.transport == "memory":
            return MemoryTransport()
        return SmtpTransport(
            Relay(
                host=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_username,
                password=settings.smtp_password.get_secret_value(),
                start_tls=settings.smtp_start_tls,
                tls=settings.smtp_tls,
                ca=settings.smtp_ca,
                connections=settings.smtp_connections,
            )
        )

    @cached_property
    def client(self) -> PoliteClient:
        return PoliteClient(self.settings.cache_dir, self.settings.contact)

    @cached_property
    def sources(self) -> list[Source]:
        """The sources that a run asks, in the order of the settings."""
        return [self.make_source(name) for name in self.settings.sources]

    def make_source(self, name: str) -> Source:
        makers: dict[str, Callable[[], Source]] = {
            "arxiv": lambda: ArxivSource(self.client, [*map(parse_category, self.settings.arxiv_categories)]),
            "huggingface": lambda: HuggingFaceSource(self.client),
            "sample": SampleSource,
        }
        if name not in makers:
            raise ConfigurationError(f"DIGEST_SOURCES names “{name}”: choose from {', '.join(sorted(makers))}.")
        return makers[name]()

    def source_of_ids(self, ids: list[str]) -> Source | None:
        """arXiv, to be asked for papers by their ids; None when it is not among the sources of this service."""
        return ArxivSource(self.client, ids=ids) if ArxivSource.name in self.settings.sources else None

    def prior(self, session: Session) -> Prior:
        """What is foreseen of papers before any vote: the newest that was fitted here, or the one in the package."""
        newest = session.exec(select(TrendPrior).order_by(col(TrendPrior.id).desc()).limit(1)).first()
        made = Prior.from_json(newest.content) if newest else shipped()
        return made if self.settings.trend_authors else made.without_authors()

    def library(self, session: Session, since: datetime, now: datetime) -> Library | None:
        """The papers of the days from `since` to `now`, kept for the batches that follow."""
        start = datetime.combine(since.astimezone(UTC).date(), time(), tzinfo=UTC)
        newest = [session.exec(select(func.max(table.id))).one() for table in (Paper, Background, LearntRanking)]
        key = (self.encoder_name, start, now, *newest)
        if key not in self._libraries:
            self._libraries = {key: candidates.load_library(session, self.encoder_name, start, now)}
        return self._libraries[key]

    def desk(self, session: Session, now: datetime) -> Desk | None:
        """What a search in the whole store needs; None while it holds no vectors to search among.

        The shelf is refreshed when it was looked at more than a minute before `now`.
        """
        with self._desk_lock:
            sample = self._sample(session, now) if self.encoder_name else None
            if sample is None or not sample.sample_ids:
                return None
            if self._shelf is None or self._shelf.encoder != self.encoder_name:
                self._shelf, self._shelved_at = Shelf(self.encoder_name), None
            if self._shelved_at is None or abs(now - self._shelved_at) > SHELF_LIFE:
                self._shelf.refresh(session)
                self._shelved_at = now
            return Desk(sample, self._shelf) if len(self._shelf) else None

    def _sample(self, session: Session, now: datetime) -> Library | None:
        """The newest papers, which relevances are calibrated on: read once for every background and all learnt."""
        tables = (Background, LearntRanking)
        newest = [
            session.exec(select(func.max(table.id)).where(table.encoder == self.encoder_name)).one() for table in tables
        ]
        key = (self.encoder_name, *newest)
        if key not in self._samples:
            self._samples = {key: candidates.load_library(session, self.encoder_name, now, now)}
        return self._samples[key]

    def recent_library(self, now: datetime) -> Library | None:
        """The papers of about the last seven days, at once: a library that is out of date is renewed behind it."""
        return self._recent.get(self.encoder_name, now)

    def embed_texts(self, texts: Sequence[str], encoder: Encoder | None = None) -> Vectors:
        """The vectors of what people typed, as the store would keep them; the last ones are remembered."""
        return self._texts.embed(encoder or self.needed_encoder, texts)

    def warm(self, now: datetime) -> None:
        """Load at the start what the first visitor would wait for: encoder, search and the recent library."""
        if self.encoder is not None:
            self.embed_texts(["warm"])
        load_faiss()
        self.recent_library(now)
