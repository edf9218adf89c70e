"""Noise: what ``words`` can undo must change no word, and gold must stay on its words."""

import json
from pathlib import Path

import pytest

from marsad.noise import NOISES, UNDONE, cost_of_noise, noisy
from marsad.pipeline import Pipeline
from marsad.records import Record, Span, parse_record
from marsad.schema import Schema
from marsad.words import Spelling, WordCutter

CORPUS = Path("data/corpus/test.jsonl")
TEXT = "قصفت قوات النظام بلدة حلب في 12 آب/أغسطس."
RECORD = Record("1", TEXT, (Span(5, 16, "ARMED"), Span(22, 25, "LOC")), (Span(0, 4, "ATTACK"),))


@pytest.fixture(scope="module")
def records(schema: Schema) -> list[Record]:
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    return [parse_record(json.loads(line), schema) for line in lines]


@pytest.mark.parametrize("name", UNDONE)
def test_what_can_be_undone_changes_no_word(name: str, records: list[Record]) -> None:
    cut = WordCutter(Spelling())
    for record in records:
        noised = noisy(record, NOISES[name])
        forms, plain = cut(noised.text), cut(record.text)
        assert [word.form for word in forms] == [word.form for word in plain]
        at = {word.start: i for i, word in enumerate(forms)}
        ends = {word.end: i for i, word in enumerate(forms)}
        before = {word.start: i for i, word in enumerate(plain)}
        for span, old in zip(noised.entities or (), record.entities or (), strict=True):
            if old.start in before:  # not all spans begin with a word of ours: "#"
                assert at[span.start] == before[old.start]
                assert span.end in ends


@pytest.mark.parametrize("name", NOISES)
def test_every_noise_changes_the_text_but_not_what_is_named(name: str) -> None:
    record = noisy(RECORD, NOISES[name])
    assert record.text != RECORD.text
    cut = WordCutter(Spelling())

    def named(one: Record) -> list[list[str]]:
        return [
            [w.form for w in cut(one.text[s.start : s.end])]
            for s in (*(one.entities or ()), *(one.triggers or ()))
        ]

    assert named(record) == named(RECORD)
    assert record.links is RECORD.links


def test_letters_take_the_shapes_of_old_typesetting() -> None:
    assert "".join(NOISES["presentation forms"]("قصف")) == "ﻗﺼﻒ"
    assert "".join(NOISES["spread letters"]("قصف")) == "قـ ـصـ ـف"


def test_marks_are_written_on_letters_alone() -> None:
    assert "".join(NOISES["full tashkeel"]("https://t.me/x!")) == "https://t.me/x!"


def test_the_cost_of_noise(pipeline: Pipeline) -> None:
    found = list(pipeline.tag([TEXT]))
    costs = cost_of_noise([RECORD], found, pipeline.tag)
    assert list(costs) == list(NOISES)
    for name in UNDONE:
        assert costs[name]["flips"] == 0
        assert costs[name]["entity"] == costs["doubled spaces"]["entity"] > 0
