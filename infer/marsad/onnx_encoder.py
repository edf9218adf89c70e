"""The encoder of a bundle, run by ONNX Runtime."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort

from marsad.bundle import LINKS, MODEL
from marsad.encode import CPU_BUDGET, GPU_BUDGET, Batch, Floats, Pairs, Scores
from marsad.errors import MarsadError
from marsad.schema import Schema

# On a CPU the fused operator takes five times as long as its parts (data/EXPERIMENTS.md).
SLOW_FUSION = "SkipLayerNormFusion"
CGROUP = Path("/sys/fs/cgroup/cpu.max")  # two numbers: microseconds granted, and of how many
CUDA = "CUDAExecutionProvider"
DEVICES = ("auto", "cpu", "cuda")


class OnnxEncoder:
    """An ``Encoder`` over a bundle's two graphs."""

    def __init__(
        self, folder: Path, schema: Schema, *, device: str = "auto", threads: int = 0
    ) -> None:
        threads = threads or cores()
        self._owner = os.getpid()
        self._model = _session(folder / MODEL, _providers(device), threads)
        self.providers = self._model.get_providers()  # those that could be had
        if device == "cuda" and CUDA not in self.providers:
            raise MarsadError("device 'cuda': ONNX Runtime cannot use it here; use 'cpu'.")
        self.budget = GPU_BUDGET if CUDA in self.providers else CPU_BUDGET
        # A session of one thread, which as many run at once.
        several = threads > 1 and self.budget == CPU_BUDGET
        self._single = _session(folder / MODEL, self.providers, 1) if several else None
        self._pool = ThreadPoolExecutor(threads, "encoder")
        # One thread: its products are small, and a second pool would spin beside the first.
        self._links = _session(folder / LINKS, self.providers, 1) if schema.roles else None
        tags = len(schema.entity_tags), len(schema.trigger_tags), len(schema.classes)
        wanted = (*tags, 1 + len(schema.roles)) if schema.roles else tags
        found = tuple(output.shape[-1] for output in self._model.get_outputs()[:3])
        if self._links:
            found += (self._links.get_outputs()[0].shape[-1],)
        if found != wanted:
            raise MarsadError(
                f"{folder}: has {found} entity tags, trigger tags, classes and roles, "
                f"but its schema {schema.name!r} has {wanted}."
            )
        self._warm_up(threads)

    def encode(self, batch: Batch, /) -> Scores:
        """Score every word and every row of a batch."""
        model = self._single if self._single and self._is_forked else self._model
        return Scores(*model.run(None, batch._asdict()))

    def encode_all(self, batches: Sequence[Batch], /) -> Iterator[Scores]:
        """Score batches, in order: on a CPU each in a thread, which beats sharing its products."""
        single = self._single
        if single is None or len(batches) < 2 or self._is_forked:
            return map(self.encode, batches)
        return self._pool.map(lambda batch: Scores(*single.run(None, batch._asdict())), batches)

    @property
    def _is_forked(self) -> bool:
        """Whether this is a child of the process that loaded it, which has none of its threads."""
        return os.getpid() != self._owner

    def _warm_up(self, threads: int) -> None:
        """Begin every thread here, whose priority it inherits, and reach every kernel once."""
        batch = Batch(*np.ones((3, 1, 8), dtype=np.int64))
        self.encode(batch)
        for _ in self.encode_all([batch] * 4 * threads):
            pass

    def link(self, states: Floats, pairs: Pairs, /) -> Floats:
        """Score each pair for "no role" and every role."""
        if self._links is None:
            return np.zeros((len(pairs.trigger_first), 1), dtype=np.float32)
        (scores,) = self._links.run(None, {"states": states, **pairs._asdict()})
        linked: Floats = scores
        return linked


def cores() -> int:
    """How many processors this process may use: those it is bound to, and what a cgroup grants."""
    bound = getattr(os, "sched_getaffinity", None)
    own = len(bound(0)) if bound else os.cpu_count() or 1
    try:
        quota, period = CGROUP.read_text(encoding="ascii").split()
        return max(1, min(own, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup, or its quota is "max"
        return own


def _providers(device: str) -> list[str]:
    if device not in DEVICES:
        raise MarsadError(f"device {device!r}: wanted one of {', '.join(DEVICES)}.")
    gpu = CUDA in ort.get_available_providers()
    if device == "cuda" and not gpu:
        raise MarsadError(
            "device 'cuda': this ONNX Runtime has no CUDA; install onnxruntime-gpu or use 'cpu'."
        )
    cuda = [CUDA] if gpu and device != "cpu" else []
    return [*cuda, "CPUExecutionProvider"]


def _session(path: Path, providers: list[str], threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(
            str(path), options, providers=providers, disabled_optimizers=[SLOW_FUSION]
        )
    except Exception as error:  # ONNX Runtime raises classes of its own that share no base
        reason = str(error).splitlines()[0]
        raise MarsadError(f"{path}: ONNX Runtime cannot read it: {reason}") from error
