"""A training run: from corpora to the best epoch's weights."""

import dataclasses
import json
import logging
import math
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModel

from marsad.bundle import Manifest
from marsad.errors import MarsadError
from marsad.evaluate import Report, evaluate
from marsad.pipeline import Pipeline
from marsad.records import Record
from marsad.schema import Schema
from marsad.tables import build
from marsad.tokenise import Tokeniser
from marsad.words import WordCutter
from marsad_train import checkpoint
from marsad_train.batches import Batches, Targets
from marsad_train.config import Run, Weights, read_schema
from marsad_train.encoders import Pretrained, files_of_encoder
from marsad_train.loop import Trainer
from marsad_train.losses import class_loss, partial_loss
from marsad_train.network import Network, Outputs, TorchEncoder
from marsad_train.prepare import read_dev, read_encoder, read_train

log = logging.getLogger(__name__)
ORIGIN = "origin.json"
BEST = "best.safetensors"
EPOCH = "epoch{}.safetensors"  # kept of the last two epochs, where they are averaged
FIGURES = "figures.jsonl"
ENCODER = "encoder"


def train(run: Run) -> None:
    """Train, or go on training, in the run's folder.

    Raises:
        MarsadError: a corpus, the encoder or the folder is not what it should be; before training.
    """
    schema = read_schema(Path(run.schema))
    cutter = WordCutter(run.spelling)
    manifest = manifest_of(run, schema)
    if run.start and load_run(Path(run.start))[1] != schema:
        raise MarsadError(f"start: {run.start} is of another schema, whose heads fit nothing here.")
    dev = read_dev(run, schema, cutter)
    examples = read_train(run, schema, cutter)
    torch.manual_seed(run.plan.seed)
    pretrained = read_encoder(run.encoder)
    folder = Path(run.output)
    tokeniser = Tokeniser(pretrained.tokenizer, run.encoder.window)
    network = Network(pretrained.encoder, schema, run.encoder.dropout, run.encoder.words_after)
    if run.start:
        _start(network, Path(run.start))
    batches = Batches(run, examples, schema, tokeniser)
    if not len(batches):
        raise MarsadError("train: weights and shares leave no sentence to learn from.")
    checkpoint.claim(folder, _settings(run, schema))
    _describe(folder, pretrained)
    trainer = Trainer(network, network.encoder, run.plan, folder)
    steps, *ends = (math.ceil(n / run.plan.accumulate) for n in (len(batches), *batches.ends))
    log.info("%d sentences, %d batches", sum(map(len, examples)), len(batches))
    for done, loss in trainer.run(steps, Learner(trainer, batches, run.weights), ends):
        if done % 50 == 0:
            log.info("step %d of %d: loss %.3f", done, steps, loss)
        if done in ends:
            epoch = sum(end <= done for end in ends)  # a step may end several
            with _averaged(network, folder, epoch, run.average):
                read = Pipeline(manifest, tokeniser, TorchEncoder(network))
                _keep(folder, network, epoch, score(read, dev))


def manifest_of(run: Run, schema: Schema) -> Manifest:
    """What a run's settings say of its model; nothing that it finds is left out."""
    return Manifest(
        name=run.name,
        schema=schema,
        spelling=run.spelling,
        window=run.encoder.window,
        thresholds=run.thresholds,
        licence=run.licence,
    )


def _start(network: Network, earlier: Path) -> None:
    """Give a network the best weights of an earlier run."""
    try:
        network.load_state_dict(load_file(earlier / BEST))
    except RuntimeError as error:
        raise MarsadError(f"start: {earlier} is of an encoder of another shape.") from error


class Learner:
    """The loss of a batch, by its number."""

    def __init__(self, trainer: Trainer, batches: Batches, weights: Weights) -> None:
        self.trainer, self.batches, self.weights = trainer, batches, weights

    def __call__(self, index: int) -> torch.Tensor:
        """Run the network on a batch and weigh up its four heads' losses."""
        batch, targets = self.batches(index)
        device = self.trainer.accelerator.device
        outputs: Outputs = self.trainer.module(*(torch.from_numpy(a).to(device) for a in batch))
        return self._loss(outputs, targets, device)

    def _loss(self, outputs: Outputs, targets: Targets, device: torch.device) -> torch.Tensor:
        words = targets.words.to(device)
        entities = outputs.entities.flatten(0, 1)[words]
        triggers = outputs.triggers.flatten(0, 1)[words]
        loss = self.weights.entities * partial_loss(entities, targets.entities.to(device))
        loss = loss + self.weights.triggers * partial_loss(triggers, targets.triggers.to(device))
        loss = loss + self.weights.classes * class_loss(outputs.classes, targets.classes.to(device))
        if len(targets.roles):
            linker = self.trainer.accelerator.unwrap_model(self.trainer.module).linker
            pairs = (torch.from_numpy(column).to(device) for column in targets.pairs)
            links = linker(outputs.states.flatten(0, 1), *pairs)
            loss = loss + self.weights.links * cross_entropy(links, targets.roles.to(device))
        return loss


