"""A table of output formats."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, NamedTuple

from marsad.errors import MarsadError
from marsad.inputs import COMPRESSED
from marsad.lines import write_conll, write_jsonl, write_text
from marsad.page import write_html
from marsad.schema import Document, Schema
from marsad.sheets import write_csv, write_parquet

Writer = Callable[[Iterable[Document], BinaryIO], None]


class Format(NamedTuple):
    """How documents are written."""

    write: Writer
    suffix: str
    twice: bool = False  # whether they are gone through more than once for that
    needs: str = ""  # a library of the extra "formats"


FORMATS = {
    "jsonl": Format(write_jsonl, ".jsonl"),
    "csv": Format(write_csv, ".csv", twice=True),
    "parquet": Format(write_parquet, ".parquet", twice=True, needs="pyarrow"),
    "conll": Format(write_conll, ".conll"),
    "html": Format(write_html, ".html", twice=True),
    "text": Format(write_text, ".txt"),
}


def format_of(name: str, schema: Schema) -> Format:
    """A format, as documents of a schema are written in it."""
    own = FORMATS[name]
    return own._replace(write=partial(write_csv, roles=schema.roles)) if name == "csv" else own


class Tagged:
    """The documents of a JSONL file, as often as they are gone through."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Document]:
        """Read the file from its beginning."""
        with self._path.open("rb") as lines:
            for line in lines:
                yield Document.from_dict(json.loads(line))


def write_once(documents: Iterable[Document], format_: Format, out: BinaryIO) -> None:
    """Write a stream of documents, through a file where the format goes through it twice."""
    if not format_.twice:
        format_.write(documents, out)
        return
    with TemporaryDirectory(prefix="marsad-") as folder:
        path = Path(folder) / "tagged.jsonl"
        with path.open("wb") as stream:
            write_jsonl(documents, stream)
        format_.write(Tagged(path), out)


def format_for(path: Path) -> str:
    """The format that a file's suffix tells; JSONL where it tells none.

    Raises:
        MarsadError: the suffix promises what is not written.
    """
    suffix = path.suffix.lower()
    if suffix in COMPRESSED:
        raise MarsadError(f"{path}: outputs are not compressed; leave out {suffix}.")
    return next((name for name, one in FORMATS.items() if one.suffix == suffix), "jsonl")
