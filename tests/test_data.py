"""The corpus keeps to the schema, and the data card to the corpus."""

import json
import re
import subprocess
import sys
from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from marsad.records import parse_record
from marsad.schema import Schema
from marsad.words import Spelling, WordCutter

Record = dict[str, Any]

ROOT = Path(__file__).parents[1]
SAMPLES = sorted((ROOT / "data/samples").glob("*.txt"))


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Record]]:
    return {name: read(ROOT / f"data/corpus/{name}.jsonl") for name in ("train", "dev", "test")}


@pytest.fixture(scope="module")
def records(splits: dict[str, list[Record]]) -> list[Record]:
    return [record for split in splits.values() for record in split]


def read(path: Path) -> list[Record]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def spans(record: Record) -> list[tuple[int, int]]:
    """The spans of a record's entities and triggers, in the order of the text."""
    return sorted((span["start"], span["end"]) for span in record["entities"] + record["events"])


def test_a_record_has_the_keys_of_the_format_in_their_order(records: list[Record]) -> None:
    keys = ["id", "doc", "text", "entities", "events"]
    assert [record["id"] for record in records if list(record)[: len(keys)] != keys] == []


@pytest.mark.parametrize("key", ["id", "text"])
def test_nothing_is_in_the_corpus_twice(records: list[Record], key: str) -> None:
    counts = Counter(record[key] for record in records)
    assert [value for value, count in counts.items() if count > 1] == []


def test_an_article_stands_whole_and_in_order_in_one_split(splits: dict[str, list[Record]]) -> None:
    for split in splits.values():
        for article, sentences in groupby(split, key=lambda record: record["doc"]):
            ids = [sentence["id"] for sentence in sentences]
            # Whatever is torn in two has a part that does not begin at 00.
            assert ids == [f"{article}-{number:02}" for number in range(len(ids))]


def test_spans_are_whole_words_inside_the_text(records: list[Record]) -> None:
    cut = WordCutter(Spelling())
    for record in records:
        text, words = record["text"], cut(record["text"])
        starts, ends = {word.start for word in words}, {word.end for word in words}
        for start, end in spans(record):
            assert 0 <= start < end <= len(text), record["id"]
            assert text[start:end] == text[start:end].strip(), record["id"]
            assert start in starts, f"{record['id']}: {text[start:end]!r} begins inside a word"
            assert end in ends, f"{record['id']}: {text[start:end]!r} ends inside a word"


def test_neither_entities_nor_triggers_overlap(records: list[Record]) -> None:
    for record in records:
        for (_, end), (start, _) in pairwise(spans(record)):
            assert end <= start, f"{record['id']}: {record['text'][start:end]!r}"


@pytest.mark.parametrize("kind", ["entities", "events"])
def test_entities_and_events_are_sorted(records: list[Record], kind: str) -> None:
    for record in records:
        assert record[kind] == sorted(record[kind], key=lambda span: span["start"]), record["id"]


def test_labels_and_types_are_those_of_the_schema(records: list[Record], schema: Schema) -> None:
    labels = {entity["label"] for record in records for entity in record["entities"]}
    types = {event["type"] for record in records for event in record["events"]}
    assert labels == set(schema.entities)
    assert types == set(schema.events)


def test_arguments_name_entities_that_their_role_allows(
    records: list[Record], schema: Schema
) -> None:
    for record in records:
        for event in record["events"]:
            arguments = [(argument["role"], argument["entity"]) for argument in event["arguments"]]
            assert len(arguments) == len(set(arguments)), record["id"]
            for role, entity in arguments:
                assert role in schema.roles, record["id"]
                assert 0 <= entity < len(record["entities"]), record["id"]
                label = record["entities"][entity]["label"]
                assert schema.allows(role, event["type"], label), record["id"]


def test_each_split_has_every_theme_and_every_event_type(
    splits: dict[str, list[Record]], schema: Schema
) -> None:
    for name, split in splits.items():
        assert {record["doc"][:2] for record in split} == {"sy", "ig", "ys", "wd"}, name
        types = {event["type"] for record in split for event in record["events"]}
        assert types == set(schema.events), name
        assert any(not record["events"] for record in split), name


def test_the_counts_of_the_data_card_are_what_its_code_prints() -> None:
    card = (ROOT / "data/README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    table = re.search(r"^\| \| train \|.*?\n\n", card, re.DOTALL | re.MULTILINE)
    assert code
    assert table
    command = [sys.executable, "-c", code.group(1)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert table.group().strip() == printed.strip()


def test_there_are_samples() -> None:
    assert SAMPLES


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_a_short_article_whose_words_can_be_cut(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    assert all(paragraph.strip() == paragraph != "" for paragraph in text.splitlines())
    assert 80 <= len(text.split()) <= 220
    pieces = [text[word.start : word.end] for word in WordCutter(Spelling())(text)]
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_annotations_of_news_fit_their_texts_without_having_them(schema: Schema) -> None:
    files = sorted((ROOT / "data/news").glob("*.jsonl"))
    assert files
    rows = [row for path in files for row in read(path)]
    assert len({(row["document"], row["start"]) for row in rows}) == len(rows)
    for row in rows:
        assert list(row) == ["document", "start", "end", "entities", "events"]
        blank = {**row, "text": "x" * (row["end"] - row["start"])}
        record = parse_record(blank, schema)  # labels, roles, offsets, overlaps
        found = (*(record.entities or ()), *(record.triggers or ()))
        assert spans(row) == sorted((span.start, span.end) for span in found)
