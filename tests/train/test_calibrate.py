"""Temperatures that are fitted must make over-confident scores truer, and change no answer."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from tokenizers import Tokenizer

from marsad.bundle import Manifest, Temperatures
from marsad.calibration import calibration
from marsad.encode import Batch, Scores
from marsad.evaluate import answers
from marsad.pipeline import Pipeline
from marsad.records import Record, Span
from marsad.schema import Schema
from marsad.tokenise import Tokeniser
from marsad_train.calibrate import fit_temperatures, negative_log_likelihood

TEXT = "حلب"
RIGHT = Record("1", TEXT, (Span(0, 3, "LOC"),), (), (), frozenset())
WRONG = Record("2", TEXT, (), (), (), frozenset())


class Sure:
    """Finds a place everywhere, at odds of ten to one; counts how often it is asked."""

    budget = 512

    def __init__(self, schema: Schema) -> None:
        self.schema, self.asked = schema, 0

    def encode(self, batch: Batch, /) -> Scores:
        self.asked += 1
        shape = batch.firsts.shape
        entities = np.full((*shape, len(self.schema.entity_tags)), -20, dtype=np.float32)
        entities[..., 0] = 0
        entities[..., self.schema.entity_tags.index("B-LOC")] = np.log(10)
        triggers = np.full((*shape, len(self.schema.trigger_tags)), -20, dtype=np.float32)
        triggers[..., 0] = 0
        classes = np.full((shape[0], len(self.schema.classes)), -3, dtype=np.float32)
        return Scores(entities, triggers, classes, np.zeros((*shape, 1), dtype=np.float32))

    def encode_all(self, batches: Sequence[Batch], /) -> Iterator[Scores]:
        return map(self.encode, batches)

    def link(self, *_: object) -> np.ndarray:
        raise AssertionError("there is no event")


def test_scores_come_to_say_how_often_they_are_right(schema: Schema, tokenizer: Tokenizer) -> None:
    encoder, tokeniser = Sure(schema), Tokeniser(tokenizer, 16)
    manifest = Manifest(name="sure", schema=schema)
    few = fit_temperatures(manifest, tokeniser, encoder, [RIGHT] * 3 + [WRONG])
    assert few == Temperatures()
    encoder.asked = 0
    records = [RIGHT] * 60 + [WRONG] * 20
    heat = fit_temperatures(manifest, tokeniser, encoder, records)
    assert encoder.asked == 1
    errors = []
    for own in (Temperatures(), heat):
        pipeline = Pipeline(
            Manifest(name="sure", schema=schema, temperatures=own), tokeniser, encoder
        )
        scores, right = answers(records, list(pipeline.tag([TEXT] * 80)))["entity"]
        assert right == [True] * 60 + [False] * 20
        errors.append(calibration(scores, right, 60).error)
    assert errors[0] == pytest.approx(10 / 11 - 0.75, abs=1e-3)
    assert errors[1] < 0.02
    assert heat.classes < 1  # there never is one, so surer is truer


def test_likelihood_is_that_of_the_truth() -> None:
    assert negative_log_likelihood([0.5, 0.5], [True, False]) == pytest.approx(np.log(2))
    assert negative_log_likelihood([1.0], [False]) == pytest.approx(-np.log(1e-4))
    assert negative_log_likelihood([], []) == 0
