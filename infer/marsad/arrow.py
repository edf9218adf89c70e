"""Arrow tables to tagged tables: what the engines of clusters hand over and take back."""

from collections.abc import Iterable
from typing import Any

from marsad.columns import TEXT
from marsad.errors import MarsadError
from marsad.extras import formats_library
from marsad.pipeline import Pipeline
from marsad.schema import Document
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
    texts = table[TEXT].to_pylist()
    found = iter(pipeline.tag(text for text in texts if isinstance(text, str)))
    rows = [_row(next(found).above(min_score) if isinstance(t, str) else None) for t in texts]
    for field in fields:
        column = arrow.array([row.get(field.name) for row in rows], field.type)
        table = table.append_column(field, column)
    return table


def _check(names: Iterable[str], ours: Iterable[str]) -> None:
    if TEXT not in names:
        raise MarsadError(f'no column "{TEXT}"; the columns: {", ".join(names) or "none"}.')
    if taken := [name for name in ours if name in names]:
        raise MarsadError(f'there is a column "{taken[0]}" already; give it another name.')


def _row(document: Document | None) -> dict[str, Any]:
    if document is None:
        return {ERROR: f'the column "{TEXT}" holds no text.'}
    return nested_row(document)
