"""Documents as Hugging Face's token classification answers them."""

from collections.abc import Iterator
from typing import Any

from marsad.lines import iob2
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
    words = list(find_words(document.text))
    tagged = zip(words, iob2(words, document.entities), strict=True)
    for index, ((start, end), (tag, entity)) in enumerate(tagged, 1):
        if entity:
            yield {
                "entity": tag,
                "score": entity.score,
                "index": index,
                "word": document.text[start:end],
                "start": start,
                "end": end,
            }
