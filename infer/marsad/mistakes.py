"""What a model got wrong, fact by fact: which kind of mistake, in which words, and how often."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from marsad.evaluate import Fact, annotated_facts, found_facts
from marsad.records import Record
from marsad.schema import Document

MISSED, SPURIOUS, LABEL, BOUNDS = "missed", "spurious", "label", "bounds"
SPANS = ("entity", "trigger")
CONTEXT = 40  # characters on either side


class Mistake(NamedTuple):
    """An annotated fact that was not found, a found one that is not annotated, or both as a pair.

    A pair has one span and two labels (``label``), or overlapping spans (``bounds``).
    """

    id: str
    kind: str  # entity or trigger
    sort: str
    wanted: str  # label; empty if spurious
    found: str  # label; empty if missed
    wanted_text: str
    found_text: str
    score: float | None  # of what was found
    context: str


def mistakes(records: Sequence[Record], documents: Iterable[Document]) -> Iterator[Mistake]:
    """Every wrong entity and trigger, record by record, in the order of the text."""
    for record, document in zip(records, documents, strict=True):
        wanted, found = annotated_facts(record), found_facts(document)
        for kind in SPANS:
            if kind in wanted:
                yield from _paired(record, kind, wanted[kind], found[kind])


def _paired(
    record: Record, kind: str, wanted: set[Fact], scores: dict[Fact, float]
) -> Iterator[Mistake]:
    missed = sorted(wanted - scores.keys(), key=_place)
    left = sorted(scores.keys() - wanted, key=_place)
    pairs: dict[Fact, Fact] = {}
    used: set[Fact] = set()
    for fact, other in sorted(_touching(missed, left), key=lambda pair: -_shared(*pair)):
        if fact not in pairs and other not in used:
            pairs[fact] = other
            used.add(other)
    for fact in missed:
        yield _mistake(record, kind, fact, pairs.get(fact), scores)
    for other in left:
        if other not in used:
            yield _mistake(record, kind, None, other, scores)


def _touching(facts: Sequence[Fact], others: Sequence[Fact]) -> Iterator[tuple[Fact, Fact]]:
    """The pairs that share characters; both in the order of the text."""
    first = 0
    for fact in facts:
        start, end = _place(fact)
        while first < len(others) and _place(others[first])[1] <= start:
            first += 1
        for index in range(first, len(others)):
            if _place(others[index])[0] >= end:
                break
            if _shared(fact, others[index]):
                yield fact, others[index]


def _mistake(
    record: Record, kind: str, wanted: Fact | None, found: Fact | None, scores: dict[Fact, float]
) -> Mistake:
    spans = [_place(fact) if fact else (0, 0) for fact in (wanted, found)]
    start, end = spans[0] if wanted else spans[1]
    sort = SPURIOUS if wanted is None else MISSED if found is None else BOUNDS
    wanted_text, found_text = (record.text[slice(*span)] for span in spans)
    return Mistake(
        record.id,
        kind,
        LABEL if spans[0] == spans[1] else sort,
        str(wanted[0]) if wanted else "",
        str(found[0]) if found else "",
        wanted_text,
        found_text,
        scores[found] if found else None,
        record.text[max(0, start - CONTEXT) : end + CONTEXT],
    )


def _place(fact: Fact) -> tuple[int, int]:
    """Where the words of an entity or trigger stand."""
    return int(fact[1]), int(fact[2])


def _shared(fact: Fact, other: Fact) -> int:
    """How many characters two spans share."""
    (start, end), (other_start, other_end) = _place(fact), _place(other)
    return max(0, min(end, other_end) - max(start, other_start))


def tally(found: Iterable[Mistake]) -> list[tuple[tuple[str, str, str, str], int]]:
    """How often each mistake of (kind, sort, wanted, found) was made, the most frequent first."""
    return Counter((m.kind, m.sort, m.wanted, m.found) for m in found).most_common()
