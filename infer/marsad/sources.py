"""What is read: documents to be tagged, each with its place in the input."""

from dataclasses import dataclass, field
from typing import Any

from marsad.inputs import Failure, Place


@dataclass(frozen=True, slots=True)
class Source:
    """A document to be tagged, and where it came from."""

    id: str
    text: str
    place: Place
    fields: dict[str, Any] = field(default_factory=dict)  # carried through to the result
    size: int = 0  # bytes of its input that it took up, in which progress is measured


Item = Source | Failure


def source_of(value: object, place: Place) -> Item:
    """Check a record or a row: its "text", and an "id" if it has one; the other keys are kept."""
    if not isinstance(value, dict):
        return Failure(place, 'no JSON object; wanted {"text": "…"}.')
    text, name = value.get("text"), value.get("id")
    if isinstance(name, bool | list | dict):
        return Failure(place, 'the key "id" is no text or number.')
    own = None if name is None else str(name)
    if not isinstance(text, str):
        reason = 'the key "text" is missing or no text; wanted {"text": "…"}.'
        return Failure(place, reason, own)
    fields = {key: item for key, item in value.items() if key not in ("id", "text")}
    return Source(str(place) if own is None else own, text, place, fields)
