import json
from pathlib import Path

import pytest

from marsad.errors import MarsadError
from marsad.schema import Schema
from marsad.words import Spelling, WordCutter
from marsad_train.corpora import Corpus, read_corpus
from marsad_train.standoff import read_standoff

ROW = {
    "document": "a",
    "start": 6,
    "end": 14,
    "entities": [{"start": 5, "end": 8, "label": "LOC"}],
    "events": [],
}


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "أمس. \nقصفت حلب."}), encoding="utf-8")
    return path


def test_annotations_meet_their_texts(texts: Path, tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / "standoff.jsonl"
    path.write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    (record,) = read_standoff(path, texts, schema)
    assert (record.id, record.text) == ("a:6", "قصفت حلب")
    assert record.entities is not None
    assert record.text[record.entities[0].start : record.entities[0].end] == "حلب"
    corpus = Corpus(path=str(path), format="standoff", texts=str(texts))
    rows = read_corpus(corpus, 0, schema, WordCutter(Spelling()))
    assert rows[0]["forms"] == ["قصفت", "حلب"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"document": "b"}, "line 1: no document 'b'"),
        ({"end": 9}, "do not fit the text of 3"),
        ({"start": None, "document": 3}, "line 1: no document '3'"),
        ({"start": -8}, "line 1: found -8 to 14, wanted offsets within 0 to 15"),
        ({"end": 16}, "found 6 to 16, wanted"),
        ({"end": None}, "found 6 to None, wanted"),
        ({"start": True}, "found True to 14, wanted"),
    ],
)
def test_what_does_not_fit_is_refused(
    change: dict[str, object], complaint: str, texts: Path, tmp_path: Path, schema: Schema
) -> None:
    path = tmp_path / "standoff.jsonl"
    path.write_text(json.dumps(ROW | change), encoding="utf-8")
    with pytest.raises(MarsadError, match=complaint):
        list(read_standoff(path, texts, schema))


@pytest.mark.parametrize(
    ("content", "complaint"), [(b"[]", "line 1: wanted an object"), (b"\xff", "can't decode byte")]
)
def test_what_is_no_annotation_is_named(
    content: bytes, complaint: str, texts: Path, tmp_path: Path, schema: Schema
) -> None:
    path = tmp_path / "standoff.jsonl"
    path.write_bytes(content)
    with pytest.raises(MarsadError, match=complaint):
        list(read_standoff(path, texts, schema))


def test_documents_may_be_numbered(tmp_path: Path, schema: Schema) -> None:
    texts, path = tmp_path / "texts.jsonl", tmp_path / "standoff.jsonl"
    texts.write_text(json.dumps({"id": 3, "text": "أمس. \nقصفت حلب."}), encoding="utf-8")
    path.write_text(json.dumps(ROW | {"document": 3}), encoding="utf-8")
    (record,) = read_standoff(path, texts, schema)
    assert record.text == "قصفت حلب"


def test_a_share_of_a_corpus_is_the_same_part_each_time(tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join(json.dumps({"text": f"كلمة {n}"}) for n in range(10)), "utf-8")
    corpus = Corpus(path=str(path), share=0.25)
    parts = [read_corpus(corpus, 0, schema, WordCutter(Spelling()))["forms"] for _ in range(2)]
    assert parts[0] == parts[1]
    assert len(parts[0]) == 3
