"""The one Settings class. Every setting is an environment variable with the prefix DIGEST_, or a line of `.env`."""

import os
import re
import secrets
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from digest.clock import parse_window
from digest.errors import ConfigurationError, InvalidRequest

PREFIX = "DIGEST_"
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
SHORTEST_SECRET = 32
SHORTEST_WEBHOOK_SECRET = 16
ADDRESS = re.compile(r"[A-Za-z0-9._-]{1,64}@[A-Za-z0-9.-]+")
LONGEST_MAILBOX = 26  # characters before the @ that leave room for a token

Names = Annotated[list[str], NoDecode]


class Settings(BaseSettings):
    """What an operator can decide. Built by `load()` from the faces only, never at import."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore")

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("digest"), description="Database, `outbox/` and caches live here"
    )
    database_url: str = Field("", description="SQLAlchemy URL; empty means SQLite in the data folder")
    broker_url: str = Field(
        "", repr=False, description="Redis that wakes the workers (`redis://…`); empty means one process tree does all"
    )
    lease_seconds: int = Field(60, ge=2, description="How long a worker that fell silent keeps its batch")
    web_host: str = Field("127.0.0.1", description="Address that the web face listens on")
    web_port: int = Field(8000, ge=0, le=65535, description="Its port; 0 means any that is free")
    base_url: str = Field("http://localhost:8000", description="Where the links in the mail point")
    allowed_hosts: Names = Field([], description="Names beside the base URL's under which the pages answer")
    trusted_proxies: Names = Field([], description="Addresses or networks whose X-Forwarded-For is believed")
    limits: Names = Field([], description="Rates other than the usual, as `search=60/minute`, comma-separated")
    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs links; empty means one is made once and kept in the data folder"
    )
    transport: Literal["folder", "smtp", "memory"] = Field("folder", description="The way out for mail")
    smtp_host: str = Field("localhost", description="Mail server for `DIGEST_TRANSPORT=smtp`")
    smtp_port: int = Field(25, ge=1, le=65535, description="Its port")
    smtp_username: str = Field("", description="User name; empty means no log-in")
    smtp_password: SecretStr = Field(SecretStr(""), description="Password")
    smtp_start_tls: bool = Field(default=False, description="Refuse to send unless STARTTLS succeeds")
    smtp_tls: bool = Field(default=False, description="TLS from the first byte (port 465)")
    smtp_ca: Path | None = Field(None, description="File of certificates to trust in place of the system's")
    smtp_connections: int = Field(4, ge=1, le=50, description="Connections to it at once, per process")
    smtp_per_minute: float = Field(0, ge=0, description="Mails a minute that it takes; 0 means no limit")
    smtp_per_domain: float = Field(0, ge=0, description="Mails a minute to one receiving domain; 0 means no limit")
    send_window: str = Field("", description="Hours for editions, as 06:00-22:00 Europe/Berlin; empty means all day")
    warm_up_start: date | None = Field(None, description="First day of a new sender: 50 editions, then twice as many")
    when_in_doubt: Literal["resend", "hold"] = Field(
        "resend", description="A mail whose acceptance was cut off: send it again, or hold it for the operator"
    )
    mail_from: str = Field("Paper Digest <digest@localhost>", description="Sender, as “Name <address>”")
    reply_to: str = Field("", description="Address for answers, where it is not the sender's")
    bounce_address: str = Field(
        "", description="Mailbox for what comes back, e.g. bounces@papers.example; messages go out as bounces+…@"
    )
    dkim_keys: Names = Field([], description="DKIM keys as `selector:path` of PEM files, comma-separated")
    dkim_domain: str = Field("", description="Domain that signs; empty means the sender's")
    bounce_mailbox: SecretStr = Field(
        SecretStr(""),
        description="Where `digest bounces poll` reads it: `maildir:///path` or `imaps://user:password@host/INBOX`",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="Password of the webhooks `/hooks/postmark` and `/hooks/report`; empty turns them off",
    )
    ses_topic: str = Field(
        "", description="ARN of the SNS topic that Amazon SES reports to; empty turns `/hooks/ses` off"
    )
    mailgun_key: SecretStr = Field(
        SecretStr(""), description="Mailgun's webhook signing key; empty turns `/hooks/mailgun` off"
    )
    postal_address: str = Field("", description="Postal line in the footer; many countries require one")
    contact: str = Field("", description="Address given to the sources in the User-Agent")
    encoder: str = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        description="Any sentence-transformers model; `none` ranks by words alone; `hashing` is for tests",
    )
    encoder_path: Path | None = Field(None, description="Folder that holds the encoder's weights")
    encoder_dimension: int = Field(
        0, ge=0, description="Keep only so many numbers of a vector, for Matryoshka models; 0 keeps all"
    )
    encoder_query_prompt: str = Field("", description="Put before interests and searches, in place of the model's own")
    encoder_paper_prompt: str = Field("", description="Put before papers, in place of the model's own")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where the encoder runs")
    sources: Names = Field(["arxiv", "huggingface"], description="Sources that `digest run` asks, comma-separated")
    arxiv_categories: Names = Field(
        ["cs.AI", "cs.CL", "cs.CV", "cs.LG", "stat.ML"], description="arXiv categories to follow, comma-separated"
    )
    poll_minutes: int = Field(60, ge=1, description="A source is asked at most this often")
    ranker: str = Field("standard", description="Who ranks: `standard`, or `cosine` to compare with")
    half_life_days: float = Field(
        1095,
        ge=0,
        le=100_000,
        description="An example or vote weighs half as much as one so many days younger; 0 means as much",
    )
    compare_ranker: str = Field("", description="A ranker to compare with it by readers' votes; empty turns that off")
    compare_share: float = Field(0.5, ge=0, le=1, description="Share of the readers who compare, 0 to 1")
    window_days: int = Field(3, ge=1, le=60, description="How many days a new paper stays a candidate")
    trend_authors: bool = Field(
        default=True, description="Whether who wrote a paper counts in what is foreseen of it before any vote"
    )
    tell_updates: bool = Field(
        default=False, description="Name papers that a reader got earlier and that have a new version since"
    )
    papers_per_edition: int = Field(10, ge=1, le=30, description="Papers in an edition, for new subscribers")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("WARNING", description="Least severity logged")
    log_format: Literal["console", "json"] = Field("console", description="Form of the log lines")

    @field_validator(
        "sources", "arxiv_categories", "dkim_keys", "allowed_hosts", "trusted_proxies", "limits", mode="before"
    )
    @classmethod
    def split_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("send_window")
    @classmethod
    def check_send_window(cls, value: str) -> str:
        try:
            parse_window(value)
        except InvalidRequest as error:
            raise ValueError(str(error).rstrip(".")) from error
        return value

    @field_validator("reply_to", "bounce_address")
    @classmethod
    def check_address(cls, value: str) -> str:
        if value and not ADDRESS.fullmatch(value):
            raise ValueError("must be a plain address such as bounces@papers.example")
        return value

    @field_validator("bounce_address")
    @classmethod
    def check_room_for_token(cls, value: str) -> str:
        if len(value.partition("@")[0]) > LONGEST_MAILBOX:
            raise ValueError(f"must have at most {LONGEST_MAILBOX} characters before the @")
        return value

    @field_validator("base_url")
    @classmethod
    def check_base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be a URL such as https://digest.example.org")
        return value.rstrip("/")

    @field_validator("webhook_secret")
    @classmethod
    def check_webhook_secret(cls, value: SecretStr) -> SecretStr:
        if value and len(value.get_secret_value()) < SHORTEST_WEBHOOK_SECRET:
            raise ValueError(f"must have {SHORTEST_WEBHOOK_SECRET} characters or more: use `openssl rand -hex 16`")
        return value

    @model_validator(mode="after")
    def check_together(self) -> Self:
        if self.smtp_tls and self.smtp_start_tls:
            raise ValueError("DIGEST_SMTP_TLS and DIGEST_SMTP_START_TLS exclude each other: set one of them")
        base = urlsplit(self.base_url)
        if self.transport == "smtp" and base.scheme != "https" and base.hostname not in LOCAL_HOSTS:
            raise ValueError("DIGEST_BASE_URL must begin with https:// when mail goes out by SMTP")
        key = self.secret_key.get_secret_value()
        if key and (len(key) < SHORTEST_SECRET or len(set(key)) < SHORTEST_SECRET // 4):
            raise ValueError("DIGEST_SECRET_KEY is too weak: make one with `openssl rand -hex 32`")
        return self

    @cached_property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'digest.sqlite3'}"

    @property
    def outbox_dir(self) -> Path:
        return self.data_dir / "outbox"

    @property
    def cache_dir(self) -> Path:
        return self.data_dir / "cache"

    @cached_property
    def signing_key(self) -> str:
        """The secret in force; without DIGEST_SECRET_KEY one is made once and kept, readable by its owner alone."""
        given = self.secret_key.get_secret_value()
        return given or _kept_secret(self.data_dir / "secret.key")


def _kept_secret(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(path)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(SHORTEST_SECRET))
    return _read_secret(path)


def _read_secret(path: Path) -> str:
    key = path.read_bytes().strip()
    if len(key) < SHORTEST_SECRET or not key.isascii():
        raise ConfigurationError(f"{path} does not hold a secret key: remove it and a new one is made.")
    return key.decode("ascii")


def load(**overrides: object) -> Settings:
    """The settings in force; raises ConfigurationError with one line that names the variable at fault."""
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{PREFIX}{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{name}{reason}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("The file .env is not UTF-8: save it as UTF-8.") from error
    _make_folder(settings.data_dir)
    return settings


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {path} cannot be written ({error.strerror}): set DIGEST_DATA_DIR to one that can."
        ) from error


def unknown_names() -> list[str]:
    """Variables of the environment and of `.env` that begin with DIGEST_ and that no setting reads."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in _names_given() if name.startswith(PREFIX) and name not in known)


def _names_given() -> set[str]:
    env_file = Path(".env")
    lines = env_file.read_text(encoding="utf-8", errors="replace").splitlines() if env_file.is_file() else []
    assigned = {line.partition("=")[0].removeprefix("export ").strip() for line in lines if "=" in line}
    return {name.upper() for name in {*os.environ, *assigned}}
