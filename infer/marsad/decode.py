"""Logits to spans, arguments and classes: the one decoder of training, evaluation and serving."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marsad.encode import Floats, Ints, Pairs
from marsad.schema import Schema

FORBIDDEN = np.float32(-1e9)


class Found(NamedTuple):
    """A run of words, both ends inclusive, of a kind (an index into labels or types)."""

    first: int
    last: int
    kind: int
    score: float


class Linked(NamedTuple):
    """An argument: indexes of a trigger, of an entity and of a role."""

    trigger: int
    entity: int
    role: int
    score: float


def best_tags(logits: Floats, lengths: Ints) -> Ints:
    """The likeliest tags in which no I- stands without its B- (Viterbi 1967).

    Args:
        logits: (rows, words, tags), tags ordered O, B-x, I-x, B-y, I-y, …
        lengths: (rows,) words in each row; tags past them are O.
    """
    rows, words, tags = logits.shape
    if not words:
        return np.zeros((rows, 0), dtype=np.int64)
    scores = logits.copy()  # unnormalised: what a word's tags share moves no path
    beyond = np.arange(words)[None, :] >= lengths[:, None]
    scores[beyond] = FORBIDDEN
    scores[beyond, 0] = 0.0
    steps = np.where(_follows(tags), np.float32(0.0), FORBIDDEN)  # (from, to)
    best = scores[:, 0] + steps[0]  # a text begins as if after an O
    back = np.zeros((rows, words, tags), dtype=np.int64)
    for word in range(1, words):
        paths = best[:, :, None] + steps
        back[:, word] = paths.argmax(axis=1)
        best = paths.max(axis=1) + scores[:, word]
    chosen = np.zeros((rows, words), dtype=np.int64)
    chosen[:, -1] = best.argmax(axis=1)
    every = np.arange(rows)
    for word in range(words - 1, 0, -1):
        chosen[:, word - 1] = back[every, word, chosen[:, word]]
    return chosen


def _follows(tags: int) -> NDArray[np.bool_]:
    """Which tag (column) may stand after which (row): I-x only after B-x and I-x."""
    allowed = np.ones((tags, tags), dtype=np.bool_)
    for inside in range(2, tags, 2):
        allowed[:, inside] = False
        allowed[[inside - 1, inside], inside] = True
    return allowed


def spans(tags: Ints, chances: Floats) -> list[Found]:
    """The runs that a row's tags mark; a run is as sure as its least sure word.

    Args:
        tags: (words,) as ``best_tags`` gives them.
        chances: (words, tags) probabilities.
    """
    found = []
    for first in np.flatnonzero(tags % 2 == 1):
        last = int(first)
        while last + 1 < len(tags) and tags[last + 1] == tags[first] + 1:
            last += 1
        words = np.arange(first, last + 1)
        score = float(chances[words, tags[words]].min())
        found.append(Found(int(first), last, int(tags[first]) // 2, score))
    return found


class PairTable:
    """Which triggers and entities of a sentence to score as pairs, and what roles each may have."""

    def __init__(self, schema: Schema) -> None:
        self.roles = tuple(schema.roles)
        shape = (len(schema.events), len(schema.entities), 1 + len(self.roles))
        self.allowed = np.zeros(shape, dtype=np.bool_)  # (types, labels, none or role)
        self.allowed[:, :, 0] = True
        for type_index, event in enumerate(schema.events):
            for label_index, label in enumerate(schema.entities):
                for role_index, role in enumerate(self.roles, 1):
                    fits = schema.allows(role, event, label)
                    self.allowed[type_index, label_index, role_index] = fits

    def pairs(self, triggers: Sequence[Found], entities: Sequence[Found]) -> list[tuple[int, int]]:
        """Every (trigger, entity) that some role allows, as indexes."""
        return [
            (t, e)
            for t, trigger in enumerate(triggers)
            for e, entity in enumerate(entities)
            if self.allowed[trigger.kind, entity.kind, 1:].any()
        ]

    def decode(self, logits: Floats, pairs: Pairs, temperature: float) -> tuple[Ints, Floats]:
        """The role of each pair (0: none) and its probability; logits are (pairs, 1 + roles)."""
        allowed = self.allowed[pairs.trigger_type, pairs.entity_label]
        chances = softmax(np.where(allowed, logits / np.float32(temperature), FORBIDDEN))
        roles = chances.argmax(axis=1)
        return roles, np.take_along_axis(chances, roles[:, None], axis=1)[:, 0]


def columns(rows: Sequence[tuple[int, Found, Found]]) -> Pairs:
    """Pairs as columns; each row is (index of the sentence's first word, trigger, entity)."""
    table = np.array(
        [
            (at + t.first, at + t.last, t.kind, at + e.first, at + e.last, e.kind)
            for at, t, e in rows
        ],
        dtype=np.int64,
    ).reshape(-1, 6)
    return Pairs(*(np.ascontiguousarray(column) for column in table.T))


def softmax(logits: Floats) -> Floats:
    """Probabilities over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    chances: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return chances


def sigmoid(logits: Floats) -> Floats:
    """Probabilities of independent classes."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), dtype=np.float32)
