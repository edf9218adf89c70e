"""Logs are a JSON object a line, and hold no text."""

import json
import logging
import sys

from marsad.server.log import JsonLines


def line(message: str, *arguments: object, failed: bool = False, **fields: object) -> str:
    error = None
    if failed:
        try:
            raise ValueError("قصفت")
        except ValueError:
            error = sys.exc_info()
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, message, arguments, error)
    record.fields = fields
    return JsonLines().format(record)


def test_a_line_holds_its_fields() -> None:
    found = json.loads(line("request", status=200))
    assert (found["event"], found["level"], found["status"]) == ("request", "error", 200)


def test_neither_what_fills_a_message_nor_what_an_exception_says_is_written() -> None:
    written = line("never retrieved\nfuture: قصفت", "قصفت", failed=True)
    assert "قصفت" not in json.loads(written).values()
    assert "\\u" not in written
    assert json.loads(written)["exception"] == "ValueError"
    assert json.loads(written)["where"][0].startswith(__file__)
