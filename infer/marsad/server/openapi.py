"""The description of the server that ``/openapi.json`` gives and ``/docs`` shows."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from marsad.server.schemas import ErrorBody, InputsRequest, SourceBody, TagRequest

REFS = "#/components/schemas/{model}"
ABOUT = (
    "Reads Arabic news about armed conflict: entities, events with their arguments, and classes of "
    "sentences, each with a score and with offsets into the text as sent, in Unicode code points."
)


Answers = dict[int | str, dict[str, Any]]


def answers(kind: Any, *refusals: int) -> Answers:
    """Describe a route's answers: one that is good, and those that are errors."""
    return {200: {"model": kind}, **errors(*refusals)}


def errors(*statuses: int) -> Answers:
    """Describe answers that are errors."""
    return {
        status: {"model": ErrorBody, "description": HTTPStatus(status).phrase}
        for status in statuses
    }


def body(kind: type[BaseModel]) -> dict[str, Any]:
    """Describe a request's body, which we receive and check ourselves."""
    schema = {"$ref": REFS.format(model=kind.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """Describe an app's routes, with the bodies that FastAPI does not see."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=ABOUT, routes=app.routes
        )
        kinds: list[type[BaseModel]] = [TagRequest, SourceBody, InputsRequest]
        _, table = models_json_schema([(kind, "validation") for kind in kinds], ref_template=REFS)
        made.setdefault("components", {}).setdefault("schemas", {}).update(table["$defs"])
        app.openapi_schema = made
    return app.openapi_schema
