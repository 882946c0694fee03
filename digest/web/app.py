"""The web face: for now a bare page that says whether today is all right, and what machines ask."""

from collections.abc import Awaitable, Callable

import redis
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from digest.advice import advise, summarise
from digest.clock import utc_now
from digest.errors import DigestError
from digest.health import Health, measure
from digest.log import get_logger
from digest.templating import render
from digest.web.metrics import HealthCollector
from digest.workshop import Workshop

BROKER_PATIENCE = 2  # seconds
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def make_app(shop: Workshop) -> Starlette:
    """The web face over a workshop. Its endpoints are plain functions: Starlette runs them in threads."""
    pages = _Pages(shop)
    routes = [
        Route("/", pages.home),
        Route("/healthz", pages.healthz),
        Route("/readyz", pages.readyz),
        Route("/metrics", pages.metrics),
    ]
    return Starlette(routes=routes, middleware=[Middleware(BaseHTTPMiddleware, dispatch=_add_headers)])


async def _add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(HEADERS)
    return response


class _Pages:
    def __init__(self, shop: Workshop) -> None:
        self._shop = shop

    def home(self, _request: Request) -> Response:
        try:
            health = self._measure()
            told, status = summarise(health, advise(health)), 200
        except DigestError:
            told, status = "The database does not answer.", 503
        return HTMLResponse(render("web/health.html.j2", {"told": told}), status)

    def healthz(self, _request: Request) -> Response:
        """The process lives; nothing else is asked."""
        return PlainTextResponse("ok")

    def readyz(self, _request: Request) -> Response:
        """Whether requests and work can be taken: database, schema and broker."""
        checks = {"database": self._check_database, "schema": self._check_schema, "broker": self._check_broker}
        found = {name: _outcome(check) for name, check in checks.items()}
        return JSONResponse(found, 200 if all(answer in {"ok", "none"} for answer in found.values()) else 503)

    def metrics(self, _request: Request) -> Response:
        registry = CollectorRegistry(auto_describe=False)
        try:
            registry.register(HealthCollector(self._measure()))
        except DigestError:
            get_logger().error("scrape_without_database")
            return PlainTextResponse("the database does not answer\n", 503)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    def _measure(self) -> Health:
        with self._shop.database.session(write=False) as session:
            return measure(session, utc_now())

    def _check_database(self) -> str:
        self._shop.database.check_reachable()
        return "ok"

    def _check_schema(self) -> str:
        database = self._shop.database
        return "ok" if database.revision() == database.newest_revision() else "another release's: digest migrate"

    def _check_broker(self) -> str:
        url = self._shop.settings.broker_url
        if not url:
            return "none"
        with redis.Redis.from_url(
            url, socket_timeout=BROKER_PATIENCE, socket_connect_timeout=BROKER_PATIENCE
        ) as client:
            client.ping()
        return "ok"


def _outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DigestError, redis.RedisError) as error:
        get_logger().warning("not_ready", why=str(error))
        return "does not answer"
