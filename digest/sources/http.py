"""The way out to the network for every source: GET requests that are paced, retried, bounded and kept."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path

import httpx
from filelock import FileLock, Timeout
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential, wait_random

from digest import __version__
from digest.errors import ConfigurationError, PermanentError, TransientError, Unreachable
from digest.log import get_logger

# Seconds between two requests to a domain and all its hosts, for this whole machine. arXiv's terms of use ask for
# one request every three seconds and one connection at a time, over all of its interfaces together.
PACE: Mapping[str, float] = {"arxiv.org": 3.0}
MAX_REDIRECTS = 5
MAX_RETRY_AFTER = 120.0
_LOCK_PATIENCE = 600.0
_KEEP_SECONDS = 30 * 86_400
_KEPT_HEADERS = ("etag", "last-modified", "content-type")
_BUSY = (403, 429)
_load_certificates = cache(httpx.create_ssl_context)  # once a process: it takes a while


@dataclass(frozen=True, slots=True)
class Response:
    """An answer read to its end. Header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Manners:
    """How the client behaves. Times are in seconds, `max_body` is in bytes; `pace` goes by domain."""

    pace: Mapping[str, float] = field(default_factory=lambda: PACE)
    attempts: int = 4
    backoff: float = 3.0
    timeout: float = 30.0
    max_body: int = 50_000_000
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time


class _AttemptError(Exception):
    """One attempt failed: what to tell if it was the last, and how long the server asks us to wait before the next.

    `absent` says that nobody is there: one more attempt, soon, and no third.
    """

    def __init__(self, told: TransientError, retry_after: float = 0.0, *, absent: bool = False) -> None:
        super().__init__(str(told))
        self.told = told
        self.retry_after = retry_after
        self.absent = absent


class PoliteClient:
    """GET with good manners. `contact` is the address that the servers' operators may write to; it may be empty.

    Bodies that came with an ETag or a Last-Modified are kept in `cache_dir`, and asked for again only on condition.
    """

    def __init__(self, cache_dir: Path, contact: str = "", manners: Manners | None = None) -> None:
        self._manners = manners or Manners()
        self._cache = _Cache(cache_dir, expired_before=self._manners.clock() - _KEEP_SECONDS)
        self._folder = cache_dir
        self._backoff = wait_exponential(self._manners.backoff) + wait_random(0, self._manners.backoff)
        self._http = httpx.Client(
            headers={"User-Agent": f"digest/{__version__}" + (f" (+{contact})" if contact else "")},
            timeout=self._manners.timeout,
            verify=_load_certificates(),
            # No connection outlives its answer, so one request at a time is one connection at a time.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def get(self, url: str, params: Mapping[str, str | int] | None = None, *, accept: Container[int] = ()) -> Response:
        """The answer to GET `url`, after redirects: a status of 2xx, or one of those in `accept`.

        Raises Unreachable when the host cannot be reached, TransientError when it fails after all attempts or sends
        too much, PermanentError for any other 4xx and for redirects that leave https or do not end.
        """
        try:
            target = httpx.URL(url).copy_merge_params(params or {})
        except httpx.InvalidURL as error:
            raise PermanentError(f"{url} is no address: {error}") from error
        for _ in range(MAX_REDIRECTS + 1):
            response = self._ask(target)
            if "location" not in response.headers or not httpx.codes.is_redirect(response.status):
                return _judge(response, target.host, accept)
            target = follow_redirect(target, response.headers["location"])
        raise PermanentError(f"{target.host} redirects more than {MAX_REDIRECTS} times.")

    def _ask(self, url: httpx.URL) -> Response:
        retrying = Retrying(
            sleep=self._manners.sleep,
            retry=retry_if_exception_type(_AttemptError),
            stop=self._is_last,
            wait=self._pause,
            before_sleep=lambda state: get_logger().info("request_retried", host=url.host, why=str(_failure(state))),
            reraise=True,
        )
        try:
            return retrying(self._attempt, url)
        except _AttemptError as failure:
            raise failure.told from failure.__cause__

    def _is_last(self, state: RetryCallState) -> bool:
        allowed = self._manners.attempts
        return state.attempt_number >= (min(2, allowed) if _failure(state).absent else allowed)

    def _pause(self, state: RetryCallState) -> float:
        failure = _failure(state)
        if failure.absent:
            return min(0.5, self._manners.backoff)
        return max(failure.retry_after, self._backoff(state))

    def _attempt(self, url: httpx.URL) -> Response:
        """One request; raises _AttemptError when another may do better."""
        try:
            kept = self._cache.load(str(url))
            with self._turn(url.host):
                response = self._exchange(url, _conditions(kept) if kept else {})
            if response.status == httpx.codes.OK and _conditions(response):
                self._cache.keep(response)
        except httpx.RequestError as error:
            raise _translate(error, url) from error
        except OSError as error:
            raise ConfigurationError(f"Cannot use the cache folder {self._folder}: {error.strerror}.") from error
        if response.status == httpx.codes.NOT_MODIFIED and kept:
            return kept
        if response.status in _BUSY or httpx.codes.is_server_error(response.status):
            told = TransientError(
                f"{url.host} answered {response.status} at the last of {self._manners.attempts} attempts."
            )
            raise _AttemptError(told, read_retry_after(response.headers.get("retry-after", ""), self._manners.clock()))
        return response

    def _exchange(self, url: httpx.URL, conditions: Mapping[str, str]) -> Response:
        body = bytearray()
        with self._http.stream("GET", url, headers=conditions) as answer:
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > self._manners.max_body:
                    raise TransientError(f"{url.host} sent more than {self._manners.max_body:,} bytes.")
        return Response(str(url), answer.status_code, dict(answer.headers), bytes(body))

    @contextmanager
    def _turn(self, host: str) -> Iterator[None]:
        """Wait for our turn at a paced host: nobody else on this machine asks it, and the last request is old."""
        domain = next((name for name in self._manners.pace if f".{host}".endswith(f".{name}")), None)
        if domain is None:
            yield
            return
        stamp = self._folder / f"{domain}.stamp"
        try:
            with FileLock(self._folder / f"{domain}.lock", timeout=_LOCK_PATIENCE):
                self._wait_since(stamp, self._manners.pace[domain])
                try:
                    yield
                finally:
                    self._mark(stamp)
        except Timeout as error:
            raise TransientError(f"Another process has kept {domain} busy for {_LOCK_PATIENCE:.0f} seconds.") from error

    def _wait_since(self, stamp: Path, pace: float) -> None:
        if stamp.exists():
            elapsed = self._manners.clock() - stamp.stat().st_mtime
            # A clock that was set back must not make us wait for the old time to come again.
            if (pause := min(pace, pace - elapsed)) > 0:
                self._manners.sleep(pause)
        self._mark(stamp)  # in advance as well: this process may be killed before the request ends

    def _mark(self, stamp: Path) -> None:
        now = self._manners.clock()
        stamp.touch()
        os.utime(stamp, (now, now))


class _Cache:
    """Bodies on disk, a file per address: a digest of all that follows, a line of JSON, the body."""

    def __init__(self, folder: Path, expired_before: float) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.glob("*.kept"):
                _expire(path, expired_before)
        except OSError as error:
            raise ConfigurationError(f"Cannot use the cache folder {folder}: {error.strerror}.") from error

    def load(self, url: str) -> Response | None:
        """The kept answer; None when there is none or its file is damaged."""
        try:
            seal, _, sealed = self._find_path(url).read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if seal != _seal(sealed):
            return None
        head, _, body = sealed.partition(b"\n")
        return Response(url, httpx.codes.OK, json.loads(head), body)

    def keep(self, response: Response) -> None:
        head = {name: value for name, value in response.headers.items() if name in _KEPT_HEADERS}
        sealed = json.dumps(head).encode() + b"\n" + response.body
        # Its ending lets a file that a killed process left behind expire with the others.
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".kept", delete=False) as file:
            file.write(_seal(sealed) + b"\n" + sealed)
        Path(file.name).replace(self._find_path(response.url))

    def _find_path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()}.kept"


