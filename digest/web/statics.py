"""Style sheet, script and icon: read once, served under names that hold their content's hash and so never change."""

import hashlib
import mimetypes

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from digest import resources

FOR_EVER = "public, max-age=31536000, immutable"


class Statics:
    """The files of `templates/web/static`."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        self._names: dict[str, str] = {}
        for path in sorted((resources.folder("templates") / "web/static").iterdir()):
            content = path.read_bytes()
            hashed = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
            self._names[path.name] = hashed
            self._files[hashed] = content, mimetypes.guess_type(path.name)[0] or "application/octet-stream"

    def address(self, name: str) -> str:
        """Where the file called `name` is served."""
        return f"/static/{self._names[name]}"

    def route(self) -> Route:
        return Route("/static/{name}", self._serve, methods=["GET"])

    async def _serve(self, request: Request) -> Response:
        found = self._files.get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("Not Found", 404)
        return Response(found[0], media_type=found[1], headers={"Cache-Control": FOR_EVER})
