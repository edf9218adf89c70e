"""HTTP/1.1 as uvicorn speaks it, but for clients that dawdle or send what is no HTTP."""

import asyncio
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from marsad.lines import json_text
from marsad.server.refusal import error_body


class PatientProtocol(H11Protocol):
    """Waits for a client a bounded time.

    That is: for its headers, for what it goes on sending after its answer, and for it to take an
    answer. (For the body of a request, ``receive`` waits.)
    """

    def __init__(self, *args: Any, seconds: float, **named: Any) -> None:
        super().__init__(*args, **named)
        self._seconds = seconds
        self._deadline: asyncio.TimerHandle | None = None  # to send
        self._write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a first request."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Pass data on."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._deadline = _stopped(self._deadline)
        self._write_deadline = _stopped(self._write_deadline)

    def pause_writing(self) -> None:
        """Wait for the client to take what was written."""
        super().pause_writing()
        self._write_deadline = self.loop.call_later(self._seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._write_deadline = _stopped(self._write_deadline)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if its last answer was not taken."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as all errors are, unless an answer has begun, and hang up."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json_text(error_body(400, "This is not valid HTTP.")).encode()
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle:  # which may be waiting for the rest of a body
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _watch(self) -> None:
        """Set the clock if it is the client's turn: no request yet, or one answered too soon."""
        if self.conn.their_state is not h11.IDLE and self.conn.our_state is not h11.DONE:
            self._deadline = _stopped(self._deadline)
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self._seconds, self._hang_up)

    def _hang_up(self) -> None:
        # The request whose answer kept the clock from being stopped may have come to its end.
        if self.conn.their_state is h11.IDLE or self.conn.our_state is h11.DONE:
            self.transport.abort()


def patient(seconds: float) -> Any:
    """The protocol, for uvicorn."""
    return partial(PatientProtocol, seconds=seconds)


def _stopped(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer:
        timer.cancel()
    return None
