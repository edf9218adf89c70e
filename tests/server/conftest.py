"""Servers on loopback: with a fake tagger in a thread, with the real bundle in a process."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from marsad.pipeline import Pipeline
from marsad.server.app import create_app
from marsad.server.batching import Tag
from marsad.server.protocol import patient
from marsad.server.settings import Settings

Serving = Callable[..., AbstractContextManager[str]]
ABOUT = {
    "model": "lexicon",
    "licence": "none",
    "schema": {},
    "limits": {},
    "versions": {"marsad": "0"},
}


class Quiet(uvicorn.Server):
    """A server whose loop does not turn a closed connection into a warning of the test's."""

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.run(self.serve(sockets))


@pytest.fixture
def serving() -> Serving:
    """Serve a tagger while a ``with`` lasts, and give its address."""

    @contextmanager
    def serve(tag: Tag, *, key: str = "", **limits: Any) -> Iterator[str]:
        settings = Settings(**limits)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            config = uvicorn.Config(
                create_app(tag, settings, ABOUT, key=key),
                http=patient(settings.client_seconds),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=10,
            )
            server = Quiet(config)
            thread = threading.Thread(target=server.run, args=([listening],))
            thread.start()
            try:
                host, port = listening.getsockname()
                yield f"http://{host}:{port}"
            finally:
                server.should_exit = True
                thread.join(30)

    return serve


@pytest.fixture
def address(serving: Serving, pipeline: Pipeline) -> Iterator[str]:
    """A server of the lexicon pipeline."""
    with serving(pipeline.tag) as address:
        yield address


class Process:
    """``marsad serve`` with the embedded bundle."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self.log = log
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "marsad", "serve", "--port", str(self.port), *arguments]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, stderr=out, env=os.environ | environment)

    def wait_until_ready(self) -> None:
        for _ in range(1200):
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.address}/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the server did not get ready")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start processes that end with the test."""
    started: list[Process] = []

    def run(*arguments: str, wait: bool = True, **environment: str) -> Process:
        process = Process(tmp_path / f"{len(started)}.log", *arguments, **environment)
        started.append(process)
        if wait:
            process.wait_until_ready()
        return process

    yield run
    for process in started:
        process.process.kill()
        process.process.wait()


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One server with the embedded bundle for all tests that need no settings of their own."""
    process = Process(tmp_path_factory.mktemp("serve") / "log")
    process.wait_until_ready()
    yield process
    assert process.stop() == 0
