"""What matrix products reach on this machine, and how much of it an encoder does."""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper

from marsad.bundle import EMBEDDED, MODEL, read_manifest, read_tokenizer
from marsad.encode import Batch, Encoder, Scores
from marsad.onnx_encoder import OnnxEncoder
from marsad.pipeline import Pipeline
from marsad.tokenise import Tokeniser
from marsad_train.torch_ways import CORES, MARSAD_SMALL
from marsad_train.ways import articles

PRODUCTS = ("MatMul", "FusedMatMul", "Gemm", "MatMulInteger", "MatMulIntegerToFloat", "QAttention")
TURNS = 3


def peaks() -> dict[str, float]:
    """What matrix products of the encoder's shapes reach here, in 10⁹ operations a second.

    ``int8`` is ONNX Runtime's ``MatMulInteger``, of unsigned by signed bytes.
    """
    rows, width, inner = 4096, MARSAD_SMALL["hidden_size"], MARSAD_SMALL["intermediate_size"]
    work = 2 * rows * width * inner / 1e9
    torch.set_num_threads(CORES)
    a, b = torch.randn(rows, width), torch.randn(width, inner)
    session = _product(inner, width)
    left = np.ones((rows, width), dtype=np.uint8)
    return {
        "fp32": work / min(_timed(lambda: torch.mm(a, b)) for _ in range(20)),
        "int8": work / min(_timed(lambda: session.run(None, {"a": left})) for _ in range(20)),
    }


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _product(columns: int, width: int) -> ort.InferenceSession:
    weights = numpy_helper.from_array(np.ones((width, columns), dtype=np.int8), "b")
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, [None, width])],
        [helper.make_tensor_value_info("c", TensorProto.INT32, [None, columns])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


class Recorder:
    """An encoder that keeps the batches it is given."""

    def __init__(self, encoder: Encoder) -> None:
        self.budget = encoder.budget
        self.batches: list[Batch] = []
        self.encode, self.link = encoder.encode, encoder.link
        self._encoder = encoder

    def encode_all(self, batches: Sequence[Batch], /) -> Iterator[Scores]:
        """Score batches, in order, and keep them."""
        self.batches += batches
        return self._encoder.encode_all(batches)


def reached(bundle: Path | None) -> float:
    """The matrix products of a bundle's encoder in 10⁹ operations a second, on the articles.

    A multiplication and an addition are two operations. What else the encoder does counts in its
    time, padding in its operations.
    """
    folder = bundle or EMBEDDED
    manifest = read_manifest(folder)
    encoder = OnnxEncoder(folder, manifest.schema, device="cpu")
    recorder = Recorder(encoder)
    tokeniser = Tokeniser(read_tokenizer(folder), manifest.window)
    for _ in Pipeline(manifest, tokeniser, recorder).tag(articles()):
        pass
    batches = recorder.batches
    seconds = min(_timed(lambda: [*encoder.encode_all(batches)]) for _ in range(TURNS))
    return _operations(folder / MODEL, batches) / 1e9 / seconds


def _operations(model: Path, batches: Sequence[Batch]) -> int:
    """Count by the shapes in a profile of ONNX Runtime."""
    with TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = f"{folder}/profile"
        session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        for batch in batches:
            session.run(None, batch._asdict())
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return sum(_of_node(event["args"]) for event in events if "input_type_shape" in event["args"])


def _of_node(node: Any) -> int:
    """The operations of a node's products; those of weights are not among a node's inputs."""
    if node["op_name"] not in PRODUCTS:
        return 0
    (first,), (found,) = (node[f"{side}_type_shape"][0].values() for side in ("input", "output"))
    *rows, width = map(int, first)
    if node["op_name"] == "QAttention":  # three products with weights, two of states
        return 2 * math.prod(rows) * width * (3 * width + 2 * rows[1])
    return 2 * math.prod(rows) * width * int(found[-1])
