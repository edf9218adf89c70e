"""Unlabelled texts: read from JSONL, plain or packed with xz."""

import json
import lzma
from pathlib import Path
from typing import Any

from marsad.errors import MarsadError


def read_texts(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL (or .jsonl.xz) file of objects with a "text".

    Raises:
        MarsadError: the file is missing, or a line of it is no such object.
    """
    try:
        data = path.read_bytes()
        text = (lzma.decompress(data) if path.suffix == ".xz" else data).decode("utf-8")
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise MarsadError(f"{path}: {error}.") from error
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            row = json.loads(line) if line.strip() else None
        except ValueError as error:
            raise MarsadError(f"{path}, line {number}: not JSON: {error}") from error
        if row is not None and not (isinstance(row, dict) and isinstance(row.get("text"), str)):
            raise MarsadError(f'{path}, line {number}: wanted an object with a "text".')
        rows += [row] if row else []
    return rows
