from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from marsad.encode import Batch
from marsad_train.quantise import quantise

WIDTH, COLUMNS, PIECES = 32, 96, 50


def batch(ids: np.ndarray) -> Batch:
    return Batch(ids, np.ones_like(ids), np.ones_like(ids))


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Looks pieces up in a table, one of whose channels is far larger, and multiplies."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(PIECES, WIDTH)).astype(np.float32)
    table[:, 3] *= 60
    weights = rng.normal(size=(WIDTH, COLUMNS)).astype(np.float32)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "pieces"])
        for name in Batch._fields
    ]
    made = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "ids"], ["states"]),
            helper.make_node("MatMul", ["states", "weights"], ["product"]),
        ],
        "graph",
        inputs,
        [helper.make_tensor_value_info("product", TensorProto.FLOAT, ["rows", "pieces", COLUMNS])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(weights, "weights")],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)]), path)
    return path


def read(path: Path, ids: np.ndarray) -> np.ndarray:
    (product,) = ort.InferenceSession(str(path)).run(None, batch(ids)._asdict())
    return np.asarray(product)


def test_whole_numbers_come_near_and_read_a_row_alike_beside_any_other(graph: Path) -> None:
    rng = np.random.default_rng(1)
    ids = rng.integers(0, PIECES, (7, 11))
    exact = read(graph, ids)
    before = graph.stat().st_size
    quantise(graph, [batch(ids[:1]), batch(ids[1:, :5])])
    found = read(graph, ids)
    assert np.abs(found - exact).max() < 0.05 * np.abs(exact).max()
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.999
    assert np.array_equal(read(graph, ids[2:3]), found[2:3])
    assert graph.stat().st_size < 0.7 * before
    kinds = {node.op_type for node in onnx.load(graph).graph.node}
    assert "MatMulIntegerToFloat" in kinds
    assert "MatMul" not in kinds
