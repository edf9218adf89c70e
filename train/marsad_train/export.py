"""A run's best weights as a bundle: ONNX, quantised, and checked against the network."""

import dataclasses
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from marsad.bundle import LINKS, MANIFEST, MODEL, TOKENIZER, Manifest, write_manifest
from marsad.decode import best_tags
from marsad.encode import Batch, Encoder, Floats, Pairs, Scores
from marsad.errors import MarsadError
from marsad.evaluate import agreement, entity_facts, evaluate
from marsad.onnx_encoder import OnnxEncoder
from marsad.pipeline import Pipeline, load
from marsad.records import Record, read_records
from marsad.schema import Schema
from marsad.tokenise import Tokeniser
from marsad.words import WordCutter
from marsad_train.calibrate import fit_temperatures
from marsad_train.card import write_card
from marsad_train.config import Run
from marsad_train.learn import ORIGIN, figures, load_best, load_run, manifest_of
from marsad_train.network import Network, TorchEncoder
from marsad_train.quantise import quantise

log = logging.getLogger(__name__)
SAMPLE = Path(__file__).with_name("sample.txt")  # the sentences that an export is checked on
EXACT = 1e-3  # how far a logit of the fp32 graph may be from torch's
AGREEMENT = 0.97  # share of the sample's words that the quantised graph must tag as torch does
BATCH_AXES = {
    "ids": {0: "rows", 1: "pieces"},
    "mask": {0: "rows", 1: "pieces"},
    "firsts": {0: "rows", 1: "words"},
}

Precision = Literal["int8", "fp32"]


def export(run_folder: Path, bundle: Path, *, precision: Precision = "int8") -> None:
    """Write a run's best weights as a bundle, with its figures on the run's dev records and a card.

    Raises:
        MarsadError: the folder holds no finished epoch, or ONNX and torch disagree on the sample.
    """
    nearest = next(path for path in (bundle, *bundle.parents) if path.exists())
    if not nearest.is_dir():
        raise MarsadError(f"{bundle}: {nearest} is no folder; nothing was written.")
    if bundle.is_dir() and any(bundle.iterdir()) and not (bundle / MANIFEST).exists():
        raise MarsadError(f"{bundle}: neither empty nor a bundle; nothing was written.")
    run, schema = load_run(run_folder)
    tokeniser, network = load_best(run_folder)
    dev = read_records(Path(run.dev), schema)
    training = _origin(run_folder, run, precision)
    manifest = dataclasses.replace(manifest_of(run, schema), training=training)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_model(folder, network, tokeniser, manifest, dev if precision == "int8" else None)
        encoder = OnnxEncoder(folder, schema, device="cpu")
        heat = fit_temperatures(manifest, tokeniser, encoder, dev)
        log.info("temperatures: %s", heat)
        manifest = dataclasses.replace(manifest, temperatures=heat, min_score=run.min_score)
        write_manifest(folder, manifest)
        metrics = _metrics(Pipeline(manifest, tokeniser, TorchEncoder(network)), folder, dev)
        metrics["dev"] = Path(run.dev).name
        manifest = dataclasses.replace(manifest, metrics=metrics)
        write_manifest(folder, manifest)
        write_card(folder, manifest)
        bundle.mkdir(parents=True, exist_ok=True)
        (bundle / LINKS).unlink(missing_ok=True)  # a schema without roles has none
        for path in folder.iterdir():
            shutil.copy(path, bundle)
    log.info("wrote %s: %.1f MB", bundle, sum(f.stat().st_size for f in bundle.iterdir()) / 1e6)


def _write_model(
    folder: Path,
    network: Network,
    tokeniser: Tokeniser,
    manifest: Manifest,
    records: Sequence[Record] | None,
) -> None:
    """Write the graphs, int8 with ranges as records have them or fp32 without, and the pieces."""
    cutter, wanted = WordCutter(manifest.spelling), TorchEncoder(network)
    sample = sample_batch(tokeniser, cutter)
    write_graphs(network, manifest.schema, sample, folder)
    check_exact(OnnxEncoder(folder, manifest.schema, device="cpu"), wanted, sample)
    if records is not None:
        quantise(folder / MODEL, list(_single_batches(tokeniser, cutter, records)))
        check_agreement(OnnxEncoder(folder, manifest.schema, device="cpu"), wanted, sample)
    tokeniser.save(folder / TOKENIZER)


def _metrics(network: Pipeline, bundle: Path, records: Sequence[Record]) -> dict[str, Any]:
    """A bundle's figures on the run's dev records, and how far they are from the network's."""
    served = load(bundle, device="cpu")
    texts = [record.text for record in records]
    theirs, ours = list(network.tag(texts)), list(served.tag(texts))
    reports = evaluate(records, ours)
    shared = agreement(entity_facts(ours), entity_facts(theirs))
    torch_f1 = {kind: r.micro.f1 for kind, r in evaluate(records, theirs).items()}
    log.info("%.2f %% of the dev entities are those that torch finds", 100 * shared)
    for kind, f1 in torch_f1.items():
        log.info("%s F1 %.4f, in torch %.4f", kind, reports[kind].micro.f1, f1)
    return {"agreement": shared, "torch_f1": torch_f1, **figures(reports)}


