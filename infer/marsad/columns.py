"""Tables to documents: a row a document, its text in the column ``text``, the others kept."""

import base64
import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any, BinaryIO

from marsad.encodings import BOM, LONGEST, TOO_LONG, encoding_of, explain, line_coding, lines_of
from marsad.extras import formats_library
from marsad.inputs import Failure, Place
from marsad.sources import Item, Source, source_of

TEXT = "text"
DELIMITERS = ",;\t"
ROWS = 256  # of a Parquet file, that are held at once
BUFFER = 1 << 20  # bytes of each of its columns; else whole row groups would be held


def read_csv(stream: BinaryIO, file: str) -> Iterator[Item]:
    """Read a table with a header; commas, semicolons or tabs part its cells, as the header has it.

    Python's own reader takes a bad row for what it is and goes on, where pyarrow's ends the file.
    """
    encoding, head = encoding_of(stream, file)
    if not head:
        return
    lines = _decoded(lines_of(stream, encoding, head), line_coding(encoding))
    first = next(lines, "").removeprefix(BOM)
    if "\r" in first.rstrip("\r\n"):
        yield Failure(Place(file), "its lines end with CR alone; wanted LF, or CR and LF.")
        return
    csv.field_size_limit(LONGEST)
    delimiter = max(DELIMITERS, key=first.count)
    rows = csv.reader(_chained(first, lines), delimiter=delimiter, strict=True)
    header = [name.strip() for name in next(rows, [])]
    if wrong := wrong_header(header):
        yield Failure(Place(file), wrong)
        return
    while True:
        first_line = rows.line_num + 1
        place = Place(file, first_line)
        try:
            row = next(rows, None)
        except csv.Error as error:
            lost = f", up to line {rows.line_num}" if rows.line_num > first_line else ""
            yield Failure(place, f"no row of a CSV file{lost}: {error}.")
            continue
        if row is None:
            return
        if row:
            yield _row(header, row, place)


def read_parquet(stream: BinaryIO, file: str) -> Iterator[Item]:
    """Read a Parquet file, some rows at a time; the stream must be one that can be sought."""
    parquet = formats_library("pyarrow.parquet", "Parquet")
    table = parquet.ParquetFile(stream, pre_buffer=False, buffer_size=BUFFER)
    rows = table.metadata.num_rows
    if wrong := wrong_header(table.schema_arrow.names):
        yield Failure(Place(file), wrong)
        return
    share = max(1, stream.seek(0, 2) // max(1, rows))
    number = 0
    for batch in table.iter_batches(batch_size=ROWS):
        for row in batch.to_pylist():
            number += 1
            item = _parquet_row(row, Place(file, number))
            yield replace(item, size=share) if isinstance(item, Source) else item


def plain_value(value: Any) -> Any:
    """What JSON can carry of a value, nothing lost but NaN and infinity, which become null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case list() | tuple():
            return [plain_value(item) for item in value]
        case dict():
            return {str(key): plain_value(item) for key, item in value.items()}
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return str(value)


def _decoded(lines: Iterable[bytes | None], encoding: str) -> Iterator[str]:
    """Decode lines; what does not decode is smuggled through, so that only its row fails."""
    for line in lines:
        if line is None:
            raise ValueError(f"a line of {TOO_LONG}")
        yield line.decode(encoding, "surrogateescape")


def _chained(first: str, lines: Iterable[str]) -> Iterator[str]:
    if first:
        yield first
        yield from lines


def wrong_header(names: Sequence[str]) -> str | None:
    """Why a table with such columns cannot be read; None if it can."""
    if TEXT not in names:
        known = ", ".join(names)[:200] or "none"
        return f'no column "{TEXT}"; its columns: {known}.'
    twice = [name for name, count in Counter(names).items() if count > 1]
    return f"two columns are named {twice[0]!r}." if twice else None


def _parquet_row(row: dict[str, Any], place: Place) -> Item:
    try:
        text = plain_text(row[TEXT])
    except UnicodeDecodeError as error:
        return Failure(place, f"the column {TEXT!r}: {explain(error)}")
    return source_of({key: plain_value(item) for key, item in row.items()} | {TEXT: text}, place)


def plain_text(value: Any) -> Any:
    """A text of a table, which Hive and others write as bytes.

    Raises:
        UnicodeDecodeError: the bytes are not UTF-8.
    """
    return value.decode() if isinstance(value, bytes) else value


def _row(header: Sequence[str], row: Sequence[str], place: Place) -> Item:
    value: dict[str, Any] = dict(zip(header, row, strict=False))
    own = value.get("id") or None
    if len(row) != len(header):
        reason = f"{len(row)} cells in a row where the header has {len(header)}."
        return Failure(place, reason, own)
    for name, cell in value.items():
        if any("\udc80" <= character <= "\udcff" for character in cell):
            return Failure(place, f"the cell of column {name!r} does not decode.", own)
    return source_of(value | {"id": own}, place)
