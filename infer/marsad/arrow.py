"""Arrow tables to tagged tables: what the engines of clusters hand over and take back."""

from collections.abc import Iterable, Sequence
from typing import Any

from marsad.columns import TEXT, plain_text, wrong_header
from marsad.encodings import explain
from marsad.errors import MarsadError
from marsad.extras import formats_library
from marsad.pipeline import Pipeline
from marsad.sheets import nested_fields, nested_row

ERROR = "error"


def tag_table(pipeline: Pipeline, table: Any, *, min_score: float = 0.0) -> Any:
    """Tag a ``pyarrow.Table`` that has a column ``text``, a document a row.

    All its columns and rows stay. Behind them come ``sentences``, ``entities`` and ``events``, as
    in Marsad's Parquet files, and ``error``: why a row could not be read, or null.

    Raises:
        MarsadError: there is no such column, or one of the new ones is there already.
    """
    arrow = formats_library("pyarrow", "tagging tables")
    fields = [*nested_fields(arrow), arrow.field(ERROR, arrow.string())]
    _check(table.column_names, [field.name for field in fields])
    read = [_text(value) for value in table[TEXT].to_pylist()]
    found = iter(pipeline.tag(text for text, _ in read if text is not None))
    rows = [
        {ERROR: reason} if text is None else nested_row(next(found).above(min_score))
        for text, reason in read
    ]
    for field in fields:
        column = arrow.array([row.get(field.name) for row in rows], field.type)
        table = table.append_column(field, column)
    return table


def _check(names: Sequence[str], ours: Iterable[str]) -> None:
    if wrong := wrong_header(names):
        raise MarsadError(wrong)
    if taken := [name for name in ours if name in names]:
        raise MarsadError(f'there is a column "{taken[0]}" already; give it another name.')


def _text(value: object) -> tuple[str | None, str]:
    """The text of a row, or None and why there is none."""
    try:
        text = plain_text(value)
    except UnicodeDecodeError as error:
        return None, f'the column "{TEXT}": {explain(error)}'
    return (text, "") if isinstance(text, str) else (None, f'the column "{TEXT}" holds no text.')
