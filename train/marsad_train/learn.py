"""A training run: from corpora to the best epoch's weights."""

import dataclasses
import json
import logging
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel

from marsad.bundle import Manifest
from marsad.errors import MarsadError
from marsad.evaluate import Report, evaluate
from marsad.pipeline import Pipeline
from marsad.records import Record, read_records
from marsad.schema import Schema
from marsad.tables import build
from marsad.tokenise import Tokeniser
from marsad.words import WordCutter
from marsad_train.batches import Batches, Targets
from marsad_train.config import Run, Weights, read_schema
from marsad_train.corpora import read_corpus
from marsad_train.encoders import load_pretrained
from marsad_train.loop import Trainer
from marsad_train.losses import class_loss, link_loss, partial_loss
from marsad_train.network import Network, Outputs, TorchEncoder

log = logging.getLogger(__name__)
RUN = "run.json"
ORIGIN = "origin.json"
BEST = "best.safetensors"
FIGURES = "figures.jsonl"
ENCODER = "encoder"


def train(run: Run) -> None:
    """Train, or go on training, in the run's folder.

    Raises:
        MarsadError: a corpus, the encoder or the folder is not what it should be; before training.
    """
    folder = Path(run.output)
    schema = read_schema(Path(run.schema))
    cutter = WordCutter(run.spelling)
    dev = read_records(Path(run.dev), schema)
    examples = [read_corpus(corpus, i, schema, cutter) for i, corpus in enumerate(run.train)]
    _claim(folder, run)
    torch.manual_seed(run.plan.seed)
    pretrained = load_pretrained(run.encoder.name, attn_implementation="eager")
    tokeniser = Tokeniser(pretrained.tokenizer, run.encoder.window)
    network = Network(pretrained.encoder, schema, run.encoder.dropout)
    pretrained.encoder.config.save_pretrained(folder / ENCODER)
    pretrained.tokenizer.save(str(folder / ENCODER / "tokenizer.json"))
    batches = Batches(run, examples, schema, tokeniser)
    trainer = Trainer(network, network.encoder, run.plan, folder)
    learner = Learner(trainer, batches, run.weights)
    steps_per_epoch = max(1, batches.per_epoch // run.plan.accumulate)
    log.info("%d sentences, %d steps an epoch", sum(map(len, examples)), steps_per_epoch)
    for done, loss in trainer.run(run.epochs * steps_per_epoch, learner):
        if done % 50 == 0:
            log.info("step %d of %d: loss %.3f", done, run.epochs * steps_per_epoch, loss)
        if done % steps_per_epoch == 0:
            manifest = Manifest(
                name=run.name, schema=schema, spelling=run.spelling, window=run.encoder.window
            )
            pipeline = Pipeline(manifest, tokeniser, TorchEncoder(network))
            _keep(folder, network, done // steps_per_epoch, score(pipeline, dev))


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
            loss = loss + self.weights.links * link_loss(links, targets.roles.to(device))
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


def _claim(folder: Path, run: Run) -> None:
    """Write down what run a folder is of, or make sure that it is of this one."""
    own = json.loads(json.dumps(dataclasses.asdict(run)))
    path = folder / RUN
    if path.exists() and (there := json.loads(path.read_text(encoding="utf-8"))) != own:
        keys = ", ".join(key for key in own if own[key] != there.get(key))
        raise MarsadError(
            f"{folder} holds a run with other settings ({keys}); "
            "give another folder (--set output=…), or delete this one to start afresh."
        )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(own, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if not (folder / ORIGIN).exists():
        (folder / ORIGIN).write_text(json.dumps(_origin(), indent=2) + "\n", encoding="utf-8")


def _origin() -> dict[str, str]:
    """The commit of the code, if it lies in a repository, and the versions of what it stands on."""
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


def _keep(folder: Path, network: Network, epoch: int, reports: dict[str, Report]) -> None:
    """Note an epoch's figures, and keep its weights if none before was better."""
    line = {"epoch": epoch, "goodness": goodness(reports), **figures(reports)}
    path = folder / FIGURES
    earlier = [json.loads(row) for row in path.read_text().splitlines()] if path.exists() else []
    earlier = [row for row in earlier if row["epoch"] < epoch]  # a resumed run may come here again
    path.write_text("".join(json.dumps(row) + "\n" for row in [*earlier, line]))
    scores = ", ".join(f"{kind} {report.micro.f1:.3f}" for kind, report in reports.items())
    log.info("epoch %d: %s; mean %.4f", epoch, scores, line["goodness"])
    if all(row["goodness"] < line["goodness"] for row in earlier):
        weights = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
        save_file(weights, folder / BEST)


def load_run(folder: Path) -> Run:
    """The settings of a folder's run.

    Raises:
        MarsadError: the folder holds no run, or one that has not finished an epoch.
    """
    if not (folder / BEST).exists():
        raise MarsadError(
            f"{folder}: no {BEST} here; wanted the folder of a run (marsad-train run)."
        )
    return build(Run, json.loads((folder / RUN).read_text(encoding="utf-8")), str(folder / RUN))


def load_best(folder: Path) -> tuple[Run, Schema, Tokenizer, Network]:
    """The run of a folder, its schema and tokenizer, and the network of its best epoch."""
    run = load_run(folder)
    schema = read_schema(Path(run.schema))
    config = AutoConfig.from_pretrained(folder / ENCODER)
    encoder = AutoModel.from_config(config, attn_implementation="eager")
    network = Network(encoder, schema, run.encoder.dropout)
    network.load_state_dict(load_file(folder / BEST))
    tokenizer = Tokenizer.from_file(str(folder / ENCODER / "tokenizer.json"))
    return run, schema, tokenizer, network.eval()