def score(pipeline: Pipeline, records: Sequence[Record]) -> dict[str, Report]:
    """Read records with a pipeline, and score what it finds."""
    return evaluate(records, pipeline.tag([record.text for record in records]))


def goodness(reports: dict[str, Report]) -> float:
    """What the best epoch is chosen by: the mean of the heads' F1 (of classes, the macro-F1)."""
    values = [r.macro_f1 if kind == "class" else r.micro.f1 for kind, r in reports.items()]
    return sum(values) / len(values)


def figures(reports: dict[str, Report]) -> dict[str, Any]:
    """Reports as plain figures, for JSON."""
    return {kind: dataclasses.asdict(report) for kind, report in reports.items()}


def _settings(run: Run, schema: Schema) -> dict[str, Any]:
    """All that a run is made of; what a resumed run must not find changed."""
    paths = [Path(run.dev), *(Path(corpus.path) for corpus in run.train)]
    paths += {Path(corpus.texts) for corpus in run.train if corpus.texts}
    paths += files_of_encoder(run.encoder.name)
    if run.start:
        paths.append(Path(run.start) / BEST)
    return {
        "run": dataclasses.asdict(run),
        "schema": dataclasses.asdict(schema),
        "data": checkpoint.digests(paths),
    }


def _describe(folder: Path, pretrained: Pretrained) -> None:
    """Write down the encoder's shape and pieces, and what code trains it."""
    pretrained.encoder.config.save_pretrained(folder / ENCODER)
    pretrained.tokenizer.save(str(folder / ENCODER / "tokenizer.json"))
    if not (folder / ORIGIN).exists():
        checkpoint.write(folder / ORIGIN, json.dumps(_origin(), indent=2) + "\n")


def _origin() -> dict[str, str]:
    """The commit of this repository, if the code lies in one, and the versions it stands on."""
    git = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
    ]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = ""
    return {"commit": commit, "torch": torch.__version__, "transformers": transformers.__version__}


@contextmanager
def _averaged(network: Network, folder: Path, epoch: int, share: float) -> Iterator[None]:
    """For a while, give a network's weights to a share those of the epoch before."""
    if not share:
        yield
        return
    own = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    # By number, since a resumed run may come here again.
    checkpoint.write_tensors(folder / EPOCH.format(epoch), own, epoch)
    folder.joinpath(EPOCH.format(epoch - 2)).unlink(missing_ok=True)
    before = folder / EPOCH.format(epoch - 1)
    if before.exists():
        earlier = load_file(before)
        for name, weights in network.named_parameters():
            weights.data.lerp_(earlier[name].to(weights.device), share)
    yield
    network.load_state_dict(own)


def _keep(folder: Path, network: Network, epoch: int, reports: dict[str, Report]) -> None:
    """Note an epoch's figures, and keep its weights if none before was better."""
    line = {"epoch": epoch, "goodness": goodness(reports), **figures(reports)}
    path = folder / FIGURES
    earlier = [json.loads(row) for row in path.read_text().splitlines()] if path.exists() else []
    earlier = [row for row in earlier if row["epoch"] < epoch]  # a resumed run may come here again
    checkpoint.write(path, "".join(json.dumps(row) + "\n" for row in [*earlier, line]))
    scores = ", ".join(f"{kind} {report.micro.f1:.3f}" for kind, report in reports.items())
    log.info("epoch %d: %s; mean %.4f", epoch, scores, line["goodness"])
    if all(row["goodness"] < line["goodness"] for row in earlier):
        checkpoint.write_tensors(folder / BEST, dict(network.state_dict()), epoch)


def load_run(folder: Path) -> tuple[Run, Schema]:
    """The settings and the schema of a folder's run.

    Raises:
        MarsadError: the folder holds no run, or one that has not finished an epoch.
    """
    if not (folder / BEST).exists():
        raise MarsadError(
            f"{folder}: no {BEST} here; wanted the folder of a run (marsad-train run)."
        )
    path = folder / checkpoint.RUN
    table = json.loads(path.read_text(encoding="utf-8"))
    return build(Run, table["run"], f"{path}: run"), build(
        Schema, table["schema"], f"{path}: schema"
    )


def load_best(folder: Path) -> tuple[Tokeniser, Network]:
    """The tokeniser of a folder's run, and the network of its best epoch."""
    run, schema = load_run(folder)
    config = AutoConfig.from_pretrained(folder / ENCODER)
    encoder = AutoModel.from_config(config, attn_implementation="eager")
    network = Network(encoder, schema, run.encoder.dropout, run.encoder.words_after)
    network.load_state_dict(load_file(folder / BEST))
    tokenizer = Tokenizer.from_file(str(folder / ENCODER / "tokenizer.json"))
    return Tokeniser(tokenizer, run.encoder.window), network.eval()
