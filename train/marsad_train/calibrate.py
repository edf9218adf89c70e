"""Temperatures with which the scores of a bundle say how often they are right."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from marsad.bundle import Manifest, Temperatures
from marsad.encode import Batch, Encoder, Floats, Pairs, Scores
from marsad.evaluate import answers
from marsad.pipeline import Pipeline
from marsad.records import Record
from marsad.tokenise import Tokeniser

GRID = tuple(float(value) for value in np.geomspace(0.5, 4.0, 37).round(3))
NEAREST_ONE = sorted(GRID, key=lambda value: abs(np.log(value)))  # of equals, the first is kept
FEWEST = 50  # answers that a temperature can be fitted on; with fewer it stays 1
KINDS = {"entities": "entity", "triggers": "trigger", "arguments": "argument", "classes": "class"}


class Remembering:
    """An encoder that computes a batch once, however often it is asked."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.budget = encoder.budget
        self._scores: dict[tuple[object, ...], Scores] = {}

    def encode(self, batch: Batch, /) -> Scores:
        """Score a batch, or remember its scores."""
        key = (batch.firsts.shape, *(array.tobytes() for array in batch))
        if key not in self._scores:
            self._scores[key] = self.encoder.encode(batch)
        return self._scores[key]

    def encode_all(self, batches: Sequence[Batch], /) -> Iterator[Scores]:
        """Score batches, in order."""
        return map(self.encode, batches)

    def link(self, states: Floats, pairs: Pairs, /) -> Floats:
        """Score pairs; these are few, and are computed each time."""
        return self.encoder.link(states, pairs)


def fit_temperatures(
    manifest: Manifest, tokeniser: Tokeniser, encoder: Encoder, records: Sequence[Record]
) -> Temperatures:
    """The temperature of each head with which its answers' scores are likeliest, given the truth.

    A temperature changes no answer but those of classes, whose scores are the mean of two heads;
    theirs is therefore sought last.
    """
    remembering = Remembering(encoder)
    everything = replace(manifest, min_score=0.0)

    def losses(heat: Temperatures) -> dict[str, float]:
        pipeline = Pipeline(replace(everything, temperatures=heat), tokeniser, remembering)
        told = answers(records, list(pipeline.tag(record.text for record in records)))
        return {
            kind: negative_log_likelihood(*own) if len(own[0]) >= FEWEST else 0.0
            for kind, own in told.items()
        }

    alike = {value: losses(Temperatures(**dict.fromkeys(KINDS, value))) for value in GRID}
    best = {
        head: min(NEAREST_ONE, key=lambda value: alike[value][kind])
        for head, kind in KINDS.items()
        if kind in alike[1.0]
    }
    found = Temperatures(**best)
    if "classes" in best:
        classes = {value: losses(replace(found, classes=value))["class"] for value in GRID}
        found = replace(found, classes=min(NEAREST_ONE, key=lambda value: classes[value]))
    return found


def negative_log_likelihood(scores: Sequence[float], right: Sequence[bool]) -> float:
    """Mean over answers; a score of 0 or 1 that is wrong costs as much as one of 1e-4."""
    values: NDArray[np.float64] = np.clip(np.array(scores, dtype=np.float64), 1e-4, 1 - 1e-4)
    chances = np.where(np.array(right, dtype=np.bool_), values, 1 - values)
    return float(-np.log(chances).mean()) if len(values) else 0.0
