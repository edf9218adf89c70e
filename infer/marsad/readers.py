"""Inputs to documents: one function per format, and a table of them.

What cannot be read is a ``Failure`` in the stream, where its document would have stood; one bad
file or line never stops the rest.
"""

import csv
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import BinaryIO

from marsad.columns import read_csv, read_parquet
from marsad.encodings import (
    BOM,
    LONGEST,
    TOO_LONG,
    decoded,
    encoding_of,
    explain,
    line_coding,
    lines_of,
    read_up_to,
)
from marsad.errors import MarsadError
from marsad.inputs import STDIN, Failure, Place, find_files, format_of
from marsad.opening import BROKEN, open_input
from marsad.sources import Item, Source, source_of

_OPENS_RECORD = re.compile(r'\{[^\S\n]*["}]')

Read = Callable[[BinaryIO, str], Iterator[Item]]


def read(names: Iterable[str], stdin: BinaryIO, *, ours: Collection[Path] = ()) -> Iterator[Item]:
    """Read files, folders, globs and ``-`` (standard input), in order; never what is ours."""
    for name in names:
        if name == STDIN:
            yield from guarded(read_stdin(stdin), STDIN)
            continue
        for found in find_files(name, READERS, ours=ours):
            if isinstance(found, Failure):
                yield found
            else:
                yield from guarded(_read_file(found), found.as_posix())


def read_stdin(stream: BinaryIO) -> Iterator[Item]:
    """Read JSONL if the first line that is not blank begins like an object, else one plain text.

    Such a line begins with ``{"``: a brace alone also opens verses of the Quran, in plain texts.
    """
    encoding, head = encoding_of(stream, STDIN)
    begin = head.decode(encoding, "replace").removeprefix(BOM).lstrip()
    if _OPENS_RECORD.match(begin):
        yield from _records(lines_of(stream, encoding, head), line_coding(encoding), STDIN)
    else:
        yield _text(head, stream, encoding, STDIN)


def read_text(stream: BinaryIO, file: str) -> Iterator[Item]:
    """Read a plain text: the file is one document, named by its path."""
    encoding, head = encoding_of(stream, file)
    yield _text(head, stream, encoding, file)


def read_jsonl(stream: BinaryIO, file: str) -> Iterator[Item]:
    """Read an object a line: its "text", and an "id" if it has one; other keys are kept."""
    encoding, head = encoding_of(stream, file)
    yield from _records(lines_of(stream, encoding, head), line_coding(encoding), file)


READERS: dict[str, Read] = {
    ".txt": read_text,
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".parquet": read_parquet,
}


def _read_file(path: Path) -> Iterator[Item]:
    file = path.as_posix()
    read_format = READERS[format_of(path)]
    with ExitStack() as stack:
        stream, raw = stack.enter_context(open_input(path))
        if read_format is read_parquet and stream is not raw:  # which is read from its end
            spool = stack.enter_context(TemporaryFile())
            copyfileobj(stream, spool)
            stream = spool
        none = True
        for item in _measured(read_format(stream, file), raw):
            none = False
            yield item
        if none:
            yield Failure(Place(file), "no document in it.")


def _measured(items: Iterator[Item], raw: BinaryIO) -> Iterator[Item]:
    """Give each document the bytes of its file, compressed or not, that were read for it."""
    seekable = raw.seekable()  # a pipe that is named like a file does not tell
    before = 0
    for item in items:
        here = max(before, raw.tell() if seekable else 0)
        if isinstance(item, Source) and not item.size:
            yield replace(item, size=here - before)
        else:
            yield item
        before = here


def guarded(items: Iterator[Item], file: str) -> Iterator[Item]:
    """Pass items on, and make what is wrong with their file the last one."""
    try:
        yield from items
    except MarsadError as error:
        yield Failure(Place(file), str(error))
    except (OSError, ValueError, NotImplementedError, csv.Error, *BROKEN) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        first = str(reason or error).partition("\n")[0]
        yield Failure(Place(file), f"{first.rstrip('.')}.")


def _text(head: bytes, stream: BinaryIO, encoding: str, file: str) -> Item:
    data = head + read_up_to(stream, LONGEST)
    if len(data) > LONGEST:
        return Failure(Place(file), f"a text of {TOO_LONG}; cut it into several.")
    if not data and file != STDIN:
        return Failure(Place(file), "the file is empty.")
    try:
        text = decoded(data, encoding)
    except UnicodeDecodeError as error:
        return Failure(Place(file), explain(error))
    return Source(file, text, Place(file))


def _records(lines: Iterable[bytes | None], encoding: str, file: str) -> Iterator[Item]:
    for number, line in enumerate(lines, 1):
        place = Place(file, number)
        if line is None:
            yield Failure(place, f"a line of {TOO_LONG}.")
            continue
        try:
            text = decoded(line, encoding)
        except UnicodeDecodeError as error:
            yield Failure(place, explain(error))
            continue
        if text.strip():
            yield _record(text.rstrip(), place)


def _record(line: str, place: Place) -> Item:
    try:
        value = json.loads(line, parse_float=finite, parse_constant=finite)
    except json.JSONDecodeError as error:
        return Failure(place, f"not JSON: {error.msg} at column {error.colno}.")
    except ValueError as error:  # a number that Python refuses
        return Failure(place, f"not JSON: {error}.")
    except RecursionError:
        return Failure(place, "its JSON is nested too deeply.")
    return source_of(value, place)


def finite(number: str) -> float:
    """Read a number that JSON can write again, which NaN and 1e999 are not.

    Raises:
        ValueError: it is one of these.
    """
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is no finite number")
    return value
