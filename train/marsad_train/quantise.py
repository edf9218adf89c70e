"""An fp32 graph to int8: whole-number matrix products whose results no other row can change.

ONNX Runtime's own dynamic quantisation scales a batch as a whole, so that a sentence is read a
little differently beside another. Here each row of activations (a piece's state) has a scale of its
own, from its lowest value up, and each column of weights. With ``x ≈ low + step * q`` and
``w ≈ column * v`` in whole numbers q and v,

    x @ w ≈ step * column * (q @ v) + low * sum(column * v)
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

ACTIVATION = 255.0  # largest number that an activation becomes
# Where a processor lacks VNNI, pairs of products are added in 16 bits; seven bits do not overflow.
WEIGHT = 63.0
NARROW = 64  # columns; products with fewer (the heads) cost nothing and stay fp32


def quantise(path: Path) -> None:
    """Make a graph's products with constant weights int8 and its embeddings fp16, in place."""
    model = onnx.load(path)
    _Quantiser(model.graph).run()
    onnx.save(model, path)


def column_steps(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The step of each column with the least squared error: clipping a few outliers may pay."""
    widest = np.maximum(np.abs(weights).max(axis=0), 1e-12) / WEIGHT
    best, least = widest, np.full(weights.shape[1], np.inf)
    for share in np.linspace(0.7, 1.0, 13, dtype=np.float32):
        steps = widest * share
        whole = np.clip(np.round(weights / steps), -WEIGHT, WEIGHT)
        error = ((whole * steps - weights) ** 2).sum(axis=0)
        best, least = np.where(error < least, steps, best), np.minimum(error, least)
    return np.asarray(best, dtype=np.float32)


class _Quantiser:
    """Rewrites one graph; an input of several products is quantised once."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.tables = {
            one.name: one for one in graph.initializer if one.data_type == TensorProto.FLOAT
        }
        self.rows: dict[str, tuple[str, str, str]] = {}  # by the name of an input
        self.nodes: list[onnx.NodeProto] = []
        self._constant("most", np.array(ACTIVATION, dtype=np.float32))
        self._constant("tiny", np.array(1e-12, dtype=np.float32))
        self._constant("last_axis", np.array([-1], dtype=np.int64))

    def run(self) -> None:
        """Replace every node in turn, and drop the weights that nothing reads any more."""
        for node in self.graph.node:
            table = self.tables.get(node.input[1]) if node.op_type == "MatMul" else None
            if table is not None and len(table.dims) == 2 and table.dims[1] >= NARROW:
                self._product(node, table)
            elif node.op_type == "Gather" and node.input[0] in self.tables:
                self._rows_of(node)
            else:
                self.nodes.append(node)
        used = {name for node in self.nodes for name in node.input}
        kept = [one for one in self.graph.initializer if one.name in used]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(self.nodes)
        self.graph.initializer.extend(kept)

    def _product(self, node: onnx.NodeProto, table: onnx.TensorProto) -> None:
        values, step, lowest = self._quantised_input(node.input[0])
        weights = numpy_helper.to_array(table)
        columns = column_steps(weights)
        whole = np.clip(np.round(weights / columns), -WEIGHT, WEIGHT)
        name = node.output[0]
        self._constant(f"{name}_weights", whole.astype(np.int8))
        self._constant(f"{name}_columns", columns.astype(np.float32))
        self._constant(f"{name}_sums", (whole * columns).sum(axis=0).astype(np.float32))
        self._add("MatMulInteger", [values, f"{name}_weights"], f"{name}_whole")
        self._add("Cast", [f"{name}_whole"], f"{name}_float", to=TensorProto.FLOAT)
        self._add("Mul", [f"{name}_float", f"{name}_columns"], f"{name}_scaled")
        self._add("Mul", [f"{name}_scaled", step], f"{name}_risen")
        self._add("Mul", [lowest, f"{name}_sums"], f"{name}_floor")
        self._add("Add", [f"{name}_risen", f"{name}_floor"], name)

    def _quantised_input(self, name: str) -> tuple[str, str, str]:
        """An input's whole numbers, and each row's step between them and lowest value."""
        if name not in self.rows:
            step, lowest, values = f"{name}_step", f"{name}_lowest", f"{name}_uint8"
            self._add("ReduceMin", [name, "last_axis"], lowest, keepdims=1)
            self._add("ReduceMax", [name, "last_axis"], f"{name}_highest", keepdims=1)
            self._add("Sub", [f"{name}_highest", lowest], f"{name}_range")
            self._add("Max", [f"{name}_range", "tiny"], f"{name}_positive")
            self._add("Div", [f"{name}_positive", "most"], step)
            self._add("Sub", [name, lowest], f"{name}_above")
            self._add("Div", [f"{name}_above", step], f"{name}_steps")
            self._add("Round", [f"{name}_steps"], f"{name}_rounded")
            self._add("Cast", [f"{name}_rounded"], values, to=TensorProto.UINT8)
            self.rows[name] = values, step, lowest
        return self.rows[name]

    def _rows_of(self, node: onnx.NodeProto) -> None:
        """Store a table that rows are taken from in fp16, and widen only the rows."""
        table = self.tables[node.input[0]]
        if table.data_type == TensorProto.FLOAT:
            half = numpy_helper.to_array(table).astype(np.float16)
            table.CopyFrom(numpy_helper.from_array(half, table.name))
        output = node.output[0]
        node.output[0] = f"{output}_half"
        self.nodes.append(node)
        self._add("Cast", [f"{output}_half"], output, to=TensorProto.FLOAT)

    def _constant(self, name: str, array: np.ndarray) -> None:
        self.graph.initializer.append(numpy_helper.from_array(array, name))

    def _add(self, kind: str, inputs: list[str], output: str, **attributes: int) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
