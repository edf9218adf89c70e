"""Clients that are slow, endless, gone or no speakers of HTTP cost a bounded time and memory."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from marsad.pipeline import Pipeline
from marsad.schema import Document

HEAD = b"POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def impatient(serving: Any, pipeline: Pipeline) -> Iterator[str]:
    with serving(pipeline.tag, client_seconds=1, max_body_bytes=100_000) as address:
        yield address


@contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


def answer(connection: socket.socket) -> tuple[int, Any]:
    """The status and JSON of what comes until the server hangs up."""
    try:
        data = receive_all(connection)
    except ConnectionResetError:
        data = b""
    if not data:
        return 0, None
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_client_that_says_nothing_is_hung_up_on(impatient: str) -> None:
    with connected(impatient) as connection:
        assert answer(connection) == (0, None)


def test_headers_that_never_end_are_not_waited_for(impatient: str) -> None:
    with connected(impatient) as connection:
        began = time.monotonic()
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            send_slowly(connection, b"G")
        assert time.monotonic() - began < 8


def test_a_body_that_never_ends_is_answered_in_time(impatient: str) -> None:
    with connected(impatient) as connection:
        connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        status, found = answer(connection)
        assert (status, found["error"]) == (408, "too_slow")


def test_a_stream_is_refused_where_it_grows_too_large_and_then_cut(impatient: str) -> None:
    chunk = b"%x\r\n%s\r\n" % (50_000, b" " * 50_000)
    with connected(impatient) as connection:
        connection.sendall(CHUNKED + 3 * chunk)
        assert connection.recv(12) == b"HTTP/1.1 413"
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            send_slowly(connection, chunk)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 30_000,
        CHUNKED + b"zz\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_400_in_the_shape_of_all_errors(
    impatient: str, sent: bytes
) -> None:
    with connected(impatient) as connection:
        connection.sendall(sent)
        status, found = answer(connection)
        assert (status, found["error"]) == (400, "bad_request")
    assert httpx.get(f"{impatient}/health/live").status_code == 200


def test_a_client_that_leaves_is_not_read_for(serving: Any) -> None:
    free, batches = threading.Event(), []

    def slow(texts: Sequence[str]) -> list[Document]:
        batches.append(list(texts))
        assert free.wait(20)
        return [Document(text) for text in texts]

    with serving(slow) as address, connected(address) as first, connected(address) as second:
        first.sendall(request("a"))
        until(lambda: batches == [["a"]])
        second.sendall(request("b"))
        until(lambda: waiting(address) == 2)
        second.close()
        until(lambda: waiting(address) == 1)
        free.set()
        assert first.recv(12) == b"HTTP/1.1 200"
    assert batches == [["a"]]


def test_a_client_that_takes_no_answer_is_hung_up_on(serving: Any) -> None:
    def repeat(texts: Sequence[str]) -> list[Document]:
        return [Document(text * 200) for text in texts]

    with serving(repeat, client_seconds=1) as address, connected(address) as connection:
        connection.sendall(request("ا" * 100_000))
        until(lambda: 'path="/v1/tag"' in httpx.get(f"{address}/metrics").text, seconds=30)
        time.sleep(2)
        assert len(receive_all(connection)) < 20_000_000  # of 40: what was in flight


def send_slowly(connection: socket.socket, part: bytes) -> None:
    for _ in range(200):
        connection.sendall(part)
        time.sleep(0.05)


def receive_all(connection: socket.socket) -> bytes:
    data = b""
    while part := connection.recv(65_536):
        data += part
    return data


def request(text: str) -> bytes:
    body = json.dumps({"documents": [{"text": text}]}).encode()
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def waiting(address: str) -> float:
    lines = httpx.get(f"{address}/metrics").text.splitlines()
    return next(float(s.split()[1]) for s in lines if s.startswith("marsad_queue_requests "))


def until(true: Any, *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
