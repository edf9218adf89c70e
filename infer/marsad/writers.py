"""Documents to outputs: one function per format, and a table of them."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from marsad.errors import MarsadError
from marsad.schema import Document
from marsad.terminal import render

Writer = Callable[[Iterable[Document], BinaryIO], None]

# What JSON leaves as it is, but UTF-8 cannot carry (lone surrogates), terminals obey (C1 controls)
# or other tools take for the end of a line.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def json_text(value: object, *, indent: int | None = None) -> str:
    """Write JSON that is safe to encode, to show, and to split into lines."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def write_jsonl(documents: Iterable[Document], out: BinaryIO) -> None:
    """Write a JSON object a line (DESIGN §3)."""
    for document in documents:
        out.write(json_text(document.as_dict()).encode() + b"\n")


def write_text(
    documents: Iterable[Document], out: BinaryIO, *, colour: bool = False, width: int = 80
) -> None:
    """Write what a person reads, each document as soon as it is there."""
    for document in documents:
        out.write(render(document, colour=colour, width=width).encode() + b"\n")
        out.flush()


WRITERS: dict[str, Writer] = {"jsonl": write_jsonl, "text": write_text}


@contextmanager
def open_output(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears, or replaces the one there, only when all of it is written.

    Until then it is PATH.part; what an interrupted run wrote of it stays there. So an output may
    also be one of the inputs.

    Raises:
        MarsadError: it cannot be written.
    """
    # Renaming onto a device or a pipe would replace it, in /dev too.
    special = path.exists() and not path.is_file()
    target = path.resolve()
    part = target if special else target.with_name(target.name + ".part")
    try:
        with part.open("wb") as out:
            yield out
        if not special:
            os.replace(part, target)
    except OSError as error:
        raise MarsadError(f"{path}: {error.strerror or error}.") from error
    finally:
        if not special and part.is_file() and part.stat().st_size == 0:
            part.unlink()
