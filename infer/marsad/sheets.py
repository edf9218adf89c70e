"""Documents to tables: CSV for spreadsheets, nested Parquet for engines."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO

from marsad.extras import formats_library
from marsad.lines import encodable, json_text
from marsad.schema import Document, Event

FINDING = ("id", "kind", "label", "class", "text", "start", "end", "score", "sentence")
CONTEXT = "sentence_text"
ROWS = 1_000  # documents of a Parquet row group


def write_csv(documents: Iterable[Document], out: BinaryIO, *, roles: Iterable[str] = ()) -> None:
    """Write a row an entity and a row an event; a document with neither has one row, of no kind.

    ``label`` is an entity's label or an event's type; a column a role, of those given and those
    found, holds the texts of an event's arguments, parted by "; ". Then come the columns of the
    input, with ``input.`` before a name that is taken. Documents are gone through twice: the first
    time for the columns.
    """
    found: set[str] = set()
    fields: dict[str, None] = {}
    for document in documents:
        found |= {argument.role for event in document.events for argument in event.arguments}
        fields |= dict.fromkeys(document.fields)
    taken = [*FINDING, CONTEXT, *roles, *sorted(found - set(roles))]
    names = _columns(fields, taken)
    text = io.TextIOWrapper(out, "utf-8-sig", newline="")  # the mark tells Excel that it is UTF-8
    try:
        table = csv.DictWriter(text, [*taken, *names.values()], lineterminator="\r\n")
        table.writeheader()
        for document in documents:
            carried = {names[name]: _cell(value) for name, value in document.fields.items()}
            for row in _findings(document):
                table.writerow({key: _cell(value) for key, value in row.items()} | carried)
    finally:
        text.detach()


def _columns(fields: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """The columns of the input's fields: their names, with ``input.`` before one that is taken."""
    used = set(taken)
    names: dict[str, str] = {}
    for name in fields:
        own = encodable(name)
        while own in used:
            own = f"input.{own}"
        used.add(own)
        names[name] = own
    return names


def _findings(document: Document) -> Iterator[dict[str, Any]]:
    sentences = document.sentences
    at = 0
    for entity in document.entities:
        while sentences[at].end <= entity.start:
            at += 1
        yield {
            "id": document.id,
            "kind": "entity",
            "label": entity.label,
            **_span(entity, document, at),
        }
    for event in document.events:
        yield {
            "id": document.id,
            "kind": "event",
            "label": event.type,
            "class": event.category,
            **_span(event, document, event.sentence),
            **_arguments(event, document),
        }
    if not document.entities and not document.events:
        yield {"id": document.id}


def _span(found: Any, document: Document, sentence: int) -> dict[str, Any]:
    own = document.sentences[sentence]
    return {
        "text": found.text,
        "start": found.start,
        "end": found.end,
        "score": found.score,
        "sentence": sentence,
        CONTEXT: document.text[own.start : own.end],
    }


def _arguments(event: Event, document: Document) -> dict[str, str]:
    texts: dict[str, list[str]] = {}
    for argument in event.arguments:
        texts.setdefault(argument.role, []).append(document.entities[argument.entity].text)
    return {role: "; ".join(own) for role, own in texts.items()}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return encodable(value if isinstance(value, str) else json_text(value))


def write_parquet(documents: Iterable[Document], out: BinaryIO) -> None:
    """Write a row a document, nested as in JSON but for ``scores``, which is a map.

    Columns of the input keep their type where all their values have one, and are JSON else.
    Documents are gone through twice: the first time for the types.
    """
    arrow = formats_library("pyarrow", "Parquet")
    parquet = formats_library("pyarrow.parquet", "Parquet")
    kinds: dict[str, set[type]] = {}
    for document in documents:
        for name, value in document.fields.items():
            kinds.setdefault(name, set()).add(_kind(value))
    types = {name: _type(own - {type(None)}, arrow) for name, own in kinds.items()}
    schema = _schema(arrow)
    names = _columns(types, schema.names)
    for name, type_ in types.items():
        schema = schema.append(arrow.field(names[name], type_ or arrow.string()))
    rows = (_row(document, types, names) for document in documents)
    with parquet.ParquetWriter(out, schema, compression="zstd") as table:
        while group := list(islice(rows, ROWS)):
            table.write_table(arrow.Table.from_pylist(group, schema))


def _kind(value: Any) -> type:
    """The type of a value; of an integer that a column of doubles could not hold, Decimal."""
    if not isinstance(value, int) or abs(value) <= 2**53:
        return type(value)
    return Decimal if -(2**63) <= value < 2**63 else object


def _type(kinds: set[type], arrow: Any) -> Any:
    """A column's type; None: what it holds is written as JSON."""
    if kinds <= {str}:
        return arrow.string()
    if kinds == {bool}:
        return arrow.bool_()
    if kinds <= {int, Decimal}:
        return arrow.int64()
    return arrow.float64() if kinds <= {int, float} else None


def _schema(arrow: Any) -> Any:
    text = arrow.string()
    return arrow.schema([("id", text), ("text", text), *nested_fields(arrow)])


def nested_fields(arrow: Any) -> list[Any]:
    """The columns of what was found in a document: sentences, entities, events."""
    number, text, score = arrow.int32(), arrow.string(), arrow.float64()
    span = {"start": number, "end": number}
    found = span | {"text": text, "score": score}
    argument = {"role": text, "entity": number, "score": score}
    columns = {
        "sentences": span | {"classes": arrow.list_(text), "scores": arrow.map_(text, score)},
        "entities": span | {"label": text, "text": text, "score": score},
        "events": {"type": text, "class": text}
        | found
        | {"sentence": number, "arguments": arrow.list_(arrow.struct(list(argument.items())))},
    }
    return [
        arrow.field(name, arrow.list_(arrow.struct(list(own.items()))))
        for name, own in columns.items()
    ]


def nested_row(document: Document) -> dict[str, Any]:
    """What was found in a document, as in JSON but for ``scores``: pairs, as maps hold."""
    row: dict[str, Any] = _encodable_all(replace(document, fields={}).as_dict())
    for sentence in row["sentences"]:
        sentence["scores"] = list(sentence["scores"].items())
    return row


def _row(document: Document, types: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    row = nested_row(document)
    for name, value in document.fields.items():
        plain = value if types[name] or value is None else json_text(value)
        row[names[name]] = encodable(plain) if isinstance(plain, str) else plain
    return row


def _encodable_all(value: Any) -> Any:
    match value:
        case str():
            return encodable(value)
        case list():
            return [_encodable_all(item) for item in value]
        case dict():
            return {encodable(key): _encodable_all(item) for key, item in value.items()}
    return value