def _expire(path: Path, before: float) -> None:
    with suppress(FileNotFoundError):  # another process may be clearing up as well
        if path.stat().st_mtime < before:
            path.unlink()


def read_retry_after(text: str, now: float) -> float:
    """Seconds from `now` (Unix time) that a Retry-After asks us to wait, at most MAX_RETRY_AFTER; 0 if unclear."""
    text = text.strip()
    if text.isdecimal():
        return min(float(text), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:  # it says nothing that can be read, so our own back-off decides
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment.timestamp() - now, 0.0), MAX_RETRY_AFTER)


def _seal(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _conditions(kept: Response) -> dict[str, str]:
    """The request headers that ask for an answer only if it differs from `kept`; empty when it has no validators."""
    names = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}
    return {name: kept.headers[validator] for name, validator in names.items() if validator in kept.headers}


def _judge(response: Response, host: str, accept: Container[int]) -> Response:
    if httpx.codes.is_success(response.status) or response.status in accept:
        return response
    raise PermanentError(f"{host} answered {response.status} to {httpx.URL(response.url).path}.")


def follow_redirect(source: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads. Only https is followed; plain http, which a person configured, may stay on its host."""
    try:
        target = source.join(location)
    except httpx.InvalidURL as error:
        raise PermanentError(f"{source.host} redirects to what is no address: {error}") from error
    if target.scheme != "https" and (target.scheme, target.host) != (source.scheme, source.host):
        raise PermanentError(f"{source.host} redirects to {target.scheme}://{target.host}, which is not https.")
    return target


def _failure(state: RetryCallState) -> _AttemptError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, _AttemptError):
        raise TypeError(f"tenacity asked about {error!r}, which is not ours to retry")
    return error


def _translate(error: httpx.RequestError, url: httpx.URL) -> Exception:
    """What to raise for `error`: an _AttemptError, unless the address can never be asked."""
    why = _one_line(error)
    if isinstance(error, httpx.UnsupportedProtocol):
        return PermanentError(f"{url} is no address to ask: {why}")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        told = Unreachable(f"Cannot reach {url.host}: {why}")
        return _AttemptError(told, absent=isinstance(error, httpx.ConnectError))
    return _AttemptError(TransientError(f"{url.host} broke off: {why}"))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
