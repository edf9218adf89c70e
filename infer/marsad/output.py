"""How and where a command's documents are written when nothing of it can be taken up again."""

import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from marsad.console import is_terminal, stdout
from marsad.errors import MarsadError, naming
from marsad.lines import write_text
from marsad.meter import Meter
from marsad.schema import Document
from marsad.writers import FORMATS, Format, format_for, write_once

WIDEST = 100  # columns; longer lines are hard to follow


def format_name(given: str | None, path: Path | None) -> str:
    """The format that was asked for, that a path's suffix tells, or that standard output suits.

    Raises:
        MarsadError: there is none of that name.
    """
    name = given or (format_for(path) if path else "text" if is_terminal(sys.stdout) else "jsonl")
    if name not in FORMATS:
        raise MarsadError(f"--format {name!r}: wanted {' or '.join(FORMATS)}.")
    return name


def to_stream(documents: Iterator[Document], form: Format, path: Path | None, meter: Meter) -> None:
    """Write to a device or a pipe, or without a path to standard output."""
    if path:
        with naming(path), path.open("wb") as out:
            write_once(documents, form, out)
        return
    on_screen = is_terminal(sys.stdout)
    with stdout() as out:
        write_once(meter.making_way(documents) if on_screen else documents, _shown(form), out)


def _shown(form: Format) -> Format:
    """A format as it is written to standard output: text in colour, and as wide as the screen."""
    if form is not FORMATS["text"] or not is_terminal(sys.stdout):
        return form
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = min(WIDEST, shutil.get_terminal_size().columns)
    return form._replace(write=partial(write_text, colour=colour, width=width))
