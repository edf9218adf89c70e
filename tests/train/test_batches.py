"""What a network is asked to learn of a record, checked by hand."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from marsad.schema import Schema
from marsad.tokenise import Tokeniser
from marsad.words import Spelling, WordCutter
from marsad_train.batches import Batches
from marsad_train.config import Run, read_config
from marsad_train.corpora import Corpus, read_corpus
from marsad_train.vary import Variation

RECORD = {
    "text": "قصفت قوات النظام حلب",
    "entities": [
        {"start": 5, "end": 16, "label": "ARMED"},
        {"start": 17, "end": 20, "label": "LOC"},
    ],
    "events": [
        {"type": "ATTACK", "start": 0, "end": 4, "arguments": [{"role": "actor", "entity": 0}]}
    ],
}


@pytest.fixture
def made(schema: Schema, tokenizer: Tokenizer, tmp_path: Path) -> Callable[..., Batches]:
    def make(
        records: list[object],
        *,
        window: int = 16,
        size: int = 8,
        weight: float = 1.0,
        last_weight: float | None = None,
        **variation: float,
    ) -> Batches:
        path = tmp_path / "records.jsonl"
        path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
        corpus = Corpus(path=str(path), weight=weight, last_weight=last_weight)
        run = read_config(Run, Path("configs/small.toml"))
        run = dataclasses.replace(
            run, train=(corpus,), batch_size=size, epochs=3, variation=Variation(**variation)
        )
        examples = [read_corpus(corpus, 0, schema, WordCutter(Spelling()))]
        return Batches(run, examples, schema, Tokeniser(tokenizer, window))

    return make


def test_a_record_becomes_tags_classes_pairs_and_roles(
    made: Callable[..., Batches], schema: Schema
) -> None:
    batch, targets = made([RECORD])(0)
    assert batch.firsts.tolist() == [[1, 2, 3, 4]]
    tags = [[schema.entity_tags[i] for i in np.flatnonzero(row)] for row in targets.entities]
    assert tags == [["O"], ["B-ARMED"], ["I-ARMED"], ["B-LOC"]]
    triggers = [[schema.trigger_tags[i] for i in np.flatnonzero(row)] for row in targets.triggers]
    assert triggers == [["B-ATTACK"], ["O"], ["O"], ["O"]]
    assert targets.classes.tolist() == [[1.0, 0.0, 0.0, 0.0]]
    assert targets.pairs.entity_first.tolist() == [1, 3]
    assert targets.pairs.entity_last.tolist() == [2, 3]
    assert [("none", *schema.roles)[role] for role in targets.roles] == ["actor", "none"]


def test_what_was_not_annotated_is_not_learnt(made: Callable[..., Batches]) -> None:
    _, targets = made([{"text": "قصفت حلب"}])(0)
    assert targets.entities.all()
    assert targets.triggers.all()
    assert targets.classes.isnan().all()
    assert not len(targets.roles)


def test_events_without_arguments_do_not_say_that_there_are_none(
    made: Callable[..., Batches],
) -> None:
    event = {"type": "ATTACK", "start": 0, "end": 4}
    _, targets = made([{**RECORD, "events": [event]}])(0)
    assert not len(targets.roles)
    _, targets = made([{**RECORD, "events": [{**event, "arguments": []}]}])(0)
    assert targets.roles.tolist() == [0, 0]


def test_pairs_point_into_their_own_row_of_the_batch(made: Callable[..., Batches]) -> None:
    long = {**RECORD, "text": RECORD["text"] + " في حلب أمس"}  # type: ignore[operator]
    batch, targets = made([RECORD, long])(0)
    width = batch.firsts.shape[1]
    assert width == 7
    assert sorted(set((targets.pairs.trigger_first // width).tolist())) == [0, 1]
    assert set((targets.pairs.trigger_first % width).tolist()) == {0}
    assert targets.words.tolist() == [*range(4), *range(7, 14)] or targets.words.tolist() == [
        *range(7),
        *range(7, 11),
    ]


def test_a_record_beyond_the_window_is_taught_word_by_word_once(
    made: Callable[..., Batches], schema: Schema
) -> None:
    text = "قصفت حلب " * 10
    entities = [{"start": 9 * n + 5, "end": 9 * n + 8, "label": "LOC"} for n in range(10)]
    events = [
        {
            "type": "ATTACK",
            "start": 9 * n,
            "end": 9 * n + 4,
            "arguments": [{"role": "place", "entity": n}],
        }
        for n in range(10)
    ]
    record = {"text": text, "entities": entities, "events": events}
    batch, targets = made([record], window=10)(0)
    assert len(batch.ids) > 1
    taught = ~targets.entities.all(-1)
    assert taught.sum() == 20
    assert targets.entities[taught][:, schema.entity_tags.index("B-LOC")].sum() == 10
    place = 1 + tuple(schema.roles).index("place")
    linked = targets.roles == place
    distance = targets.pairs.entity_first - targets.pairs.trigger_first
    assert set(distance[linked.numpy()].tolist()) == {1}
    assert linked.sum() >= 10


def test_what_a_sentence_beyond_the_window_is_no_window_is_taught(
    made: Callable[..., Batches],
) -> None:
    event = {"type": "ATTACK", "start": 0, "end": 4, "arguments": []}
    record = {"text": "قصفت حلب " * 10, "entities": [], "events": [event]}
    _, targets = made([record], window=10)(0)
    assert targets.classes.isnan().all()
    _, targets = made([{**record, "events": []}], window=10)(0)
    assert not targets.classes.any()


def test_an_epoch_visits_each_sentence_as_often_as_its_weight_says(
    made: Callable[..., Batches],
) -> None:
    records = [{**RECORD, "text": RECORD["text"] + " ." * n} for n in range(1, 9)]  # type: ignore[operator]
    for weight in (0.5, 1.0, 2.5):
        batches = made(records, size=2, weight=weight)
        rows = [batches(index)[0].mask.sum(1) for index in range(batches.ends[0])]
        seen = np.unique(np.concatenate(rows), return_counts=True)[1]
        assert seen.sum() == round(8 * weight)
        assert seen.max() - seen.min() <= 1


def test_a_corpus_may_be_visited_less_from_epoch_to_epoch(made: Callable[..., Batches]) -> None:
    records = [{**RECORD, "text": RECORD["text"] + " ." * n} for n in range(1, 9)]  # type: ignore[operator]
    batches = made(records, size=2, weight=2.0, last_weight=0.5)
    assert batches.ends == [8, 13, 15]
    assert len(batches) == 15
    assert sum(len(batches(index)[0].ids) for index in range(8, 13)) == 10
    assert batches(15)[0].ids.tolist() == batches(0)[0].ids.tolist()


def test_a_varied_sentence_is_the_same_at_the_same_step_and_fits_the_window(
    made: Callable[..., Batches],
) -> None:
    other = {**RECORD, "text": "قصفت قوات النظام إدلب"}
    batches = made([RECORD, other], window=8, swapped=0.5, hidden=0.3)
    seen: set[tuple[int, ...]] = set()
    for index in range(3):
        first, second = batches(index), batches(index)
        assert first[0].ids.tolist() == second[0].ids.tolist()
        assert first[0].ids.shape[1] <= 8
        seen.update(map(tuple, first[0].ids.tolist()))
    assert len(seen) > 2
