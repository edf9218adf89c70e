"""Documents as Hugging Face's token classification answers them."""

from collections.abc import Iterator
from typing import Any

from marsad.schema import Document
from marsad.server.schemas import ParametersBody
from marsad.words import find_words


def as_token_classification(document: Document, parameters: ParametersBody) -> list[dict[str, Any]]:
    """The entities of a document, or their words if no aggregation was asked for."""
    show = _words if parameters.aggregation_strategy == "none" else _groups
    ignored = set(parameters.ignore_labels or ())
    return [
        found
        for found in show(document)
        if not ignored & {found.get("entity_group"), found.get("entity")}
    ]


def _groups(document: Document) -> Iterator[dict[str, Any]]:
    for entity in document.entities:
        yield {
            "entity_group": entity.label,
            "score": entity.score,
            "word": entity.text,
            "start": entity.start,
            "end": entity.end,
        }


def _words(document: Document) -> Iterator[dict[str, Any]]:
    entities = iter(document.entities)
    entity = next(entities, None)
    for index, (start, end) in enumerate(find_words(document.text), 1):
        while entity and entity.end <= start:
            entity = next(entities, None)
        if entity and entity.start <= start:
            yield {
                "entity": f"{'B' if start == entity.start else 'I'}-{entity.label}",
                "score": entity.score,
                "index": index,
                "word": document.text[start:end],
                "start": start,
                "end": end,
            }
