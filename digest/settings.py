"""The one Settings class. Every setting is an environment variable with the prefix DIGEST_, or a line of `.env`."""

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from digest.errors import ConfigurationError

PREFIX = "DIGEST_"
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
SHORTEST_SECRET = 32

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
    mail_from: str = Field("Paper Digest <digest@localhost>", description="Sender, as “Name <address>”")
    postal_address: str = Field("", description="Postal line in the footer; many countries require one")
    contact: str = Field("", description="Address given to the sources in the User-Agent")
    encoder: str = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        description="Any sentence-transformers model; `none` ranks by words alone; `hashing` is for tests",
    )
    encoder_path: Path | None = Field(None, description="Folder that holds the encoder's weights")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where the encoder runs")
    sources: Names = Field(["arxiv", "huggingface"], description="Sources that `digest run` asks, comma-separated")
    arxiv_categories: Names = Field(
        ["cs.AI", "cs.CL", "cs.CV", "cs.LG", "stat.ML"], description="arXiv categories to follow, comma-separated"
    )
    poll_minutes: int = Field(60, ge=1, description="A source is asked at most this often")
    window_days: int = Field(3, ge=1, le=60, description="How many days a new paper stays a candidate")
    papers_per_edition: int = Field(10, ge=1, le=30, description="Papers in an edition, for new subscribers")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("WARNING", description="Least severity logged")
    log_format: Literal["console", "json"] = Field("console", description="Form of the log lines")

    @field_validator("sources", "arxiv_categories", mode="before")
    @classmethod
    def split_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def check_base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be a URL such as https://digest.example.org")
        return value.rstrip("/")

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
