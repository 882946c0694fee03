"""The routes of the interface: what has not changed since the caller's last look is not sent again."""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class TaggedRoute(APIRoute):
    """Puts an ETag on what GET brings, and answers 304 where the caller knows it already."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_with_tag(request: Request) -> Response:
            response = await answer(request)
            return tag(request, response) if request.method == "GET" and response.status_code == 200 else response  # noqa: PLR2004

        return answer_with_tag


def tag(request: Request, response: Response) -> Response:
    """The response with the hash of its body, or 304. The tag is a weak one: what is sent may be compressed."""
    made = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    response.headers["ETag"] = f"W/{made}"
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if not known & {made, "*"}:
        return response
    kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    return Response(status_code=304, headers=kept)
