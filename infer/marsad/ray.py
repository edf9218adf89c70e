"""Tagging over Ray Data (extra ``ray``): actors that load the model once, on many machines."""

from pathlib import Path
from typing import Any

import pyarrow as pa
from ray.data import ActorPoolStrategy, Dataset

from marsad import pipeline
from marsad.arrow import tag_table


class Tagger:
    """What an actor holds: a model, loaded once."""

    def __init__(
        self, model: str | Path | None, device: str, threads: int, min_score: float
    ) -> None:
        self._pipeline = pipeline.load(model, device=device, threads=threads)
        self._min_score = min_score

    def __call__(self, table: pa.Table) -> pa.Table:
        """Tag a batch."""
        return tag_table(self._pipeline, table, min_score=self._min_score)


def tag_dataset(  # noqa: PLR0913 - each is an option
    dataset: Dataset,
    *,
    workers: int = 1,
    threads: int = 1,
    device: str = "cpu",
    model: str | Path | None = None,
    min_score: float = 0.0,
    batch_size: int = 256,
    **options: Any,
) -> Dataset:
    """Tag a dataset that has a column ``text``, a document a row; see ``marsad.arrow.tag_table``.

    Every row stays, in the order that Ray Data keeps (its ``preserve_order``); those whose
    ``error`` is not null could not be read.

    Args:
        dataset: of any of Ray Data's readers; the result goes into any of its writers.
        workers: actors, each with a model of its own; leave some CPUs to Ray Data for reading.
        threads: CPUs of each.
        device: "cpu", or "cuda": a GPU for each.
        model: a bundle, at the same path on every machine; without it, Marsad's own.
        min_score: leave out what scores less.
        batch_size: documents that are tagged together.
        options: more of ``ray.data.Dataset.map_batches``, as ``memory`` or ``resources``.

    Raises:
        MarsadError: when it runs, a column lacks or is in the way.
    """
    tagged: Dataset = dataset.map_batches(
        Tagger,
        fn_constructor_args=(model, device, threads, min_score),
        batch_format="pyarrow",
        batch_size=batch_size,
        compute=ActorPoolStrategy(size=workers),
        num_cpus=threads,
        num_gpus=1 if device == "cuda" else None,
        **options,
    )
    return tagged
