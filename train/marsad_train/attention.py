"""Attention of a quantised graph, made one operator a layer.

A BERT's attention is exported as some fifteen nodes: three products of the same states, each
reshaped and transposed, the scores, and their sum. ONNX Runtime's ``QAttention`` does the same
arithmetic, to the same results, in one:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QAttention
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CONTRIB = "com.microsoft"  # the domain of ONNX Runtime's own operators
PRODUCT = "MatMulIntegerToFloat"
# What each input of a product is; its last is optional.
STATES, WEIGHTS, STEP, COLUMNS, ZERO, _, BIAS = range(7)


def fuse_attention(graph: onnx.GraphProto) -> int:
    """Replace attention that looks as BERT's does; the number of layers where it was found."""
    fuser = _Fuser(graph)
    found = {id(node): list(fuser.fused(node)) for node in graph.node if node.op_type == "Softmax"}
    nodes = [one for node in graph.node for one in found.get(id(node)) or [node]]
    del graph.node[:]
    graph.node.extend(nodes)
    prune(graph)
    return sum(bool(made) for made in found.values())


def prune(graph: onnx.GraphProto) -> None:
    """Drop the nodes and the constants that no output needs."""
    needed = {output.name for output in graph.output}
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
    constants = [one for one in graph.initializer if one.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(nodes))
    graph.initializer.extend(constants)


class _Fuser:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.constants = {one.name: one for one in graph.initializer}
        self.makers = {name: node for node in graph.node for name in node.output}
        self.readers = defaultdict[str, list[onnx.NodeProto]](list)
        for node in graph.node:
            for name in node.input:
                self.readers[name].append(node)
        self.masks: set[str] = set()

    def fused(self, softmax: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """The nodes that stand for the attention around a softmax; none if it is not BERT's."""
        scores = self._before(softmax.input[0], "Add", "Mul", "MatMul")
        found = self._after(softmax.output[0], "MatMul", "Transpose", "Reshape")
        if not scores or not found:
            return
        masking, scaling, matching = scores
        mask = self._before(masking.input[1], "Mul", "Sub")
        parts = [
            self._before(name, "Transpose", "Reshape", PRODUCT)
            for name in (*matching.input, found[0].input[1])
        ]
        if not mask or not all(parts) or scaling.input[1] not in self.constants:
            return
        products = [part[-1] for part in parts]
        width = self._array(products[0].input[WEIGHTS]).shape[1]
        heads = width * float(self._array(scaling.input[1])) ** 2  # it is head width ** -½
        whole = abs(heads - round(heads)) < 1e-3
        shared = len({one.input[STATES] for one in products}) == 1
        if not whole or not shared or any(len(one.input) <= BIAS for one in products):
            return
        name = found[-1].output[0]
        kept = mask[-1].input[1]  # 1 for what may be looked at, (rows, 1, 1, pieces)
        if kept not in self.masks:
            self.masks.add(kept)
            yield from self._mask(kept)
        first = products[0]
        inputs = [
            first.input[STATES],
            self._joined(f"{name}_weights", products, WEIGHTS),
            self._joined(f"{name}_bias", products, BIAS),
            first.input[STEP],
            self._joined(f"{name}_columns", products, COLUMNS),
            f"{kept}_whole",
            first.input[ZERO],
        ]
        found[-1].output[0] = f"{name}_before"  # which nothing reads any more
        yield helper.make_node("QAttention", inputs, [name], domain=CONTRIB, num_heads=round(heads))

    def _mask(self, name: str) -> Iterator[onnx.NodeProto]:
        shape = numpy_helper.from_array(np.array([0, -1], dtype=np.int64), f"{name}_shape")
        self.graph.initializer.append(shape)
        yield helper.make_node("Reshape", [name, shape.name], [f"{name}_flat"])
        yield helper.make_node("Cast", [f"{name}_flat"], [f"{name}_whole"], to=TensorProto.INT32)

    def _joined(self, name: str, products: list[onnx.NodeProto], place: int) -> str:
        arrays = [self._array(product.input[place]) for product in products]
        self.graph.initializer.append(
            numpy_helper.from_array(np.concatenate(arrays, axis=-1), name)
        )
        return name

    def _array(self, name: str) -> np.ndarray:
        return np.asarray(numpy_helper.to_array(self.constants[name]))

    def _before(self, name: str, *kinds: str) -> list[onnx.NodeProto]:
        """The nodes that make a value, each making the first input of the one before it."""
        nodes = []
        for kind in kinds:
            node = self.makers.get(name)
            if node is None or node.op_type != kind:
                return []
            nodes.append(node)
            name = next(one for one in node.input if one not in self.constants)
        return nodes

    def _after(self, name: str, *kinds: str) -> list[onnx.NodeProto]:
        """The nodes that alone read a value, one behind the other."""
        nodes = []
        for kind in kinds:
            readers = self.readers[name]
            if [one.op_type for one in readers] != [kind]:
                return []
            nodes += readers
            name = readers[0].output[0]
        return nodes
