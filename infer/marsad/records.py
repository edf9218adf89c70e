"""Annotated records (data/README.md), read from JSONL and checked against a schema."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from marsad.errors import MarsadError, naming
from marsad.schema import Schema


class Span(NamedTuple):
    """An annotated stretch ``text[start:end]``: a labelled entity, or a trigger of a type."""

    start: int
    end: int
    label: str


class Link(NamedTuple):
    """An annotated argument: an event's and an entity's index in their record, and the role."""

    event: int
    entity: int
    role: str


@dataclass(frozen=True, slots=True)
class Record:
    """A text and what its annotators marked; what they did not look for is None."""

    id: str
    text: str
    entities: tuple[Span, ...] | None = None
    triggers: tuple[Span, ...] | None = None
    links: tuple[Link, ...] | None = None
    classes: frozenset[str] | None = None


def read_records(path: Path, schema: Schema) -> list[Record]:
    """Read a JSONL file of records.

    Raises:
        MarsadError: the file or a line of it is not what it should be; names file, line and reason.
    """
    records = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            text = line.decode("utf-8").removeprefix("\ufeff")
            records.append(parse_record(json.loads(text), schema))
        except UnicodeDecodeError as error:
            raise MarsadError(f"{where}: not UTF-8: byte {error.start}, {error.reason}.") from error
        except (ValueError, RecursionError) as error:
            raise MarsadError(f"{where}: not JSON: {error}") from error
        except MarsadError as error:
            raise MarsadError(f"{where}: {error}") from error
    if not records:
        raise MarsadError(f"{path}: no records; wanted one JSON object a line.")
    return records


def _lines(path: Path) -> Iterator[bytes]:
    with naming(path), path.open("rb") as lines:
        yield from lines


def parse_record(value: object, schema: Schema) -> Record:
    """Check one record.

    Raises:
        MarsadError: something in it is missing, unknown, or does not fit the text.
    """
    if not isinstance(value, Mapping):
        raise MarsadError('found no object; wanted {"id", "text", "entities", "events"}.')
    text = value.get("text")
    if not isinstance(text, str):
        raise MarsadError('the key "text" is missing or no text.')
    entities = _spans(value, "entities", "label", schema.entities, text)
    triggers = _spans(value, "events", "type", tuple(schema.events), text)
    links = None
    if triggers is not None and entities is not None:
        links = _links(value["events"], triggers, entities, schema)
    return Record(
        str(value.get("id", "")), text, entities, triggers, links, _classes(value, triggers, schema)
    )


def _spans(
    value: Mapping[str, Any], key: str, naming: str, known: tuple[str, ...], text: str
) -> tuple[Span, ...] | None:
    if value.get(key) is None:
        return None
    items = _list(value, key)
    spans = tuple(
        _span(item, f"{key}[{index}]", naming, known, text) for index, item in enumerate(items)
    )
    ordered = sorted(spans)
    for before, after in pairwise(ordered):
        # Two events may share a trigger; only one of them can be learnt.
        shared = key == "events" and before[:2] == after[:2]
        if after.start < before.end and not shared:
            raise MarsadError(f"{key}: {before} and {after} overlap.")
    return spans


def _span(item: object, where: str, naming: str, known: tuple[str, ...], text: str) -> Span:
    if not isinstance(item, Mapping):
        raise MarsadError(f'{where}: no object; wanted {{"start", "end", "{naming}"}}.')
    start, end, label = item.get("start"), item.get("end"), item.get(naming)
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
        raise MarsadError(
            f"{where}: offsets {start!r} to {end!r} do not fit the text of {len(text)} characters."
        )
    if not text[start:end].strip():
        raise MarsadError(f"{where}: {start} to {end} is only white space.")
    if label not in known:
        raise MarsadError(f"{where}: unknown {naming} {label!r}. Known: {', '.join(known)}.")
    return Span(start, end, str(label))


def _links(
    events: list[Mapping[str, Any]],
    triggers: tuple[Span, ...],
    entities: tuple[Span, ...],
    schema: Schema,
) -> tuple[Link, ...] | None:
    if not all("arguments" in event for event in events):
        return None
    links = []
    for event, item in enumerate(events):
        for argument in _list(item, "arguments"):
            where = f"events[{event}]: argument {argument!r}"
            if not isinstance(argument, Mapping):
                raise MarsadError(f'{where}: wanted {{"role", "entity"}}.')
            role, entity = argument.get("role"), argument.get("entity")
            if not isinstance(role, str) or role not in schema.roles:
                raise MarsadError(f"{where}: unknown role. Known: {', '.join(schema.roles)}.")
            if not isinstance(entity, int) or not 0 <= entity < len(entities):
                raise MarsadError(f"{where}: no such entity; there are {len(entities)}.")
            if not schema.allows(role, triggers[event].label, entities[entity].label):
                raise MarsadError(
                    f"{where}: {entities[entity].label} cannot be {role} "
                    f"of {triggers[event].label}."
                )
            links.append(Link(event, entity, role))
    return tuple(links)


def _classes(
    value: Mapping[str, Any], triggers: tuple[Span, ...] | None, schema: Schema
) -> frozenset[str] | None:
    if value.get("classes") is None:
        return None if triggers is None else frozenset(schema.events[t.label] for t in triggers)
    given = _list(value, "classes")
    for name in given:
        if name not in schema.classes:
            raise MarsadError(f"unknown class {name!r}. Known: {', '.join(schema.classes)}.")
    return frozenset(given)


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    items = value.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        raise MarsadError(f'"{key}" is no list.')
    return items
