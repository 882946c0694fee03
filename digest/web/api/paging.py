"""Cursors: where a page ended, in a form that callers hand back and need not understand."""

import base64
import binascii
import json
from datetime import datetime, timedelta

from digest.errors import InvalidRequest

Place = tuple[datetime, int]  # the moment and the number of the last paper of a page
HIGHEST_ID = 2**31 - 1


def write(*parts: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def read_place(cursor: str) -> Place:
    """Raises InvalidRequest for what `write` has not written."""
    match _read(cursor):
        case [str(moment), int(number)]:
            return _moment(moment), _number(number)
    raise _wrong()


def read_number(cursor: str) -> int:
    match _read(cursor):
        case [int(number)]:
            return _number(number)
    raise _wrong()


def _read(cursor: str) -> object:
    try:
        return json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _wrong() from error


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _wrong() from error
    if moment.utcoffset() != timedelta():  # we write UTC
        raise _wrong()
    return moment


def _number(number: int) -> int:
    if isinstance(number, bool) or not 0 <= number <= HIGHEST_ID:
        raise _wrong()
    return number


def _wrong() -> InvalidRequest:
    return InvalidRequest("This cursor is not one of ours: hand back `next` as it came.")
