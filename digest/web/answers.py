"""Answers that cut a page short: not here, go there, too often."""

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse


class NotHere(HTTPException):
    """There is no such page; `detail` may say what to do instead."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(404, detail)


class TooMany(HTTPException):
    """Asked too often; may ask again after `seconds`."""

    def __init__(self, seconds: int) -> None:
        wait = f"{seconds} second{'s'[: seconds > 1]}" if seconds < 90 else f"{round(seconds / 60)} minutes"  # noqa: PLR2004
        super().__init__(429, f"You have asked too often. Try again in {wait}.", {"Retry-After": str(seconds)})
        self.seconds = seconds


class Elsewhere(Exception):
    """The person must go to another page first."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.response = RedirectResponse(address, 303)
