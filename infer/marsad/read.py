"""Spelt sentences to readings: windows, batches by token budget, the encoder, and decoding."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from marsad.bundle import Manifest
from marsad.decode import Found, Linked, PairTable, best_tags, columns, sigmoid, softmax, spans
from marsad.encode import Encoder, Floats, Scores
from marsad.tokenise import Tokeniser, Window

WORDS = 4_096  # that are decoded at once, padding included
PAIRS = 2_048  # pairs that are scored at once
# Words and punctuation marks between a trigger and its argument: of 21,420 annotated arguments 7
# are further apart, and of what was found there most was wrong.
FARTHEST = 48

Spelt = Sequence[tuple[int, ...]]  # the pieces of each word of a sentence


class Reading(NamedTuple):
    """What was found in a sentence; words are counted within it."""

    entities: list[Found]
    triggers: list[Found]
    links: list[Linked]
    classes: Floats  # (classes,) probabilities


class Row(NamedTuple):
    """A window of a sentence, as a row of a batch."""

    sentence: int
    window: Window
    pieces: Spelt


class Begun(NamedTuple):
    """Sentences that are being scored."""

    words: list[int]  # in each
    groups: list[list[Row]]  # the rows of each batch
    scores: Iterator[Scores]  # of each batch


class Reader:
    """Reads sentences with an encoder, whatever the batches they happen to be computed in."""

    def __init__(self, manifest: Manifest, tokeniser: Tokeniser, encoder: Encoder) -> None:
        self.temperatures = manifest.temperatures
        self.min_score = manifest.min_score
        self._tokeniser = tokeniser
        self._encoder = encoder
        self._table = PairTable(manifest.schema)
        schema = manifest.schema
        self._category = [schema.classes.index(category) for category in schema.events.values()]

    def begin(self, sentences: Sequence[Spelt]) -> Begun:
        """Have sentences of at least one word each scored, perhaps while the caller goes on."""
        rows = [
            Row(index, window, sentence[window.start : window.end])
            for index, sentence in enumerate(sentences)
            for window in self._tokeniser.windows([len(word) for word in sentence])
        ]
        lengths = [sum(map(len, row.pieces)) for row in rows]
        groups = [
            [rows[index] for index in group] for group in _groups(lengths, self._encoder.budget)
        ]
        batches = [self._tokeniser.batch([row.pieces for row in group]) for group in groups]
        return Begun([len(s) for s in sentences], groups, self._encoder.encode_all(batches))

    def finish(self, begun: Begun) -> list[Reading]:
        """Wait for the scores of sentences, and decode them."""
        scores = _of_sentences(begun)
        readings: dict[int, Reading] = {}
        for group in _groups(begun.words, WORDS):
            decoded = self._decode([scores[index] for index in group])
            readings.update(zip(group, decoded, strict=True))
        return [readings[index] for index in range(len(scores))]

    def _decode(self, scores: Sequence[Scores]) -> Iterator[Reading]:
        heat = self.temperatures
        lengths = np.array([len(one.entities) for one in scores], dtype=np.int64)
        entities = self._found([one.entities for one in scores], lengths, heat.entities)
        triggers = self._found([one.triggers for one in scores], lengths, heat.triggers)
        links = self._links([one.states for one in scores], triggers, entities)
        for index, one in enumerate(scores):
            classes = self._classes(one.classes / np.float32(heat.classes), triggers[index])
            yield Reading(entities[index], triggers[index], links[index], classes)

    def _found(
        self, logits: Sequence[Floats], lengths: np.ndarray, temperature: float
    ) -> list[list[Found]]:
        """The spans of each sentence, from its (words, tags), that are sure enough."""
        padded = np.zeros((len(logits), int(lengths.max()), logits[0].shape[-1]), dtype=np.float32)
        for index, own in enumerate(logits):
            padded[index, : len(own)] = own
        tags = best_tags(padded, lengths)
        return [
            [
                found
                for found in spans(tags[index, : len(own)], softmax(own / np.float32(temperature)))
                if found.score >= self.min_score
            ]
            for index, own in enumerate(logits)
        ]

    def _classes(self, logits: Floats, triggers: Sequence[Found]) -> Floats:
        """What the class head says; where events tell a class, the mean with the surest of them."""
        chances = sigmoid(logits)
        surest = np.zeros_like(chances)
        for trigger in triggers:
            own = self._category[trigger.kind]
            surest[own] = max(surest[own], trigger.score)
        told = np.isin(np.arange(len(chances)), self._category)
        return np.where(told, (chances + surest) / 2, chances)

    def _links(
        self,
        states: Sequence[Floats],
        triggers: Sequence[list[Found]],
        entities: Sequence[list[Found]],
    ) -> list[list[Linked]]:
        starts = np.cumsum([0, *(len(one) for one in states)])
        rows = [
            (sentence, t, e)
            for sentence, (own_triggers, own_entities) in enumerate(
                zip(triggers, entities, strict=True)
            )
            for t, e in self._table.pairs(own_triggers, own_entities)
            if abs(own_triggers[t].first - own_entities[e].first) <= FARTHEST
        ]
        links: list[list[Linked]] = [[] for _ in states]
        if not rows:
            return links
        table = np.concatenate(states)
        for at in range(0, len(rows), PAIRS):
            part = rows[at : at + PAIRS]
            pairs = columns([(int(starts[s]), triggers[s][t], entities[s][e]) for s, t, e in part])
            logits = self._encoder.link(table, pairs)
            roles, chances = self._table.decode(logits, pairs, self.temperatures.arguments)
            for (sentence, t, e), role, chance in zip(part, roles, chances, strict=True):
                if role and chance >= self.min_score:
                    links[sentence].append(Linked(t, e, int(role) - 1, float(chance)))
        return links


def _groups(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indexes of things of about one length, as many at once as a padded budget holds."""
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if group and (len(group) + 1) * lengths[group[0]] > budget:
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def _of_sentences(begun: Begun) -> list[Scores]:
    """The scores of each sentence as one row of (words, …), joined from its windows."""
    parts: list[list[tuple[int, Scores]]] = [[] for _ in begun.words]
    for group, scores in zip(begun.groups, begun.scores, strict=True):
        for at, row in enumerate(group):
            parts[row.sentence].append((row.window.start, _kept(scores, at, row.window)))
    return [_joined([part for _, part in sorted(own, key=lambda p: p[0])]) for own in parts]


def _kept(scores: Scores, row: int, window: Window) -> Scores:
    """A row's scores of the words that count; copied, so that the batch can go."""
    words = slice(window.kept_start - window.start, window.kept_end - window.start)
    return Scores(
        scores.entities[row, words].copy(),
        scores.triggers[row, words].copy(),
        scores.classes[row].copy(),
        scores.states[row, words].copy(),
    )


def _joined(parts: Sequence[Scores]) -> Scores:
    if len(parts) == 1:
        return parts[0]
    entities, triggers, classes, states = zip(*parts, strict=True)
    # A sentence is of a class if any part of it is.
    return Scores(
        np.concatenate(entities),
        np.concatenate(triggers),
        np.max(classes, axis=0),
        np.concatenate(states),
    )
