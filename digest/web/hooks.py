"""Webhooks: `POST /hooks/{provider}`, by which mail providers tell of bounces and complaints."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from digest import returns
from digest.clock import utc_now
from digest.errors import InvalidRequest, PermanentError, TransientError
from digest.log import get_logger
from digest.mail import providers
from digest.workshop import Workshop

LONGEST_BODY = 1024 * 1024  # bytes


def routes(shop: Workshop) -> list[Route]:
    """The routes of all webhooks. One that is not configured is not there."""

    async def receive(request: Request) -> Response:
        provider = request.path_params["provider"]
        if provider not in returns.open_hooks(shop):
            return PlainTextResponse("Not Found", 404)
        body = await _read(request)
        if body is None:
            return PlainTextResponse("too large\n", 413)
        given = providers.Request({name.lower(): value for name, value in request.headers.items()}, body)
        return await run_in_threadpool(_take, shop, provider, given)

    # With `:path`, an address with a slash at its end is not found; without, it would be redirected.
    return [Route("/hooks/{provider:path}", receive, methods=["POST"])]


async def _read(request: Request) -> bytes | None:
    """The body, or None when it is too large; it is not read beyond that."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_BODY:
                return None
    except ClientDisconnect:  # nobody is there to be answered
        return b""
    return bytes(body)


def _take(shop: Workshop, provider: str, given: providers.Request) -> Response:
    try:
        counts = returns.receive(shop, provider, given, utc_now())
    except PermanentError:
        get_logger().warning("hook_refused", provider=provider)
        return PlainTextResponse("forbidden\n", 403)
    except InvalidRequest:
        get_logger().warning("hook_not_understood", provider=provider)
        return PlainTextResponse("not understood\n", 400)
    except TransientError as error:  # they will try again
        get_logger().error("hook_failed", provider=provider, why=type(error).__name__)
        return PlainTextResponse("try again later\n", 503)
    get_logger().info("hook_taken", provider=provider, **counts)
    return PlainTextResponse("ok\n")
