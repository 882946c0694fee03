"""The web face: the pages, what machines ask, and the order in which a request passes through."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import Mount
from starlette.types import ASGIApp

from digest.web import (
    account,
    delivery,
    editions,
    entrance,
    errors,
    feedlist,
    feeds,
    home,
    hooks,
    interests,
    joining,
    leaving,
    papers,
    plain,
    preferences,
    previews,
    probes,
    search,
    submitting,
    trending,
    voting,
    welcome,
)
from digest.web.api.app import make_api
from digest.web.security import SafetyMiddleware
from digest.web.site import Site
from digest.workshop import Workshop

PAGES = (  # modules of pages, the first match wins
    home,
    joining,
    entrance,
    welcome,
    leaving,
    voting,
    preferences,
    interests,
    previews,
    delivery,
    account,
    feedlist,
    editions,
    feeds,
    trending,
    search,
    papers,
    submitting,
    plain,
)
LARGEST_BODY = 1024 * 1024  # bytes; a pasted library of examples fits, and the webhooks' reports do
SMALLEST_GZIP = 1000  # bytes
THIRTY_DAYS = 30 * 24 * 3600  # seconds


def make_app(shop: Workshop) -> ASGIApp:
    """The web face of a workshop. Its pages are plain functions, which run in threads."""
    site = Site(shop)
    cookie = "__Host-digest" if site.is_secure else "digest"
    app = Starlette(
        routes=[
            *probes.routes(site),
            *hooks.routes(shop),
            site.statics.route(),
            Mount("/api/v1", make_api(site)),
            *(route for pages in PAGES for route in pages.routes(site)),
        ],
        middleware=[
            Middleware(RequestBodyLimitMiddleware, max_body_size=LARGEST_BODY),
            Middleware(GZipMiddleware, minimum_size=SMALLEST_GZIP),
            Middleware(
                SessionMiddleware,
                secret_key=f"session.{shop.settings.signing_key}",
                session_cookie=cookie,
                max_age=THIRTY_DAYS,
                https_only=site.is_secure,
            ),
        ],
        exception_handlers=errors.handlers(site),
        lifespan=_make_lifespan(site),
    )
    app.state.site = site
    app.router.redirect_slashes = False  # it would send secret addresses on, to http behind a proxy
    return SafetyMiddleware(app, shop.settings)


def _make_lifespan(site: Site) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        site.errands.warm_up()
        yield
        await run_in_threadpool(site.errands.close)

    return lifespan
