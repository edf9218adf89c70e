"""Requests to values: bodies within their limits, in time, and as JSON."""

import asyncio
import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from marsad.readers import finite
from marsad.server.refusal import CLOSE, GONE, Refusal
from marsad.server.settings import Settings


async def read_json(request: Request, settings: Settings) -> Any:
    """Receive a body and read it as JSON.

    Raises:
        Refusal: it is too large, too slow, compressed, or no JSON.
    """
    _check_headers(request, settings)
    body = await _read_body(request, settings)
    try:
        return json.loads(body.decode("utf-8"), parse_float=finite, parse_constant=finite)
    except UnicodeDecodeError as error:
        raise Refusal(400, f"The body is not UTF-8: byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise Refusal(400, f"The body is not JSON: {error.msg}, character {error.pos}.") from error
    except ValueError as error:  # NaN, 1e999 or an integer of thousands of digits
        raise Refusal(400, "The body holds a number that is not finite, or too long.") from error
    except RecursionError as error:
        raise Refusal(400, "The body is nested too deeply.") from error


def _check_headers(request: Request, settings: Settings) -> None:
    kind, *parameters = request.headers.get("content-type", "").lower().split(";")
    charsets = [p.strip() for p in parameters if p.strip().startswith("charset=")]
    if kind.strip() != "application/json" or any(
        "utf8" not in c.replace("-", "") for c in charsets
    ):
        raise Refusal(415, "Send the header Content-Type: application/json, and UTF-8.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(415, "Send the body as it is; compressed ones are not read.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > settings.max_body_bytes:
        raise _too_large(settings)


async def _read_body(request: Request, settings: Settings) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(settings.client_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > settings.max_body_bytes:
                    raise _too_large(settings)
    except TimeoutError:
        detail = f"The body did not arrive within {settings.client_seconds:g} s."
        raise Refusal(408, detail, headers=CLOSE) from None
    except ClientDisconnect:
        raise Refusal(GONE, "The client left before its request was complete.") from None
    return bytes(body)


def _too_large(settings: Settings) -> Refusal:
    return Refusal(413, f"The body has more than {settings.max_body_bytes} bytes.")
