"""What keeps browsers and their people safe on every answer: headers, the host's name, forms from our own pages only.

`SafetyMiddleware` stands outside everything else, so that errors carry the headers too.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.errors import ConfigurationError
from digest.log import get_logger
from digest.settings import LOCAL_HOSTS, Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Pages whose address is a key: nobody else may learn it, and no cache may keep them.
SECRET = (
    "/address/",
    "/confirm/",
    "/edition/",
    "/feeds/",
    "/keep-address/",
    "/manage/",
    "/not-me/",
    "/sign-in/",
    "/unsubscribe/",
    "/vote/",
)
OPEN_TO_MACHINES = ("/healthz", "/readyz", "/metrics", "/hooks/")  # which ask under whatever name and from nowhere
KEYED = "bearer "  # a header that no browser sends by itself
ONE_CLICK = "/unsubscribe/"  # mail programs post there (RFC 8058)
HTTPS_FOR = "max-age=31536000"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def allow_styles(styles: Iterable[str]) -> str:
    """The content policy that lets in these styles besides our style sheet: blocks and attributes, by their hashes."""
    digests = sorted({base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in styles})
    named = " ".join(f"'sha256-{digest}'" for digest in digests)
    return POLICY.replace("style-src 'self'", f"style-src 'self' 'unsafe-hashes' {named}")


class SafetyMiddleware:
    """Refuses hosts that are not ours and forms from other sites, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._secure = settings.base_url.startswith("https://")
        own = {urlsplit(settings.base_url).hostname or "", settings.web_host}
        self._hosts = {*own, *LOCAL_HOSTS, *map(_checked, settings.allowed_hosts)} - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, number = scope["path"], secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = number

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message), path, number)
            await send(message)

        refusal = self._refuse(scope)
        await (refusal or self.app)(scope, receive, send_safely)

    def _refuse(self, scope: Scope) -> PlainTextResponse | None:
        if scope["path"].startswith(OPEN_TO_MACHINES):
            return None
        headers = Headers(scope=scope)
        host = host_of(headers.get("host", ""))
        if host not in self._hosts:
            get_logger().warning("host_refused")
            return PlainTextResponse("This service does not answer under that name: see DIGEST_BASE_URL.\n", 400)
        if scope["method"] not in SAFE_METHODS and not self._is_own(headers, scope["path"]):
            get_logger().warning("foreign_form_refused")
            return PlainTextResponse("This form was sent from another site. Open the page here and try again.\n", 403)
        return None

    def _is_own(self, headers: Headers, path: str) -> bool:
        """Whether a form comes from a page of ours, as browsers tell; what tells nothing is no browser."""
        if path.startswith(ONE_CLICK) or headers.get("authorization", "").lower().startswith(KEYED):
            return True
        fetched_from = headers.get("sec-fetch-site")
        if fetched_from is not None:
            return fetched_from in {"same-origin", "none"}
        origin = headers.get("origin")
        return origin is None or host_of(origin.partition("://")[2]) in self._hosts

    def _add_headers(self, headers: MutableHeaders, path: str, number: str) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        secret = path.startswith(SECRET)
        headers.setdefault("Referrer-Policy", "no-referrer" if secret else "same-origin")
        headers.setdefault("Cache-Control", "no-store" if secret else "private, no-cache")
        if secret:
            headers["X-Robots-Tag"] = "noindex"
        if self._secure:
            headers["Strict-Transport-Security"] = HTTPS_FOR
        headers["X-Request-ID"] = number


def host_of(header: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def _checked(host: str) -> str:
    """A name of the settings as browsers send it; raises ConfigurationError for what can be none."""
    name = host.lower()
    if name not in {host_of(name), host_of(f"[{name}]")}:
        raise ConfigurationError(f"DIGEST_ALLOWED_HOSTS: “{host}” is no host: write a name, as digest.example.org.")
    return name
