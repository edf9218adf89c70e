"""Ways in which one text is written: the same gold under each of them shows what they cost."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import accumulate

from marsad.evaluate import agreement, entity_facts, evaluate
from marsad.records import Record, Span
from marsad.schema import Document
from marsad.words import TATWEEL

HARAKAT = "\u064e\u064f\u0650\u0652\u0651\u064b"  # fatha, damma, kasra, sukun, shadda, tanwin
RIGHT_TO_LEFT = "\u200f", "\u202b", "\u202c"  # mark, embedding, its end
HAMZA = str.maketrans("أإآ", "ااا")
INDIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")

Noise = Callable[[str], list[str]]  # what to write for each character of a text


def tashkeel(text: str) -> list[str]:
    """Write a mark on every Arabic letter."""
    return [
        char + HARAKAT[i % len(HARAKAT)] if _is_letter(char) else char
        for i, char in enumerate(text)
    ]


def tatweel(text: str) -> list[str]:
    """Stretch every joint between letters."""
    return [char + TATWEEL if _joins(text, i) else char for i, char in enumerate(text)]


def spread(text: str) -> list[str]:
    """Spread the letters of words as users do to slip past platforms' filters."""
    return [
        char + f"{TATWEEL} {TATWEEL}" if _joins(text, i) else char for i, char in enumerate(text)
    ]


def presentation(text: str) -> list[str]:
    """Write letters in the shapes that old typesetting and PDF files have."""
    return [_shape(text, i) for i in range(len(text))]


def bidi(text: str) -> list[str]:
    """Embed every word in controls of direction."""
    mark, embedding, end = RIGHT_TO_LEFT
    return [end + mark + char + embedding if char.isspace() else char for char in text]


def digits(text: str) -> list[str]:
    """Write Arabic-Indic digits."""
    return list(text.translate(INDIC))


def spaces(text: str) -> list[str]:
    """Double every space."""
    return [char * 2 if char == " " else char for char in text]


def hamza(text: str) -> list[str]:
    """Leave out the hamza on alif."""
    return list(text.translate(HAMZA))


def punctuation(text: str) -> list[str]:
    """Write a space for every punctuation mark."""
    return [" " if unicodedata.category(char).startswith("P") else char for char in text]


UNDONE: dict[str, Noise] = {  # by ``words``: nothing that is found may change
    "full tashkeel": tashkeel,
    "tatweel": tatweel,
    "spread letters": spread,
    "presentation forms": presentation,
    "bidi controls": bidi,
    "Arabic-Indic digits": digits,
    "doubled spaces": spaces,
}
LEFT: dict[str, Noise] = {"missing hamza": hamza, "no punctuation": punctuation}
NOISES = UNDONE | LEFT


def noisy(record: Record, noise: Noise) -> Record:
    """The same record, its text written otherwise, its spans where their words now stand."""
    written = noise(record.text)
    ends = _ends(written)

    def moved(spans: tuple[Span, ...] | None) -> tuple[Span, ...] | None:
        return spans and tuple(Span(ends[s.start], ends[s.end], s.label) for s in spans)

    return replace(
        record,
        text="".join(written),
        entities=moved(record.entities),
        triggers=moved(record.triggers),
    )


def cost_of_noise(
    records: Sequence[Record],
    found: Sequence[Document],
    tag: Callable[[Iterable[str]], Iterable[Document]],
) -> dict[str, dict[str, float]]:
    """What each noise costs: F1 of each kind under it, and the share of entities that flip.

    ``found`` is what ``tag`` finds in the records' own texts.
    """
    costs = {}
    for name, noise in NOISES.items():
        noised = [noisy(record, noise) for record in records]
        documents = list(tag(record.text for record in noised))
        reports = evaluate(noised, documents)
        figures = {kind: report.micro.f1 for kind, report in reports.items()}
        costs[name] = figures | {"flips": flips(found, documents, noise)}
    return costs


def flips(clean: Sequence[Document], found: Sequence[Document], noise: Noise) -> float:
    """The share of entities that noise changes, of those found without it or with it.

    Of these two numbers the larger counts.

    Args:
        clean: what was found in texts as they are.
        found: what was found in the same texts under the noise.
        noise: how they were written.
    """
    rewritten = (_rewritten(document, noise) for document in clean)
    return 1 - agreement(entity_facts(rewritten), entity_facts(found))


def _rewritten(document: Document, noise: Noise) -> Document:
    written = noise(document.text)
    ends = _ends(written)
    entities = [replace(e, start=ends[e.start], end=ends[e.end]) for e in document.entities]
    return Document("".join(written), entities=tuple(entities))


def _ends(written: Sequence[str]) -> list[int]:
    """Where the character of a number now begins; one more for the end of the text."""
    return [0, *accumulate(map(len, written))]


def _is_letter(char: str) -> bool:
    return "isolated" in _shapes().get(char, ())


def _joins(text: str, index: int) -> bool:
    """Whether a letter is joined to the next one."""
    shapes = _shapes()
    before, after = text[index : index + 1], text[index + 1 : index + 2]
    return "initial" in shapes.get(before, ()) and "final" in shapes.get(after, ())


def _shape(text: str, index: int) -> str:
    after = _joins(text, index)
    before = index > 0 and _joins(text, index - 1)
    name = ("isolated", "final", "initial", "medial")[before + 2 * after]
    return _shapes().get(text[index], {}).get(name, text[index])


@cache
def _shapes() -> dict[str, dict[str, str]]:
    """The presentation forms of each letter, by the name Unicode gives their kind."""
    shapes: dict[str, dict[str, str]] = {}
    for code in range(0xFB50, 0xFEFD):
        kind, _, base = unicodedata.decomposition(chr(code)).partition(" ")
        if base and " " not in base:
            shapes.setdefault(chr(int(base, 16)), {})[kind.strip("<>")] = chr(code)
    return shapes
