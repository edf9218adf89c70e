"""The one shape of errors: a status, a word for programs, and a sentence for people."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from marsad.lines import json_text

GONE = 499  # a client that left before its answer; nobody sees it but the log
CLOSE = {"Connection": "close"}
NAMES = {
    400: "bad_request",
    401: "unauthorised",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "busy",
    499: "client_gone",
    500: "internal",
    503: "unavailable",
}


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def refuse(refusal: Refusal) -> Response:
    """Make the response that says so."""
    return json_response(
        error_body(refusal.status, refusal.detail), status=refusal.status, headers=refusal.headers
    )


def error_body(status: int, detail: str) -> dict[str, str]:
    """The body of every error."""
    return {"error": NAMES.get(status) or HTTPStatus(status).name.lower(), "detail": detail}


def json_response(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Make a response of JSON, whatever the text in it."""
    return Response(json_text(value).encode(), status, headers, "application/json")
