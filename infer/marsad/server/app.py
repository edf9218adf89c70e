"""The app: addresses, who may ask, how errors are said, and the page."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from marsad import __version__
from marsad.server.api import Api
from marsad.server.batching import Tag
from marsad.server.edge import Edge
from marsad.server.metrics import Metrics
from marsad.server.openapi import Answers, answers, body, describe, errors
from marsad.server.refusal import Refusal, refuse
from marsad.server.schemas import (
    HealthBody,
    InfoBody,
    InputsAnswer,
    InputsRequest,
    TagAnswer,
    TagRequest,
)
from marsad.server.settings import Settings

STATIC = Path(__file__).parent / "static"
REFUSALS = (400, 408, 413, 415, 422, 429, 500, 503)


def create_app(tag: Tag, settings: Settings, about: Mapping[str, Any], *, key: str = "") -> ASGIApp:
    """Put the server together.

    Args:
        tag: reads texts; called in one thread only.
        settings: the limits.
        about: the model, its licence and schema, and versions, for ``/info``.
        key: what clients must send as a bearer token; none: anybody may ask.
    """
    metrics = Metrics()
    api = Api(tag, settings, about, metrics)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        await api.start()
        yield
        await api.stop()

    app = FastAPI(
        title="Marsad",
        version=__version__,
        docs_url=None,  # FastAPI's own pages load from another host
        redoc_url=None,
        redirect_slashes=False,
        lifespan=running,
        exception_handlers={
            Refusal: _refused,
            HTTPException: _refused_by_starlette,
            RecursionError: _too_deep,
            Exception: _failed,
        },
    )
    app.include_router(_open_routes(api))
    guard = [Depends(_guard(key))] if key else []
    app.include_router(_guarded_routes(api, errors(401) if key else {}), dependencies=guard)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    return Edge(app, metrics)


def _open_routes(api: Api) -> APIRouter:
    router = APIRouter()
    add = router.add_api_route
    add("/health/live", api.live, responses=answers(HealthBody))
    add("/health/ready", api.ready, responses=answers(HealthBody, 503))
    for address, probe in (("/health/live", api.live), ("/health/ready", api.ready)):
        add(address, probe, methods=["HEAD"], include_in_schema=False)
    for address, file, about in (
        ("/", "index.html", "Show the page for people."),
        ("/docs", "docs.html", "Show the addresses, with examples."),
    ):
        page = _page(file)
        add(address, page, response_class=HTMLResponse, name=file, description=about)
        add(address, page, methods=["HEAD"], include_in_schema=False)
    return router


def _guarded_routes(api: Api, refusals: Answers) -> APIRouter:
    router = APIRouter(responses=refusals)
    add, add_post = router.add_api_route, partial(router.add_api_route, methods=["POST"])
    add_post(
        "/v1/tag",
        api.tag,
        responses=answers(TagAnswer, *REFUSALS),
        openapi_extra=body(TagRequest),
    )
    add_post(
        "/",
        api.inputs,
        responses=answers(InputsAnswer, *REFUSALS),
        openapi_extra=body(InputsRequest),
    )
    add("/info", api.info, responses=answers(InfoBody))
    add("/metrics", api.figures, responses={200: {"content": {"text/plain": {}}}})
    return router


def _page(file: str) -> Callable[[], Awaitable[Response]]:
    async def show() -> Response:
        return FileResponse(STATIC / file)

    return show


def _guard(key: str) -> Callable[..., Awaitable[None]]:
    bearer = HTTPBearer(auto_error=False)
    wanted = key.encode()

    async def check_key(
        sent: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> None:
        # Headers come as Latin-1, whatever was sent.
        found = sent.credentials.encode("latin-1") if sent else b""
        if not hmac.compare_digest(found, wanted):
            raise Refusal(
                401,
                "Send the header Authorization: Bearer KEY.",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return check_key


async def _refused(_: Request, refusal: Any) -> Response:
    return refuse(refusal)


async def _refused_by_starlette(request: Request, error: Any) -> Response:
    headers = dict(error.headers or {})
    if "Allow" in headers:  # of the first route of several at one address
        methods = request.app.openapi()["paths"].get(request.url.path, {})
        headers["Allow"] = ", ".join(methods).upper() or headers["Allow"]
    return refuse(Refusal(error.status_code, f"{error.detail}.", headers=headers))


async def _too_deep(_: Request, __: Exception) -> Response:
    return refuse(Refusal(400, "The body is nested too deeply."))


async def _failed(_: Request, __: Exception) -> Response:
    return refuse(Refusal(500, "This is a bug of Marsad's; its log says where."))
