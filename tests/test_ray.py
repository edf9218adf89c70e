"""Tagging over Ray Data, on this machine, against the plain path."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import ray
from ray.data import DataContext

from marsad.arrow import tag_table
from marsad.errors import MarsadError
from marsad.pipeline import Pipeline, load
from marsad.ray import tag_dataset
from marsad.schema import Document

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SAMPLES = sorted((Path(__file__).parent.parent / "data" / "samples").glob("*.txt"))


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of ours as ``Document.as_dict`` has it."""
    for sentence in row["sentences"]:
        sentence["scores"] = dict(sentence["scores"])
    return row


def test_a_table_keeps_its_columns_and_rows(pipeline: Pipeline) -> None:
    text = "قصفت قوات النظام بلدة إدلب أمس ."
    table = pa.table(
        {"id": [7, 8, 9], "text": [text, None, ""], "date": ["2015-03-01", None, None]}
    )
    rows = tag_table(pipeline, table).to_pylist()
    assert [row["id"] for row in rows] == [7, 8, 9]
    assert [row["error"] for row in rows] == [None, 'the column "text" holds no text.', None]
    assert rows[1]["entities"] is None
    assert plain_row(rows[0]) == {
        **pipeline(text).as_dict(),
        "id": 7,
        "date": "2015-03-01",
        "error": None,
    }
    assert (rows[2]["sentences"], rows[2]["events"]) == ([], [])


def test_texts_may_be_bytes(pipeline: Pipeline) -> None:
    text = "قصفت قوات النظام بلدة إدلب أمس ."
    table = pa.table({"text": pa.array([text.encode(), b"\xff"], pa.binary())})
    first, second = tag_table(pipeline, table).to_pylist()
    assert (first["entities"], first["error"]) == (pipeline(text).as_dict()["entities"], None)
    assert second["error"].startswith('the column "text": not UTF-8: 0xff at byte 0')


def test_what_scores_less_is_left_out(pipeline: Pipeline) -> None:
    table = pa.table({"text": ["قصفت قوات النظام بلدة إدلب أمس ."]})
    assert tag_table(pipeline, table, min_score=1.0).to_pylist()[0]["entities"] == []


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"body": ["a"]}, 'no column "text"; its columns: body.'),
        ([pa.array(["a"]), pa.array(["b"])], "two columns are named 'text'."),
        ({"text": ["a"], "events": [1]}, 'there is a column "events" already'),
    ],
)
def test_a_table_of_other_columns_is_refused(
    pipeline: Pipeline, columns: dict[str, list[Any]] | list[Any], message: str
) -> None:
    names = None if isinstance(columns, dict) else ["text", "text"]
    with pytest.raises(MarsadError, match=message):
        tag_table(pipeline, pa.table(columns, names))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    os.environ["RAY_AUTH_MODE"] = "disabled"  # on this machine only; a token would be left in ~
    ray.init(
        num_cpus=4, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000
    )
    DataContext.get_current().enable_progress_bars = False
    DataContext.get_current().execution_options.preserve_order = True
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_two_workers_find_what_the_plain_path_finds(tmp_path: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in SAMPLES] * 2
    rows: list[dict[str, str | None]]
    rows = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    rows.insert(3, {"id": "bad", "text": None})
    lines = tmp_path / "news.jsonl"
    lines.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    dataset = ray.data.read_json(str(lines)).repartition(4)
    found = tag_dataset(dataset, workers=2, batch_size=2).take_all()
    read = load(threads=1)
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    assert [row["id"] for row in found if row["error"]] == ["bad"]
    good = [Document.from_dict(plain_row(row)) for row in found if not row["error"]]
    for document, text in zip(good, texts, strict=True):
        assert without_scores(document) == without_scores(read(text))


def without_scores(document: Document) -> Any:
    return (
        [sentence.classes for sentence in document.sentences],
        [(entity.start, entity.end, entity.label) for entity in document.entities],
        [
            (event.type, event.start, event.end, [(a.role, a.entity) for a in event.arguments])
            for event in document.events
        ],
    )
