"""An fp32 graph to int8: whole-number matrix products whose results no other row can change.

ONNX Runtime's own dynamic quantisation scales a batch as a whole, so that a sentence is read a
little differently beside another. Here each row of activations (a piece's state) has a scale of its
own, and each column of weights: ``x @ w ≈ (int8(x / a) @ int8(w / b)) · a · b``.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ACTIVATION = 127.0  # largest number that an activation becomes
# Where a processor lacks VNNI, pairs of products are added in 16 bits; seven bits do not overflow.
WEIGHT = 63.0


def quantise(path: Path) -> None:
    """Make a graph's products with constant weights int8 and its embeddings fp16, in place."""
    model = onnx.load(path)
    _Quantiser(model.graph).run()
    onnx.save(model, path)


class _Quantiser:
    """Rewrites one graph; an input of several products is quantised once."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.tables = {
            one.name: one for one in graph.initializer if one.data_type == TensorProto.FLOAT
        }
        self.rows: dict[str, tuple[str, str]] = {}  # an input's name to its int8 and its scale
        self.nodes: list[onnx.NodeProto] = []
        self._constant("one_hundred_and_twenty_seven", np.array(ACTIVATION, dtype=np.float32))
        self._constant("middle", np.array(128, dtype=np.float32))
        self._constant("zero", np.array(128, dtype=np.uint8))
        self._constant("tiny", np.array(1e-12, dtype=np.float32))
        self._constant("last_axis", np.array([-1], dtype=np.int64))

    def run(self) -> None:
        """Replace every node in turn, and drop the weights that nothing reads any more."""
        for node in self.graph.node:
            table = self.tables.get(node.input[1]) if node.op_type == "MatMul" else None
            if table is not None and len(table.dims) == 2:
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
        values, scales = self._quantised_input(node.input[0])
        weights = numpy_helper.to_array(table)
        columns = np.maximum(np.abs(weights).max(axis=0), 1e-12) / WEIGHT
        name = node.output[0]
        self._constant(f"{name}_weights", np.round(weights / columns).astype(np.int8))
        self._constant(f"{name}_columns", columns.astype(np.float32))
        self._add("MatMulInteger", [values, f"{name}_weights", "zero"], f"{name}_whole")
        self._add("Cast", [f"{name}_whole"], f"{name}_float", to=TensorProto.FLOAT)
        self._add("Mul", [f"{name}_float", f"{name}_columns"], f"{name}_scaled")
        self._add("Mul", [f"{name}_scaled", scales], name)

    def _quantised_input(self, name: str) -> tuple[str, str]:
        if name not in self.rows:
            scale, values = f"{name}_scale", f"{name}_int8"
            self._add("Abs", [name], f"{name}_abs")
            self._add("ReduceMax", [f"{name}_abs", "last_axis"], f"{name}_highest", keepdims=1)
            self._add("Max", [f"{name}_highest", "tiny"], f"{name}_positive")
            self._add("Div", [f"{name}_positive", "one_hundred_and_twenty_seven"], scale)
            self._add("Div", [name, scale], f"{name}_divided")
            self._add("Round", [f"{name}_divided"], f"{name}_rounded")
            self._add("Add", [f"{name}_rounded", "middle"], f"{name}_moved")
            self._add("Cast", [f"{name}_moved"], values, to=TensorProto.UINT8)
            self.rows[name] = values, scale
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
