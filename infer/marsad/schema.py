"""What can be found in a text (the schema) and what was found (a document): frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from marsad.errors import MarsadError


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A part that an entity can have in an event."""

    fillers: tuple[str, ...]  # entity labels
    events: tuple[str, ...] = ()  # event types; none: all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The labels that a model knows; their order is that of its outputs.

    Raises:
        MarsadError: a class, filler or event type that the schema does not have.
    """

    name: str
    entities: tuple[str, ...]
    events: dict[str, str] = field(
        default_factory=dict
    )  # event type -> the class it puts a sentence in
    classes: tuple[str, ...] = ()
    roles: dict[str, Role] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse names that the schema does not have, or has twice."""
        for kind, names in (("entities", self.entities), ("classes", self.classes)):
            if twice := [name for name in names if names.count(name) > 1]:
                raise MarsadError(f"schema: {kind}: {twice[0]!r} stands there twice.")
        if "O" in (*self.entities, *self.events):
            raise MarsadError("schema: 'O' cannot be a label: it is the tag of what has none.")
        for event, name in self.events.items():
            _check(name, self.classes, f"events.{event}", "class")
        for role, rule in self.roles.items():
            for label in rule.fillers:
                _check(label, self.entities, f"roles.{role}.fillers", "entity label")
            for event in rule.events:
                _check(event, tuple(self.events), f"roles.{role}.events", "event type")

    @property
    def entity_tags(self) -> tuple[str, ...]:
        """The BIO tags of entities."""
        return bio_tags(self.entities)

    @property
    def trigger_tags(self) -> tuple[str, ...]:
        """The BIO tags of triggers."""
        return bio_tags(tuple(self.events))

    def allows(self, role: str, event: str, label: str) -> bool:
        """Whether an entity of a label can have a role in an event of a type."""
        rule = self.roles[role]
        return label in rule.fillers and (not rule.events or event in rule.events)


def bio_tags(labels: tuple[str, ...]) -> tuple[str, ...]:
    """O, then B- and I- of each label (IOB2, Ramshaw and Marcus 1995)."""
    return ("O", *(f"{prefix}-{label}" for label in labels for prefix in "BI"))


def _check(name: str, known: tuple[str, ...], where: str, what: str) -> None:
    if name not in known:
        raise MarsadError(f"schema: {where}: unknown {what} {name!r}. Known: {', '.join(known)}.")


@dataclass(frozen=True, slots=True)
class Entity:
    """A mention: ``text[start:end]`` of its document, in code points."""

    start: int
    end: int
    label: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Argument:
    """An entity's part in an event; ``entity`` is its index in the document."""

    role: str
    entity: int
    score: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, named by its trigger ``text[start:end]``."""

    type: str
    category: str  # the sentence class of its type; "class" in JSON
    start: int
    end: int
    text: str
    score: float
    sentence: int
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A stretch of the text and the classes it was put in, with the score of every class."""

    start: int
    end: int
    classes: tuple[str, ...]
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Document:
    """A text and all that was found in it; offsets count its code points."""

    text: str
    sentences: tuple[Sentence, ...] = ()
    entities: tuple[Entity, ...] = ()
    events: tuple[Event, ...] = ()
    id: str = ""
    fields: dict[str, Any] = field(default_factory=dict)  # of the input, carried through

    def above(self, min_score: float) -> "Document":
        """The document without what scores less; an argument goes with its entity or event.

        A sentence keeps the classes that it was put in with such a score.
        """
        kept = [index for index, entity in enumerate(self.entities) if entity.score >= min_score]
        number = {old: new for new, old in enumerate(kept)}
        return replace(
            self,
            sentences=tuple(
                replace(s, classes=tuple(c for c in s.classes if s.scores[c] >= min_score))
                for s in self.sentences
            ),
            entities=tuple(self.entities[index] for index in kept),
            events=tuple(
                replace(
                    event,
                    arguments=tuple(
                        replace(a, entity=number[a.entity])
                        for a in event.arguments
                        if a.score >= min_score and a.entity in number
                    ),
                )
                for event in self.events
                if event.score >= min_score
            ),
        )

    def as_dict(self) -> dict[str, Any]:
        """The document as JSON has it; fields of the input come last, and yield."""
        found = {
            "id": self.id,
            "text": self.text,
            "sentences": [
                {"start": s.start, "end": s.end, "classes": list(s.classes), "scores": s.scores}
                for s in self.sentences
            ],
            "entities": [
                {"start": e.start, "end": e.end, "label": e.label, "text": e.text, "score": e.score}
                for e in self.entities
            ],
            "events": [_event_dict(event) for event in self.events],
        }
        return found | {key: value for key, value in self.fields.items() if key not in found}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Document":
        """Read back what ``as_dict`` made."""
        own = ("id", "text", "sentences", "entities", "events")
        return cls(
            value["text"],
            tuple(
                Sentence(s["start"], s["end"], tuple(s["classes"]), s["scores"])
                for s in value["sentences"]
            ),
            tuple(Entity(**entity) for entity in value["entities"]),
            tuple(_event_of(**event) for event in value["events"]),
            value["id"],
            {key: item for key, item in value.items() if key not in own},
        )


def _event_of(*, arguments: list[dict[str, Any]], **event: Any) -> Event:
    category = event.pop("class")
    return Event(category=category, arguments=tuple(Argument(**a) for a in arguments), **event)


def _event_dict(event: Event) -> dict[str, Any]:
    return {
        "type": event.type,
        "class": event.category,
        "start": event.start,
        "end": event.end,
        "text": event.text,
        "score": event.score,
        "sentence": event.sentence,
        "arguments": [
            {"role": a.role, "entity": a.entity, "score": a.score} for a in event.arguments
        ],
    }