def torch_pipeline(run_folder: Path) -> Pipeline:
    """The pipeline of a run's best weights in torch, as training scored it."""
    run, schema = load_run(run_folder)
    tokeniser, network = load_best(run_folder)
    return Pipeline(manifest_of(run, schema), tokeniser, TorchEncoder(network))


def sample_batch(tokeniser: Tokeniser, cutter: WordCutter) -> Batch:
    """The committed sample as one batch."""
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    return tokeniser.batch(
        [tokeniser.spell([word.form for word in cutter(line)]) for line in lines]
    )


def _single_batches(
    tokeniser: Tokeniser, cutter: WordCutter, records: Sequence[Record]
) -> Iterator[Batch]:
    """The first window of each record, as a batch of one row: without padding."""
    for record in records:
        spelt = tokeniser.spell([word.form for word in cutter(record.text)])
        if spelt:
            window = tokeniser.windows([len(word) for word in spelt])[0]
            yield tokeniser.batch([spelt[window.start : window.end]])


def write_graphs(network: Network, schema: Schema, sample: Batch, folder: Path) -> None:
    """Export the network as fp32 graphs: batch to scores, and pairs to role scores."""
    batch = tuple(torch.from_numpy(array) for array in sample)
    with _quiet():
        torch.onnx.export(
            network,
            batch,
            folder / MODEL,
            input_names=list(Batch._fields),
            output_names=["entities", "triggers", "classes", "states"],
            dynamic_shapes=BATCH_AXES,
            external_data=False,
            dynamo=True,
        )
        if schema.roles:
            _write_links(network, folder / LINKS)


def _write_links(network: Network, path: Path) -> None:
    states = torch.randn(7, network.linker_width)
    columns = tuple(torch.tensor([0, 1, 2]) for _ in Pairs._fields)
    torch.onnx.export(
        network.linker,
        (states, *columns),
        path,
        input_names=["states", *Pairs._fields],
        output_names=["roles"],
        dynamic_shapes={"states": {0: "words"}, **{name: {0: "pairs"} for name in Pairs._fields}},
        external_data=False,
        dynamo=True,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch's exporter warns of packages it can do without and of its own deprecations."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.getLogger("torch.onnx").setLevel(level)


def check_exact(found: Encoder, wanted: Encoder, sample: Batch) -> None:
    """Refuse fp32 graphs whose logits are not torch's."""
    ours, theirs = found.encode(sample), wanted.encode(sample)
    pairs = _sample_pairs(theirs.states.shape[1])
    states = theirs.states[0]
    compared = {name: (getattr(ours, name), getattr(theirs, name)) for name in Scores._fields}
    roles = wanted.link(states, pairs)
    if roles.shape[1] > 1:  # a schema without roles has no graph for them
        compared["roles"] = found.link(states, pairs), roles
    for name, (a, b) in compared.items():
        difference = float(np.abs(a - b).max(initial=0.0))
        log.info("fp32 ONNX: %s differ from torch's by at most %.1e", name, difference)
        if not difference <= EXACT:
            raise MarsadError(
                f"ONNX and torch disagree on {SAMPLE.name}: {name} by {difference:.2g}, "
                f"allowed {EXACT:g}; nothing was written."
            )


def _sample_pairs(words: int) -> Pairs:
    """Each word as an entity, with its successor as a trigger; of the first label and type."""
    first = np.arange(words - 1, dtype=np.int64)
    zero = np.zeros_like(first)
    return Pairs(first + 1, first + 1, zero, first, first, zero)


def check_agreement(found: Encoder, wanted: Encoder, sample: Batch) -> None:
    """Refuse a quantised graph that tags the sample's words otherwise than torch."""
    lengths = _lengths(sample)
    ours, theirs = found.encode(sample), wanted.encode(sample)
    for name, a, b in (
        ("entities", ours.entities, theirs.entities),
        ("triggers", ours.triggers, theirs.triggers),
    ):
        share = _agreement(a, b, lengths)
        log.info("int8 ONNX: %.2f %% of the sample's words have torch's %s", 100 * share, name)
        if share < AGREEMENT:
            raise MarsadError(
                f"int8 and torch agree on the {name} of {share:.1%} of the words of {SAMPLE.name}, "
                f"wanted {AGREEMENT:.0%}; nothing was written. Try --precision fp32."
            )


def _agreement(ours: Floats, theirs: Floats, lengths: Any) -> float:
    inside = np.arange(ours.shape[1])[None, :] < lengths[:, None]
    same = best_tags(ours, lengths) == best_tags(theirs, lengths)
    return float(same[inside].mean())


def _lengths(batch: Batch) -> Any:
    """Words in each row: the first piece of a word is never piece 0."""
    return (batch.firsts > 0).sum(axis=1)


def _origin(run_folder: Path, run: Run, precision: Precision) -> dict[str, Any]:
    """What a bundle says of where it came from."""
    origin = json.loads((run_folder / ORIGIN).read_text(encoding="utf-8"))
    return {"precision": precision, **origin, "run": dataclasses.asdict(run)}
