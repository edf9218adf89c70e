"""Inputs to documents: one function per format, and a table of them.

What cannot be read is a ``Failure`` in the stream, where its document would have stood; one bad
file or line never stops the rest.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from marsad.inputs import STDIN, Failure, Place, find_files

BOM = "\ufeff"
_OPENS_RECORD = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*["}]')


@dataclass(frozen=True, slots=True)
class Source:
    """A document to be tagged, and where it came from."""

    id: str
    text: str
    place: Place
    fields: dict[str, Any] = field(default_factory=dict)  # carried through to the result
    size: int = 0  # bytes of its input that it took up, in which progress is measured


Item = Source | Failure
Read = Callable[[BinaryIO, str], Iterator[Item]]


def read(names: Iterable[str], stdin: BinaryIO) -> Iterator[Item]:
    """Read files, folders, globs and ``-`` (standard input), in order."""
    for name in names:
        if name == STDIN:
            yield from _guarded(read_stdin(stdin), STDIN)
            continue
        for found in find_files(name, READERS):
            if isinstance(found, Failure):
                yield found
            else:
                yield from _guarded(_read_file(found), found.as_posix())


def read_stdin(stream: BinaryIO) -> Iterator[Item]:
    """Read JSONL if the first line that is not blank begins like an object, else one plain text.

    Such a line begins with ``{"``: a brace alone also opens verses of the Quran, in plain texts.
    """
    head: list[bytes] = []
    for line in stream:
        head.append(line)
        if line.strip():
            break
    if head and _OPENS_RECORD.match(head[-1]):
        yield from _records(chain(head, stream), STDIN)
    else:
        yield _text(b"".join(head) + stream.read(), STDIN)


def read_text(stream: BinaryIO, file: str) -> Iterator[Item]:
    """Read a plain text: the file is one document, named by its path."""
    yield _text(stream.read(), file)


def read_jsonl(stream: BinaryIO, file: str) -> Iterator[Item]:
    """Read an object a line: its "text", and an "id" if it has one; other keys are kept."""
    yield from _records(stream, file)


READERS: dict[str, Read] = {".txt": read_text, ".jsonl": read_jsonl}


def _read_file(path: Path) -> Iterator[Item]:
    with path.open("rb") as stream:
        yield from READERS[path.suffix.lower()](stream, path.as_posix())


def _guarded(items: Iterator[Item], file: str) -> Iterator[Item]:
    """Pass items on, and make what the system says of their file the last one."""
    try:
        yield from items
    except OSError as error:
        yield Failure(Place(file), f"{error.strerror or error}.")


def _text(data: bytes, file: str) -> Item:
    try:
        text = _decode(data)
    except UnicodeDecodeError as error:
        return Failure(Place(file), _not_utf8(error))
    return Source(file, text, Place(file), size=len(data))


def _records(lines: Iterable[bytes], file: str) -> Iterator[Item]:
    for number, line in enumerate(lines, 1):
        place = Place(file, number)
        try:
            text = _decode(line)
        except UnicodeDecodeError as error:
            yield Failure(place, _not_utf8(error))
            continue
        if text.strip():
            yield _record(text.rstrip(), place, len(line))


def _decode(data: bytes) -> str:
    return data.decode("utf-8").removeprefix(BOM)


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"not UTF-8: 0x{error.object[error.start]:02x} at byte {error.start}, {error.reason}."


def _record(line: str, place: Place, size: int) -> Item:
    try:
        value = json.loads(line, parse_float=finite, parse_constant=finite)
    except json.JSONDecodeError as error:
        return Failure(place, f"not JSON: {error.msg} at column {error.colno}.")
    except ValueError as error:  # a number that Python refuses
        return Failure(place, f"not JSON: {error}.")
    except RecursionError:
        return Failure(place, "its JSON is nested too deeply.")
    return as_source(value, place, size)


def as_source(value: object, place: Place, size: int = 0) -> Item:
    """Make a document of what JSON holds: its "text", and its "id" or else the place's name."""
    if not isinstance(value, dict):
        return Failure(place, 'no JSON object; wanted {"text": "…"}.')
    text, name = value.get("text"), value.get("id")
    if not isinstance(text, str):
        return Failure(place, 'the key "text" is missing or no text; wanted {"text": "…"}.')
    if isinstance(name, bool | list | dict):
        return Failure(place, 'the key "id" is no text or number.')
    fields = {key: item for key, item in value.items() if key not in ("id", "text")}
    return Source(str(place if name is None else name), text, place, fields, size)


def finite(number: str) -> float:
    """Read a number that JSON can write again, which NaN and 1e999 are not.

    Raises:
        ValueError: it is one of these.
    """
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is no finite number")
    return value
