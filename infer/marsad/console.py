"""The terminal and the streams of a process: what commands print, say, and read."""

import io
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from tqdm import tqdm

from marsad.errors import MarsadError
from marsad.terminal import plain


@contextmanager
def said_warnings() -> Iterator[None]:
    """Say, meanwhile, what the library warns of in its log."""
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: say(f"warning: {record.getMessage()}")  # type: ignore[method-assign]
    logger = logging.getLogger("marsad")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person may be watching; a process may lack a stream."""
    return stream is not None and stream.isatty()


def stdin() -> BinaryIO:
    """Standard input; an empty one where there is none."""
    return sys.stdin.buffer if sys.stdin else io.BytesIO()


@contextmanager
def stdout() -> Iterator[BinaryIO]:
    """Standard output, flushed at the end.

    Raises:
        MarsadError: there is none, or it cannot be written.
        BrokenPipeError: nobody reads it any more.
    """
    if sys.stdout is None:
        raise MarsadError("standard output is closed; write to a file with -o.")
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer would raise again when Python exits.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise MarsadError(f"standard output: {error.strerror or error}.") from error


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to standard output."""
    with stdout() as out:
        out.writelines(f"{line}\n".encode() for line in lines)


def say(line: str) -> None:
    """Print a line to standard error, without what a terminal would obey."""
    if sys.stderr:
        with suppress(OSError):  # a terminal that is gone must not end a run
            tqdm.write(plain(line), file=sys.stderr)  # above the bar, if there is one
