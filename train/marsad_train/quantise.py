"""An fp32 graph to int8: whole-number matrix products whose results no other row can change.

Ranges are fixed beforehand, from sentences that the graph reads once: dynamic quantisation would
scale a batch as a whole, so that a sentence is read a little differently beside another. A few
channels of a BERT's states are far larger than the others; so each is divided by a factor of its
own, which the weights take over (SmoothQuant, Xiao et al. 2023):

    x @ w = (x / factor) @ (factor * w) ≈ step * (q - zero) @ v * column

with q and v in whole numbers, ``step`` of all channels and ``column`` of each column of weights.
What leaves a GELU is mostly near zero, and far from it in few rows: there each row has a step of
its own, from its highest value.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from marsad.encode import Batch
from marsad_train.attention import CONTRIB, PRODUCT, fuse_attention, prune

ACTIVATION = 255.0  # largest number that an activation becomes
# Where a processor lacks VNNI, pairs of products are added in 16 bits; seven bits do not overflow.
WEIGHT = 63.0
NARROW = 64  # columns; products with fewer (the heads) cost nothing and stay fp32
DIFFICULTY = 0.65  # the share of it that the weights take over
LOWEST = 0.17  # what a GELU falls to, below zero
BELOW = 16.0  # numbers that are kept for what is below zero, behind a GELU
SHARES = (1.0, 0.99999, 0.9999, 0.999)  # of values that a range may keep; it is the best of these
ROWS = 8_192  # of an input, that are looked at

Floats = NDArray[np.float32]


def quantise(path: Path, sample: Sequence[Batch]) -> None:
    """Make a graph's products with constant weights int8 and its embeddings fp16, in place.

    Args:
        path: the graph.
        sample: what it will read, a sentence each, without padding.
    """
    model = onnx.load(path)
    _Quantiser(model, sample).run()
    fuse_attention(model.graph)
    model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    onnx.save(model, path)


def column_steps(weights: Floats) -> Floats:
    """The step of each column with the least squared error: clipping a few outliers may pay."""
    widest = np.maximum(np.abs(weights).max(axis=0), 1e-12) / WEIGHT
    best, least = widest, np.full(weights.shape[1], np.inf)
    for share in np.linspace(0.7, 1.0, 13, dtype=np.float32):
        steps = widest * share
        whole = np.clip(np.round(weights / steps), -WEIGHT, WEIGHT)
        error = ((whole * steps - weights) ** 2).sum(axis=0)
        best, least = np.where(error < least, steps, best), np.minimum(error, least)
    return np.asarray(best, dtype=np.float32)


def factors(states: Floats, weights: Floats) -> Floats:
    """What each channel is divided by."""
    own = np.quantile(np.abs(states), 0.9999, axis=0) + 1e-6
    theirs = np.abs(weights).max(axis=1) + 1e-6
    ratio = own**DIFFICULTY / theirs ** (1 - DIFFICULTY)
    return np.asarray(ratio / np.exp(np.log(ratio).mean()), dtype=np.float32)


def best_range(states: Floats, weights: Floats) -> tuple[np.float32, np.uint8]:
    """The step and the zero of states (rows, channels) with the least error in their products."""
    weight = (weights**2).sum(axis=1)
    found = []
    for share in SHARES:
        low = min(0.0, float(np.quantile(states, 1 - share)))
        step = max(float(np.quantile(states, share)) - low, 1e-12) / ACTIVATION
        zero = round(-low / step)
        whole = np.clip(np.round(states / step) + zero, 0, ACTIVATION)
        error = float(((((whole - zero) * step - states) ** 2) @ weight).mean())
        found.append((error, np.float32(step), np.uint8(min(zero, 255))))
    _, step_, zero_ = min(found, key=lambda one: one[0])
    return step_, zero_


class _Quantiser:
    """Rewrites one graph; an input of several products is quantised once."""

    def __init__(self, model: onnx.ModelProto, sample: Sequence[Batch]) -> None:
        self.graph = model.graph
        self.tables = {
            one.name: one for one in self.graph.initializer if one.data_type == TensorProto.FLOAT
        }
        self.products: dict[str, list[onnx.NodeProto]] = {}  # by the name of their input
        for node in self.graph.node:
            table = self.tables.get(node.input[1]) if node.op_type == "MatMul" else None
            if table is not None and len(table.dims) == 2 and table.dims[1] >= NARROW:
                self.products.setdefault(node.input[0], []).append(node)
        self.states = observe(model, list(self.products), sample)
        self.gelus = {node.output[0] for node in self.graph.node if node.op_type == "Gelu"}
        self.sums = self._sums()
        self.factors: dict[str, Floats] = {}
        self.nodes: list[onnx.NodeProto] = []

    def run(self) -> None:
        """Replace every node in turn, and drop the weights that nothing reads any more."""
        products = {node.output[0] for own in self.products.values() for node in own}
        folded = {node.output[0] for node in self.sums.values()}
        for node in self.graph.node:
            if node.output[0] in products:
                self._product(node)
            elif node.op_type == "Gather" and node.input[0] in self.tables:
                self._rows_of(node)
            elif node.output[0] not in folded:
                self.nodes.append(node)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        prune(self.graph)

    def _sums(self) -> dict[str, onnx.NodeProto]:
        """What adds a constant to a product and alone reads it, by the product's name.

        Not behind GELUs: there the constant comes after the steps of the rows.
        """
        readers = Counter(name for node in self.graph.node for name in node.input)
        columns = {
            node.output[0]: list(self.tables[node.input[1]].dims[1:])
            for states, own in self.products.items()
            for node in own
            if states not in self.gelus
        }
        return {
            node.input[0]: node
            for node in self.graph.node
            if node.op_type == "Add"
            and node.input[1] in self.tables
            and columns.get(node.input[0]) == list(self.tables[node.input[1]].dims)
            and readers[node.input[0]] == 1
        }

    def _product(self, node: onnx.NodeProto) -> None:
        states, name = node.input[0], node.output[0]
        by_row = states in self.gelus
        if states not in self.factors:
            (self._quantise_rows if by_row else self._quantise_input)(states)
        weights = self._weights(node) * self.factors[states][:, None]
        columns = column_steps(weights)
        whole = np.clip(np.round(weights / columns), -WEIGHT, WEIGHT)
        self._constant(f"{name}_weights", whole.astype(np.int8))
        self._constant(f"{name}_columns", columns)
        inputs = [f"{states}_uint8", f"{name}_weights", f"{states}_step", f"{name}_columns"]
        inputs.append(f"{states}_zero")
        if sum_ := self.sums.get(name):
            inputs += ["", sum_.input[1]]
            product = sum_.output[0]
        else:
            product = f"{name}_steps" if by_row else name
        self._add(PRODUCT, inputs, product, domain=CONTRIB)
        if by_row:
            self._add("Div", [product, f"{states}_inverse"], name)

    def _quantise_input(self, name: str) -> None:
        weights = np.concatenate([self._weights(node) for node in self.products[name]], axis=1)
        states = self.states.pop(name)
        self.factors[name] = own = factors(states, weights)
        step, zero = best_range(states / own, weights * own[:, None])
        self._constant(f"{name}_inverse", 1 / own)
        self._constant(f"{name}_step", np.array(step))
        self._constant(f"{name}_zero", np.array(zero))
        self._add("Mul", [name, f"{name}_inverse"], f"{name}_even")
        self._quantised(name)

    def _quantise_rows(self, name: str) -> None:
        """Quantise what leaves a GELU; ``_inverse`` has the steps to a unit of each row."""
        self.factors[name] = np.ones(self.states.pop(name).shape[1], dtype=np.float32)
        above = ACTIVATION - BELOW
        self._constant(f"{name}_least", np.array(LOWEST / BELOW * above, dtype=np.float32))
        self._constant(f"{name}_above", np.array(above, dtype=np.float32))
        self._constant(f"{name}_axis", np.array([-1], dtype=np.int64))
        self._constant(f"{name}_step", np.array(1, dtype=np.float32))
        self._constant(f"{name}_zero", np.array(BELOW, dtype=np.uint8))
        self._add("ReduceMax", [name, f"{name}_axis"], f"{name}_highest", keepdims=1)
        self._add("Max", [f"{name}_highest", f"{name}_least"], f"{name}_most")
        self._add("Div", [f"{name}_above", f"{name}_most"], f"{name}_inverse")
        self._add("Mul", [name, f"{name}_inverse"], f"{name}_even")
        self._quantised(name)

    def _quantised(self, name: str) -> None:
        inputs = [f"{name}_{part}" for part in ("even", "step", "zero")]
        self._add("QuantizeLinear", inputs, f"{name}_uint8")

    def _weights(self, node: onnx.NodeProto) -> Floats:
        return np.asarray(numpy_helper.to_array(self.tables[node.input[1]]), dtype=np.float32)

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

    def _add(self, kind: str, inputs: list[str], output: str, **attributes: int | str) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))


def observe(
    model: onnx.ModelProto, names: Sequence[str], sample: Sequence[Batch]
) -> dict[str, Floats]:
    """What a graph's inner values (rows, channels) are when it reads a sample."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = ort.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    kept: dict[str, list[Floats]] = {name: [] for name in names}
    most = -(-ROWS // max(1, len(sample)))
    for batch in sample:
        for name, values in zip(names, session.run(list(names), batch._asdict()), strict=True):
            rows = values.reshape(-1, values.shape[-1])
            kept[name].append(rows[:: -(-len(rows) // most)].copy())
    return {name: np.concatenate(values) for name, values in kept.items()}
