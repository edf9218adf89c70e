"""What cannot be trained with is refused, or said, before training."""

import json
import logging
import shutil
from pathlib import Path

import pytest
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

from marsad.errors import MarsadError
from marsad.schema import Schema
from marsad.words import Spelling, WordCutter
from marsad_train import learn
from marsad_train.config import Run, read_config
from marsad_train.encoders import load_pretrained, positions
from marsad_train.prepare import read_dev, read_train

SMALL = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 66,
}


def configured(records: Path, *changes: str) -> Run:
    own = [f"train=[{{path={json.dumps(str(records))}}}]", f"dev={records}", *changes]
    return read_config(Run, Path("configs/small.toml"), own)


def test_a_folder_without_its_tokenizer_is_refused(tiny_bert: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tiny_bert / name, tmp_path)
    with pytest.raises(MarsadError, match="knows none of the words"):
        load_pretrained(str(tmp_path))


def test_positions_are_those_that_are_left_for_pieces() -> None:
    assert positions(BertModel(BertConfig(**SMALL))) == 66
    assert positions(RobertaModel(RobertaConfig(**SMALL, pad_token_id=1))) == 64


@pytest.mark.parametrize("part", ["events", "classes"])
def test_a_head_that_nothing_teaches_is_not_trained(
    records: Path, schema: Schema, tmp_path: Path, part: str
) -> None:
    rows = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        events = row.pop("events")
        if part == "events":
            row["classes"] = ["attack"] if events else []
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(MarsadError, match="no record of any corpus says anything of events"):
        read_train(configured(path), schema, WordCutter(Spelling()))


def test_spans_that_cut_into_words_are_said(
    schema: Schema, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row = {
        "id": "1",
        "text": "وقوات النظام قصفت حلب",
        "entities": [{"start": 1, "end": 12, "label": "ARMED"}],
        "events": [{"type": "ATTACK", "start": 13, "end": 17, "arguments": []}],
    }
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    run, cutter = configured(path), WordCutter(Spelling())
    with caplog.at_level(logging.WARNING):
        read_dev(run, schema, cutter)
        (rows,) = read_train(run, schema, cutter)
    assert rows[0]["entities"] == [[0, 1, schema.entities.index("ARMED")]]
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "1 spans cut into words, and can never be found.",
        "1 spans cut into words; they are read as whole words.",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.0.weight=0", "leave nothing to learn from"),
        ("train.0.weight=-1", "weight: found -1"),
        ("train.0.share=20", "share: found 20"),
        ("train.0.format=standoff", "standoff needs 'texts'"),
    ],
)
def test_what_leaves_nothing_to_read_is_refused(
    records: Path, schema: Schema, change: str, message: str
) -> None:
    with pytest.raises(MarsadError, match=message):
        read_train(configured(records, change), schema, WordCutter(Spelling()))


def test_a_run_whose_encoder_was_changed_is_not_gone_on_with(
    records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    encoder = tmp_path / "encoder"
    shutil.copytree(tiny_bert, encoder)
    run = configured(
        records,
        f"encoder.name={encoder}",
        f"output={tmp_path / 'run'}",
        "epochs=1",
        "encoder.window=64",
    )
    learn.train(run)
    with (encoder / "config.json").open("a") as config:
        config.write("\n")
    with pytest.raises(MarsadError, match=r"holds a run with other settings \(data\..*config.json"):
        learn.train(run)
