"""What surrounds every request: its number, safe headers, a log line, and figures."""

import asyncio
import logging
import secrets
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marsad.server.metrics import Metrics
from marsad.server.refusal import CLOSE, Refusal, refuse

COUNTS = "marsad.counts"  # where in a scope handlers leave what the log line shall say
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_log = logging.getLogger(__name__)


class Edge:
    """Wraps an app."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and what it comes to into the log."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        number = secrets.token_hex(8)
        counts: dict[str, Any] = {}
        scope[COUNTS] = counts
        status, begun = 500, False

        async def send_on(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                headers = MutableHeaders(scope=message)
                headers.update({**HEADERS, "X-Request-Id": number})
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except asyncio.CancelledError:  # the server ends, and waits no longer
            if not begun:
                ending = Refusal(503, "The server ends before it could answer.", headers=CLOSE)
                await refuse(ending)(scope, receive, send_on)
        finally:
            self._report(scope, status, time.monotonic() - began, counts | {"request": number})

    def _report(
        self, scope: MutableMapping[str, Any], status: int, seconds: float, counts: dict[str, Any]
    ) -> None:
        # The path as written in the code: what a client wrote could be anything, and any number.
        path = getattr(scope.get("route"), "path", "") or "other"
        self._metrics.requests.labels(path, status).inc()
        self._metrics.seconds.labels("all").observe(seconds)
        fields = {"method": scope["method"], "path": path, "status": status, **counts}
        if fields["method"] not in ("GET", "HEAD", "POST", "OPTIONS"):
            fields["method"] = "other"
        _log.info("request", extra={"fields": fields | {"seconds": round(seconds, 4)}})
