"""Annotations kept apart from the texts they are of, which may not be passed on."""

import json
from collections.abc import Iterator
from pathlib import Path

from marsad.errors import MarsadError
from marsad.records import Record, parse_record
from marsad.schema import Schema
from marsad_train.texts import read_texts

KEYS = {"document", "start", "end"}


def read_standoff(path: Path, texts: Path, schema: Schema) -> Iterator[Record]:
    """Records whose text is ``[start, end)`` of the ``document`` of that id among ``texts``.

    A line is a record as ever, with ``{"document", "start", "end"}`` in the place of id and text;
    the offsets of its entities and events count from ``start``.

    Raises:
        MarsadError: a file is missing, a document is not there, or a record does not fit its text.
    """
    documents = {str(row.get("id")): row["text"] for row in read_texts(texts)}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise MarsadError(f"{path}: {error}.") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise MarsadError("wanted an object.")
                if lacking := KEYS - row.keys():
                    raise MarsadError(f"the key {min(lacking)!r} is missing.")
                text = _cut(documents[str(row["document"])], row["start"], row["end"])
                name = f"{row['document']}:{row['start']}"
                yield parse_record({**row, "id": name, "text": text}, schema)
            except (ValueError, TypeError, KeyError, MarsadError) as error:
                reason = f"no document {error}" if isinstance(error, KeyError) else error
                raise MarsadError(f"{path}, line {number}: {reason}") from error


def _cut(text: str, start: object, end: object) -> str:
    if type(start) is int and type(end) is int and 0 <= start < end <= len(text):
        return text[start:end]
    raise MarsadError(f"found {start!r} to {end!r}, wanted offsets within 0 to {len(text)}.")
