"""``marsad serve``: the model, the app and uvicorn, until a signal comes."""

import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from marsad import pipeline
from marsad.bundle import EMBEDDED, read_manifest
from marsad.errors import MarsadError
from marsad.report import describe
from marsad.server.app import create_app
from marsad.server.log import write_logs
from marsad.server.protocol import patient
from marsad.server.settings import Settings

NICENESS = 10
LIMITS = ("max_body_bytes", "max_documents", "max_words", "max_requests", "queue_words")

_log = logging.getLogger(__name__)


def serve(settings: Settings, *, key: str = "") -> None:
    """Serve until SIGTERM or SIGINT, and then finish what was accepted.

    Raises:
        MarsadError: the model or the address cannot be had.
    """
    folder = Path(settings.model) if settings.model else EMBEDDED
    with ThreadPoolExecutor(1, initializer=_give_way) as thread:  # the encoder's inherit it
        load = partial(pipeline.load, folder, device=settings.device, threads=settings.threads)
        tagger = thread.submit(load).result()
    app = create_app(tagger.tag, settings, about(folder, settings), key=key)
    write_logs()
    config = _config(app, settings)
    try:
        listening = config.bind_socket()
    except SystemExit as error:  # how uvicorn says so, having logged why
        raise MarsadError(f"{settings.host}:{settings.port}: cannot listen there.") from error
    server = uvicorn.Server(config)
    # Until uvicorn listens to signals itself, and when it raises one again at its end.
    signal.signal(signal.SIGTERM, server.handle_exit)
    # Connections inherit it. Without it an answer's body waits until its head is acknowledged.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.listen(config.backlog)  # so that who reads the next line can ask at once
    host, port = listening.getsockname()[:2]
    _log.info("serving", extra={"fields": {"host": host, "port": port, "key": bool(key)}})
    sys.setswitchinterval(0.001)  # seconds: let in who answers clients while texts are decoded
    gc.freeze()  # what is here stays: no collection need look at it while clients wait
    server.run([listening])
    _log.info("ended")


def _give_way() -> None:
    """Let threads that answer clients go before this one: on Linux each has its own niceness."""
    if sys.platform == "linux":
        os.nice(NICENESS)


def about(folder: Path, settings: Settings) -> Mapping[str, Any]:
    """Say what ``/info`` does of a model and the limits."""
    told = describe(folder, read_manifest(folder))
    limits = {name: value for name, value in asdict(settings).items() if name in LIMITS}
    return {
        "model": told["name"],
        **{name: told[name] for name in ("licence", "schema", "thresholds", "bytes")},
        "limits": limits,
        "versions": told["versions"],
    }


def _config(app: Any, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=patient(settings.client_seconds),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
