import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from marsad.tokenise import Tokeniser
from marsad.words import Spelling, WordCutter
from marsad_train import checkpoint
from marsad_train.encoders import load_pretrained
from marsad_train.loop import Plan
from marsad_train.pretrain import (
    IGNORED,
    Blocks,
    Masker,
    Pretraining,
    conflict_first,
    pack,
    pretrain,
)
from marsad_train.texts import read_texts


@pytest.fixture
def settings(tiny_bert: Path, tmp_path: Path) -> Pretraining:
    """A run on a text that is easily learnt by heart."""
    text = json.dumps({"text": "قصفت قوات النظام مدينة حلب وريف إدلب أمس " * 4})
    (tmp_path / "text.jsonl").write_text(f"{text}\n" * 40, encoding="utf-8")
    return Pretraining(
        encoder=str(tiny_bert),
        text=str(tmp_path / "text.jsonl"),
        output=str(tmp_path / "run"),
        plan=Plan(encoder_rate=3e-3, head_rate=3e-3, minutes_between_checkpoints=0),
        steps=60,
        batch_size=4,
        block=32,
        held_out=4,
    )


def test_pretraining_lowers_the_held_out_loss_and_saves_the_encoder(
    settings: Pretraining, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "marsad_train"):
        pretrain(settings)
    (held,) = [record.args[1] for record in caplog.records if "held-out" in record.msg]  # type: ignore[index]
    assert isinstance(held, float)
    assert held < 4.0  # a guess among 500 pieces has 6.2
    assert load_pretrained(f"{settings.output}/encoder").encoder.config.hidden_size == 32


def test_a_run_in_two_parts_ends_as_one(
    settings: Pretraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = dataclasses.replace(settings, steps=6)
    pretrain(short)
    saved = checkpoint.save

    def save_and_stop(*arguments: Any) -> None:
        saved(*arguments)
        if arguments[-1] == 3:
            raise KeyboardInterrupt

    broken = dataclasses.replace(short, output=str(tmp_path / "broken"))
    monkeypatch.setattr(checkpoint, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        pretrain(broken)
    monkeypatch.setattr(checkpoint, "save", saved)
    pretrain(broken)
    whole, resumed = (load_file(Path(run.output) / checkpoint.NAME) for run in (short, broken))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_blocks_hold_every_piece_in_order(tiny_bert: Path) -> None:
    tokeniser = Tokeniser(load_pretrained(str(tiny_bert)).tokenizer, 16)
    cut = WordCutter(Spelling())
    texts = ["قصفت قوات النظام مدينة حلب وريف إدلب أمس"] * 6
    blocks = pack(texts, cut, tokeniser, 16)
    assert (blocks.ids[:, 0] == tokeniser.begin).all()
    assert (blocks.ids[:, -1] == tokeniser.end).all()
    pieces = [p for text in texts for w in tokeniser.spell([w.form for w in cut(text)]) for p in w]
    packed = blocks.ids[:, 1:-1][blocks.words[:, 1:-1] >= 0].tolist()
    assert packed == pieces[: len(packed)]
    assert len(pieces) - len(packed) < 16


def test_words_are_hidden_whole() -> None:
    words = np.repeat(np.arange(50), 2)[None]
    blocks = Blocks(np.full_like(words, 7), words)
    ids, labels = Masker(mask=4, vocabulary=100, share=0.3)(blocks, np.random.default_rng(0))
    hidden = (labels != IGNORED).reshape(-1, 2)
    assert (hidden[:, 0] == hidden[:, 1]).all()
    assert 0.1 < hidden.float().mean() < 0.5
    assert (ids[labels == IGNORED] == 7).all()
    assert (ids == 4).any()


def test_texts_of_conflict_come_first(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    rows = [{"text": "a", "conflict": False}, {"text": "b\u2028c", "conflict": True}, {"text": "d"}]
    path.write_text(
        "\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8"
    )
    read = read_texts(path)
    assert conflict_first(read, conflict_only=False) == ["b\u2028c", "a", "d"]
    assert conflict_first(read, conflict_only=True) == ["b\u2028c", "d"]
