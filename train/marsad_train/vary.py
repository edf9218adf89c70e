"""Sentences varied so that what is annotated in them stays true."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marsad.tables import within

PLAIN = str.maketrans("أإآةى", "اااهي")  # as hasty writers spell
PROCLITIC = re.compile("(?:و?(?:بال|كال|ال|لل)|[وبلف])?")

Row = dict[str, Any]  # a ``corpora.Example``
Edits = dict[int, tuple[int, list[str]]]  # by first word: the last, and the words instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How often, at each visit, something of a sentence is varied; all are shares, 0 for never."""

    swapped: float = 0.0  # of the mentions: another of the same label stands in their place
    hidden: float = 0.0  # of the words: the encoder sees an unknown piece
    plain: float = 0.0  # of the sentences: spelt without hamza, ta marbuta and alif maqsura
    bare: float = 0.0  # of the sentences: without punctuation

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        for name in self.__slots__:
            within(f"variation.{name}", getattr(self, name), 0, 1)


class Varier:
    """Varies rows with the mentions that rows of the same training data have."""

    def __init__(self, variation: Variation, rows: Sequence[Row]) -> None:
        self.variation = variation
        self._mentions: dict[tuple[int, str], list[list[str]]] = defaultdict(list)
        for row in rows:
            for first, last, label in row["entities"]:
                forms = row["forms"][first : last + 1]
                self._mentions[label, _proclitic(forms)].append(forms)

    def __call__(self, row: Row, rng: np.random.Generator) -> Row:
        """Another row like this one; ``forms`` and all that counts words are of the new one."""
        edits: Edits = {}
        if rng.random() < self.variation.bare:
            edits |= {i: (i, []) for i in range(len(row["forms"])) if _is_loose(row, i)}
        for first, last, label in row["entities"]:
            if rng.random() < self.variation.swapped and not _holds_trigger(row, first, last):
                mentions = self._mentions[label, _proclitic(row["forms"][first : last + 1])]
                edits[first] = last, mentions[rng.integers(len(mentions))]
        edited = _edited(row, edits) if edits else row
        if rng.random() < self.variation.plain:
            edited = {**edited, "forms": [form.translate(PLAIN) for form in edited["forms"]]}
        return edited if edited["forms"] else row

    def hidden(self, words: int, rng: np.random.Generator) -> list[int]:
        """Which of so many words the encoder is not to see."""
        return np.flatnonzero(rng.random(words) < self.variation.hidden).tolist()


def _proclitic(forms: Sequence[str]) -> str:
    """What a mention's first word begins with, as far as letters tell, so that like meets like."""
    found = PROCLITIC.match(forms[0])
    return found.group() if found else ""


def _holds_trigger(row: Row, first: int, last: int) -> bool:
    """Whether a mention shares words with a trigger, which must stay."""
    return any(start <= last and first <= end for start, end, _ in row["triggers"])


def _is_loose(row: Row, word: int) -> bool:
    """Whether a word is punctuation of which no annotation says more than that it is none."""
    bare = not any(letter.isalnum() for letter in row["forms"][word])
    return bare and row["entity_tags"][word] <= 1 and row["trigger_tags"][word] <= 1


def _edited(row: Row, edits: Edits) -> Row:
    forms: list[str] = []
    entity_tags: list[int] = []
    trigger_tags: list[int] = []
    firsts: dict[int, int] = {}  # the new number of a word, by the old
    lasts: dict[int, int] = {}
    word = 0
    while word < len(row["forms"]):
        last, instead = edits.get(word, (word, [row["forms"][word]]))
        firsts[word] = len(forms)
        forms += instead
        lasts[last] = len(forms) - 1
        tag = row["entity_tags"][word]  # B- of a mention; its I- is the next tag
        inside = tag + 1 if tag > 1 else tag
        entity_tags += ([tag] + [inside] * len(instead))[: len(instead)]
        trigger_tags += [row["trigger_tags"][word]] * len(instead)
        word = last + 1
    moved = {
        kind: [[firsts[first], lasts[last], label] for first, last, label in row[kind]]
        for kind in ("entities", "triggers")
    }
    tags = {"entity_tags": entity_tags, "trigger_tags": trigger_tags}
    return {**row, "forms": forms, **tags, **moved}
