"""The pages that say what went wrong, and what to do next."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from digest.errors import DigestError, InvalidRequest, TransientError
from digest.log import get_logger
from digest.templating import render
from digest.web.answers import Elsewhere
from digest.web.api import problems
from digest.web.site import Site

WORDS = {  # heading and advice by status; what the error itself says comes before the advice
    400: ("That request cannot be read", "Go back, and try it from the page."),
    401: ("You are not signed in any more", "You are not signed in any more: open the page again."),
    403: ("That is not allowed here", "Open the page again and send its form once more."),
    404: ("There is no such page", "The address may have been cut off, or the page has gone. Try the search."),
    405: ("That address is for forms", "Go to the page and press its button."),
    413: ("That is too much at once", "A page takes one megabyte: paste it in parts."),
    415: ("That kind of content is not taken", "Send the form from the page."),
    429: ("Please wait a moment", "Your network has asked very often."),
    500: ("Something broke", "It has been written down. Try again in a moment."),
    503: ("Not just now", "The service is starting or its database does not answer. Try again in a minute."),
}

IN_PAGE = "hx-request"  # the header of what is put into a page that is open

Handler = Callable[[Request, Any], Response]


def handlers(site: Site) -> dict[Any, Handler]:
    """What answers which exception."""

    def answer(request: Request, error: HTTPException) -> Response:
        detail = "" if error.detail == HTTPStatus(error.status_code).phrase else error.detail
        return error_page(site, request, error.status_code, detail, error.headers)

    def send_on(request: Request, error: Elsewhere) -> Response:
        return error_page(site, request, 401) if IN_PAGE in request.headers else error.response

    def refuse(request: Request, error: InvalidRequest) -> Response:
        return error_page(site, request, 400, str(error))

    def postpone(request: Request, error: DigestError) -> Response:
        get_logger().error("page_postponed", path=request.url.path.split("/")[1], why=type(error).__name__)
        return error_page(site, request, 503)

    def apologise(request: Request, error: Exception) -> Response:
        number = request.scope.get("state", {}).get("request_id", "")
        get_logger().error("page_failed", request=number, error=type(error).__name__)
        return error_page(site, request, 500, f"If you write to the operator, name this number: {number}")

    return {
        HTTPException: answer,
        Elsewhere: send_on,
        InvalidRequest: refuse,
        TransientError: postpone,
        Exception: apologise,
    }


def error_page(site: Site, request: Request, status: int, detail: str = "", headers: Any = None) -> Response:
    """A page for people, or what goes into the page that they are on; a problem for programs that missed the interface,
    a line for everything else.
    """
    if request.scope["path"].startswith("/api/"):
        return problems.problem(request, status, detail or problems.MEANINGS.get(status, ""), headers)
    heading, advice = WORDS.get(status, WORDS[400])
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(f"{detail or heading}\n", status, headers)
    context = {"heading": heading, "detail": detail, "advice": advice, **site.furniture()}
    template = "error_part" if IN_PAGE in request.headers else "error"
    return HTMLResponse(render(f"web/{template}.html.j2", context), status, headers)
