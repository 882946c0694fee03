"""What machines ask: whether the process lives, whether it is ready, its metrics; and one sentence for people."""

import threading
import time
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from digest import broker
from digest.advice import advise, verdict
from digest.clock import utc_now
from digest.errors import DigestError
from digest.health import Health, measure
from digest.log import get_logger
from digest.templating import render
from digest.web.metrics import render_metrics
from digest.web.site import Site

FRESH = 2  # seconds for which an answer holds: a stranger who asks a thousand times costs one look at the database


def routes(site: Site) -> list[Route]:
    """The probes of a site; plain functions, which Starlette runs in threads."""
    probes = _Probes(site)
    return [
        Route("/status", probes.status, methods=["GET"]),
        Route("/healthz", probes.healthz, methods=["GET"]),
        Route("/readyz", probes.readyz, methods=["GET"]),
        Route("/metrics", probes.metrics, methods=["GET"]),
    ]


class _Probes:
    def __init__(self, site: Site) -> None:
        self._site, self._shop = site, site.shop
        self._lock = threading.Lock()
        self._latest: tuple[float, Health] | None = None

    def status(self, _request: Request) -> Response:
        """One sentence for anybody: no numbers, no reasons."""
        try:
            told, status = verdict(advise(self._measure())), 200
        except DigestError:
            told, status = "Today is not all right: the database does not answer.", 503
        return HTMLResponse(render("web/status.html.j2", self._site.furniture() | {"told": told}), status)

    def healthz(self, _request: Request) -> Response:
        """The process lives; nothing else is asked."""
        return PlainTextResponse("ok")

    def readyz(self, _request: Request) -> Response:
        """Whether requests and work can be taken, part by part."""
        checks = {"database": self._check_database, "schema": self._check_schema}
        if self._shop.settings.broker_url:
            checks["broker"] = self._check_broker
        found = {name: _answer(name, check) for name, check in checks.items()}
        return JSONResponse(found, 200 if set(found.values()) == {"ok"} else 503)

    def metrics(self, _request: Request) -> Response:
        try:
            return Response(render_metrics(self._measure()), media_type=CONTENT_TYPE_LATEST)
        except DigestError:
            get_logger().error("scrape_without_database")
            return PlainTextResponse("the database does not answer\n", 503)

    def _measure(self) -> Health:
        """The facts of now or of a moment ago, read by one thread at a time."""
        with self._lock:
            if self._latest is None or time.monotonic() - self._latest[0] > FRESH:
                health = measure(self._shop, utc_now())
                self._latest = time.monotonic(), health
            return self._latest[1]

    def _check_database(self) -> str:
        self._shop.database.check_reachable()
        return "ok"

    def _check_schema(self) -> str:
        database = self._shop.database
        return "ok" if database.revision() == database.newest_revision() else "of another release"

    def _check_broker(self) -> str:
        broker.check_reachable(self._shop.settings.broker_url)
        return "ok"


def _answer(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except DigestError as error:
        get_logger().warning("not_ready", part=name, why=type(error).__name__)
        return "does not answer"
