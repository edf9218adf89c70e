from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel

from marsad.bundle import MODEL
from marsad.encode import Scores
from marsad.onnx_encoder import OnnxEncoder
from marsad.schema import Schema
from marsad.tokenise import Tokeniser
from marsad.words import Spelling, WordCutter
from marsad_train import export, quantise
from marsad_train.network import Network

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.mark.parametrize("words_after", [0, 1])
def test_attention_as_one_operator_scores_as_its_parts_do(
    tiny_bert: Path,
    schema: Schema,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words_after: int,
) -> None:
    torch.manual_seed(0)
    encoder = AutoModel.from_pretrained(tiny_bert, attn_implementation="eager")  # as a run's is
    network = Network(encoder, schema, words_after=words_after).eval()
    tokeniser = Tokeniser(Tokenizer.from_file(str(tiny_bert / "tokenizer.json")), 64)
    batch = export.sample_batch(tokeniser, WordCutter(Spelling()))
    monkeypatch.setattr(quantise, "NARROW", 16)  # so that a network so small is quantised

    def scores(name: str) -> Scores:
        folder = tmp_path / name
        folder.mkdir()
        export.write_graphs(network, schema, batch, folder)
        quantise.quantise(folder / MODEL, [batch])
        return OnnxEncoder(folder, schema, device="cpu").encode(batch)

    fused = scores("fused")
    monkeypatch.setattr(quantise, "fuse_attention", lambda graph: 0)
    parts = scores("parts")
    kinds = [node.op_type for node in onnx.load(tmp_path / "fused" / MODEL).graph.node]
    assert kinds.count("QAttention") == 2
    assert "Softmax" not in kinds
    words = batch.firsts > 0
    assert np.abs(fused.entities - parts.entities)[words].max() < 1e-4
    assert np.abs(fused.classes - parts.classes).max() < 1e-4
