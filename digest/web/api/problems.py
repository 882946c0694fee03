"""What went wrong, as programs read it: application/problem+json (RFC 9457), whichever layer found it out."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from digest.errors import InvalidRequest, Taken, TransientError
from digest.log import get_logger
from digest.web.answers import TooMany

Answers = dict[int | str, dict[str, Any]]  # by status, as FastAPI documents them

MEDIA_TYPE = "application/problem+json"
MEANINGS = {  # by status, what it means here
    400: "The body cannot be read: it must be JSON.",
    401: "A key is wanted: send it as `Authorization: Bearer digest_…`.",
    403: "The key lacks the scope that this needs; `detail` names it.",
    404: "There is no such thing, or no longer.",
    405: "This address does not take that method; `Allow` names those it takes.",
    409: "This is there already, or nothing is to be done; `existing` is the address of what is there.",
    413: "The body is too large.",
    422: "Something in the request cannot be taken; `errors` says what and where.",
    429: "The key has been used too often; `Retry-After` says for how many seconds to wait.",
    500: "Something broke. It has been written down under the number in `request`.",
    503: "Not just now: the database does not answer, or a limit on letters is reached. Try again.",
}


class Fault(BaseModel):
    """One thing that cannot be taken, and where it stands."""

    place: str = Field(alias="in", description="`body`, `query` or `path`", examples=["body"])
    pointer: str = Field(description="JSON pointer into it", examples=["#/liked"])
    detail: str = Field(examples=["Line 1: no paper found"])


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="Always `about:blank`: the status says it all", examples=["about:blank"])
    title: str = Field(description="The status in words", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="What is wrong, and how to mend it", examples=["There is no paper 12."])
    instance: str = Field(description="The address that was asked", examples=["/api/v1/papers/12"])
    errors: list[Fault] | None = Field(None, description="With 422: each fault")
    existing: str | None = Field(None, description="With 409: where to find what is there already")
    request: str | None = Field(None, description="With 500: the number to name to the operator")


class Refusal(HTTPException):
    """An endpoint's own problem; `members` are added to it."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(status, detail, headers)
        self.members = members


class ProblemResponse(JSONResponse):
    media_type = MEDIA_TYPE


def missing(what: str) -> Refusal:
    return Refusal(404, f"There is no {what}.")


def faults(messages: dict[str, list[str]]) -> Refusal:
    """The faults of a body, by field; what belongs to no single one is under “form”."""
    told = [
        {"in": "body", "pointer": "#" if name == "form" else f"#/{name}", "detail": message}
        for name, several in messages.items()
        for message in several
    ]
    return Refusal(422, "Some fields cannot be taken.", errors=told)


def documented(*statuses: int) -> Answers:
    """The answers of an operation that are problems, for its documentation."""
    return {
        status: {
            "description": MEANINGS[status],
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                        "type": "about:blank",
                        "title": HTTPStatus(status).phrase,
                        "status": status,
                        "detail": MEANINGS[status],
                        "instance": "/api/v1/…",
                    },
                }
            },
        }
        for status in statuses
    }


def install(api: FastAPI) -> None:
    """Let every error of the layers below become a problem."""
    api.exception_handler(HTTPException)(_answer)
    api.exception_handler(RequestValidationError)(_point_out)
    api.exception_handler(InvalidRequest)(lambda request, error: problem(request, 422, str(error)))
    api.exception_handler(Taken)(_point_to_existing)
    api.exception_handler(TransientError)(_postpone)
    api.exception_handler(Exception)(_apologise)


def problem(
    request: Request, status: int, detail: str, headers: Any = None, members: dict[str, Any] | None = None
) -> ProblemResponse:
    """An error as the standard has it."""
    told = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": quote(request.scope["path"]),
    }
    return ProblemResponse(told | (members or {}), status, headers)


def _answer(request: Request, error: HTTPException) -> ProblemResponse:
    detail = str(error.detail)
    if not isinstance(error, Refusal | TooMany):  # the framework's own words say little
        detail = MEANINGS.get(error.status_code, detail)
    return problem(request, error.status_code, detail, error.headers, getattr(error, "members", None))


def _point_out(request: Request, error: RequestValidationError) -> ProblemResponse:
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return problem(request, 400, MEANINGS[400])
    told = [
        {"in": str(one["loc"][0]), "pointer": _pointer(one["loc"][1:]), "detail": f"{one['msg']}."}
        for one in error.errors()
    ]
    return problem(request, 422, "The request cannot be taken as it is.", members={"errors": told})


def _pointer(path: Sequence[Any]) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(["#", *(f"/{quote(step, errors='replace')}" for step in steps)])


def _point_to_existing(request: Request, error: Taken) -> ProblemResponse:
    path = request.scope["path"]
    return problem(request, 409, str(error), members={"existing": f"{quote(path)}/{error.existing}"})


def _postpone(request: Request, error: TransientError) -> ProblemResponse:
    get_logger().error("call_postponed", why=type(error).__name__)
    return problem(request, 503, f"{error}")


def _apologise(request: Request, _error: Exception) -> ProblemResponse:
    """Without the reason, which is nobody's business; the pages' own handler, which comes next, writes it down."""
    number = request.scope.get("state", {}).get("request_id", "")
    return problem(request, 500, MEANINGS[500], members={"request": number})
